#include "host/divert.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/path.h"
#include "base/run.h"
#include "host/wrap.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#define DIVERSIONS "/var/lib/dpkg/diversions"
#define SAYS_MAX ((size_t)64 << 20)
#define ASKED_MAX 200 /* names in one question, so that their patterns fit into a command line */

static bool have_dpkg(void)
{
	return access("/usr/bin/dpkg-divert", X_OK) == 0;
}

void dpkg_says_free(struct dpkg_says *says)
{
	free(says->owners.text);
	free(says->diversions.text);
	*says = (struct dpkg_says){0};
}

/* The names under which packages may have app. A package's next version may move from one to the
 * other. Returns how many there are. */
static size_t names_of(const char *app, const char *names[2])
{
	char place[PATH_MAX];
	struct err ignored;

	names[0] = app;
	names[1] = app + 4;
	if (strncmp(app, "/usr/", 5) != 0 || path_place(names[1], place, &ignored) < 0)
		return 1;
	return strcmp(place, app) == 0 ? 2 : 1;
}

/* -- questions -- */

static const char *first_line(const struct says *s)
{
	return s->size ? s->text : NULL;
}

static const char *next_line(const struct says *s, const char *line)
{
	line += strlen(line) + 1;
	return line < s->text + s->size ? line : NULL;
}

/* Runs a tool of dpkg's and adds what it says to s. It says nothing, with status 1, of what it does
 * not know. */
static int ask(const char *const argv[], struct says *s, struct err *err)
{
	AUTO_FREE char *text = NULL;
	char *more;
	size_t len;
	int r = run_read(argv, NULL, SAYS_MAX, &text, err);

	if (r < 0 || r > 1)
		return r < 0 ? r : err_wrap(err, -EIO, "%s %s failed", argv[0], argv[1]);
	len = strlen(text);
	more = realloc(s->text, s->size + len + 1);
	if (!more)
		return err_nomem(err);
	memcpy(more + s->size, text, len);
	for (size_t i = s->size; i < s->size + len; i++)
		if (more[i] == '\n')
			more[i] = '\0';
	s->text = more;
	s->size += len;
	more[s->size] = '\0';
	return 0;
}

/* A name as dpkg-query takes it, which is given patterns. NULL: out of memory. */
static char *as_pattern(const char *name)
{
	char *pattern = malloc(2 * strlen(name) + 1), *to = pattern;

	for (; to && *name; name++) {
		if (strchr("*?[\\", *name))
			*to++ = '\\';
		*to++ = *name;
	}
	if (to)
		*to = '\0';
	return pattern;
}

/* A question about some names. */
struct question {
	const char *argv[ASKED_MAX + 3];
	size_t argc;
};

static void question_clear(struct question *q)
{
	while (q->argc > 2)
		free((char *)q->argv[--q->argc]);
	q->argv[2] = NULL;
}

static int question_add(struct question *q, const char *name, struct err *err)
{
	char *pattern = as_pattern(name);

	if (!pattern)
		return err_nomem(err);
	q->argv[q->argc++] = pattern;
	q->argv[q->argc] = NULL;
	return 0;
}

static int ask_owners(struct dpkg_says *says, struct err *err)
{
	CLEANUP(question_clear)
	struct question q = {.argv = {"dpkg-query", "--search"}, .argc = 2};
	struct says found = {0};
	int r = 0;

	for (size_t i = 0; r == 0 && i < says->napps; i++) {
		const char *names[2];
		size_t n = names_of(says->apps[i], names);

		for (size_t k = 0; r == 0 && k < n; k++)
			r = question_add(&q, names[k], err);
		if (r < 0 || (q.argc < ASKED_MAX && i + 1 < says->napps))
			continue;
		r = ask(q.argv, &found, err);
		question_clear(&q);
	}
	if (r < 0) {
		free(found.text);
		return r;
	}
	says->owners = found;
	return 0;
}

static int ask_diversions(struct dpkg_says *says, struct err *err)
{
	static const char *const all[] = {"dpkg-divert", "--list", NULL};

	return says->diversions.text ? 0 : ask(all, &says->diversions, err);
}

/* -- owners -- */

/* Whether a line of what dpkg-query --search says is about a file of that name in a package: it
 * tells of diversions too, and of what a name matches as a pattern. */
static bool says_owned(const char *line, const char *name)
{
	size_t len = strlen(line), tail = strlen(name);

	return strncmp(line, "local diversion ", 16) != 0 &&
	       strncmp(line, "diversion by ", 13) != 0 && len > tail + 2 &&
	       strncmp(line + len - tail - 2, ": ", 2) == 0 && strcmp(line + len - tail, name) == 0;
}

/* Which of app's n names a package has. Returns how many. */
static int find_owned(struct dpkg_says *says, const char *names[2], size_t n, bool owned[2],
		      struct err *err)
{
	int count = 0, r = says->owners.text ? 0 : ask_owners(says, err);

	if (r < 0)
		return r;
	owned[0] = owned[1] = false;
	for (size_t i = 0; i < n; i++) {
		const char *line = first_line(&says->owners);

		while (line && !says_owned(line, names[i]))
			line = next_line(&says->owners, line);
		owned[i] = line;
		count += owned[i];
	}
	return count;
}

int divert_owned(struct dpkg_says *says, const char *app, struct err *err)
{
	const char *names[2];
	bool owned[2];
	int r = have_dpkg() ? find_owned(says, names, names_of(app, names), owned, err) : 0;

	return r < 0 ? r : r > 0;
}

/* -- diversions -- */

/* Of "local diversion of /usr/bin/x to /usr/bin/.pinlib/x" the first path, if the second is where
 * wrapping puts it. Paths may hold " to ". */
static bool is_ours(const char *line, char app[PATH_MAX])
{
	static const char before[] = "local diversion of ";
	const char *to, *path = line + strlen(before);
	char real[PATH_MAX];
	struct err ignored;

	if (strncmp(line, before, strlen(before)) != 0)
		return false;
	for (to = path; (to = strstr(to, " to ")); to++) {
		if (to - path >= PATH_MAX)
			return false;
		snprintf(app, PATH_MAX, "%.*s", (int)(to - path), path);
		if (wrap_real(app, real, &ignored) == 0 && strcmp(real, to + 4) == 0)
			return true;
	}
	return false;
}

/* Which of app's n names dpkg diverts as we do. Returns how many. */
static int find_diverted(struct dpkg_says *says, const char *names[2], size_t n, bool diverted[2],
			 struct err *err)
{
	char name[PATH_MAX];
	int count = 0, r = ask_diversions(says, err);

	if (r < 0)
		return r;
	diverted[0] = diverted[1] = false;
	for (const char *line = first_line(&says->diversions); line;
	     line = next_line(&says->diversions, line)) {
		if (!is_ours(line, name))
			continue;
		for (size_t i = 0; i < n; i++)
			if (!diverted[i] && strcmp(name, names[i]) == 0) {
				diverted[i] = true;
				count++;
			}
	}
	return count;
}

int divert_agrees(struct dpkg_says *says, const char *app, struct err *err)
{
	const char *names[2];
	bool owned[2] = {0}, is[2] = {0};
	size_t n = names_of(app, names);
	int r = have_dpkg() ? find_owned(says, names, n, owned, err) : 0;

	if (r >= 0 && have_dpkg())
		r = find_diverted(says, names, n, is, err);
	return r < 0 ? r : owned[0] == is[0] && owned[1] == is[1];
}

int divert_count(struct dpkg_says *says, const char *app, struct err *err)
{
	const char *names[2];
	bool diverted[2];

	return have_dpkg() ? find_diverted(says, names, names_of(app, names), diverted, err) : 0;
}

/* One line of dpkg-divert's list: "diversion of FROM to TO by PACKAGE", or "local diversion of FROM
 * to TO". */
static int refuse(const char *line, const char *name, struct err *err)
{
	static const char from[] = "diversion of ", to[] = " to ";
	const char *at = strstr(line, from);
	size_t len = strlen(name), tail;

	if (!at)
		return 0;
	at += strlen(from);
	if (strncmp(at, name, len) == 0 && strncmp(at + len, to, strlen(to)) == 0)
		return err_set(
			err, EPERM,
			"dpkg has a diversion of %s already, and knows one of a path: \"%s\"", name,
			line);
	for (at = strstr(at, to); at; at = strstr(at + 1, to)) {
		tail = strlen(at) - strlen(to);
		if (tail >= len && strncmp(at + strlen(to), name, len) == 0 &&
		    (tail == len || strncmp(at + strlen(to) + len, " by ", 4) == 0))
			return err_set(err, EPERM,
				       "dpkg has a diversion to %s, at whose end it would move "
				       "the wrapper away: \"%s\"",
				       name, line);
	}
	return 0;
}

int divert_allowed(struct dpkg_says *says, const char *app, struct err *err)
{
	char ours[PATH_MAX];
	const char *names[2];
	size_t n = names_of(app, names);
	int r = have_dpkg() ? ask_diversions(says, err) : 0;

	for (const char *line = first_line(&says->diversions); r == 0 && line;
	     line = next_line(&says->diversions, line))
		for (size_t i = 0; r == 0 && i < n && !is_ours(line, ours); i++)
			r = refuse(line, names[i], err);
	return r;
}

/* -- changes -- */

/* dpkg-divert syncs its list, not the directory that the list is renamed into. */
static int sync_list(struct err *err)
{
	return have_dpkg() ? file_sync_parent(AT_FDCWD, DIVERSIONS, err) : 0;
}

static int divert(const char *name, const char *action, struct err *err)
{
	char target[PATH_MAX], option[PATH_MAX + 16];
	int r = wrap_real(name, target, err);

	if (r < 0)
		return r;
	snprintf(option, sizeof option, "--divert=%s", target);
	r = run_read((const char *[]){"dpkg-divert", "--local", "--no-rename", "--quiet", option,
				      action, name, NULL},
		     NULL, SAYS_MAX, NULL, err);
	if (r > 0)
		return err_wrap(err, -EIO, "dpkg-divert %s %s failed", action, name);
	return r < 0 ? r : sync_list(err);
}

/* Those of app's names that are wanted are diverted, and no other. */
static int agree(struct dpkg_says *says, const char *names[2], size_t n, const bool wanted[2],
		 struct err *err)
{
	bool is[2];
	int r = find_diverted(says, names, n, is, err);

	for (size_t i = 0; r >= 0 && i < n; i++)
		if (wanted[i] != is[i])
			r = divert(names[i], wanted[i] ? "--add" : "--remove", err);
	/* An earlier command may have been killed before it was on the disk. */
	return r < 0 ? r : sync_list(err);
}

int divert_begin(struct dpkg_says *says, const char *app, struct err *err)
{
	const char *names[2];
	bool owned[2];
	size_t n = names_of(app, names);
	int r = have_dpkg() ? find_owned(says, names, n, owned, err) : 0;

	return r < 0 || !have_dpkg() ? r : agree(says, names, n, owned, err);
}

int divert_end(struct dpkg_says *says, const char *app, struct err *err)
{
	static const bool none[2];
	const char *names[2];
	size_t n = names_of(app, names);

	return have_dpkg() ? agree(says, names, n, none, err) : 0;
}

int divert_apps(struct strings *apps, struct err *err)
{
	AUTO_DPKG_SAYS struct dpkg_says says = {0};
	char app[PATH_MAX], place[PATH_MAX];
	int r = have_dpkg() ? ask_diversions(&says, err) : 0;

	for (const char *line = first_line(&says.diversions); r >= 0 && line;
	     line = next_line(&says.diversions, line)) {
		if (!is_ours(line, app))
			continue;
		r = path_place(app, place, err);
		if (r == 0)
			r = strings_add_once(apps, place, err);
	}
	return r < 0 ? r : 0;
}
