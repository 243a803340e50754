#include "dpkg/requirements.h"

#include "base/array.h"

#include <stdlib.h>
#include <string.h>

/* What maintainer scripts call, and data that has to be the machine's own: time zones and trusted
 * certificates. */
static const char *const left_to_live[] = {
	"adduser",	  "ca-certificates",	 "debconf",	 "dpkg",
	"emacsen-common", "init-system-helpers", "install-info", "lsb-base",
	"mailcap",	  "media-types",	 "mime-support", "netbase",
	"sensible-utils", "sysvinit-utils",	 "tzdata",	 "ucf",
};

struct requiring {
	const struct controls *origin;
	const struct control *const *roots;
	size_t nroots;
	const struct packages *live;
	bool whole;
	struct requirements found;
};

void requirements_free(struct requirements *requirements)
{
	free(requirements->items);
	strings_free(&requirements->lacks);
	strings_free(&requirements->unknown);
	*requirements = (struct requirements){0};
}

static const struct package *live_package(const struct requiring *c, const char *name,
					  const char *arch)
{
	for (size_t i = 0; i < c->live->count; i++)
		if (strcmp(c->live->items[i].name, name) == 0 &&
		    package_archs_fit(c->live->items[i].arch, arch))
			return &c->live->items[i];
	return NULL;
}

/* -- packages of the live system -- */

/* perl-base is essential, and a half of perl. */
static bool is_part_of_root(const struct requiring *c, const struct control *p)
{
	for (size_t i = 0; i < c->nroots; i++)
		if (strcmp(c->roots[i]->source, p->source) == 0)
			return true;
	return false;
}

bool requirement_is_live(const char *name)
{
	for (size_t i = 0; i < sizeof left_to_live / sizeof *left_to_live; i++)
		if (strcmp(left_to_live[i], name) == 0)
			return true;
	return false;
}

/* glibc is one piece, and newer ones run older programs, as do the libraries of gcc. */
static bool is_runtime(const char *source)
{
	return strcmp(source, "glibc") == 0 || strcmp(source, "libxcrypt") == 0 ||
	       (strncmp(source, "gcc-", 4) == 0 && source[4] >= '0' && source[4] <= '9');
}

static bool live_serves(const struct requiring *c, const struct control *p,
			const struct relation *r)
{
	const struct package *live = live_package(c, p->name, p->arch);

	if (live && strcmp(live->version, p->version) == 0)
		return true;
	if (is_part_of_root(c, p))
		return false;
	if (p->essential || requirement_is_live(p->name) || strcmp(p->source, "glibc") == 0)
		return true;
	return live && (is_runtime(p->source) || strcmp(r->arch, "any") == 0);
}

static bool live_has(const struct requiring *c, const struct relation *r, const char *arch)
{
	for (size_t i = 0; i < c->live->count; i++) {
		const struct package *p = &c->live->items[i];

		if (!package_archs_fit(p->arch, arch) && strcmp(r->arch, "any") != 0)
			continue;
		if ((strcmp(p->name, r->name) == 0 && relation_holds(r, p->version)) ||
		    relation_provided(r, p->provides))
			return true;
	}
	return false;
}

/* -- packages of the origin -- */

static bool satisfies(const struct control *p, const struct relation *r, const char *arch)
{
	return package_archs_fit(p->arch, arch) &&
	       ((strcmp(p->name, r->name) == 0 && relation_holds(r, p->version)) ||
		relation_provided(r, p->provides));
}

/* The newest package of that name; without one, the first that provides it. */
static const struct control *origin_has(const struct requiring *c, const struct relation *r,
					const char *arch)
{
	const struct control *named = NULL, *provider = NULL;

	for (size_t i = 0; i < c->origin->count; i++) {
		const struct control *p = &c->origin->items[i];

		if (!satisfies(p, r, arch))
			continue;
		if (strcmp(p->name, r->name) != 0)
			provider = provider ? provider : p;
		else if (!named || debian_version_order(p->version, named->version) > 0)
			named = p;
	}
	return named ? named : provider;
}

static bool is_taken(const struct requiring *c, const struct control *p)
{
	for (size_t i = 0; i < c->nroots; i++)
		if (c->roots[i] == p)
			return true;
	for (size_t i = 0; i < c->found.count; i++)
		if (c->found.items[i] == p)
			return true;
	return false;
}

static int take_package(struct requiring *c, const struct control *p, struct err *err)
{
	if (is_taken(c, p))
		return 0;
	if (ARRAY_GROW(c->found.items, c->found.count, err) < 0)
		return -ENOMEM;
	c->found.items[c->found.count++] = p;
	return 0;
}

/* -- alternatives -- */

#define ALTERNATIVES_MAX 32

static bool any_is_taken(const struct requiring *c, const struct relation *all, size_t n,
			 const char *arch)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < c->nroots; j++)
			if (satisfies(c->roots[j], &all[i], arch))
				return true;
		for (size_t j = 0; j < c->found.count; j++)
			if (satisfies(c->found.items[j], &all[i], arch))
				return true;
	}
	return false;
}

static int note_lack(struct requiring *c, const struct control *p, const struct relation *all,
		     size_t n, struct err *err)
{
	int r = strings_addf(&c->found.lacks, err, "%s depends on %s", p->name, all[0].name);

	for (size_t i = 0; r == 0 && i < n; i++) {
		const char *exact = strcmp(all[i].operator, "=") == 0 ? all[i].version : "";

		r = strings_addf(&c->found.unknown, err, "%s%s%s", all[i].name, *exact ? "=" : "",
				 exact);
	}
	return r;
}

static bool any_is_live(const struct requiring *c, const struct relation *all, size_t n,
			const char *arch)
{
	for (size_t i = 0; i < n; i++)
		if (live_has(c, &all[i], arch))
			return true;
	return false;
}

/* Satisfies one dependency of p, which has n alternatives. */
static int satisfy(struct requiring *c, const struct control *p, const struct relation *all,
		   size_t n, const char *arch, struct err *err)
{
	if (any_is_taken(c, all, n, arch) || (!c->whole && any_is_live(c, all, n, arch)))
		return 0;
	for (size_t i = 0; i < n; i++) {
		const struct control *found = origin_has(c, &all[i], arch);

		if (found)
			return live_serves(c, found, &all[i]) ? 0 : take_package(c, found, err);
		if (requirement_is_live(all[i].name))
			return 0;
	}
	return any_is_live(c, all, n, arch) ? 0 : note_lack(c, p, all, n, err);
}

static int follow_depends(struct requiring *c, const struct control *p, const char *arch,
			  struct err *err)
{
	struct relation all[ALTERNATIVES_MAX];
	const char *text = p->depends;
	size_t n = 0;
	int r = 0;

	while (r == 0 && text && relation_next(&text, &all[n])) {
		n++;
		if (all[n - 1].more && n < ALTERNATIVES_MAX)
			continue;
		r = satisfy(c, p, all, n, arch, err);
		n = 0;
	}
	return r;
}

int requirements_find(const struct controls *origin, const struct control *const *roots,
		      size_t nroots, const struct packages *live, bool whole,
		      struct requirements *out, struct err *err)
{
	struct requiring c = {
		.origin = origin, .roots = roots, .nroots = nroots, .live = live, .whole = whole};
	const char *arch = "all";
	int r = 0;

	*out = (struct requirements){0};
	for (size_t i = 0; i < nroots; i++)
		if (strcmp(roots[i]->arch, "all") != 0)
			arch = roots[i]->arch;
	for (size_t i = 0; r == 0 && i < nroots; i++)
		r = follow_depends(&c, roots[i], arch, err);
	/* found grows meanwhile */
	for (size_t i = 0; r == 0 && i < c.found.count; i++)
		r = follow_depends(&c, c.found.items[i], arch, err);
	if (r < 0)
		requirements_free(&c.found);
	else
		*out = c.found;
	return r;
}
