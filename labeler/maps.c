#include "labeler/maps.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/openat2.h>
#include <search.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#define DELETED " (deleted)"

/* -- one line -- */

/* "START-END PERMS OFFSET MAJOR:MINOR INODE      PATH" */
bool mapping_parse(char *line, struct mapping *out)
{
	unsigned int maj, min;
	uintmax_t ino;
	size_t len;
	int at = 0;

	line[strcspn(line, "\n")] = '\0';
	if (sscanf(line, "%lx-%lx %*4s %*x %x:%x %ju %n", &out->start, &out->end, &maj, &min, &ino,
		   &at) < 5 ||
	    at == 0 || line[at] != '/')
		return false;
	out->dev = makedev(maj, min);
	out->ino = (ino_t)ino;
	out->path = line + at;
	len = strlen(out->path);
	out->deleted =
		len > strlen(DELETED) && strcmp(out->path + len - strlen(DELETED), DELETED) == 0;
	if (out->deleted)
		out->path[len - strlen(DELETED)] = '\0';
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

/* -- what is at a path of the live system -- */

struct place {
	char *path;
	dev_t dev;
	ino_t ino; /* 0: nothing */
	struct place *next;
};

struct places {
	void *by_path; /* of tsearch(3) */
	struct place *all;
};

static int compare_path(const void *a, const void *b)
{
	return strcmp(((const struct place *)a)->path, ((const struct place *)b)->path);
}

static void keep_nothing(void *node)
{
	(void)node; /* the places are freed by their list */
}

void places_free(struct places **places)
{
	if (!*places)
		return;
	tdestroy((*places)->by_path, keep_nothing);
	while ((*places)->all) {
		struct place *place = (*places)->all;

		(*places)->all = place->next;
		free(place->path);
		free(place);
	}
	free(*places);
	*places = NULL;
}

static struct place *new_place(struct places *places, const char *path)
{
	struct place *place = calloc(1, sizeof *place);
	struct stat st;

	if (!place)
		return NULL;
	place->path = strdup(path);
	if (!place->path || !tsearch(place, &places->by_path, compare_path)) {
		free(place->path);
		free(place);
		return NULL;
	}
	if (lstat(path, &st) == 0) {
		place->dev = st.st_dev;
		place->ino = st.st_ino;
	}
	place->next = places->all;
	places->all = place;
	return place;
}

/* The place of DIR ROOT PATH; NULL if that is too long for one, or out of memory. */
static const struct place *place_of(struct places *places, const char *dir, const char *root,
				    const char *path)
{
	char whole[PATH_MAX];
	struct place key = {.path = whole}, **found;
	int n = snprintf(whole, sizeof whole, "%s%s%s", dir, strcmp(root, "/") ? root : "", path);

	if (n < 0 || (size_t)n >= sizeof whole)
		return NULL;
	found = tfind(&key, &places->by_path, compare_path);
	return found ? *found : new_place(places, whole);
}

/* Numbers of devices without a block device are each filesystem's own affair: the kernel shows
 * another one in maps than to stat(2) for overlays and btrfs. */
static bool is_at(const struct mapping *m, const struct place *place)
{
	if (!place || place->ino != m->ino)
		return false;
	return major(m->dev) == 0 || major(place->dev) == 0 || m->dev == place->dev;
}

/* -- whose file it is -- */

/* What is asked of each library. */
struct judge {
	const struct process_tables *process;
	const struct overlay **overlays; /* of its views */
	size_t noverlays;
	struct places *places;
	struct libraries libs;
	char root[PATH_MAX];  /* of the process, in its namespace; "" for the whole */
	char name[PATH_MAX];  /* of the library at hand, when the line does not have it */
	char shown[PATH_MAX]; /* and where it lies in the namespace */
	char last[PATH_MAX];  /* of the line before */
};

/* What root did not lay must not lead us: a user could name a filesystem that never answers. */
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

/* What of path is below dir, with its slash; NULL if it is not. */
static const char *rest_below(const char *path, const char *dir)
{
	size_t len = strcmp(dir, "/") == 0 ? 0 : strlen(dir);

	return strncmp(path, dir, len) == 0 && path[len] == '/' ? path + len : NULL;
}

/* True if the file is the one that the layer or the live directory has at rest. */
static bool is_in(const struct judge *j, const struct overlay *o, const char *rest,
		  const struct mapping *m, bool *pinned)
{
	*pinned = is_at(m, place_of(j->places, o->layer, o->root, rest));
	return *pinned || is_at(m, place_of(j->places, o->live, o->root, rest));
}

static bool is_there(const struct judge *j, const struct overlay *o, const char *rest)
{
	const struct place *place = place_of(j->places, o->live, o->root, rest);

	return place && place->ino;
}

static bool show_below(struct judge *j, const char *at, const char *rest)
{
	int n = snprintf(j->shown, sizeof j->shown, "%s%s%s", j->root, strcmp(at, "/") ? at : "",
			 rest);

	return n > 0 && (size_t)n < sizeof j->shown;
}

/* The path lies where the overlay is; or starts below it, see the head of maps.h. */
static bool judge_by(struct judge *j, const struct overlay *o, const struct mapping *m,
		     struct library *lib, bool *covered)
{
	const char *below = rest_below(m->path, j->root);
	const char *rest = below ? rest_below(below, o->at) : NULL;

	if (rest) {
		*covered = true;
		return is_in(j, o, rest, m, &lib->pinned);
	}
	if (is_in(j, o, m->path, m, &lib->pinned) || (m->deleted && is_there(j, o, m->path)))
		return show_below(j, o->at, m->path);
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

/* -- all libraries -- */

/* Of the thread that has the view: what the process's own directory shows ends with its first
 * thread. */
static int open_of(const struct process_tables *process, const char *name, int flags)
{
	char path[64];

	snprintf(path, sizeof path, "%s/%s", process->task, name);
	return openat(process->dir, path, flags | O_CLOEXEC);
}

/* What maps shows are paths of the whole namespace; mountinfo leaves out what leads to the root. */
static void read_root(struct judge *j)
{
	char path[64];
	ssize_t n;

	snprintf(path, sizeof path, "%s/root", j->process->task);
	n = readlinkat(j->process->dir, path, j->root, sizeof j->root - 1);
	j->root[n > 1 ? n : 0] = '\0';
}

/* A name with a backslash may stand for one with a newline: then the link of that mapping has it as
 * it is. */
static void read_name(struct judge *j, struct mapping *m)
{
	char path[64];
	ssize_t n;
	size_t len;

	if (!strchr(m->path, '\\'))
		return;
	snprintf(path, sizeof path, "map_files/%lx-%lx", m->start, m->end);
	n = readlinkat(j->process->dir, path, j->name, sizeof j->name - 1);
	if (n <= 0)
		return;
	j->name[n] = '\0';
	len = (size_t)n;
	if (m->deleted && len > strlen(DELETED) &&
	    strcmp(j->name + len - strlen(DELETED), DELETED) == 0)
		j->name[len - strlen(DELETED)] = '\0';
	m->path = j->name;
}

/* Whether the file's own name ends in " (deleted)". It is mapped, so the way to it is in the
 * kernel's memory: with RESOLVE_CACHED no filesystem is asked, which a user's own could use to
 * keep us waiting. */
static bool is_named_deleted(const struct judge *j, const struct mapping *m)
{
	struct open_how how = {
		.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_CACHED | RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS |
			   RESOLVE_NO_SYMLINKS,
	};
	AUTO_FD int root = open_of(j->process, "root", O_PATH), fd = -1;
	const char *below = rest_below(m->path, j->root);
	char name[PATH_MAX + sizeof DELETED];
	struct statx st;

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
	struct library *items;

	if (libs->count == LIBRARIES_MAX)
		return err_set(err, E2BIG, "it has more than %d libraries", LIBRARIES_MAX);
	items = reallocarray(libs->items, libs->count + 1, sizeof *items);
	if (!items)
		return err_nomem(err);
	libs->items = items;
	lib->path = strdup(path);
	if (!lib->path)
		return err_nomem(err);
	items[libs->count++] = *lib;
	return 0;
}

static int consider(struct judge *j, struct mapping *m, struct err *err)
{
	struct library lib = {.ino = m->ino};

	read_name(j, m);
	if (!mapping_is_library(m->path))
		return 0;
	if (m->deleted && is_named_deleted(j, m)) {
		m->deleted = false;
		snprintf(j->shown, sizeof j->shown, "%s" DELETED, m->path);
	} else {
		judge(j, m, &lib);
	}
	return is_known(&j->libs, m, j->shown) ? 0 : add_library(&j->libs, &lib, j->shown, err);
}

/* The parts of one file follow one another. Its number alone would not do: an overlay has files of
 * two filesystems. */
static bool is_same(struct judge *j, const struct mapping *m, ino_t *ino)
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
		if (!mapping_parse(line, &m) || is_same(j, &m, &ino))
			continue;
		r = consider(j, &m, err);
		errno = 0;
	}
	if (r == 0 && ferror(maps) && errno != ESRCH)
		return err_sys(err, errno, "cannot read which files it has mapped");
	return r;
}

/* NULL with 0: it has ended. */
static int open_maps(const struct process_tables *process, FILE **out, struct err *err)
{
	int fd = open_of(process, "maps", O_RDONLY);

	if (fd < 0 && (errno == ENOENT || errno == ESRCH))
		return 0;
	if (fd < 0)
		return err_sys(err, errno, "cannot read which files it has mapped");
	*out = fdopen(fd, "r");
	if (*out)
		return 0;
	close(fd);
	return err_nomem(err);
}

int libraries_read(const struct mount_tables *tables, const struct process_tables *process,
		   struct places **places, struct libraries *out, struct err *err)
{
	char buffer[MOUNT_TABLES_BUFFER];
	AUTO_FILE FILE *maps = NULL;
	CLEANUP(judge_end) struct judge j = {.process = process};
	int r = open_maps(process, &maps, err);

	if (r < 0 || !maps)
		return r;
	setvbuf(maps, buffer, _IOFBF, sizeof buffer);
	if (!*places)
		*places = calloc(1, sizeof **places);
	j.places = *places;
	if (!j.places)
		return err_nomem(err);
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
