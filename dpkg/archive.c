#include "dpkg/archive.h"

#include "base/array.h"
#include "base/run.h"
#include "dpkg/tool.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS_MAX 4096
#define SCRIPT_MAX ((size_t)4 << 20)

/* Runs dpkg-deb. 1: it refuses the archive, or cannot be run; the package's change goes on. */
static int ask_archive(const char *const argv[], size_t max, char **text, struct err *err)
{
	int r = run_read(argv, NULL, max, text, err);

	return r == 0 || r == -ENOMEM ? r : 1;
}

int archive_package(const char *archive, struct packages *out, struct err *err)
{
	const char *const argv[] = {
		"dpkg-deb", "--show", "--showformat=${Package}\t${Architecture}\t${Version}",
		"--",	    archive,  NULL};
	AUTO_FREE char *text = NULL;
	struct package p = {.wish = 'i'};
	char *rest;
	int r = ask_archive(argv, FIELDS_MAX, &text, err);

	if (r != 0)
		return r;
	rest = text;
	p.name = strsep(&rest, "\t");
	p.arch = strsep(&rest, "\t");
	p.version = rest;
	return rest ? packages_add(out, &p, err) : 1;
}

int archive_script(const char *archive, const char *script, char **text, struct err *err)
{
	const char *const argv[] = {"dpkg-deb", "--info", "--", archive, script, NULL};

	return ask_archive(argv, SCRIPT_MAX, text, err);
}

/* -- members -- */

void archive_members_free(struct archive_members *members)
{
	free(members->items);
	free(members->text);
	*members = (struct archive_members){0};
}

/* A line of tar's list: "lrwxrwxrwx root/root 0 2026-11-21 17:00 ./usr/bin/app -> app-5". False:
 * another line. */
static bool read_member(const char *line, struct archive_member *out)
{
	const char *at = line;

	for (int fields = 0; fields < 5 && *at; fields++) {
		at += strcspn(at, " ");
		at += strspn(at, " ");
	}
	/* dpkg strips these as well. */
	while (*at == '/' || strncmp(at, "./", 2) == 0)
		at += *at == '/' ? 1 : 2;
	if (strcspn(line, " ") < 10 || !*at)
		return false;
	*out = (struct archive_member){
		.type = line[0],
		.setid = tolower((unsigned char)line[3]) == 's' ||
			 tolower((unsigned char)line[6]) == 's',
		.path = at,
	};
	return true;
}

static int read_members(struct archive_members *out, struct err *err)
{
	char *rest = out->text, *line;

	while ((line = strsep(&rest, "\n"))) {
		if (ARRAY_GROW(out->items, out->count, err) < 0)
			return -ENOMEM;
		out->count += read_member(line, &out->items[out->count]);
	}
	return 0;
}

int archive_list(const char *archive, struct archive_members *out, struct err *err)
{
	const char *const argv[] = {"dpkg-deb", "--contents", "--", archive, NULL};
	AUTO_ARCHIVE_MEMBERS struct archive_members members = {0};
	int r = ask_archive(argv, DPKG_ANSWER_MAX, &members.text, err);

	*out = (struct archive_members){0};
	if (r == 0)
		r = read_members(&members, err);
	if (r != 0)
		return r;
	*out = members;
	members = (struct archive_members){0};
	return 0;
}

bool archive_member_at(const struct archive_member *member, const char *path)
{
	size_t len = strlen(++path);
	const char *end = member->path + len;

	if (strncmp(member->path, path, len) != 0)
		return false;
	if (member->type == 'd')
		return strcmp(end, "/") == 0;
	if (member->type == 'l')
		return strncmp(end, " -> ", 4) == 0;
	return *end == '\0';
}
