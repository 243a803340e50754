#include "intake/staging.h"

#include "base/array.h"
#include "base/file.h"
#include "elf/elf.h"
#include "intake/soname.h"
#include "store/text.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

/* <search.h> declares a struct entry for hsearch(3), which this file does not use. */
#define entry hsearch_entry
#include <search.h>
#undef entry

int staging_begin(const struct store *store, const struct intake_options *options,
		  struct staging *s, struct err *err)
{
	int r;

	*s = STAGING_NONE;
	s->store = store;
	s->options = options;
	r = file_temp_name(STORE_STAGING, s->dir_name, sizeof s->dir_name, err);
	if (r < 0)
		return r;
	if (mkdirat(store->tmp, s->dir_name, 0755) < 0)
		return err_sys(err, errno, "cannot create a directory in %s/tmp", store->root);
	s->dir = openat(store->tmp, s->dir_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir < 0 || fchmod(s->dir, 0755) < 0)
		return err_sys(err, errno, "cannot open a directory in %s/tmp", store->root);
	return 0;
}

static void no_free(void *p)
{
	(void)p;
}

void staging_end(struct staging *s)
{
	struct err ignored;

	tdestroy(s->by_path, no_free);
	for (size_t i = 0; i < s->count; i++) {
		free(s->items[i]->path);
		free(s->items[i]->soname);
		free(s->items[i]->target);
		free(s->items[i]);
	}
	free(s->items);
	free(s->source);
	free(s->unverified);
	provenance_free(&s->provenance);
	parser_end(&s->elf, 0, &ignored);
	cleanup_fd(&s->dir);
	if (s->dir_name[0])
		file_remove_tree(s->store->tmp, s->dir_name, &ignored);
	*s = STAGING_NONE;
}

static int refuse_member(struct err *err, const char *member, const char *why)
{
	char buf[TEXT_SHOWN];

	return err_set(err, EPERM, "%s %s", text_shown(member, buf), why);
}

/* Times may differ: the first one stays. */
static bool same_entry(const struct entry *a, const struct entry *b)
{
	if (a->type != b->type || a->mode != b->mode)
		return false;
	if (a->type == ENTRY_FILE)
		return a->size == b->size && digest_equal(&a->content, &b->content);
	return a->type == ENTRY_DIR || strcmp(a->target, b->target) == 0;
}

static int check_room(struct staging *s, const char *path, const char *target, struct err *err)
{
	/* Members that repeat earlier ones count too, because reading them takes time. */
	if (++s->members > INTAKE_MAX_MEMBERS)
		return err_set(err, EFBIG, "it has more than %d members", INTAKE_MAX_MEMBERS);
	s->paths += strlen(path) + (target ? strlen(target) : 0);
	if (s->paths > INTAKE_MAX_PATHS)
		return err_set(err, EFBIG, "its paths take more than %zu bytes", INTAKE_MAX_PATHS);
	return 0;
}

static int keep_entry(struct staging *s, const struct entry *e, struct err *err)
{
	struct entry *copy;

	if (ARRAY_GROW(s->items, s->count, err) < 0)
		return -ENOMEM;
	copy = malloc(sizeof *copy);
	if (!copy)
		return err_nomem(err);
	*copy = *e;
	copy->path = strdup(e->path);
	copy->soname = e->soname ? strdup(e->soname) : NULL;
	copy->target = e->target ? strdup(e->target) : NULL;
	s->items[s->count++] = copy; /* from here on staging_end frees the copy */
	if (!copy->path || (e->soname && !copy->soname) || (e->target && !copy->target) ||
	    !tsearch(copy, &s->by_path, entry_order))
		return err_nomem(err);
	return 0;
}

static int add_entry(struct staging *s, const struct entry *e, struct err *err)
{
	struct entry *const *found;

	if (strcmp(e->path, "/") == 0)
		return e->type == ENTRY_DIR ? 0 : refuse_member(err, "/", "is not a directory");
	found = tfind(e, &s->by_path, entry_order);
	if (found)
		return same_entry(*found, e)
			       ? 0
			       : refuse_member(err, e->path,
					       "occurs twice, with different content");
	return keep_entry(s, e, err);
}

static int take_path(struct staging *s, const char *member, const char *target, char path[PATH_MAX],
		     struct err *err)
{
	const char *fault = text_member_path(member, path);

	return fault ? refuse_member(err, member, fault) : check_room(s, path, target, err);
}

int staging_dir(struct staging *s, const char *member, int64_t time, struct err *err)
{
	char path[PATH_MAX];
	struct entry e = {
		.type = ENTRY_DIR, .path = path, .mode = 0755, .time = text_time_near(time)};
	int r = take_path(s, member, NULL, path, err);

	return r < 0 ? r : add_entry(s, &e, err);
}

int staging_link(struct staging *s, const char *member, const char *target, struct err *err)
{
	char path[PATH_MAX], copy[PATH_MAX], why[128];
	struct entry e = {.type = ENTRY_LINK, .path = path, .target = copy};
	const char *fault;
	int r = take_path(s, member, target, path, err);

	if (r < 0)
		return r;
	fault = text_target_fault(path, target);
	if (fault) {
		snprintf(why, sizeof why, "is a link whose target %s", fault);
		return refuse_member(err, member, why);
	}
	snprintf(copy, sizeof copy, "%s", target);
	return add_entry(s, &e, err);
}

static int check_mode(const char *member, mode_t mode, struct err *err)
{
	if (mode & S_ISUID)
		return refuse_member(err, member, "is setuid");
	if (mode & S_ISGID)
		return refuse_member(err, member, "is setgid");
	return 0;
}

static int too_much(const char *member, struct err *err)
{
	char buf[TEXT_SHOWN];

	return err_set(err, EFBIG, "with %s its files take more than %llu bytes",
		       text_shown(member, buf), (unsigned long long)INTAKE_MAX_CONTENT);
}

/* Leaves room for the others that write to this file system, above all the policy. */
static int check_space(const struct staging *s, const char *member, uint64_t size, struct err *err)
{
	struct statvfs fs;
	uint64_t spare, room;
	char buf[TEXT_SHOWN];

	if (fstatvfs(s->dir, &fs) < 0)
		return err_sys(err, errno, "cannot stat the file system of %s", s->store->root);
	spare = fs.f_blocks / INTAKE_SPARE_PART * fs.f_frsize;
	if (spare > INTAKE_SPARE_MOST)
		spare = INTAKE_SPARE_MOST;
	room = fs.f_bavail * fs.f_frsize;
	if (size == 0 || (room >= spare && size <= room - spare))
		return 0;
	return err_sys(err, ENOSPC,
		       "%s has %llu bytes, and the file system of %s has %llu free (%llu are kept "
		       "for the policy)",
		       text_shown(member, buf), (unsigned long long)size, s->store->root,
		       (unsigned long long)room, (unsigned long long)spare);
}

int staging_check_file(struct staging *s, const char *member, mode_t mode, uint64_t size,
		       struct err *err)
{
	char path[PATH_MAX];
	const char *fault = text_member_path(member, path);
	int r;

	if (fault)
		return refuse_member(err, member, fault);
	if (size > INTAKE_MAX_CONTENT || s->content + size > INTAKE_MAX_CONTENT)
		return too_much(member, err);
	r = check_mode(member, mode, err);
	return r < 0 ? r : check_space(s, member, size, err);
}

static bool is_elf(int fd, uint64_t size)
{
	char magic[4];

	return size > 64 && pread(fd, magic, sizeof magic, 0) == sizeof magic &&
	       memcmp(magic, "\177ELF", sizeof magic) == 0;
}

static void note_arch(struct staging *s, const char *path, const char *arch)
{
	if (!arch[0])
		return;
	if (s->elf_arch[0] && strcmp(s->elf_arch, arch) != 0) {
		s->elf_mixed = true;
	} else if (!s->elf_arch[0]) {
		memcpy(s->elf_arch, arch, strlen(arch) + 1); /* text_arch_fault bounds it */
		text_shown(path, s->elf_example);
	}
}

int staging_check_libc(const struct staging *s, const char *path, char arch[256], struct err *err)
{
	const size_t len = strlen(ELF_MUSL);
	char buf[TEXT_SHOWN];

	if (strncmp(arch, ELF_MUSL, len) != 0)
		return 0;
	if (s->glibc_only)
		return err_set(err, EPERM,
			       "%s needs the C library musl, and Debian's programs run with glibc: "
			       "a process cannot have both",
			       text_shown(path, buf));
	memmove(arch, arch + len, strlen(arch + len) + 1);
	return 0;
}

/* Fills soname, "" if there is none. */
static int read_elf_info(struct staging *s, const char *path, int fd, uint64_t size,
			 char soname[256], struct err *err)
{
	char arch[256] = "";
	int r;

	soname[0] = '\0';
	if (s->options->opaque || !is_elf(fd, size))
		return 0;
	r = soname_ask(&s->elf, fd, soname, arch, err);
	if (r < 0)
		return err_wrap(err, r, "%s", path);
	if (soname[0] && text_fault(soname))
		return refuse_member(err, path, "has a soname that is not plain text");
	r = staging_check_libc(s, path, arch, err);
	if (r < 0)
		return r;
	if (arch[0] && text_arch_fault(arch))
		return err_set(err, EINVAL, "%s has an invalid architecture", path);
	note_arch(s, path, arch);
	return 0;
}

int staging_file(struct staging *s, const char *member, mode_t mode, int64_t time,
		 struct object_writer *w, struct err *err)
{
	char path[PATH_MAX], soname[256] = "";
	struct entry e = {.type = ENTRY_FILE,
			  .path = path,
			  .mode = mode & 0111 ? 0755 : 0644,
			  .time = text_time_near(time)};
	AUTO_FD int fd = -1;
	int r;

	e.size = w->size;
	r = staging_check_file(s, member, mode, e.size, err);
	if (r == 0)
		r = take_path(s, member, NULL, path, err);
	if (r < 0) {
		object_abandon(w);
		return r;
	}
	s->content += e.size;
	r = object_end(w, e.time, &e.content, &fd, err);
	if (r == 0)
		r = read_elf_info(s, path, fd, e.size, soname, err);
	if (r < 0)
		return r;
	e.soname = soname[0] ? soname : NULL;
	return add_entry(s, &e, err);
}

/* Reads no more than the size that was checked: a file may grow for ever. */
static int copy_content(int fd, off_t size, struct object_writer *w, struct err *err)
{
	char buf[64 * 1024];
	off_t at = 0;

	for (;;) {
		ssize_t n = file_read_part(fd, buf, sizeof buf, at, err);
		int r;

		if (n < 0)
			return (int)n;
		if (n == 0)
			return 0;
		if (n > size - at)
			return err_set(err, EFBIG, "it grew while it was read");
		r = object_write(w, buf, (size_t)n, err);
		if (r < 0)
			return r;
		at += n;
	}
}

#define HOLES_TRIED 65536 /* a hostile file system may answer for ever */

/* Refuses a file whose holes would become terabytes in the store. */
static int check_holes(int fd, off_t size, struct err *err)
{
	off_t holes = 0, at = 0;

	for (int i = 0; at < size && holes <= INTAKE_MAX_HOLES; i++) {
		off_t hole = lseek(fd, at, SEEK_HOLE);
		off_t data = hole < 0 || hole >= size ? size : lseek(fd, hole, SEEK_DATA);

		if (hole < 0 || hole >= size) /* or this file system does not report holes */
			return 0;
		if (data < 0)
			data = size; /* no data follows the hole */
		if (data <= hole || i == HOLES_TRIED)
			return err_set(err, EIO, "cannot find its holes");
		holes += data - hole;
		at = data;
	}
	return holes <= INTAKE_MAX_HOLES
		       ? 0
		       : err_set(err, EFBIG,
				 "it is sparse: more than %lld bytes were never written",
				 (long long)INTAKE_MAX_HOLES);
}

int staging_file_fd(struct staging *s, const char *member, int fd, struct err *err)
{
	AUTO_OBJECT_WRITER struct object_writer w = OBJECT_WRITER_NONE;
	char buf[TEXT_SHOWN];
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "cannot stat %s", text_shown(member, buf));
	if (!S_ISREG(st.st_mode))
		return refuse_member(err, member, "is neither a file, a directory nor a link");
	r = staging_check_file(s, member, st.st_mode, (uint64_t)st.st_size, err);
	if (r < 0)
		return r;
	r = staging_check_xattrs(fd, err);
	if (r == 0)
		r = check_holes(fd, st.st_size, err);
	if (r == 0)
		r = object_begin(s->store, s->dir, &w, err);
	if (r == 0)
		r = copy_content(fd, st.st_size, &w, err);
	if (r < 0)
		return err_wrap(err, r, "%s", text_shown(member, buf));
	return staging_file(s, member, st.st_mode, st.st_mtim.tv_sec, &w, err);
}

int staging_hard(struct staging *s, const char *member, mode_t mode, const char *earlier,
		 struct err *err)
{
	char path[PATH_MAX], from[PATH_MAX];
	struct entry e, *const *found, key = {.path = from};
	const char *fault = text_member_path(earlier, from);
	int r = take_path(s, member, NULL, path, err);

	if (r == 0)
		r = check_mode(member, mode, err);
	if (r < 0)
		return r;
	found = fault ? NULL : tfind(&key, &s->by_path, entry_order);
	if (!found || (*found)->type != ENTRY_FILE)
		return refuse_member(err, member,
				     "is a hard link to a file that does not precede it");
	e = **found;
	e.path = path;
	return add_entry(s, &e, err);
}

int staging_label(struct staging *s, const char *what, const char *value, struct err *err)
{
	bool name = strcmp(what, "name") == 0, version = strcmp(what, "version") == 0;
	const char *fault = name      ? text_label_fault(value)
			    : version ? text_version_fault(value)
				      : text_arch_fault(value);
	char *to = name ? s->name : version ? s->version : s->arch, buf[TEXT_SHOWN];

	if (!fault && strlen(value) >= (to == s->arch ? sizeof s->arch : sizeof s->name))
		fault = "is too long";
	if (fault)
		return err_set(err, EINVAL, "the %s \"%s\" %s", what, text_shown(value, buf),
			       fault);
	memcpy(to, value, strlen(value) + 1);
	return 0;
}

int staging_arch(struct staging *s, struct err *err)
{
	if (s->elf_mixed)
		return err_set(err, EINVAL,
			       "its ELF files are for several architectures (%s is for %s): add "
			       "them separately",
			       s->elf_example, s->elf_arch);
	snprintf(s->arch, sizeof s->arch, "%s", s->elf_arch[0] ? s->elf_arch : "all");
	return 0;
}

int staging_check_readable(const struct stat *st, const char *path, struct err *err)
{
	mode_t all = S_ISDIR(st->st_mode) ? S_IROTH | S_IXOTH : S_IROTH;
	char buf[TEXT_SHOWN];

	if ((st->st_mode & all) == all)
		return 0;
	return err_set(err, EPERM, "%s is not readable by all users, as the store is",
		       text_shown(path, buf));
}

int staging_check_xattrs(int fd, struct err *err)
{
	AUTO_FREE char *names = malloc(XATTR_LIST_MAX);
	ssize_t len;

	if (!names)
		return err_nomem(err);
	len = flistxattr(fd, names, XATTR_LIST_MAX);
	if (len < 0)
		return errno == ENOTSUP ? 0 : err_sys(err, errno, "cannot list its attributes");
	for (const char *p = names; p < names + len; p += strlen(p) + 1) {
		if (strcmp(p, "security.capability") == 0)
			return err_set(err, EPERM, "it has file capabilities");
		if (strncmp(p, "trusted.overlay.", 16) == 0 || strncmp(p, "user.overlay.", 13) == 0)
			return err_set(err, EPERM, "it has an attribute of overlayfs");
	}
	return 0;
}
