/* Where a library of the same make may be found: the neighbours of an origin. */
#include "store/origin.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "base/run.h"

#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#define NAMES_MAX 256
#define OUTPUT_MAX ((size_t)16 << 20)

void candidates_free(struct candidates *c)
{
	for (size_t i = 0; i < c->count; i++)
		free(c->items[i]);
	free(c->items);
	*c = (struct candidates){0};
}

__attribute__((format(printf, 3, 4))) static int add(struct candidates *c, struct err *err,
						     const char *fmt, ...)
{
	char **items = reallocarray(c->items, c->count + 1, sizeof *items);
	va_list ap;
	int n;

	if (!items)
		return err_nomem(err);
	c->items = items;
	va_start(ap, fmt);
	n = vasprintf(&items[c->count], fmt, ap);
	va_end(ap);
	if (n < 0)
		return err_nomem(err);
	for (size_t i = 0; i < c->count; i++)
		if (strcmp(items[i], items[c->count]) == 0) {
			free(items[c->count]);
			return 0;
		}
	c->count++;
	return 0;
}

/* -- names of packages -- */

/* "libicuuc.so.67" gives "libicuuc" and "67", "libdb-5.3.so" gives "libdb-5.3" and "". */
static void split(const char *soname, char stem[256], char number[256])
{
	const char *so = strstr(soname, ".so");
	size_t len = so ? (size_t)(so - soname) : strlen(soname);

	snprintf(stem, 256, "%.*s", (int)(len < 255 ? len : 255), soname);
	snprintf(number, 256, "%s", so && so[3] == '.' ? so + 4 : "");
	for (char *p = stem; *p; p++)
		*p = *p == '_' ? '-' : (char)tolower((unsigned char)*p);
}

/* The name that Debian's policy gives the package of a soname: a hyphen stands between where two
 * digits would meet. */
static void policy_name(const char *soname, char name[520])
{
	char stem[256], number[256];
	size_t len;

	split(soname, stem, number);
	len = strlen(stem);
	snprintf(name, 520, "%s%s%s", stem,
		 len && isdigit((unsigned char)stem[len - 1]) && *number ? "-" : "", number);
}

#define UNLIKELY 1000 /* a distance from here on */

/* How well a package's name fits a soname; 0 is best. libicu67 holds libicuuc.so.67: the number
 * tells, and how much of the stem is the same. */
static int distance(const char *package, const char *soname)
{
	char stem[256], number[256], name[520];
	size_t same = 0, len, number_len;

	policy_name(soname, name);
	len = strlen(name);
	/* "libssl3t64": the same library after Debian's change of time_t. */
	if (strncmp(package, name, len) == 0 &&
	    (!package[len] || strcmp(package + len, "t64") == 0))
		return 0;
	split(soname, stem, number);
	while (package[same] && package[same] == stem[same])
		same++;
	len = strlen(package);
	number_len = strlen(number);
	if (number_len && len > number_len &&
	    strncmp(package + len - number_len, number, number_len) == 0 &&
	    !strchr("0123456789.", package[len - number_len - 1]))
		return same > 3 ? UNLIKELY - (int)same : UNLIKELY;
	return 2 * UNLIKELY - (int)same;
}

static const char *sorted_for; /* qsort(3) hands nothing on */

/* Of "apt:NAME" or "/dir/NAME_VERSION_ARCH.deb". */
static int source_distance(const char *source, const char *soname)
{
	char name[256];

	snprintf(name, sizeof name, "%s",
		 strncmp(source, "apt:", 4) == 0 ? source + 4 : path_base(source));
	name[strcspn(name, "_:")] = '\0';
	return distance(name, soname);
}

static const char *sorted_for; /* qsort(3) hands nothing on */

static int by_distance(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;
	int order = source_distance(*x, sorted_for) - source_distance(*y, sorted_for);

	return order ? order : strcmp(*x, *y);
}

static void sort(struct candidates *c, const char *soname)
{
	sorted_for = soname;
	if (c->count)
		qsort(c->items, c->count, sizeof *c->items, by_distance);
	while (c->likely < c->count && source_distance(c->items[c->likely], soname) < UNLIKELY)
		c->likely++;
}

/* -- files -- */

static int beside_deb(const char *path, const char *soname, struct candidates *out, struct err *err)
{
	char dir[PATH_MAX];
	AUTO_DIR DIR *d = NULL;
	struct dirent *entry;
	int r = 0;

	path_dir(path, dir);
	d = opendir(dir);
	while (r == 0 && d && out->count < NAMES_MAX && (entry = readdir(d))) {
		size_t len = strlen(entry->d_name);

		if (len > 4 && strcmp(entry->d_name + len - 4, ".deb") == 0 &&
		    strcmp(entry->d_name, path_base(path)) != 0)
			r = add(out, err, "%s/%s", strcmp(dir, "/") == 0 ? "" : dir, entry->d_name);
	}
	sort(out, soname);
	return r;
}

static int beside_object(const char *path, const char *soname, struct candidates *out,
			 struct err *err)
{
	char dir[PATH_MAX], beside[2 * PATH_MAX];

	path_dir(path, dir);
	snprintf(beside, sizeof beside, "%s/%s", strcmp(dir, "/") == 0 ? "" : dir, soname);
	if (access(beside, R_OK) < 0)
		return 0;
	out->likely = 1;
	return add(out, err, "%s", beside);
}

/* -- apt -- */

static int ask_apt(const struct origin *origin, const char *const args[], char **text,
		   struct err *err)
{
	const char *argv[12] = {"env"};
	AUTO_FREE char *config = NULL;
	size_t n = 1;

	if (origin->apt_config) {
		if (asprintf(&config, "APT_CONFIG=%s", origin->apt_config) < 0) {
			config = NULL;
			return err_nomem(err);
		}
		argv[n++] = config;
	}
	argv[n++] = "apt-cache";
	while (*args && n + 1 < sizeof argv / sizeof *argv)
		argv[n++] = *args++;
	argv[n] = NULL;
	return run_read(argv, NULL, OUTPUT_MAX, text, err);
}

/* "zlib1g", "libc6:i386", as apt-cache writes names; not "<libfoo>", which is a virtual package. */
static bool is_name(const char *s)
{
	return *s && s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789+-.:")] == '\0';
}

/* Lines of names. */
static int add_names(struct candidates *c, char *text, const char *arch, struct err *err)
{
	int r = 0;

	for (char *save, *line = strtok_r(text, "\n", &save);
	     line && r == 0 && c->count < NAMES_MAX; line = strtok_r(NULL, "\n", &save)) {
		char *name = strrchr(line, ' ');

		name = name ? name + 1 : line;
		if (is_name(name))
			r = add(c, err, "apt:%s%s", name, strchr(name, ':') ? "" : arch);
	}
	return r;
}

static int beside_package(const struct origin *origin, const char *soname, struct candidates *out,
			  struct err *err)
{
	char name[520], package[520];
	const char *const names[] = {"pkgnames", name, NULL};
	/* "libxml2\n  Depends: libc6\n ..." */
	const char *const depends[] = {"depends",	 "--no-recommends", "--no-suggests",
				       "--no-conflicts", "--no-breaks",	    "--no-replaces",
				       "--no-enhances",	 package,	    NULL};
	AUTO_FREE char *known = NULL, *needed = NULL;
	char arch[64] = "", *colon;
	int r;

	snprintf(package, sizeof package, "%s", origin->source + strlen("apt:"));
	package[strcspn(package, "=")] = '\0';
	colon = strchr(package, ':');
	snprintf(arch, sizeof arch, "%s", colon ? colon : "");
	policy_name(soname, name);
	r = ask_apt(origin, names, &known, err);
	if (r == 0)
		r = add_names(out, known, arch, err);
	if (r >= 0 && *package)
		r = ask_apt(origin, depends, &needed, err);
	if (r == 0)
		r = add_names(out, needed, arch, err);
	/* apt's own trouble is not the caller's: there are no candidates then. */
	if (r < 0 && r != -ENOMEM)
		r = 0;
	sort(out, soname);
	return r < 0 ? r : 0;
}

int origin_candidates(const struct origin *origin, const char *soname, struct candidates *out,
		      struct err *err)
{
	AUTO_CANDIDATES struct candidates found = {0};
	size_t len = strlen(origin->source);
	int r = 0;

	*out = (struct candidates){0};
	if (strchr(soname, '/'))
		return 0;
	if (strncmp(origin->source, "apt:", 4) == 0)
		r = beside_package(origin, soname, &found, err);
	else if (len > 4 && strcmp(origin->source + len - 4, ".deb") == 0)
		r = beside_deb(origin->source, soname, &found, err);
	else if (origin->source[0] == '/')
		r = beside_object(origin->source, soname, &found, err);
	if (r < 0)
		return r;
	*out = found;
	found = (struct candidates){0};
	return 0;
}
