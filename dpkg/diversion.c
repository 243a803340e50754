#include "dpkg/diversion.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "dpkg/tool.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIVERSIONS "/var/lib/dpkg/diversions"

int diversions_list(struct strings *lines, struct err *err)
{
	static const char *const argv[] = {"dpkg-divert", "--list", NULL};
	AUTO_FREE char *text = NULL;
	char *rest, *line;
	int r = dpkg_present() ? dpkg_ask(argv, &text, err) : 0;

	rest = text;
	for (r = r < 0 ? r : 0; r == 0 && (line = strsep(&rest, "\n"));)
		if (*line)
			r = strings_add(lines, line, err);
	return r;
}

/* "diversion of FROM to TO by PACKAGE", "local diversion of FROM to TO". */
bool diversion_read(const char *line, size_t nth, struct diversion *out)
{
	static const char local[] = "local ", of[] = "diversion of ", to[] = " to ", by[] = " by ";
	const char *from, *at, *end = line + strlen(line);

	out->local = strncmp(line, local, strlen(local)) == 0;
	from = line + (out->local ? strlen(local) : 0);
	if (strncmp(from, of, strlen(of)) != 0)
		return false;
	from += strlen(of);
	/* No package's name has a blank. */
	for (at = from; !out->local && (at = strstr(at, by)); at++)
		end = at;
	for (at = strstr(from, to); at && nth > 0; nth--)
		at = strstr(at + 1, to);
	if (!at || at - from >= PATH_MAX || end - at < (ptrdiff_t)strlen(to) ||
	    end - at - (ptrdiff_t)strlen(to) >= PATH_MAX)
		return false;
	snprintf(out->from, sizeof out->from, "%.*s", (int)(at - from), from);
	at += strlen(to);
	snprintf(out->to, sizeof out->to, "%.*s", (int)(end - at), at);
	return true;
}

/* dpkg-divert syncs its list, but not the directory that the list is renamed into. */
int diversions_sync(struct err *err)
{
	return dpkg_present() ? file_sync_parent(AT_FDCWD, DIVERSIONS, err) : 0;
}

static int change_diversion(const char *action, const char *from, const char *to, struct err *err)
{
	char option[PATH_MAX + 16];
	const char *const argv[] = {"dpkg-divert", action, "--local", "--no-rename",
				    "--quiet",	   option, from,      NULL};
	AUTO_FREE char *text = NULL;
	int r;

	snprintf(option, sizeof option, "--divert=%s", to);
	r = dpkg_ask(argv, &text, err);
	if (r > 0)
		return err_wrap(err, -EIO, "dpkg-divert %s %s failed", action, from);
	return r < 0 ? r : diversions_sync(err);
}

int diversion_add(const char *from, const char *to, struct err *err)
{
	return change_diversion("--add", from, to, err);
}

int diversion_remove(const char *from, const char *to, struct err *err)
{
	return change_diversion("--remove", from, to, err);
}
