#include "labeler/maps.h"

#include "base/array.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/path.h"
#include "base/paths.h"
#include "labeler/who.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <search.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#define DELETED " (deleted)"

/* -- one line -- */

static bool cut_deleted(char *path)
{
	bool deleted = path_ends(path, DELETED);

	if (deleted)
		path[strlen(path) - strlen(DELETED)] = '\0';
	return deleted;
}

/* "START-END PERMS OFFSET MAJOR:MINOR INODE      PATH" */
bool mapping_parse(char *line, struct mapping *out)
{
	unsigned int maj, min;
	uintmax_t ino;
	int at = 0;

	line[strcspn(line, "\n")] = '\0';
	if (sscanf(line, "%lx-%lx %*4s %*x %x:%x %ju %n", &out->start, &out->end, &maj, &min, &ino,
		   &at) < 5 ||
	    at == 0 || line[at] != '/')
		return false;
	out->dev = makedev(maj, min);
	out->ino = (ino_t)ino;
	out->path = line + at;
	out->deleted = cut_deleted(out->path);
	return true;
}

bool mapping_is_library(const char *path)
{
	const char *slash = strrchr(path, '/'), *so = slash ? slash : path;

	while ((so = strstr(so, ".so"))) {
		so += strlen(".so");
		if (*so == '\0' || *so == '.')
			return true;
	}
	return false;
}

void libraries_free(struct libraries *libs)
{
	for (size_t i = 0; i < libs->count; i++)
		free(libs->items[i].path);
	free(libs->items);
	*libs = (struct libraries){0};
}

/* -- inode numbers by path -- */

struct cached_inode {
	char *path;
	dev_t dev;
	ino_t ino; /* 0: no such file */
};

static int inode_order(const void *a, const void *b)
{
	return strcmp(((const struct cached_inode *)a)->path,
		      ((const struct cached_inode *)b)->path);
}

static void free_inode(void *node)
{
	struct cached_inode *inode = node;

	free(inode->path);
	free(inode);
}

void inode_cache_free(struct inode_cache *cache)
{
	tdestroy(cache->by_path, free_inode);
	cache->by_path = NULL;
	layer_names_free(&cache->layers);
}

static struct cached_inode *add_inode(struct inode_cache *cache, const char *path)
{
	struct cached_inode *inode = calloc(1, sizeof *inode);
	struct stat st;

	if (!inode)
		return NULL;
	inode->path = strdup(path);
	if (!inode->path || !tsearch(inode, &cache->by_path, inode_order)) {
		free_inode(inode);
		return NULL;
	}
	if (lstat(path, &st) == 0) {
		inode->dev = st.st_dev;
		inode->ino = st.st_ino;
	}
	return inode;
}

/* The inode of the path DIR ROOT PATH; NULL if that is too long, or out of memory. */
static const struct cached_inode *inode_of(struct inode_cache *cache, const char *dir,
					   const char *root, const char *path)
{
	char whole[PATH_MAX];
	struct cached_inode key = {.path = whole}, **found;
	int n = snprintf(whole, sizeof whole, "%s%s%s", dir, strcmp(root, "/") ? root : "", path);

	if (n < 0 || (size_t)n >= sizeof whole)
		return NULL;
	found = tfind(&key, &cache->by_path, inode_order);
	return found ? *found : add_inode(cache, whole);
}

/* Whether the mapping is of that file. File systems without a block device choose their own device numbers: for overlays
 * and btrfs the kernel shows one number in maps and another in stat(2), so only the inode numbers are compared. */
static bool is_of(const struct mapping *m, const struct cached_inode *inode)
{
	if (!inode || inode->ino != m->ino)
		return false;
	return major(m->dev) == 0 || major(inode->dev) == 0 || m->dev == inode->dev;
}

/* -- from which directory? -- */

/* What judging a process's libraries needs. */
struct judge {
	const struct process_tables *process;
	const char *program;		 /* the link /proc/PID/exe, or NULL */
	const struct overlay **overlays; /* of its views */
	size_t noverlays;
	struct inode_cache *cache;
	struct libraries libs;
	char root
		[PATH_MAX]; /* the process's root directory in its namespace; "" for the namespace's root */
	char name
		[PATH_MAX]; /* the path of the current library, if its line does not show it exactly */
	char shown[PATH_MAX]; /* and its path in the namespace */
	char last[PATH_MAX];  /* the path in the previous line */
};

/* Only overlays that root may have mounted: in another, a user could name a file system that never answers. */
static int take_overlays(struct judge *j, const struct mount_tables *tables, struct err *err)
{
	const struct process_tables *p = j->process;
	size_t count = 1;

	for (size_t i = 0; i < p->count; i++)
		count += p->views[i]->count;
	j->overlays = calloc(count, sizeof *j->overlays);
	if (!j->overlays)
		return err_nomem(err);
	for (size_t i = 0; i < p->count; i++)
		for (size_t k = 0; k < p->views[i]->count; k++) {
			const struct overlay *o = &p->views[i]->overlays[k];

			if (o->layer && o->live &&
			    mount_tables_trust(tables, p->views[i], o) != TRUST_NO)
				j->overlays[j->noverlays++] = o;
		}
	return 0;
}

static void judge_end(struct judge *j)
{
	free(j->overlays);
	libraries_free(&j->libs);
}

/* The rest of path below dir, with its slash; NULL if path is not below dir. */
static const char *rest_below(const char *path, const char *dir)
{
	size_t len = strcmp(dir, "/") == 0 ? 0 : strlen(dir);

	return strncmp(path, dir, len) == 0 && path[len] == '/' ? path + len : NULL;
}

/* Whether the mapping is of the file at rest in the layer or the live directory. */
static bool is_in_overlay(const struct judge *j, const struct overlay *o, const char *rest,
			  const struct mapping *m, bool *pinned)
{
	*pinned = is_of(m, inode_of(j->cache, o->layer, o->root, rest));
	return *pinned || is_of(m, inode_of(j->cache, o->live, o->root, rest));
}

static bool is_in_live(const struct judge *j, const struct overlay *o, const char *rest)
{
	const struct cached_inode *inode = inode_of(j->cache, o->live, o->root, rest);

	return inode && inode->ino;
}

static bool set_shown(struct judge *j, const char *at, const char *rest)
{
	int n = snprintf(j->shown, sizeof j->shown, "%s%s%s", j->root, strcmp(at, "/") ? at : "",
			 rest);

	return n > 0 && (size_t)n < sizeof j->shown;
}

/* The mapping's path is below the overlay's mount point, or starts below it (see maps.h). */
static bool judge_by(struct judge *j, const struct overlay *o, const struct mapping *m,
		     struct library *lib, bool *covered)
{
	const char *below = rest_below(m->path, j->root);
	const char *rest = below ? rest_below(below, o->at) : NULL;

	if (rest) {
		*covered = true;
		return is_in_overlay(j, o, rest, m, &lib->pinned);
	}
	if (is_in_overlay(j, o, m->path, m, &lib->pinned) ||
	    (m->deleted && is_in_live(j, o, m->path)))
		return set_shown(j, o->at, m->path);
	return false;
}

static void judge(struct judge *j, const struct mapping *m, struct library *lib)
{
	bool covered = false;

	snprintf(j->shown, sizeof j->shown, "%s", m->path);
	lib->stale = m->deleted;
	for (size_t i = 0; i < j->noverlays; i++)
		if (judge_by(j, j->overlays[i], m, lib, &covered))
			return;
	lib->stale = m->deleted || covered;
}

/* -- all libraries of a process -- */

/* Paths in maps start at the namespace's root, those in mountinfo at the process's root. */
static void read_root(struct judge *j)
{
	char path[WHO_PATH_MAX];
	ssize_t n;

	who_path(j->process->task, "root", path);
	n = readlinkat(j->process->dir, path, j->root, sizeof j->root - 1);
	j->root[n > 1 ? n : 0] = '\0';
}

/* "\\012" in a path may be a newline or these four characters: the link in map_files has the exact path. */
static void read_exact_name(struct judge *j, struct mapping *m)
{
	char path[64];
	ssize_t n;

	if (!strchr(m->path, '\\'))
		return;
	snprintf(path, sizeof path, "map_files/%lx-%lx", m->start, m->end);
	n = readlinkat(j->process->dir, path, j->name, sizeof j->name - 1);
	if (n <= 0)
		return;
	j->name[n] = '\0';
	if (m->deleted)
		cut_deleted(j->name);
	m->path = j->name;
}

/* Whether the file's own name ends in " (deleted)". The file is mapped, so its path is in the kernel's cache: with
 * RESOLVE_CACHED no file system is asked, as a user's might never answer. */
static bool is_named_deleted(const struct judge *j, const struct mapping *m)
{
	struct open_how how = {
		.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_CACHED | RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS |
			   RESOLVE_NO_SYMLINKS,
	};
	const char *below = rest_below(m->path, j->root);
	char path[WHO_PATH_MAX], name[PATH_MAX + sizeof DELETED];
	AUTO_FD int root = -1, fd = -1;
	struct statx st;

	who_path(j->process->task, "root", path);
	root = openat(j->process->dir, path, O_PATH | O_CLOEXEC);
	if (root < 0 || !below)
		return false;
	snprintf(name, sizeof name, "%s" DELETED, below);
	fd = (int)syscall(SYS_openat2, root, name, &how, sizeof how);
	return fd >= 0 && statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, &st) == 0 &&
	       st.stx_ino == m->ino;
}

static bool is_known(const struct libraries *libs, const struct mapping *m, const char *path)
{
	for (size_t i = libs->count; i-- > 0;)
		if (libs->items[i].ino == m->ino && strcmp(libs->items[i].path, path) == 0)
			return true;
	return false;
}

static int add_library(struct libraries *libs, struct library *lib, const char *path,
		       struct err *err)
{
	if (libs->count == LIBRARIES_MAX)
		return err_set(err, E2BIG, "the process has more than %d libraries", LIBRARIES_MAX);
	if (ARRAY_GROW(libs->items, libs->count, err) < 0)
		return -ENOMEM;
	lib->path = strdup(path);
	if (!lib->path)
		return err_nomem(err);
	libs->items[libs->count++] = *lib;
	return 0;
}

/* Whether one of the view's layers has a library of that name. In a service's view the overlay that shows the program has
 * the directory of the prepared views in the place of a layer. */
static int find_copy(struct judge *j, const char *path, bool *copy, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && !*copy && i < j->noverlays; i++) {
		const char *layer = j->overlays[i]->layer;

		if (layer && path_below(layer, PINLIB_LAYERS))
			r = layer_has_library(&j->cache->layers, layer, path_base(path), copy, err);
	}
	return r;
}

/* -- the program -- */

/* Both paths come from the kernel, which adds the same DELETED to each. */
static bool is_program(const struct judge *j, const struct mapping *m)
{
	size_t len = strlen(m->path);

	return j->program && strncmp(j->program, m->path, len) == 0 &&
	       strcmp(j->program + len, m->deleted ? DELETED : "") == 0;
}

/* Whether the mapping is of the original of a wrapped program, which the view has mounted on the program's path. */
static bool is_original(const struct judge *j, const struct mapping *m)
{
	const char *below = rest_below(m->path, j->root);
	char original[PATH_MAX], dir[PATH_MAX];

	for (size_t i = 0; below && i < j->noverlays; i++) {
		const struct overlay *o = j->overlays[i];
		const char *rest = rest_below(below, o->at);
		int n;

		if (!rest)
			continue;
		path_dir(rest, dir);
		n = snprintf(original, sizeof original, "%s/" PINLIB_REAL_DIR "/%s",
			     strcmp(dir, "/") ? dir : "", path_base(rest));
		if (n > 0 && (size_t)n < sizeof original &&
		    is_of(m, inode_of(j->cache, o->live, o->root, original)))
			return true;
	}
	return false;
}

static void judge_program(struct judge *j, const struct mapping *m)
{
	struct library program = {.ino = m->ino};

	judge(j, m, &program);
	j->libs.program_stale = program.stale && !is_original(j, m);
}

static int judge_mapping(struct judge *j, struct mapping *m, struct err *err)
{
	struct library lib = {.ino = m->ino};
	int r;

	read_exact_name(j, m);
	if (is_program(j, m) && !(m->deleted && is_named_deleted(j, m)))
		judge_program(j, m);
	if (!mapping_is_library(m->path))
		return 0;
	if (m->deleted && is_named_deleted(j, m)) {
		m->deleted = false;
		snprintf(j->shown, sizeof j->shown, "%s" DELETED, m->path);
	} else {
		judge(j, m, &lib);
	}
	if (is_known(&j->libs, m, j->shown))
		return 0;
	r = lib.pinned ? 0 : find_copy(j, m->path, &lib.copy, err);
	return r < 0 ? r : add_library(&j->libs, &lib, j->shown, err);
}

/* Whether the line is for the same file as the previous one: a file's segments are consecutive. The inode number alone is
 * not enough, as an overlay has files of two file systems. */
static bool is_same_file(struct judge *j, const struct mapping *m, ino_t *ino)
{
	if (m->ino == *ino && strcmp(m->path, j->last) == 0)
		return true;
	*ino = m->ino;
	snprintf(j->last, sizeof j->last, "%s", m->path);
	return false;
}

static int read_maps(struct judge *j, FILE *maps, struct err *err)
{
	AUTO_FREE char *line = NULL;
	struct mapping m;
	size_t room = 0;
	ino_t ino = 0;
	int r = 0;

	errno = 0;
	while (r == 0 && getline(&line, &room, maps) > 0) {
		if (!mapping_parse(line, &m) || is_same_file(j, &m, &ino))
			continue;
		r = judge_mapping(j, &m, err);
		errno = 0;
	}
	if (r == 0 && ferror(maps) && errno != ESRCH)
		return err_sys(err, errno, "cannot read the maps of the process");
	return r;
}

/* Of the thread that has the view: the maps of the process itself are empty once its first thread ended. 0 with NULL:
 * the process has ended. */
static int open_maps(const struct process_tables *process, FILE **out, struct err *err)
{
	char path[WHO_PATH_MAX];

	who_path(process->task, "maps", path);
	*out = file_stream_at(process->dir, path);
	return *out || errno == ENOENT || errno == ESRCH
		       ? 0
		       : err_sys(err, errno, "cannot read the maps of the process");
}

int libraries_read(const struct mount_tables *tables, const struct process_tables *process,
		   const char *program, struct inode_cache *cache, struct libraries *out,
		   struct err *err)
{
	char buffer[MOUNT_TABLES_BUFFER];
	AUTO_FILE FILE *maps = NULL;
	CLEANUP(judge_end)
	struct judge j = {.process = process, .program = program, .cache = cache};
	int r = open_maps(process, &maps, err);

	if (r < 0 || !maps)
		return r;
	setvbuf(maps, buffer, _IOFBF, sizeof buffer);
	read_root(&j);
	r = take_overlays(&j, tables, err);
	if (r == 0)
		r = read_maps(&j, maps, err);
	if (r < 0)
		return r;
	*out = j.libs;
	j.libs = (struct libraries){0};
	return 0;
}
