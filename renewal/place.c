#include "renewal/place.h"

#include "base/array.h"
#include "base/cleanup.h"
#include "base/path.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void renewal_place_free(struct renewal_place *p)
{
	free(p->config);
	free(p->suite);
	free(p->unknown);
	strings_free(&p->asked);
	controls_free(&p->controls);
	strings_free(&p->in_suite);
}

void renewal_places_free(struct renewal_places *places)
{
	for (size_t i = 0; i < places->count; i++)
		renewal_place_free(&places->items[i]);
	free(places->items);
	*places = (struct renewal_places){0};
}

static char *copy_or_null(const char *text)
{
	return text ? strdup(text) : NULL;
}

ssize_t renewal_places_find(struct renewal_places *places, const char *config, const char *suite,
			    struct err *err)
{
	struct renewal_place *p;

	for (size_t i = 0; i < places->count; i++)
		if (string_equal(places->items[i].config, config) &&
		    string_equal(places->items[i].suite, suite))
			return (ssize_t)i;
	if (ARRAY_GROW(places->items, places->count, err) < 0)
		return -ENOMEM;
	p = &places->items[places->count++];
	*p = (struct renewal_place){.config = copy_or_null(config), .suite = copy_or_null(suite)};
	if ((config && !p->config) || (suite && !p->suite))
		return err_nomem(err);
	return (ssize_t)places->count - 1;
}

/* -- the configuration -- */

static bool others_can_change(const struct stat *st)
{
	bool write = st->st_mode & S_IWOTH || (st->st_mode & S_IWGRP && st->st_gid != 0);

	return (st->st_uid != 0 && st->st_uid != geteuid()) ||
	       (write && !(S_ISDIR(st->st_mode) && st->st_mode & S_ISVTX));
}

/* apt runs the commands that a configuration names. Without the file it would use the machine's own sources instead. */
static int check_config(const char *config, struct err *err)
{
	char part[PATH_MAX], *slash;
	struct stat st;

	if (!realpath(config, part))
		return err_set(err, errno, "the APT_CONFIG that 'pinlib add' kept, %s, %s", config,
			       errno == ENOENT ? "is gone" : "cannot be read");
	do {
		if (stat(part, &st) < 0)
			return err_sys(err, errno, "cannot stat %s", part);
		if (others_can_change(&st))
			return err_set(
				err, EPERM,
				"apt is not asked with %s, because other users can change %s",
				config, part);
		slash = strrchr(part, '/');
		if (slash)
			*slash = '\0';
	} while (slash && slash != part);
	if (access(config, R_OK) < 0)
		return err_sys(err, errno, "cannot read %s", config);
	return 0;
}

/* -- lists -- */

struct lists_seen {
	int64_t newest;
	bool debian, security;
};

/* The first lines of a Release file, which apt verified when it fetched the lists. */
static void read_release(int fd, struct lists_seen *seen)
{
	char text[4096], *rest = text, *line;
	ssize_t n = read(fd, text, sizeof text - 1);

	text[n > 0 ? n : 0] = '\0';
	while ((line = strsep(&rest, "\n"))) {
		seen->debian |= strcmp(line, "Origin: Debian") == 0;
		seen->security |= strcmp(line, "Label: Debian-Security") == 0;
	}
}

static void see_list(int dir, const char *name, struct lists_seen *seen)
{
	bool release = path_ends(name, "Release");
	AUTO_FD int fd = -1;
	struct stat st;

	if (!release && !strstr(name, "Packages"))
		return;
	fd = openat(dir, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	if (st.st_mtim.tv_sec > seen->newest)
		seen->newest = st.st_mtim.tv_sec;
	if (release)
		read_release(fd, seen);
}

static void see_lists(struct renewal_place *place, const struct apt_place *apt)
{
	struct lists_seen seen = {0};
	AUTO_DIR DIR *d = NULL;
	struct dirent *entry;
	struct err ignored;
	char dir[PATH_MAX];

	if (apt_lists(apt, dir, &ignored) < 0)
		return;
	d = opendir(dir);
	while (d && (entry = readdir(d)))
		see_list(dirfd(d), entry->d_name, &seen);
	place->lists = seen.newest;
	place->no_security = seen.debian && !seen.security;
}

/* -- the question -- */

static int ask_place(struct renewal_place *place, const struct apt_place *apt, struct err *err)
{
	int r = apt->config ? check_config(apt->config, err) : 0;

	if (r == 0)
		see_lists(place, apt);
	if (r == 0 && place->lists == 0)
		r = err_set(err, ENODATA,
			    "apt has no lists of it; fetch them: %s%s%sapt-get update",
			    apt->config ? "APT_CONFIG=" : "", apt->config ? apt->config : "",
			    apt->config ? " " : "");
	if (r == 0)
		r = apt_versions(&place->asked, apt, &place->controls, err);
	if (r == 0 && apt->suite && place->controls.count)
		r = apt_suite_versions(&place->asked, apt, &place->in_suite, err);
	return r;
}

int renewal_place_ask(struct renewal_place *place, struct err *err)
{
	const struct apt_place apt = {place->config, place->suite};
	struct err why;

	if (place->asked.count == 0 || ask_place(place, &apt, &why) == 0)
		return 0;
	controls_free(&place->controls);
	place->unknown = strdup(why.text);
	return place->unknown ? 0 : err_nomem(err);
}

bool renewal_place_has(const struct renewal_place *place, const struct control *c)
{
	char text[600];

	snprintf(text, sizeof text, "%s=%s", c->name, c->version);
	return !place->suite || strings_have(&place->in_suite, text);
}

char *renewal_place_name(const struct renewal_place *p)
{
	char *text;

	if (asprintf(&text, "%s%s%s", p->config ? p->config : "the machine's own apt sources",
		     p->suite ? ", suite " : "", p->suite ? p->suite : "") < 0)
		return NULL;
	return text;
}
