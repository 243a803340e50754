#include "intake/candidates.h"

#include "base/array.h"
#include "base/cleanup.h"
#include "base/path.h"
#include "dpkg/apt.h"
#include "intake/intake.h"
#include "intake/source.h"

#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

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
	name[strcspn(name, "_:/")] = '\0';
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
	struct stat st;
	int r = 0;

	path_dir(path, dir);
	if (lstat(path, &st) < 0)
		return 0;
	d = opendir(dir);
	while (r == 0 && d && out->sources.count < CANDIDATES_MAX && (entry = readdir(d))) {
		if (!path_ends(entry->d_name, ".deb") ||
		    strcmp(entry->d_name, path_base(path)) == 0 ||
		    !intake_is_neighbour(dirfd(d), entry->d_name, st.st_uid))
			continue;
		r = path_join(dir, entry->d_name, beside, err);
		if (r == 0)
			r = strings_add(&out->sources, beside, err);
	}
	sort_sources(out, soname);
	return r;
}

/* Packages of other distributions say in their metadata which sonames they have. */
static int beside_foreign(const char *path, const char *soname, struct candidates *out,
			  struct err *err)
{
	AUTO_CONTROLS struct controls all = {0};
	struct relation wanted = {0};
	int r = intake_controls(path, &all, err);

	snprintf(wanted.name, sizeof wanted.name, "%s", soname);
	for (size_t i = 0; r == 0 && i < all.count && out->sources.count < CANDIDATES_MAX; i++)
		if (relation_provided(&wanted, all.items[i].provides))
			r = strings_add(&out->sources, all.items[i].file, err);
	out->likely = out->sources.count;
	return r;
}

static int in_image(const char *source, const char *soname, struct candidates *out, struct err *err)
{
	const char *hash = strrchr(source, '#');

	if (!hash)
		return 0;
	out->likely = 1;
	return strings_addf(&out->sources, err, "%.*s#%s", (int)(hash - source), source, soname);
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

/* The answer to a question. An error of apt means no names, and is no error of the caller's. */
struct apt_answer {
	char *config;	/* APT_CONFIG; NULL: the environment's */
	char *suite;	/* NULL: none is preferred */
	char *packages; /* that were asked about, "libxml2 libssl3"; "": all names */
	struct strings names;
};

static void apt_answer_free(struct apt_answer *answer)
{
	free(answer->config);
	free(answer->suite);
	free(answer->packages);
	strings_free(&answer->names);
}

void apt_answers_free(struct apt_answers *answers)
{
	for (size_t i = 0; i < answers->count; i++)
		apt_answer_free(&answers->items[i]);
	free(answers->items);
	*answers = (struct apt_answers){0};
}

/* The words of a list of packages, without versions and suites. */
static int split_packages(const char *packages, struct strings *out, struct err *err)
{
	AUTO_FREE char *text = strdup(packages);
	int r = text ? 0 : err_nomem(err);

	for (char *rest = text, *word; r == 0 && (word = strsep(&rest, " "));) {
		word[strcspn(word, "=/")] = '\0';
		if (*word)
			r = strings_add_once(out, word, err);
	}
	return r;
}

static int ask_apt(struct apt_answer *answer, struct err *err)
{
	const struct apt_place place = {answer->config, answer->suite};
	AUTO_STRINGS struct strings packages = {0};
	int r = split_packages(answer->packages, &packages, err);

	if (r == 0 && packages.count)
		r = apt_depends(&packages, false, &place, &answer->names, err);
	else if (r == 0)
		r = apt_names(&place, &answer->names, err);
	return r == -ENOMEM ? r : 0;
}

/* packages "": all names. */
static int find_answer(struct apt_answers *all, const struct apt_place *place, const char *packages,
		       const struct strings **out, struct err *err)
{
	struct apt_answer *answer;

	for (size_t i = 0; i < all->count; i++)
		if (apt_place_equal(&(struct apt_place){all->items[i].config, all->items[i].suite},
				    place) &&
		    strcmp(all->items[i].packages, packages) == 0) {
			*out = &all->items[i].names;
			return 0;
		}
	if (ARRAY_GROW(all->items, all->count, err) < 0)
		return -ENOMEM;
	answer = &all->items[all->count++];
	*answer = (struct apt_answer){.config = place->config ? strdup(place->config) : NULL,
				      .suite = place->suite ? strdup(place->suite) : NULL,
				      .packages = strdup(packages)};
	if (!answer->packages || (place->config && !answer->config) ||
	    (place->suite && !answer->suite))
		return err_nomem(err);
	*out = &answer->names;
	return ask_apt(answer, err);
}

/* Adds the names that begin with prefix. arch is ":ARCH" where the origin has one; names of another
 * architecture have their own. */
static int add_packages(struct candidates *c, const struct strings *names, const char *prefix,
			const char *arch, const char *suite, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < names->count && c->sources.count < CANDIDATES_MAX; i++) {
		AUTO_FREE char *source = NULL;
		const char *name = names->items[i];

		if (strncmp(name, prefix, strlen(prefix)) != 0)
			continue;
		if (asprintf(&source, "apt:%s%s%s%s", name, strchr(name, ':') ? "" : arch,
			     suite ? "/" : "", suite ? suite : "") < 0) {
			source = NULL;
			return err_nomem(err);
		}
		r = strings_add_once(&c->sources, source, err);
	}
	return r;
}

/* ":i386" of "libxml2:i386=2.9 libssl3:i386"; "" without one. */
static void find_arch(const char *packages, char arch[64])
{
	size_t len = strcspn(packages, ":=/ ");

	snprintf(arch, 64, "%.*s", packages[len] == ':' ? (int)strcspn(packages + len, "=/ ") : 0,
		 packages + len);
}

static int beside_package(struct apt_answers *apt, const struct origin *origin, const char *soname,
			  struct candidates *out, struct err *err)
{
	const struct apt_place place = {origin->apt_config, origin_suite(origin)};
	const char *packages = origin->source + strlen("apt:");
	const struct strings *names;
	char name[520], arch[64];
	int r;

	find_arch(packages, arch);
	policy_name(soname, name);
	r = find_answer(apt, &place, "", &names, err);
	if (r == 0)
		r = add_packages(out, names, name, arch, place.suite, err);
	if (r == 0 && *packages)
		r = find_answer(apt, &place, packages, &names, err);
	if (r == 0 && *packages)
		r = add_packages(out, names, "", arch, place.suite, err);
	sort_sources(out, soname);
	return r;
}

int candidates_find(struct apt_answers *apt, const struct origin *origin, const char *soname,
		    struct candidates *out, struct err *err)
{
	AUTO_CANDIDATES struct candidates found = {0};
	int r = 0;

	*out = (struct candidates){0};
	if (strchr(soname, '/'))
		return 0;
	if (origin_is_apt(origin))
		r = beside_package(apt, origin, soname, &found, err);
	else if (source_is_image(origin->source))
		r = in_image(origin->source, soname, &found, err);
	else if (intake_kind(origin->source) == UNPACK_DEB)
		r = beside_deb(origin->source, soname, &found, err);
	else if (origin->source[0] == '/' && intake_kind(origin->source) >= 0)
		r = beside_foreign(origin->source, soname, &found, err);
	else if (origin->source[0] == '/')
		r = beside_object(origin->source, soname, &found, err);
	if (r < 0)
		return r;
	*out = found;
	found = (struct candidates){0};
	return 0;
}
