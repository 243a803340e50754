#include "view/view.h"

#include "base/strings.h"

#include "base/mount_id.h"
#include "base/path.h"
#include "base/trust.h"
#include "host/original.h"
#include "host/wrap.h"
#include "loader/hwcaps.h"
#include "loader/program.h"
#include "plan/write.h"
#include "view/glibc.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What stands at a path of the view, before it is known which cover it belongs to. */
struct placed {
	struct layer_entry entry; /* its path is this path, absolute */
	char *path;
	char *target;
	int rank;		    /* of two at one path the lower wins */
	const struct version *from; /* for messages */
};

enum { RANK_FILE, RANK_SONAME, RANK_PLACE, RANK_PREFERRED = -3 };

struct placing {
	struct placed *items;
	size_t count, room;
};

static void placing_free(struct placing *p)
{
	for (size_t i = 0; i < p->count; i++) {
		free(p->items[i].path);
		free(p->items[i].target);
	}
	free(p->items);
}

/* Copies path and target. */
static int place(struct placing *p, const char *path, const char *target, struct placed what,
		 struct err *err)
{
	if (p->count == p->room) {
		size_t room = p->room ? p->room * 2 : 256;
		struct placed *items = reallocarray(p->items, room, sizeof *items);

		if (!items)
			return err_nomem(err);
		p->items = items;
		p->room = room;
	}
	what.path = strdup(path);
	what.target = target ? strdup(target) : NULL;
	if (!what.path || (target && !what.target)) {
		free(what.path);
		free(what.target);
		return err_nomem(err);
	}
	p->items[p->count++] = what;
	return 0;
}

/* -- which files of a version a view shows -- */

static bool belongs_in_view(const char *path)
{
	static const char *const out[] = {
		"/bin",
		"/sbin",
		"/usr/bin",
		"/usr/sbin",
		"/usr/games",
		"/etc",
		"/var",
		"/run",
		"/dev",
		"/proc",
		"/sys",
		"/tmp",
		"/boot",
		"/home",
		"/root",
		"/usr/include",
		"/usr/share/doc",
		"/usr/share/man",
		"/usr/share/info",
		"/usr/share/lintian",
		"/usr/share/bug",
		"/usr/share/doc-base",
	};

	for (size_t i = 0; i < sizeof out / sizeof *out; i++)
		if (path_below(path, out[i]))
			return false;
	return true;
}

/* Canonical path of an entry: its directory's place on the live system, its own name. Entries come
 * sorted, so the directory of the one before is most often the same. */
struct places_cache {
	char dir[PATH_MAX];
	char found[PATH_MAX];
};

static int live_place(struct places_cache *cache, const char *path, char out[PATH_MAX],
		      struct err *err)
{
	char dir[PATH_MAX];
	int n;

	path_dir(path, dir);
	if (strcmp(dir, cache->dir) != 0) {
		int r = path_resolve(dir, cache->found, NULL, err);

		if (r < 0)
			return r;
		memcpy(cache->dir, dir, sizeof dir);
	}
	n = snprintf(out, PATH_MAX, "%s/%s", strcmp(cache->found, "/") == 0 ? "" : cache->found,
		     path_base(path));
	if (n < 0 || n >= PATH_MAX)
		return err_set(err, ENAMETOOLONG, "%.64s...: path too long", path);
	return 0;
}

/* A link's target as it has to read in the view. Within one directory it stays; else its meaning
 * on the system it was made for is taken to the live system: "../../usr/lib/x" said in /lib/y
 * would mean another place where /lib is a link. */
static int live_target(struct places_cache *cache, const struct entry *e, char out[PATH_MAX],
		       struct err *err)
{
	char dir[PATH_MAX], joined[2 * PATH_MAX], plain[PATH_MAX];
	int r;

	if (!strchr(e->target, '/')) {
		snprintf(out, PATH_MAX, "%s", e->target);
		return 0;
	}
	path_dir(e->path, dir);
	if (e->target[0] == '/')
		snprintf(joined, sizeof joined, "%s", e->target);
	else
		snprintf(joined, sizeof joined, "%s/%s", dir, e->target);
	r = path_normalise(joined, plain, err);
	if (r == 0)
		r = live_place(cache, plain, out, err);
	if (r < 0)
		return err_wrap(err, r, "the link %s", e->path);
	return 0;
}

static int place_entry(struct placing *p, struct places_cache *cache, const struct version *v,
		       const struct entry *e, struct err *err)
{
	char path[PATH_MAX], target[PATH_MAX];
	struct placed what = {.from = v, .rank = RANK_FILE};
	struct stat st;
	int r = live_place(cache, e->path, path, err);

	if (r < 0)
		return r;
	switch (e->type) {
	case ENTRY_DIR:
		if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
			return 0;
		what.entry.type = LAYER_DIR;
		return place(p, path, NULL, what, err);
	case ENTRY_LINK:
		if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
			return 0; /* never hide a whole directory of the live system */
		r = live_target(cache, e, target, err);
		if (r < 0)
			return r;
		what.entry.type = LAYER_LINK;
		return place(p, path, target, what, err);
	case ENTRY_FILE:
		what.entry.type = LAYER_FILE;
		what.entry.mode = e->mode;
		what.entry.content = e->content;
		return place(p, path, NULL, what, err);
	}
	return 0;
}

/* -- where the loader looks -- */

struct loader {
	struct program program;
	const char *path; /* of the ELF program */
};

static bool is_default_dir(const struct loader *l, const char *dir)
{
	char triplet[PATH_MAX];

	snprintf(triplet, sizeof triplet, "/usr/lib/%s",
		 elf_triplet(l->program.elf.class, l->program.elf.machine));
	return strcmp(dir, triplet) == 0 || strcmp(dir, "/usr/lib") == 0 ||
	       strcmp(dir, "/lib") == 0;
}

/* What the loader may look for this file under; NULL: nothing. One without a soname is looked for
 * under its own name, and means that by it where the loader looks anyway: elsewhere it is a module
 * that is opened by its path. */
static const char *looked_for_as(const struct loader *l, const struct entry *e, const char *file)
{
	char dir[PATH_MAX];

	if (e->soname || e->type != ENTRY_FILE || !strstr(path_base(file), ".so"))
		return e->soname;
	path_dir(file, dir);
	return is_default_dir(l, dir) ? path_base(file) : NULL;
}

static bool goes_by_its_name(const struct loader *l, const struct entry *e)
{
	struct places_cache cache = {0};
	char file[PATH_MAX];
	struct err ignored;

	return live_place(&cache, e->path, file, &ignored) == 0 && looked_for_as(l, e, file);
}

/* Whether the loader may take this entry for that name. */
static bool is_called(const struct loader *l, const struct entry *e, const char *soname)
{
	if (e->soname)
		return strcmp(e->soname, soname) == 0;
	return strcmp(path_base(e->path), soname) == 0 && goes_by_its_name(l, e);
}

static bool names_a_library(const char *soname)
{
	return strncmp(soname, "lib", 3) == 0 && strstr(soname, ".so.");
}

static int place_link(struct placing *p, const char *dir, const char *soname, const char *target,
		      int rank, const struct version *v, struct err *err)
{
	char path[PATH_MAX];
	struct placed what = {.from = v, .rank = rank, .entry.type = LAYER_LINK};
	int n = snprintf(path, sizeof path, "%s/%s", dir, soname);

	if (n < 0 || (size_t)n >= sizeof path)
		return err_set(err, ENAMETOOLONG, "%.64s...: path too long", dir);
	return place(p, path, target, what, err);
}

/* -- variants for newer processors -- */

static const char *const variants[] = {"x86-64-v2", "x86-64-v3", "x86-64-v4"};
#define VARIANTS (sizeof variants / sizeof *variants)
#define VARIANTS_DIR "glibc-hwcaps"

/* 1 and up for DIR/glibc-hwcaps/VARIANT, by what the processor has to be; else 0. */
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

/* The version's best file of that soname for processors that take variants up to most. False if
 * all that it has are for better ones. */
static bool best_file(const struct version *v, const struct loader *l, const char *soname,
		      size_t most, char out[PATH_MAX], struct err *err)
{
	struct places_cache cache = {0};
	const struct entry *best = NULL;
	size_t best_variant = 0;

	for (size_t i = 0; i < v->nentries; i++) {
		const struct entry *e = &v->entries[i];
		char dir[PATH_MAX];
		size_t variant;

		if (!is_called(l, e, soname) || !belongs_in_view(e->path))
			continue;
		path_dir(e->path, dir);
		variant = variant_of(dir);
		if (variant <= most && (!best || variant > best_variant)) {
			best = e;
			best_variant = variant;
		}
	}
	return best && live_place(&cache, best->path, out, err) == 0;
}

/* Whether the loader goes on from a variant's directory to this one: where it searches, yes; where
 * only an entry of its cache leads it to the variant, no. */
static bool goes_on_to(const struct loader *l, const char *dir, const char *variant_dir)
{
	size_t len = strlen(dir);

	return is_default_dir(l, dir) && strncmp(variant_dir, dir, len) == 0 &&
	       strncmp(variant_dir + len, "/" VARIANTS_DIR "/", strlen("/" VARIANTS_DIR "/")) == 0;
}

/* The version's file for one directory where the loader may look; nothing where that file stands
 * itself. Before a file that stands right behind a variant's directory the variant is hidden;
 * elsewhere there is a link to the file. (Found by a link the library would have another $ORIGIN.)
 */
static int place_in(struct placing *p, const struct loader *l, const char *dir, size_t variant,
		    const char *soname, const struct version *v, struct err *err)
{
	struct placed hidden = {.from = v, .rank = RANK_PLACE, .entry.type = LAYER_WHITEOUT};
	char file[PATH_MAX], own[PATH_MAX], path[PATH_MAX];
	int n;

	if (!best_file(v, l, soname, variant, file, err))
		return 0;
	path_dir(file, own);
	if (strcmp(own, dir) == 0)
		return 0;
	if (variant == 0 || !goes_on_to(l, own, dir))
		return place_link(p, dir, soname, file, RANK_PLACE, v, err);
	n = snprintf(path, sizeof path, "%s/%s", dir, soname);
	if (n < 0 || (size_t)n >= sizeof path)
		return err_set(err, ENAMETOOLONG, "%.64s...: path too long", dir);
	return place(p, path, NULL, hidden, err);
}

/* An upgrade may bring variants of a library that has none today: the loader would take them
 * before the pinned file. */
static int place_variants(struct placing *p, const struct loader *l, const char *dir,
			  const char *soname, const struct version *v, struct err *err)
{
	int r = 0;

	if (strcmp(elf_arch(l->program.elf.class, l->program.elf.machine), "amd64") != 0 ||
	    strstr(dir, "/" VARIANTS_DIR "/") || hwcaps_is_legacy(path_base(dir)))
		return 0;
	for (size_t i = 0; r == 0 && i < VARIANTS; i++) {
		char sub[PATH_MAX];
		int n = snprintf(sub, sizeof sub, "%s/" VARIANTS_DIR "/%s", dir, variants[i]);

		if (n < 0 || (size_t)n >= sizeof sub)
			return err_set(err, ENAMETOOLONG, "%.64s...: path too long", dir);
		r = place_in(p, l, sub, i + 1, soname, v, err);
	}
	return r;
}

/* The soname's own place beside the file, and every place where a live copy could win. */
static int place_soname(struct placing *p, struct loader *l, const char *file, const char *soname,
			const struct version *v, struct err *err)
{
	AUTO_STRINGS struct strings dirs = {0};
	char dir[PATH_MAX];
	const char *also[1] = {dir};
	size_t elsewhere = 0;
	int r = 0;

	path_dir(file, dir);
	if (strchr(soname, '/'))
		return err_set(err, EPERM, "%s %s: the soname %s holds a slash", v->name,
			       v->version, soname);
	if (strcmp(path_base(file), soname) != 0)
		r = place_link(p, dir, soname, path_base(file), RANK_SONAME, v, err);
	if (r == 0)
		r = program_places(&l->program, l->path, soname, also, 1, &dirs, err);
	for (size_t i = 0; r == 0 && i < dirs.count; i++) {
		const char *place = dirs.items[i];

		elsewhere += strcmp(place, dir) != 0;
		r = place_in(p, l, place, variant_of(place), soname, v, err);
		if (r == 0 && names_a_library(soname)) /* a module is opened by its path */
			r = place_variants(p, l, place, soname, v, err);
	}
	/* The live loader knows this directory from no cache entry of this name: a default
	 * directory has to lead there. */
	if (r == 0 && elsewhere == 0 && !is_default_dir(l, dir) && variant_of(dir) == 0 &&
	    names_a_library(soname)) {
		char usual[PATH_MAX];

		snprintf(usual, sizeof usual, "/usr/lib/%s",
			 elf_triplet(l->program.elf.class, l->program.elf.machine));
		r = place_link(p, usual, soname, file, RANK_PLACE, v, err);
	}
	return r;
}

/* What was placed from number first on wins over all else. */
static void prefer(struct placing *p, size_t first)
{
	for (size_t i = first; i < p->count; i++)
		p->items[i].rank += RANK_PREFERRED;
}

static int place_version(struct placing *p, struct loader *l, const struct version *v,
			 struct err *err)
{
	struct places_cache cache = {0};
	size_t before = p->count;

	for (size_t i = 0; i < v->nentries; i++) {
		const struct entry *e = &v->entries[i];
		const char *name = NULL;
		char file[PATH_MAX];
		int r;

		if (!belongs_in_view(e->path))
			continue;
		r = place_entry(p, &cache, v, e, err);
		if (r == 0 && l->program.elf.dynamic) {
			r = live_place(&cache, e->path, file, err);
			name = r == 0 ? looked_for_as(l, e, file) : NULL;
		}
		if (name)
			r = place_soname(p, l, file, name, v, err);
		if (r < 0)
			return err_wrap(err, r, "%s %s", v->name, v->version);
	}
	if (p->count == before)
		return err_set(err, ENOENT, "%s %s has no files that a view would show", v->name,
			       v->version);
	return 0;
}

/* -- one thing at a path -- */

static int by_path(const void *a, const void *b)
{
	const struct placed *x = a, *y = b;
	int order = strcmp(x->path, y->path);

	return order ? order : x->rank - y->rank;
}

static bool same_thing(const struct placed *a, const struct placed *b)
{
	if (a->entry.type != b->entry.type)
		return false;
	if (a->entry.type == LAYER_FILE)
		return a->entry.mode == b->entry.mode &&
		       digest_equal(&a->entry.content, &b->entry.content);
	return a->entry.type != LAYER_LINK || strcmp(a->target, b->target) == 0;
}

static int settle(struct placing *p, struct err *err)
{
	size_t kept = 0;

	if (p->count)
		qsort(p->items, p->count, sizeof *p->items, by_path);
	for (size_t i = 0; i < p->count; i++) {
		struct placed *it = &p->items[i], *last = kept ? &p->items[kept - 1] : NULL;

		if (!last || strcmp(last->path, it->path) != 0) {
			struct placed moved = *it;

			*it = (struct placed){0};
			p->items[kept++] = moved;
			continue;
		}
		if (last->rank == it->rank && !same_thing(last, it))
			return err_set(err, EEXIST,
				       "%s %s and %s %s both bring %s: pin one of them, not both",
				       last->from->name, last->from->version, it->from->name,
				       it->from->version, it->path);
		free(it->path);
		free(it->target);
		*it = (struct placed){0};
	}
	p->count = kept;
	return 0;
}

/* -- covers -- */

/* What no view covers, nor anything below. */
static const char *const needed[] = {
	PINLIB_STATE, "/proc", "/sys",	   "/dev",	"/run",	 "/tmp",
	"/etc",	      "/home", "/usr/bin", "/usr/sbin", "/root", "/boot",
};
#define NEEDED (sizeof needed / sizeof *needed)

static bool may_cover(const char *dir)
{
	for (size_t i = 0; i < NEEDED; i++)
		if (path_below(needed[i], dir) || path_below(dir, needed[i]))
			return false;
	return true;
}

static int refuse_cover(const char *path, const char *cover, const char *dir, struct err *err)
{
	for (size_t i = 0; i < NEEDED; i++)
		if (path_below(dir, needed[i]))
			return err_set(err, EINVAL,
				       "the program looks for libraries in %s, and a view can show "
				       "nothing in or below %s",
				       dir, needed[i]);
	return err_set(err, EINVAL,
		       "to show %s, all of %s would have to be covered: create the directory %s "
		       "first",
		       path, cover, dir);
}

/* Directories that upgrades take away with their last file cannot be covered at the next start, so
 * what is covered is a directory that stays: of /usr/lib/TRIPLET/... that of the architecture,
 * of /usr/lib/..., /usr/share/... and so on these themselves. Elsewhere nothing is known. */
static void rise_to_what_stays(char cover[PATH_MAX])
{
	static const char *const stay[] = {"/usr/lib",	     "/usr/lib32",	"/usr/lib64",
					   "/usr/libx32",    "/usr/share",	"/usr/libexec",
					   "/usr/local/lib", "/usr/local/share"};

	for (size_t i = 0; i < sizeof stay / sizeof *stay; i++) {
		size_t len = strlen(stay[i]), next;

		if (!path_below(cover, stay[i]) || !cover[len])
			continue;
		next = strcspn(cover + len + 1, "/");
		if (i == 0 && memmem(cover + len + 1, next, "-linux-", strlen("-linux-")))
			len += 1 + next;
		cover[len] = '\0';
	}
}

/* From nearest up to what stays. A mount's root stays too (it is busy), and what is mounted there
 * would hide what is shown there by a cover further up. */
static void rise(const char *nearest, char cover[PATH_MAX])
{
	char top[PATH_MAX];

	snprintf(top, sizeof top, "%s", nearest);
	snprintf(cover, PATH_MAX, "%s", nearest);
	rise_to_what_stays(top);
	while (strlen(cover) > strlen(top) && !mount_is_root(cover))
		*strrchr(cover, '/') = '\0';
}

/* The directory that has to be covered so that path can be shown: the nearest that exists, or that
 * will exist. */
static int cover_of(const char *path, char cover[PATH_MAX], struct err *err)
{
	char dir[PATH_MAX], nearest[PATH_MAX];
	struct trusted known = {0};
	size_t existing;
	int r;

	path_dir(path, dir);
	r = path_resolve(dir, nearest, &existing, err);
	if (r < 0)
		return r;
	nearest[existing] = '\0';
	rise(nearest, cover);
	if (!may_cover(cover))
		return refuse_cover(path, cover, dir, err);
	if (!path_is_roots_dir(&known, nearest, err))
		return err_wrap(err, -EPERM, "%s cannot be covered", nearest);
	return 0;
}

int view_may_show(const char *path, struct err *err)
{
	char cover[PATH_MAX];
	struct err why;

	if (!belongs_in_view(path))
		return err_set(err, EPERM, "lies where no view shows anything");
	if (cover_of(path, cover, &why) < 0)
		return err_set(err, EPERM, "cannot be shown in a view: %s", why.text);
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool add_target(struct view *view, const char *dir)
{
	char **targets = reallocarray(view->targets, view->ntargets + 1, sizeof *targets);

	if (!targets)
		return false;
	view->targets = targets;
	targets[view->ntargets] = strdup(dir);
	return targets[view->ntargets++] != NULL;
}

/* Takes away what lies below another target, and sorts. */
static void reduce(struct view *view)
{
	size_t kept = 0;

	qsort(view->targets, view->ntargets, sizeof *view->targets, by_text);
	for (size_t i = 0; i < view->ntargets; i++) {
		bool inside = false;

		/* "/a-b" sorts between "/a" and "/a/b", so all that is kept is asked. */
		for (size_t k = 0; k < kept && !inside; k++)
			inside = path_below(view->targets[i], view->targets[k]);
		if (inside)
			free(view->targets[i]);
		else
			view->targets[kept++] = view->targets[i];
	}
	view->ntargets = kept;
}

static int find_covers(const struct placing *p, struct view *view, struct err *err)
{
	char last_dir[PATH_MAX] = "", dir[PATH_MAX], cover[PATH_MAX];

	for (size_t i = 0; i < p->count; i++) {
		int r;

		path_dir(p->items[i].path, dir);
		if (strcmp(dir, last_dir) == 0)
			continue;
		memcpy(last_dir, dir, sizeof dir);
		r = cover_of(p->items[i].path, cover, err);
		if (r < 0)
			return r;
		if (view->ntargets && strcmp(view->targets[view->ntargets - 1], cover) == 0)
			continue;
		if (!add_target(view, cover))
			return err_nomem(err);
	}
	if (view->ntargets)
		reduce(view);
	if (view->ntargets > PLAN_COVERS_MAX)
		return err_set(err, E2BIG, "the view would cover %zu directories; %d is the limit",
			       view->ntargets, PLAN_COVERS_MAX);
	return 0;
}

static size_t cover_index(const struct view *view, const char *path)
{
	for (size_t i = 0; i < view->ntargets; i++)
		if (path_below(path, view->targets[i]))
			return i;
	return 0; /* find_covers gave every path one */
}

static int take_entries(struct placing *p, struct view *view, struct err *err)
{
	view->entries = calloc(p->count + 1, sizeof *view->entries);
	if (!view->entries)
		return err_nomem(err);
	for (size_t i = 0; i < p->count; i++) {
		struct placed *it = &p->items[i];
		struct layer_entry *e = &view->entries[view->nentries++];

		*e = it->entry;
		e->cover = cover_index(view, it->path);
		e->path = strdup(it->path + strlen(view->targets[e->cover]) + 1);
		if (!e->path)
			return err_nomem(err);
		e->target = it->target;
		it->target = NULL;
	}
	return 0;
}

bool view_shows(const struct view *view, const char *path)
{
	for (size_t i = 0; i < view->nentries; i++) {
		const struct layer_entry *e = &view->entries[i];
		const char *target = view->targets[e->cover];
		size_t len = strlen(target);

		if (e->type != LAYER_DIR && strncmp(path, target, len) == 0 && path[len] == '/' &&
		    strcmp(path + len + 1, e->path) == 0)
			return true;
	}
	return false;
}

void view_free(struct view *view)
{
	for (size_t i = 0; i < view->nentries; i++) {
		free((char *)view->entries[i].path);
		free((char *)view->entries[i].target);
	}
	free(view->entries);
	for (size_t i = 0; i < view->ntargets; i++)
		free(view->targets[i]);
	free(view->targets);
	*view = (struct view){0};
}

/* -- the whole -- */

static int read_loader(const struct app *app, const char *program, struct loader *out,
		       struct err *err)
{
	int r = program_read(program, &out->program, err);

	if (r < 0)
		return r;
	out->path = out->program.kind == PROGRAM_SCRIPT ? out->program.interpreter : app->path;
	return 0;
}

int app_versions(struct store *store, const struct app *app, struct versions *out, struct err *err)
{
	AUTO_VERSIONS struct versions vs = {0};

	vs.items = calloc(app->npins + 1, sizeof *vs.items);
	if (!vs.items)
		return err_nomem(err);
	for (size_t i = 0; i < app->npins; i++) {
		const struct pin *pin = &app->pins[i];
		int r = store_load(store, &pin->digest, &vs.items[i], err);

		if (r < 0)
			return err_wrap(err, r, "%s %s", pin->name, pin->version);
		vs.count++;
	}
	*out = vs;
	vs = (struct versions){0};
	return 0;
}

static int place_all(const struct versions *versions, size_t preferred, struct loader *loader,
		     struct placing *placing, struct err *err)
{
	for (size_t i = 0; i < versions->count; i++) {
		size_t before = placing->count;
		int r = place_version(placing, loader, &versions->items[i], err);

		if (r < 0)
			return r;
		if (i < preferred)
			prefer(placing, before);
	}
	return 0;
}

/* -- what is hidden -- */

/* The first thing placed in dir or below it, or at name in it; NULL if there is none. */
static const struct placed *placed_in(const struct placing *p, size_t count, const char *dir,
				      const char *name)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof path, "%s%s%s", dir, *name ? "/" : "", name);

	for (size_t i = 0; n > 0 && (size_t)n < sizeof path && i < count; i++)
		if (path_below(p->items[i].path, path))
			return &p->items[i];
	return NULL;
}

/* Where the pins bring something into dir, nothing of the live system's is to be seen there. */
static int hide_in(struct placing *p, const char *dir, struct err *err)
{
	const size_t count = p->count;
	const struct placed *one = placed_in(p, count, dir, "");
	const struct version *from = one ? one->from : NULL;
	AUTO_DIR DIR *d = one ? opendir(dir) : NULL;
	struct dirent *entry;
	int r = 0;

	while (r == 0 && d && (entry = readdir(d))) {
		struct placed what = {.from = from, .entry.type = LAYER_WHITEOUT};
		char path[PATH_MAX];
		int n = snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 || n < 0 ||
		    (size_t)n >= sizeof path || placed_in(p, count, dir, entry->d_name))
			continue;
		r = place(p, path, NULL, what, err);
	}
	return r;
}

static int hide_glibc(struct placing *p, const struct loader *l, struct err *err)
{
	char dir[PATH_MAX];
	int r = 0;

	for (size_t i = 0; r == 0 && glibc_dir(&l->program, i, dir); i++)
		r = hide_in(p, dir, err);
	return r;
}

static void loader_free(struct loader *l)
{
	program_free(&l->program);
}

int view_of(const struct app *app, const struct versions *versions, size_t preferred,
	    struct view *out, struct err *err)
{
	CLEANUP(loader_free) struct loader loader = {0};
	CLEANUP(placing_free) struct placing placing = {0};
	AUTO_VIEW struct view view = {0};
	char program[PATH_MAX];
	int r = wrap_program(app->path, program, err);

	if (r == 0)
		r = read_loader(app, program, &loader, err);
	if (r == 0)
		r = place_all(versions, preferred, &loader, &placing, err);
	if (r == 0)
		r = hide_glibc(&placing, &loader, err);
	if (r == 0)
		r = settle(&placing, err);
	if (r == 0)
		r = find_covers(&placing, &view, err);
	if (r == 0)
		r = take_entries(&placing, &view, err);
	if (r < 0)
		return r;
	*out = view;
	view = (struct view){0};
	return 0;
}

int view_compile(struct store *store, const struct app *app, struct view *out, struct err *err)
{
	AUTO_VERSIONS struct versions versions = {0};
	int r = app_versions(store, app, &versions, err);

	return r < 0 ? r : view_of(app, &versions, 0, out, err);
}

static int kind_of(const char *program, enum plan_kind *kind, struct err *err)
{
	AUTO_PROGRAM struct program p = {0};
	int r = program_read(program, &p, err);

	if (r < 0)
		return r;
	*kind = p.kind == PROGRAM_SCRIPT ? PLAN_SCRIPT : PLAN_ELF;
	return 0;
}

int view_build(struct store *store, const struct app *app, int64_t generation,
	       struct view_plan *out, struct err *err)
{
	char program[PATH_MAX];
	int r = wrap_program(app->path, program, err);

	if (r == 0)
		r = original_path(app->path, out->real, err);
	if (r == 0)
		r = kind_of(program, &out->plan.kind, err);
	if (r == 0)
		r = view_compile(store, app, &out->view, err);
	snprintf(out->id, sizeof out->id, "none");
	if (r == 0 && out->view.nentries)
		r = layer_build(store, PINLIB_LAYERS, out->view.entries, out->view.nentries,
				out->id, err);
	if (r < 0)
		return r;
	plan_label(out->label, out->id, (uint64_t)generation, app->path);
	out->plan.on_failure = app->on_failure;
	out->plan.generation = (uint64_t)generation;
	out->plan.app = app->path;
	out->plan.real = out->real;
	out->plan.label = out->label;
	out->plan.filter = app->confined.filter;
	out->plan.filter_ops = app->confined.size / sizeof *out->plan.filter;
	out->plan.ncovers = out->view.ntargets;
	for (size_t i = 0; i < out->view.ntargets; i++) {
		snprintf(out->layers[i], sizeof out->layers[i], "%s/%s/%zu", PINLIB_LAYERS, out->id,
			 i);
		out->plan.covers[i].target = out->view.targets[i];
		out->plan.covers[i].layer = out->layers[i];
	}
	return 0;
}

void view_plan_free(struct view_plan *plan)
{
	view_free(&plan->view);
}
