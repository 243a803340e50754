#include "host/apparmor.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/path.h"

#include <dirent.h>
#include <fcntl.h>
#include <regex.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#define PROFILES "/sys/kernel/security/apparmor/policy/profiles"
#define GLOB_MAX 4096

/* Appends to the expression, if there is room. */
static bool append(char expression[GLOB_MAX], size_t *used, const char *text, size_t len)
{
	if (*used + len >= GLOB_MAX)
		return false;
	memcpy(expression + *used, text, len);
	*used += len;
	expression[*used] = '\0';
	return true;
}

/* How many bytes of the glob the expression stands for; 0: itself. */
static size_t glob_token(const char *glob, int depth, const char **expression)
{
	static const struct {
		const char *glob, *expression;
	} tokens[] = {
		{"**", ".*"}, {"*", "[^/]*"}, {"?", "[^/]"}, {"{", "("},   {".", "\\."},
		{"+", "\\+"}, {"(", "\\("},   {")", "\\)"},  {"|", "\\|"}, {"$", "\\$"},
	};

	for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++)
		if (strncmp(glob, tokens[i].glob, strlen(tokens[i].glob)) == 0) {
			*expression = tokens[i].expression;
			return strlen(tokens[i].glob);
		}
	*expression = *glob == '}' && depth ? ")" : *glob == ',' && depth ? "|" : NULL;
	return *expression ? 1 : 0;
}

/* apparmor.d(5), "Globbing", as an extended regular expression. */
static bool expression_of(const char *glob, char out[GLOB_MAX])
{
	size_t used = 0;
	int depth = 0;
	bool fits = append(out, &used, "^", 1);

	while (*glob && fits) {
		const char *expression;
		size_t len = glob_token(glob, depth, &expression);

		depth += (*glob == '{') - (*glob == '}' && depth > 0);
		fits = len ? append(out, &used, expression, strlen(expression))
			   : append(out, &used, glob, *glob == '\\' && glob[1] ? 2 : 1);
		glob += len ? len : *glob == '\\' && glob[1] ? 2 : 1;
	}
	return fits && append(out, &used, "$", 1);
}

static bool glob_matches(const char *glob, const char *path)
{
	char expression[GLOB_MAX];
	regex_t regex;
	bool matches;

	if (!expression_of(glob, expression) ||
	    regcomp(&regex, expression, REG_EXTENDED | REG_NOSUB) != 0)
		return false;
	matches = regexec(&regex, path, 0, NULL, 0) == 0;
	regfree(&regex);
	return matches;
}

/* The first line of a profile's file; "" if there is none. */
static void read_profile_file(int profiles, const char *profile, const char *name,
			      char out[GLOB_MAX])
{
	char path[2 * NAME_MAX];
	AUTO_FD int fd = -1;
	ssize_t n;

	snprintf(path, sizeof path, "%.255s/%s", profile, name);
	fd = openat(profiles, path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, out, GLOB_MAX - 1);
	out[n > 0 ? n : 0] = '\0';
	out[strcspn(out, "\n")] = '\0';
}

static bool attaches(int profiles, const char *profile, const char *app)
{
	char attach[GLOB_MAX], mode[GLOB_MAX];

	read_profile_file(profiles, profile, "mode", mode);
	if (strcmp(mode, "enforce") != 0 && strcmp(mode, "kill") != 0)
		return false;
	read_profile_file(profiles, profile, "attach", attach);
	return attach[0] == '/' && glob_matches(attach, app);
}

int apparmor_profile(const char *app, char name[NAME_MAX + 1], struct err *err)
{
	AUTO_DIR DIR *dir = opendir(PROFILES);
	char text[GLOB_MAX];
	struct dirent *d;

	if (!dir)
		return errno == ENOENT ? 0 : err_sys(err, errno, "cannot open %s", PROFILES);
	for (errno = 0; (d = readdir(dir)); errno = 0) {
		if (d->d_name[0] == '.' || !attaches(dirfd(dir), d->d_name, app))
			continue;
		read_profile_file(dirfd(dir), d->d_name, "name", text);
		snprintf(name, NAME_MAX + 1, "%.255s", *text ? text : d->d_name);
		return 1;
	}
	return errno ? err_sys(err, errno, "cannot read %s", PROFILES) : 0;
}
