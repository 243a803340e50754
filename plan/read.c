#include "plan/read.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

bool plan_is_supplied(const struct plan *plan)
{
	return strcmp(plan->program, plan->real) != 0;
}

int plan_file_name(const char *app, char name[NAME_MAX + 1], struct err *err)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t used = 0;

	if (app[0] != '/' || app[1] == '\0')
		return err_set(err, EINVAL, "%.64s is not an absolute path", app);
	for (const unsigned char *p = (const unsigned char *)app + 1; *p; p++) {
		bool plain = *p > ' ' && *p < 0x7f && *p != '/' && *p != '%';
		/* A leading dot would hide the file, or make "..". */
		if (used == 0 && *p == '.')
			plain = false;
		if (used + (plain ? 1 : 3) > NAME_MAX)
			return err_set(err, ENAMETOOLONG,
				       "%.64s...: path too long for the name of its plan file (255 "
				       "bytes, and '/' or a non-ASCII byte takes three)",
				       app);
		if (plain) {
			name[used++] = (char)*p;
		} else {
			name[used++] = '%';
			name[used++] = digits[*p >> 4];
			name[used++] = digits[*p & 15];
		}
	}
	name[used] = '\0';
	return 0;
}

/* The only access by offset: a range of the file, or NULL. */
static const void *range(const void *data, size_t size, size_t at, size_t len)
{
	if (at > size || len > size - at)
		return NULL;
	return (const char *)data + at;
}

/* The file's last byte is 0, so a string that starts in the file ends in the file. */
static const char *string_at(const struct plan_header *h, uint32_t at)
{
	if (at < h->strings_at)
		return NULL;
	return range(h, h->size, at, 1);
}

static const char *path_at(const struct plan_header *h, uint32_t at)
{
	const char *s = string_at(h, at);

	return s && s[0] == '/' && strlen(s) < PATH_MAX ? s : NULL;
}

static bool is_strictly_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(path, dir, len) == 0 && path[len] == '/';
}

static int plan_damaged(struct err *err, const char *what)
{
	return err_set(err, EBADMSG, "damaged plan (%s): run 'pinlib doctor --repair'", what);
}

/* Adds one byte to a CRC-32, four bits at a time: a table for whole bytes would be a kilobyte, which each launch would
 * have to read. */
static uint32_t crc_add(uint32_t crc, unsigned char byte)
{
	static const uint32_t table[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
		0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
		0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};

	crc ^= byte;
	crc = crc >> 4 ^ table[crc & 15];
	return crc >> 4 ^ table[crc & 15];
}

uint32_t plan_crc(const void *data, size_t len)
{
	const unsigned char *p = data;
	size_t field = offsetof(struct plan_header, crc);
	uint32_t crc = 0xffffffffu;

	for (size_t i = 0; i < len; i++)
		crc = crc_add(crc, i >= field && i < field + sizeof(uint32_t) ? 0 : p[i]);
	return ~crc;
}

static int check_header(const struct plan_header *h, size_t len, struct err *err)
{
	if (len < sizeof *h || memcmp(h->magic, PLAN_MAGIC, sizeof h->magic) != 0)
		return plan_damaged(err, "not a plan");
	if (h->version != PLAN_VERSION)
		return err_set(err, EPROTO,
			       "plan of format %u instead of %u: the wrapper and pinlib are of "
			       "different versions",
			       h->version, PLAN_VERSION);
	if (h->size != len)
		return plan_damaged(err, "wrong length");
	if (h->crc != plan_crc(h, len))
		return plan_damaged(err, "wrong checksum");
	if (h->kind != PLAN_ELF && h->kind != PLAN_SCRIPT)
		return plan_damaged(err, "unknown kind of program");
	if (h->on_failure != PLAN_REFUSE && h->on_failure != PLAN_UNPINNED)
		return plan_damaged(err, "unknown on-failure");
	if (h->covers > PLAN_COVERS_MAX || h->covers_at < sizeof *h || h->covers_at % 4 ||
	    !range(h, len, h->covers_at, h->covers * sizeof(struct plan_cover)))
		return plan_damaged(err, "covers out of range");
	if (h->zero || h->strings_at < h->covers_at || h->strings_at > len ||
	    ((const char *)h)[len - 1] != '\0')
		return plan_damaged(err, "strings out of range");
	return 0;
}

/* The filter is between the covers and the strings, whose offsets check_header has checked. */
static int parse_filter(const struct plan_header *h, struct plan *plan, struct err *err)
{
	size_t covers_end = h->covers_at + h->covers * sizeof(struct plan_cover);
	const struct plan_filter *filter = range(h, h->strings_at, h->filter_at, sizeof *filter);

	if (h->filter_at == 0)
		return 0;
	if (!filter || h->filter_at < covers_end || h->filter_at % 4)
		return plan_damaged(err, "filter out of range");
	if (filter->ops == 0 || filter->ops > PLAN_FILTER_MAX || filter->zero != 0)
		return plan_damaged(err, "filter of an impossible length");
	plan->filter_ops = filter->ops;
	plan->filter = range(h, h->strings_at, h->filter_at + sizeof *filter,
			     filter->ops * sizeof *plan->filter);
	return plan->filter ? 0 : plan_damaged(err, "filter out of range");
}

/* In the same place; a sealed app has neither covers nor a filter, for which a wrapper would be needed. */
static int parse_seal(const struct plan_header *h, struct plan *plan, struct err *err)
{
	if (h->seal_at == 0)
		return 0;
	plan->seal = range(h, h->strings_at, h->seal_at, sizeof *plan->seal);
	if (!plan->seal || h->seal_at < h->covers_at || h->covers || h->filter_at)
		return plan_damaged(err, "seal out of range");
	return 0;
}

int plan_parse(const void *data, size_t len, struct plan *plan, struct err *err)
{
	const struct plan_header *h = data;
	const struct plan_cover *covers;
	int r = check_header(h, len, err);

	if (r < 0)
		return r;
	*plan = (struct plan){
		.kind = (enum plan_kind)h->kind,
		.on_failure = (enum plan_on_failure)h->on_failure,
		.generation = h->generation,
		.app = path_at(h, h->app),
		.real = path_at(h, h->real),
		.program = path_at(h, h->program),
		.at = path_at(h, h->at),
		.label = string_at(h, h->label),
		.ncovers = h->covers,
	};
	if (!plan->app || !plan->real || !plan->program || !plan->at || !plan->label ||
	    strlen(plan->label) >= PLAN_LABEL_MAX)
		return plan_damaged(err, "name out of range");
	covers = range(data, len, h->covers_at, h->covers * sizeof *covers);
	for (size_t i = 0; i < plan->ncovers; i++) {
		plan->covers[i].target = path_at(h, covers[i].target);
		plan->covers[i].layer = path_at(h, covers[i].layer);
		if (!plan->covers[i].target || !plan->covers[i].layer)
			return plan_damaged(err, "cover out of range");
		if (i > 0 && strcmp(plan->covers[i - 1].target, plan->covers[i].target) >= 0)
			return plan_damaged(err, "covers out of order");
		/* With all earlier ones, not only the last: "/a", "/a-b", "/a/c" are sorted. */
		for (size_t k = 0; k < i; k++)
			if (is_strictly_below(plan->covers[i].target, plan->covers[k].target))
				return plan_damaged(err, "one cover below another");
	}
	r = parse_filter(h, plan, err);
	return r < 0 ? r : parse_seal(h, plan, err);
}

/* A filter's EPERM must not look like the wrong owner. */
static int open_errno(void)
{
	return errno == EPERM ? EACCES : errno;
}

/* -EPERM unless only root can write it. */
static int check_plan_owner(int fd, mode_t type, uid_t root, const char *name, struct stat *st,
			    struct err *err)
{
	if (fstat(fd, st) < 0)
		return err_sys(err, errno, "cannot stat %s", name);
	if ((st->st_mode & S_IFMT) != type)
		return err_set(err, EPERM, "%s is not a %s", name,
			       type == S_IFDIR ? "directory" : "regular file");
	if (st->st_uid != root || st->st_mode & (S_IWGRP | S_IWOTH))
		return err_set(err, EPERM, "%s could have been written by users other than root",
			       name);
	return 0;
}

/* size is from fstat(2). A plan is replaced and never rewritten, so this reads all of it; otherwise length and checksum
 * are wrong. */
static int read_plan(int fd, off_t size, struct plan_file *out, size_t *len, struct err *err)
{
	size_t used = 0;

	if (size >= (off_t)sizeof out->data)
		return err_set(err, EFBIG, "the plan is too large");
	while ((off_t)used < size) {
		ssize_t n = read(fd, out->data + used, (size_t)size - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, errno, "cannot read the plan");
		if (n == 0)
			break;
		used += (size_t)n;
	}
	*len = used;
	return 0;
}

int plan_load(const char *dir, const char *app, uid_t root, struct plan_file *out, struct err *err)
{
	AUTO_FD int dirfd = -1, fd = -1;
	char name[NAME_MAX + 1];
	struct stat st;
	size_t len = 0;
	int r = plan_file_name(app, name, err);

	if (r == -ENAMETOOLONG)
		return -ENOENT; /* such a plan cannot exist */
	if (r < 0)
		return r;
	/* Not open(3): musl's sets FD_CLOEXEC in a second system call, for kernels before 2.6.23. */
	dirfd = openat(AT_FDCWD, dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dirfd < 0)
		return err_sys(err, open_errno(), "cannot open %s", dir);
	fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, open_errno(), "cannot open the plan %s/%s", dir, name);
	r = check_plan_owner(dirfd, S_IFDIR, root, dir, &st, err);
	if (r == 0)
		r = check_plan_owner(fd, S_IFREG, root, name, &st, err);
	if (r == 0)
		r = read_plan(fd, st.st_size, out, &len, err);
	if (r == 0)
		r = plan_parse(out->data, len, &out->plan, err);
	if (r == 0 && strcmp(out->plan.app, app) != 0)
		r = plan_damaged(err, "of another program");
	return r < 0 ? err_wrap(err, r, "%s/%s", dir, name) : 0;
}
