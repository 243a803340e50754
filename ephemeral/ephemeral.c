#include "ephemeral/ephemeral.h"

#include "base/kernel.h"
#include "base/mount.h"
#include "base/path.h"
#include "base/strings.h"
#include "base/unshare.h"
#include "elf/readers.h"
#include "host/app_file.h"
#include "host/wrap.h"
#include "host/wrapper_file.h"
#include "intake/intake.h"
#include "loader/program.h"
#include "store/text.h"
#include "view/places.h"

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

/* The tmpfs is mounted here until the overlays hold it: on a directory that always exists, and that
 * neither pinlib nor a loader needs meanwhile. */
#define EPHEMERAL_DIR "/proc/sys"
#define EPHEMERAL_STORE EPHEMERAL_DIR "/store"

void ephemeral_item_free(struct ephemeral_item *item)
{
	version_free(&item->version);
	cleanup_fd(&item->file);
}

void ephemeral_free(struct ephemeral *e)
{
	view_plan_free(&e->plan);
	app_free(&e->app);
	for (size_t i = e->lent; i < e->pinned.count; i++)
		version_free(&e->pinned.items[i]);
	free(e->pinned.items);
	e->pinned = (struct versions){0};
}

/* -- a file -- */

/* The user may rebuild the file while pinlib checks it and while the program runs, and it may grow. */
static int copy_to_memory(int from, const char *path, int *out, struct err *err)
{
	AUTO_FD int to = memfd_create("pinlib-try", MFD_CLOEXEC);
	off_t at = 0;
	struct stat st;
	ssize_t n = 0;

	if (to < 0)
		return err_sys(err, errno, "cannot get memory for %s", path);
	if (fstat(from, &st) < 0)
		return err_sys(err, errno, "cannot stat %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "%s is not a regular file", path);
	while (st.st_size <= EPHEMERAL_FILE_MAX && at <= EPHEMERAL_FILE_MAX &&
	       (n = sendfile(to, from, &at, (size_t)(EPHEMERAL_FILE_MAX + 1 - at))) > 0)
		;
	if (st.st_size > EPHEMERAL_FILE_MAX || at > EPHEMERAL_FILE_MAX)
		return err_set(err, EFBIG, "%s is larger than %lld bytes", path,
			       (long long)EPHEMERAL_FILE_MAX);
	if (n < 0 || fchmod(to, 0755) < 0 ||
	    futimens(to, (struct timespec[]){st.st_atim, st.st_mtim}) < 0)
		return err_sys(err, errno, "cannot read %s", path);
	*out = to;
	to = -1;
	return 0;
}

static int check_object(int fd, const char *soname, const char *path, const char *arch,
			struct err *err)
{
	AUTO_ELF struct elf elf = {0};
	bool is_elf;
	int r = readers_read(fd, &elf, &is_elf, err);

	if (r < 0)
		return err_wrap(err, r, "%s", path);
	if (!is_elf)
		return err_set(err, EINVAL, "%s is not an ELF file", path);
	if (strcmp(elf_arch(elf.class, elf.machine), arch) != 0)
		return err_set(err, ENOEXEC,
			       "%s is built for %s, but the program needs libraries for %s", path,
			       *elf_arch(elf.class, elf.machine) ? elf_arch(elf.class, elf.machine)
								 : "another architecture",
			       arch);
	if (!elf.shared || !elf.dynamic || (elf.interp && !elf.soname))
		return err_set(err, EINVAL, "%s is not a shared object", path);
	if (elf.soname && strcmp(elf.soname, soname) != 0)
		return err_set(err, EINVAL,
			       "%s has the soname %s, not %s; programs that need %s would not "
			       "load it",
			       path, elf.soname, soname, soname);
	return 0;
}

static int make_item_version(struct ephemeral_item *item, const char *place, struct err *err)
{
	struct version *v = &item->version;
	struct stat st;
	struct entry *e;

	v->name = strdup(item->soname);
	v->version = strdup("try");
	v->arch = strdup("all");
	v->entries = e = calloc(1, sizeof *e);
	if (!v->name || !v->version || !v->arch || !e)
		return err_nomem(err);
	v->nentries = 1;
	e->type = ENTRY_FILE;
	e->mode = 0755;
	e->soname = strdup(item->soname);
	if (asprintf(&e->path, "%s/%s", place, item->soname) < 0) {
		e->path = NULL;
		return err_nomem(err);
	}
	if (!e->soname)
		return err_nomem(err);
	if (fstat(item->file, &st) < 0)
		return err_sys(err, errno, "cannot stat a file in memory");
	e->size = (uint64_t)st.st_size;
	e->time = text_time_near(st.st_mtim.tv_sec);
	return digest_fd(item->file, &e->content, err);
}

int ephemeral_take_file(struct ephemeral_item *out, const char *soname, int fd, const char *path,
			const char *arch, const char *place, struct err *err)
{
	int r;

	if (strchr(soname, '/') || !*soname || strlen(soname) >= sizeof out->soname)
		return err_set(err, EINVAL, "'%.64s' is not the soname of a library", soname);
	snprintf(out->soname, sizeof out->soname, "%s", soname);
	r = copy_to_memory(fd, path, &out->file, err);
	if (r == 0)
		r = check_object(out->file, soname, path, arch, err);
	return r < 0 ? r : make_item_version(out, place, err);
}

/* -- the directory -- */

/* The directory of the pinned file in the app's view; links in other directories do not count. */
static bool find_in_view(const struct view *view, const char *soname, char place[PATH_MAX])
{
	for (size_t i = 0; i < view->nentries; i++) {
		const struct layer_entry *e = &view->entries[i];
		char full[2 * PATH_MAX];

		if (e->cover == view->targets.count || strcmp(path_base(e->path), soname) != 0 ||
		    (e->type != LAYER_FILE && (e->type != LAYER_LINK || strchr(e->target, '/'))))
			continue;
		snprintf(full, sizeof full, "%s/%s", view->targets.items[e->cover], e->path);
		path_dir(full, place);
		return true;
	}
	return false;
}

static bool file_has_soname(const char *path, const char *soname)
{
	AUTO_ELF struct elf elf = {0};
	struct err ignored;
	bool is_elf;

	if (strcmp(path_base(path), soname) == 0)
		return true;
	return readers_read_path(path, &elf, &is_elf, &ignored) == 0 && is_elf && elf.soname &&
	       strcmp(elf.soname, soname) == 0;
}

static int find_on_live(struct store *store, const struct app *app, const char *soname,
			char place[PATH_MAX], struct err *err)
{
	AUTO_PROGRAM struct program program = {0};
	const struct strings *libraries = NULL;
	char file[PATH_MAX], usual[PATH_MAX];
	int r = app_program_find(store, app, file, &program, err);

	if (r == 0)
		r = program_closure(
			&program, program.kind == PROGRAM_SCRIPT ? program.interpreter : app->path,
			&libraries, err);
	for (size_t i = 0; r == 0 && i < libraries->count; i++)
		if (file_has_soname(libraries->items[i], soname)) {
			path_dir(libraries->items[i], place);
			return 0;
		}
	if (r < 0)
		return r;
	places_default_dir(&program.elf, usual);
	return path_resolve(usual, place, NULL, err);
}

int ephemeral_place(struct store *store, const struct app *app, const char *soname,
		    char place[PATH_MAX], struct err *err)
{
	AUTO_VIEW struct view view = {0};
	int r = app->npins ? view_compile(store, app, &view, err) : 0;

	if (r < 0)
		return r;
	return find_in_view(&view, soname, place) ? 0
						  : find_on_live(store, app, soname, place, err);
}

/* -- the view -- */

static bool is_replaced(const struct pin *pin, const struct ephemeral_item *items, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(pin->name, items[i].version.name) == 0 &&
		    strcmp(pin->arch, items[i].version.arch) == 0)
			return true;
	return false;
}

static int add_pin(struct app *app, const struct version *v, enum pin_origin origin,
		   const char *place, struct err *err)
{
	struct pin *pin = &app->pins[app->npins++];

	*pin = (struct pin){.name = strdup(v->name),
			    .version = strdup(v->version),
			    .arch = strdup(v->arch),
			    .digest = v->digest,
			    .origin = origin,
			    .place = place ? strdup(place) : NULL};
	return pin->name && pin->version && pin->arch && (pin->place || !place) ? 0
										: err_nomem(err);
}

/* The items first, whose versions stay theirs; then the pins, whose versions are loaded. */
static int collect_pins(struct store *store, const struct app *app,
			const struct ephemeral_item *items, size_t n, struct versions *versions,
			struct app *out, struct err *err)
{
	int r = 0;

	versions->items = calloc(n + app->npins + 1, sizeof *versions->items);
	out->pins = calloc(n + app->npins + 1, sizeof *out->pins);
	out->path = strdup(app->path);
	out->program = app->program ? strdup(app->program) : NULL;
	out->on_failure = app->on_failure;
	if (!versions->items || !out->pins || !out->path || (app->program && !out->program))
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < n; i++) {
		versions->items[versions->count++] = items[i].version;
		r = add_pin(out, &items[i].version, PIN_BY_HAND, items[i].place, err);
	}
	for (size_t i = 0; r == 0 && i < app->npins; i++) {
		const struct pin *pin = &app->pins[i];
		struct version *v = &versions->items[versions->count];

		if (is_replaced(pin, items, n))
			continue;
		r = store_load(store, &pin->digest, v, err);
		if (r < 0)
			return err_wrap(err, r, "%s %s", pin->name, pin->version);
		versions->count++;
		r = add_pin(out, v, pin->origin, pin->place, err);
	}
	return r;
}

int ephemeral_compile(struct store *store, const struct app *app,
		      const struct ephemeral_item *items, size_t n, int64_t generation,
		      struct ephemeral *out, struct err *err)
{
	int r;

	out->lent = n;
	r = collect_pins(store, app, items, n, &out->pinned, &out->app, err);
	if (r == 0)
		r = view_of(&out->app, &out->pinned, n, &out->plan.view, err);
	if (r == 0)
		r = wrap_program(app->path, out->program, err);
	if (r < 0)
		return r;
	snprintf(out->plan.id, sizeof out->plan.id, "try");
	view_plan_fill(&out->plan, &out->app, out->program, EPHEMERAL_DIR, generation);
	return 0;
}

/* -- namespaces -- */

static int write_map(const char *path, const char *text)
{
	AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -1;
}

/* Maps the user's own user and group to themselves; an ordinary user may map no others. */
static int make_user_namespace(struct err *err)
{
	char uid[64], gid[64];

	snprintf(uid, sizeof uid, "%u %u 1", geteuid(), geteuid());
	snprintf(gid, sizeof gid, "%u %u 1", getegid(), getegid());
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		return err_set(err, EPERM,
			       "this system does not let an ordinary user make a view (user "
			       "namespaces: %s; see user.max_user_namespaces and "
			       "kernel.unprivileged_userns_clone): run the command as root",
			       strerror(errno));
	if (write_map("/proc/self/setgroups", "deny") < 0 ||
	    write_map("/proc/self/uid_map", uid) < 0 || write_map("/proc/self/gid_map", gid) < 0)
		return err_sys(err, errno, "cannot set up a user namespace");
	return 0;
}

int ephemeral_hide(const char *dir, struct err *err)
{
	struct mount_attr attr = {.propagation = MS_PROPAGATION_SLAVE};

	if (unshare(CLONE_NEWNS) < 0) {
		int r = errno == EPERM ? make_user_namespace(err)
				       : err_sys(err, errno, "cannot create a mount namespace");

		if (r < 0)
			return r;
	}
	if (sys_mount_setattr(AT_FDCWD, "/", AT_RECURSIVE_MOUNTS, &attr, sizeof attr) < 0)
		return err_sys(err, errno, "cannot make the mounts private");
	if (mount("pinlib-try", dir, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") < 0)
		return err_set(err, errno, "cannot mount a tmpfs: %s%s", strerror(errno),
			       geteuid() == 0 ? ""
					      : " (does the system restrict user "
						"namespaces? run the command as root)");
	return 0;
}

/* -- the files -- */

/* Where the content of an entry is. */
struct file_stores {
	struct store *files;  /* has the items' files */
	struct store *pinned; /* has all other versions; NULL: none */
	const struct ephemeral_item *items;
	size_t n;
};

static bool version_has_content(const struct version *v, const struct digest *content)
{
	for (size_t i = 0; i < v->nentries; i++)
		if (v->entries[i].type == ENTRY_FILE &&
		    digest_equal(&v->entries[i].content, content))
			return true;
	return false;
}

static struct store *store_of_entry(const struct file_stores *s, const struct layer_entry *e)
{
	for (size_t i = 0; e->type == LAYER_FILE && i < s->n; i++)
		if ((s->items[i].file >= 0 || s->items[i].store) &&
		    version_has_content(&s->items[i].version, &e->content))
			return s->items[i].file >= 0 ? s->files : s->items[i].store;
	return s->pinned ? s->pinned : s->files;
}

/* Puts the items' files into a store of their own. */
static int store_items(const struct ephemeral_item *items, size_t n, struct store **out,
		       struct err *err)
{
	const struct intake_options options = {.name = "try", .version = "1", .opaque = true};
	int r = store_open(EPHEMERAL_STORE, true, out, err);

	for (size_t i = 0; r == 0 && i < n; i++) {
		const struct intake_file file = {
			items[i].file, items[i].file < 0 ? NULL : items[i].version.entries[0].path,
			NULL};
		AUTO_VERSION struct version v = {0};
		bool known;

		if (items[i].file >= 0)
			r = intake_add_files(*out, &file, 1, &options, &v, &known, err);
	}
	return r;
}

/* Lays out the entries whose content is in the store from. */
static int copy_entries(const struct file_stores *stores, struct store *from, int dir,
			const struct view *view, struct err *err)
{
	AUTO_FREE struct layer_entry *part = calloc(view->nentries + 1, sizeof *part);
	size_t count = 0;

	if (!part)
		return err_nomem(err);
	for (size_t i = 0; i < view->nentries; i++)
		if (store_of_entry(stores, &view->entries[i]) == from)
			part[count++] = view->entries[i];
	return count ? layer_copy(from, dir, part, count, err) : 0;
}

static int copy_all(const struct file_stores *s, int dir, const struct view *view, struct err *err)
{
	int r = copy_entries(s, s->files, dir, view, err);

	if (r == 0 && s->pinned)
		r = copy_entries(s, s->pinned, dir, view, err);
	for (size_t i = 0; r == 0 && i < s->n; i++) {
		bool copied = !s->items[i].store || s->items[i].store == s->pinned;

		for (size_t k = 0; k < i; k++)
			copied |= s->items[k].store == s->items[i].store;
		if (!copied)
			r = copy_entries(s, s->items[i].store, dir, view, err);
	}
	return r;
}

int ephemeral_begin(struct store *store, const struct ephemeral_item *items, size_t n,
		    struct ephemeral *e, struct err *err)
{
	AUTO_STORE struct store *files = NULL;
	AUTO_FD int dir = -1;
	int r = ephemeral_hide(EPHEMERAL_DIR, err);

	if (r == 0)
		r = store_items(items, n, &files, err);
	if (r < 0)
		return r;
	dir = open(EPHEMERAL_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_sys(err, errno, "cannot open " EPHEMERAL_DIR);
	r = copy_all(&(struct file_stores){files, store, items, n}, dir, &e->plan.view, err);
	return r < 0 ? err_wrap(err, r, "cannot lay out the files of the view") : 0;
}

int ephemeral_end(struct err *err)
{
	return sys_umount(EPHEMERAL_DIR) < 0 ? err_sys(err, errno, "cannot unmount the tmpfs") : 0;
}

/* In a view only the wrapper's directory is not nosuid, so that the program can start wrapped
 * programs (wrapper/namespace.c). -1: the directory does not belong to root alone, and stays nosuid. */
static int pick_up_wrapper(void)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY, .attr_clr = MOUNT_ATTR_NOSUID};
	struct err ignored;
	AUTO_FD int fd = mount_pick_up(PINLIB_LIBDIR, 0, &ignored);
	int done;

	if (fd < 0 || wrapper_check(&ignored) < 0 ||
	    sys_mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof attr) < 0)
		return -1;
	done = fd;
	fd = -1;
	return done;
}

int ephemeral_enter(const struct ephemeral *e, struct err *err)
{
	const struct sysroot sysroot = view_sysroot(&e->plan.plan, e->program);
	AUTO_FD int wrapper = pick_up_wrapper();
	int r = unshare_sysroot(&sysroot, err);

	if (r == 0 && wrapper >= 0)
		r = mount_put_down(wrapper, PINLIB_LIBDIR, err);
	return r < 0 ? r : ephemeral_end(err);
}
