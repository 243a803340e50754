#include "cli/who.h"

#include "cli/message.h"
#include "cli/out.h"
#include "cli/terminal.h"

#include <pwd.h>
#include <stdio.h>

const char *user_name(uid_t uid)
{
	static uid_t last = (uid_t)-1;
	static char name[64];
	const struct passwd *pw;

	if (name[0] && uid == last)
		return name;
	last = uid;
	pw = getpwuid(uid);
	if (pw)
		snprintf(name, sizeof name, "%s", pw->pw_name);
	else
		snprintf(name, sizeof name, "%u", uid);
	return name;
}

void program_name(const struct who *who, char text[PROGRAM_NAME_MAX])
{
	if (who->program)
		snprintf(text, PROGRAM_NAME_MAX, "%s", who->program);
	else
		snprintf(text, PROGRAM_NAME_MAX, "[%s]", who->name);
}

const char *who_text(const struct who *who)
{
	static char text[PROGRAM_NAME_MAX + 100];
	char program[PROGRAM_NAME_MAX];

	program_name(who, program);
	snprintf(text, sizeof text, "process %d (%s, %s)", who->pid, user_name(who->uid),
		 printable(program));
	return text;
}

void warn_silent(const struct whos *silent, const char *what)
{
	size_t others = silent->count ? silent->count - 1 : 0;

	if (silent->count == 0)
		return;
	if (others)
		warn("%s and %zu other%s did not answer: %s", who_text(&silent->items[0]), others,
		     others == 1 ? "" : "s", what);
	else
		warn("%s did not answer: %s", who_text(&silent->items[0]), what);
}

void json_who(const struct who *who)
{
	json_members("pid %lld uid %lld user %s name %s program %s", (long long)who->pid,
		     (long long)who->uid, user_name(who->uid), who->name, who->program);
}

void json_silent(const struct whos *silent)
{
	json_open("silent", '[');
	for (size_t i = 0; i < silent->count; i++) {
		json_open(NULL, '{');
		json_who(&silent->items[i]);
		json_close();
	}
	json_close();
}
