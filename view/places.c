#include "view/places.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "loader/hwcaps.h"

#include <stdio.h>
#include <string.h>

/* The version's file that a loader may find under a soname. */
struct place_target {
	const struct version *version;
	const char *soname;
};

void places_default_dir(const struct elf *elf, char dir[PATH_MAX])
{
	snprintf(dir, PATH_MAX, "/usr/lib/%s", elf_triplet(elf->class, elf->machine));
}

static bool is_default_dir(const struct place_loader *l, const char *dir)
{
	char usual[PATH_MAX];

	places_default_dir(&l->program.elf, usual);
	return strcmp(dir, usual) == 0 || strcmp(dir, "/usr/lib") == 0 || strcmp(dir, "/lib") == 0;
}

static bool is_library_name(const char *soname)
{
	return strncmp(soname, "lib", 3) == 0 && strstr(soname, ".so.");
}

/* The name that the loader may look for this entry by; NULL: none. file is its live path. */
static const char *find_soname(const struct place_loader *l, const struct entry *e,
			       const char *file)
{
	char dir[PATH_MAX];

	if (e->soname || e->type != ENTRY_FILE || !strstr(path_base(file), ".so"))
		return e->soname;
	path_dir(file, dir);
	return is_default_dir(l, dir) ? path_base(file) : NULL;
}

static int add_place(struct composition *c, const char *dir, const struct place_target *t,
		     struct composed entry, const char *target, struct err *err)
{
	char path[PATH_MAX];
	int r = path_join(dir, t->soname, path, err);

	entry.from = t->version;
	return r < 0 ? r : composition_add(c, path, target, entry, err);
}

static int add_link(struct composition *c, const char *dir, const struct place_target *t,
		    const char *file, enum compose_rank rank, struct err *err)
{
	return add_place(c, dir, t, (struct composed){.rank = rank, .entry.type = LAYER_LINK}, file,
			 err);
}

/* -- variants for newer processors -- */

static const char *const variants[] = {"x86-64-v2", "x86-64-v3", "x86-64-v4"};
#define VARIANTS (sizeof variants / sizeof *variants)
#define VARIANTS_DIR "glibc-hwcaps"

/* 1 and up for DIR/glibc-hwcaps/VARIANT, in the order of the processors; else 0. */
static size_t variant_of(const char *dir)
{
	char parent[PATH_MAX];

	path_dir(dir, parent);
	for (size_t i = 0; i < VARIANTS; i++)
		if (strcmp(path_base(dir), variants[i]) == 0 &&
		    strcmp(path_base(parent), VARIANTS_DIR) == 0)
			return i + 1;
	return 0;
}

/* Whether the loader searches dir after variant_dir. It does so in default directories; where only
 * an entry of ld.so.cache leads to the variant, it does not. */
static bool is_searched_after(const struct place_loader *l, const char *dir,
			      const char *variant_dir)
{
	size_t len = strlen(dir);

	return is_default_dir(l, dir) && strncmp(variant_dir, dir, len) == 0 &&
	       strncmp(variant_dir + len, "/" VARIANTS_DIR "/", strlen("/" VARIANTS_DIR "/")) == 0;
}

/* The live path of the version's best file for processors that take variants up to most. False:
 * the version has no file that they take. */
static bool find_best_file(const struct place_loader *l, const struct place_target *t, size_t most,
			   char out[PATH_MAX])
{
	struct compose_dir last = {0};
	bool found = false;
	size_t best = 0;

	for (size_t i = 0; i < t->version->nentries; i++) {
		const struct entry *e = &t->version->entries[i];
		const char *name = e->soname ? e->soname : path_base(e->path);
		char dir[PATH_MAX], file[PATH_MAX];
		struct err ignored;
		size_t variant;

		path_dir(e->path, dir);
		variant = variant_of(dir);
		if (strcmp(name, t->soname) != 0 || !compose_shows(e->path) || variant > most ||
		    (found && variant <= best) ||
		    compose_live_path(&last, e->path, file, &ignored) < 0 ||
		    !find_soname(l, e, file))
			continue;
		snprintf(out, PATH_MAX, "%s", file);
		found = true;
		best = variant;
	}
	return found;
}

/* -- one directory -- */

static int add_in_dir(struct composition *c, const struct place_loader *l, const char *dir,
		      size_t variant, const struct place_target *t, struct err *err)
{
	const struct composed whiteout = {.rank = COMPOSE_PLACE, .entry.type = LAYER_WHITEOUT};
	char file[PATH_MAX], own[PATH_MAX];

	if (!find_best_file(l, t, variant, file))
		return 0;
	path_dir(file, own);
	if (strcmp(own, dir) == 0)
		return 0;
	if (variant > 0 && is_searched_after(l, own, dir))
		return add_place(c, dir, t, whiteout, NULL, err);
	return add_link(c, dir, t, file, COMPOSE_PLACE, err);
}

static int add_in_variants(struct composition *c, const struct place_loader *l, const char *dir,
			   const struct place_target *t, struct err *err)
{
	int r = 0;

	if (strcmp(elf_arch(l->program.elf.class, l->program.elf.machine), "amd64") != 0 ||
	    strstr(dir, "/" VARIANTS_DIR "/") || hwcaps_is_legacy(path_base(dir)))
		return 0;
	for (size_t i = 0; r == 0 && i < VARIANTS; i++) {
		char sub[PATH_MAX], name[64];

		snprintf(name, sizeof name, VARIANTS_DIR "/%s", variants[i]);
		r = path_join(dir, name, sub, err);
		if (r == 0)
			r = add_in_dir(c, l, sub, i + 1, t, err);
	}
	return r;
}

/* -- one soname -- */

/* The default directory, if nothing else leads the loader to the file's directory. */
static int add_default(struct composition *c, const struct place_loader *l, const char *dir,
		       const char *file, const struct place_target *t, struct err *err)
{
	char usual[PATH_MAX];

	if (is_default_dir(l, dir) || variant_of(dir) > 0 || !is_library_name(t->soname))
		return 0;
	places_default_dir(&l->program.elf, usual);
	return add_link(c, usual, t, file, COMPOSE_PLACE, err);
}

static int add_soname(struct composition *c, struct place_loader *l, const char *file,
		      const struct place_target *t, struct err *err)
{
	AUTO_STRINGS struct strings dirs = {0};
	char dir[PATH_MAX];
	bool elsewhere = false;
	int r = 0;

	path_dir(file, dir);
	if (strchr(t->soname, '/'))
		return 0;
	if (strcmp(path_base(file), t->soname) != 0)
		r = add_link(c, dir, t, path_base(file), COMPOSE_SONAME, err);
	if (r == 0 && l->place && strcmp(l->place, dir) != 0)
		r = add_link(c, l->place, t, file, COMPOSE_PLACE, err);
	if (r == 0)
		r = program_places(&l->program, l->path, t->soname, dir, &dirs, err);
	for (size_t i = 0; r == 0 && i < dirs.count; i++) {
		const char *place = dirs.items[i];

		elsewhere |= strcmp(place, dir) != 0;
		r = add_in_dir(c, l, place, variant_of(place), t, err);
		if (r == 0 && is_library_name(t->soname))
			r = add_in_variants(c, l, place, t, err);
	}
	return r < 0 || elsewhere ? r : add_default(c, l, dir, file, t, err);
}

int places_add(struct composition *c, struct place_loader *l, struct compose_dir *last,
	       const struct version *v, const struct entry *e, struct err *err)
{
	struct place_target t = {.version = v};
	char file[PATH_MAX];
	int r;

	if (!l->program.elf.dynamic)
		return 0;
	r = compose_live_path(last, e->path, file, err);
	t.soname = r == 0 ? find_soname(l, e, file) : NULL;
	return t.soname ? add_soname(c, l, file, &t, err) : r;
}
