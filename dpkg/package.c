#include "dpkg/package.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "base/run.h"

#include <limits.h>
#include <string.h>

#define MAX_ANSWER ((size_t)64 << 20)

/* What read_elf_info reads, in this order; the status is "ii " for what is installed. */
#define FACTS                                                                                      \
	"${db:Status-Abbrev}\\t${binary:Package}\\t${Package}\\t${Architecture}\\t${Version}\\t"   \
	"${source:Package}\\t${Essential}\\n"

static bool have_dpkg(void)
{
	return access("/usr/bin/dpkg-query", X_OK) == 0;
}

void packages_free(struct packages *packages)
{
	for (size_t i = 0; i < packages->count; i++) {
		struct package *p = &packages->items[i];

		free(p->query);
		free(p->name);
		free(p->arch);
		free(p->version);
		free(p->source);
	}
	free(packages->items);
	*packages = (struct packages){0};
}

/* -- facts -- */

static const char *cut(char **line)
{
	const char *s = strsep(line, "\t");

	return s ? s : "";
}

/* One line of FACTS; that of a package which is not installed is passed over. */
static int read_elf_info(struct packages *out, char *line, const char *only_source, struct err *err)
{
	const char *status = cut(&line), *query = cut(&line), *name = cut(&line);
	const char *arch = cut(&line), *version = cut(&line), *source = cut(&line);
	struct package *p;

	if (status[0] == '\0' || status[1] != 'i' ||
	    (only_source && strcmp(source, only_source) != 0))
		return 0;
	p = reallocarray(out->items, out->count + 1, sizeof *p);
	if (!p)
		return err_nomem(err);
	out->items = p;
	p += out->count++;
	*p = (struct package){.query = strdup(query),
			      .name = strdup(name),
			      .arch = strdup(arch),
			      .version = strdup(version),
			      .source = strdup(source),
			      .essential = strcmp(cut(&line), "yes") == 0};
	return p->query && p->name && p->arch && p->version && p->source ? 0 : err_nomem(err);
}

static int ask(const char *const argv[], char **text, struct err *err)
{
	int r = run_read(argv, NULL, MAX_ANSWER, text, err);

	return r < 0 ? r : 0; /* 1: something was not found */
}

static bool is_program(const char *path)
{
	static const char *const dirs[] = {"/bin",	"/sbin",      "/usr/bin",
					   "/usr/sbin", "/usr/games", "/usr/local/bin"};

	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++)
		if (path_below(path, dirs[i]) && strcmp(path, dirs[i]) != 0)
			return true;
	return false;
}

static int look_for_programs(struct package *p, struct err *err)
{
	const char *list[] = {"dpkg-query", "--listfiles", "--", p->query, NULL};
	AUTO_FREE char *text = NULL;
	char *at, *line;
	int r = ask(list, &text, err);

	if (r < 0)
		return r;
	for (at = text; (line = strsep(&at, "\n"));)
		p->programs |= is_program(line);
	return 0;
}

/* Asks for FACTS of the packages in argv, or of all; argv has room for what is put before them. */
static int ask_facts(const char **argv, const char *only_source, struct packages *out,
		     struct err *err)
{
	AUTO_FREE char *text = NULL;
	char *at, *line;
	int r;

	argv[0] = "dpkg-query";
	argv[1] = "--show";
	argv[2] = "--showformat=" FACTS;
	argv[3] = "--";
	r = ask(argv, &text, err);
	for (at = text; r == 0 && (line = strsep(&at, "\n"));)
		r = read_elf_info(out, line, only_source, err);
	for (size_t i = 0; r == 0 && i < out->count; i++)
		r = look_for_programs(&out->items[i], err);
	return r;
}

int packages_of_source(const char *source, struct packages *out, struct err *err)
{
	const char *argv[5] = {NULL};
	AUTO_PACKAGES struct packages found = {0};
	int r = have_dpkg() ? ask_facts(argv, source, &found, err) : 0;

	if (r < 0)
		return err_wrap(err, r, "cannot ask dpkg for the packages of %s", source);
	*out = found;
	found = (struct packages){0};
	return 0;
}

/* -- owners -- */

/* dpkg knows a file by the name it was packed with: where /lib is a link to usr/lib, that may be
 * /lib/x for /usr/lib/x. NULL if there is only one name. */
static const char *other_name(const char *path)
{
	char top[PATH_MAX], real[PATH_MAX];
	const char *rest = path + strlen("/usr");

	if (strncmp(path, "/usr/", 5) != 0)
		return NULL;
	snprintf(top, sizeof top, "%.*s", (int)(1 + strcspn(rest + 1, "/")), rest);
	if (!realpath(top, real) || strncmp(real, "/usr", 4) != 0 || strcmp(real + 4, top) != 0)
		return NULL;
	return rest;
}

static bool is_pattern(const char *path)
{
	return strpbrk(path, "*?[]\\\n") != NULL;
}

/* The owner's name by path, while dpkg's answer is read. */
struct answer {
	const char **owners; /* NULL: none so far */
	bool *unclear;
	const char *const *paths;
	size_t n;
};

static void note(struct answer *a, const char *path, const char *owner)
{
	for (size_t i = 0; i < a->n; i++) {
		const char *other = other_name(a->paths[i]);

		if (strcmp(a->paths[i], path) != 0 && (!other || strcmp(other, path) != 0))
			continue;
		if (!owner || (a->owners[i] && strcmp(a->owners[i], owner) != 0))
			a->unclear[i] = true;
		else
			a->owners[i] = owner;
	}
}

/* "zlib1g:amd64: /lib/x", "a, b: /usr/y", "diversion by a from: /usr/z", "local diversion to: ...".
 */
static void read_owner(struct answer *a, char *line)
{
	char *colon = strstr(line, ": /");

	if (!colon)
		return;
	*colon = '\0';
	if (strncmp(line, "diversion by ", 13) == 0 || strncmp(line, "local diversion ", 16) == 0 ||
	    strchr(line, ','))
		note(a, colon + 2, NULL);
	else
		note(a, colon + 2, line);
}

static int search(const struct answer *a, char **text, struct err *err)
{
	AUTO_FREE const char **argv = calloc(2 * a->n + 4, sizeof *argv);
	size_t argc = 3;

	if (!argv)
		return err_nomem(err);
	argv[0] = "dpkg-query";
	argv[1] = "--search";
	argv[2] = "--";
	for (size_t i = 0; i < a->n; i++) {
		const char *other = other_name(a->paths[i]);

		if (is_pattern(a->paths[i]))
			continue;
		argv[argc++] = a->paths[i];
		if (other)
			argv[argc++] = other;
	}
	return argc == 3 ? 0 : ask(argv, text, err);
}

static int find_packages(const struct answer *a, struct packages *out, struct err *err)
{
	AUTO_FREE const char **argv = calloc(a->n + 5, sizeof *argv);
	size_t argc = 4;

	if (!argv)
		return err_nomem(err);
	for (size_t i = 0; i < a->n; i++) {
		bool known = !a->owners[i] || a->unclear[i];

		for (size_t k = 4; k < argc && !known; k++)
			known = strcmp(argv[k], a->owners[i]) == 0;
		if (!known)
			argv[argc++] = a->owners[i];
	}
	return argc == 4 ? 0 : ask_facts(argv, NULL, out, err);
}

static int find_owners(struct answer *a, struct packages *out, size_t *of, struct err *err)
{
	AUTO_FREE char *text = NULL;
	char *at, *line;
	int r = have_dpkg() ? search(a, &text, err) : 0;

	for (at = text; r == 0 && (line = strsep(&at, "\n"));)
		read_owner(a, line);
	if (r == 0)
		r = find_packages(a, out, err);
	for (size_t i = 0; r == 0 && i < a->n; i++) {
		of[i] = OWNER_NONE;
		for (size_t k = 0; k < out->count && a->owners[i] && !a->unclear[i]; k++)
			if (strcmp(out->items[k].query, a->owners[i]) == 0)
				of[i] = k;
	}
	return r;
}

int packages_owning(const char *const *paths, size_t n, struct packages *out, size_t **of,
		    struct err *err)
{
	AUTO_PACKAGES struct packages found = {0};
	AUTO_FREE const char **owners = calloc(n + 1, sizeof *owners);
	AUTO_FREE bool *unclear = calloc(n + 1, sizeof *unclear);
	AUTO_FREE size_t *numbers = calloc(n + 1, sizeof *numbers);
	struct answer a = {owners, unclear, paths, n};
	int r;

	if (!owners || !unclear || !numbers)
		return err_nomem(err);
	r = find_owners(&a, &found, numbers, err);
	if (r < 0)
		return err_wrap(err, r, "cannot ask dpkg which packages own the libraries");
	*out = found;
	found = (struct packages){0};
	*of = numbers;
	numbers = NULL;
	return 0;
}
