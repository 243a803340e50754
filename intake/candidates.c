#include "intake/candidates.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "dpkg/apt.h"

#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <string.h>

#define CANDIDATES_MAX 256

void candidates_free(struct candidates *c)
{
	strings_free(&c->sources);
	*c = (struct candidates){0};
}

/* -- names of packages -- */

/* Splits "libicuuc.so.67" into "libicuuc" and "67", "libdb-5.3.so" into "libdb-5.3" and "". */
static void split(const char *soname, char stem[256], char number[256])
{
	const char *so = strstr(soname, ".so");
	size_t len = so ? (size_t)(so - soname) : strlen(soname);

	snprintf(stem, 256, "%.*s", (int)(len < 255 ? len : 255), soname);
	snprintf(number, 256, "%s", so && so[3] == '.' ? so + 4 : "");
	for (char *p = stem; *p; p++)
		*p = *p == '_' ? '-' : (char)tolower((unsigned char)*p);
}

/* The package name that Debian's policy gives a soname, with a hyphen where two digits would
 * meet. */
static void policy_name(const char *soname, char name[520])
{
	char stem[256], number[256];
	size_t len;

	split(soname, stem, number);
	len = strlen(stem);
	snprintf(name, 520, "%s%s%s", stem,
		 len && isdigit((unsigned char)stem[len - 1]) && *number ? "-" : "", number);
}

#define UNLIKELY 1000 /* distances from here on are unlikely candidates */

/* How well a package's name fits a soname; 0 is best. libicu67 holds libicuuc.so.67, so the
 * number counts, and the common part of the stem. */
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

/* The distance of NAME in "apt:NAME" or "/dir/NAME_VERSION_ARCH.deb". */
static int source_distance(const char *source, const char *soname)
{
	char name[256];

	snprintf(name, sizeof name, "%s",
		 strncmp(source, "apt:", 4) == 0 ? source + 4 : path_base(source));
	name[strcspn(name, "_:")] = '\0';
	return distance(name, soname);
}

static const char *sorted_for; /* qsort(3) passes no argument on to its comparison */

static int by_distance(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;
	int order = source_distance(*x, sorted_for) - source_distance(*y, sorted_for);

	return order ? order : strcmp(*x, *y);
}

static void sort_sources(struct candidates *c, const char *soname)
{
	struct strings *s = &c->sources;

	sorted_for = soname;
	if (s->count)
		qsort(s->items, s->count, sizeof *s->items, by_distance);
	while (c->likely < s->count && source_distance(s->items[c->likely], soname) < UNLIKELY)
		c->likely++;
}

/* -- files -- */

static int beside_deb(const char *path, const char *soname, struct candidates *out, struct err *err)
{
	char dir[PATH_MAX], beside[PATH_MAX];
	AUTO_DIR DIR *d = NULL;
	struct dirent *entry;
	int r = 0;

	path_dir(path, dir);
	d = opendir(dir);
	while (r == 0 && d && out->sources.count < CANDIDATES_MAX && (entry = readdir(d))) {
		if (!path_ends(entry->d_name, ".deb") ||
		    strcmp(entry->d_name, path_base(path)) == 0)
			continue;
		r = path_join(dir, entry->d_name, beside, err);
		if (r == 0)
			r = strings_add(&out->sources, beside, err);
	}
	sort_sources(out, soname);
	return r;
}

static int beside_object(const char *path, const char *soname, struct candidates *out,
			 struct err *err)
{
	char dir[PATH_MAX], beside[PATH_MAX];
	int r;

	path_dir(path, dir);
	r = path_join(dir, soname, beside, err);
	if (r < 0 || access(beside, R_OK) < 0)
		return r;
	out->likely = 1;
	return strings_add(&out->sources, beside, err);
}

/* -- apt -- */

/* arch is ":ARCH" where the origin has one; names of another architecture have their own. */
static int add_packages(struct candidates *c, const struct strings *names, const char *arch,
			struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < names->count && c->sources.count < CANDIDATES_MAX; i++) {
		AUTO_FREE char *source = NULL;
		const char *name = names->items[i];

		if (asprintf(&source, "apt:%s%s", name, strchr(name, ':') ? "" : arch) < 0) {
			source = NULL;
			return err_nomem(err);
		}
		r = strings_add_once(&c->sources, source, err);
	}
	return r;
}

/* An error of apt means no candidates, and is no error of the caller's. */
static int ask_apt(const char *config, const char *name, const char *package, struct strings *out,
		   struct err *err)
{
	int r = apt_names(name, config, out, err);

	if (r != -ENOMEM && *package)
		r = apt_depends(package, config, out, err);
	return r == -ENOMEM ? r : 0;
}

static int beside_package(const struct origin *origin, const char *soname, struct candidates *out,
			  struct err *err)
{
	char name[520], package[520], arch[64];
	AUTO_STRINGS struct strings names = {0};
	const char *colon;
	int r;

	snprintf(package, sizeof package, "%s", origin->source + strlen("apt:"));
	package[strcspn(package, "=")] = '\0';
	colon = strchr(package, ':');
	snprintf(arch, sizeof arch, "%s", colon ? colon : "");
	policy_name(soname, name);
	r = ask_apt(origin->apt_config, name, package, &names, err);
	if (r == 0)
		r = add_packages(out, &names, arch, err);
	sort_sources(out, soname);
	return r;
}

int candidates_find(const struct origin *origin, const char *soname, struct candidates *out,
		    struct err *err)
{
	AUTO_CANDIDATES struct candidates found = {0};
	int r = 0;

	*out = (struct candidates){0};
	if (strchr(soname, '/'))
		return 0;
	if (strncmp(origin->source, "apt:", 4) == 0)
		r = beside_package(origin, soname, &found, err);
	else if (path_ends(origin->source, ".deb"))
		r = beside_deb(origin->source, soname, &found, err);
	else if (origin->source[0] == '/')
		r = beside_object(origin->source, soname, &found, err);
	if (r < 0)
		return r;
	*out = found;
	found = (struct candidates){0};
	return 0;
}
