#include "wrapper/mounts.h"

#include "base/cleanup.h"
#include "base/kernel.h"
#include "base/paths.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define LINE_MAX_BYTES (64 * 1024)
#define TEXT_MAX (256 * 1024)

/* Static and large, touched only as far as it is used. */
static char text[TEXT_MAX];
static size_t text_used;

/* The fields of a line that matter; pointers into it. */
struct line {
	const char *id, *parent, *root, *point, *type, *source;
};

/* A mount of pinlib's that may turn out to have another one on top. */
struct candidate {
	char id[16];
	const char *point; /* NULL: covered by another mount */
};

static struct candidate candidates[MOUNTS_MAX];
static size_t ncandidates;

static const char *inherited[MOUNTS_MAX], *below_covers[MOUNTS_MAX];

static bool ends_with(const char *s, const char *end)
{
	size_t a = strlen(s), b = strlen(end);

	return a >= b && strcmp(s + a - b, end) == 0;
}

static bool below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(path, dir, len) == 0 && path[len] == '/';
}

static const char *base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* "\040" and the like, in place: what the kernel writes for space, tab, newline and backslash. */
static void unescape(char *s)
{
	char *out = s;

	for (; *s; out++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
		    s[3] >= '0' && s[3] <= '7') {
			*out = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 4;
		} else {
			*out = *s++;
		}
	}
	*out = '\0';
}

/* What the kernel appends to the root of a mount whose file was replaced since, as an upgrade of
 * the package does to the original of a program that runs. */
static void cut_deleted(char *root)
{
	if (ends_with(root, "//deleted"))
		root[strlen(root) - strlen("//deleted")] = '\0';
}

/* Cuts the next field off. */
static char *field(char **rest)
{
	char *start = *rest, *end;

	if (!start)
		return NULL;
	end = strchr(start, ' ');
	if (end)
		*end++ = '\0';
	*rest = end;
	return start;
}

/* ID PARENT MAJOR:MINOR ROOT POINT OPTIONS TAG... - TYPE SOURCE SUPER-OPTIONS */
static bool split(char *s, struct line *out)
{
	char *rest = s, *root, *point, *source, *tag;

	out->id = field(&rest);
	out->parent = field(&rest);
	field(&rest);
	root = field(&rest);
	point = field(&rest);
	do
		tag = field(&rest);
	while (tag && strcmp(tag, "-") != 0);
	out->type = field(&rest);
	source = field(&rest);
	if (!source)
		return false;
	unescape(root);
	cut_deleted(root);
	unescape(point);
	unescape(source);
	out->root = root;
	out->point = point;
	out->source = source;
	return true;
}

static bool is_ours(const struct line *l)
{
	const char *cut;

	if (strcmp(l->type, "overlay") == 0 &&
	    strncmp(l->source, PINLIB_SOURCE, strlen(PINLIB_SOURCE)) == 0)
		return true;
	cut = strrchr(l->root, '/');
	return cut && strcmp(base(l->point), cut + 1) == 0 &&
	       cut - l->root >= (ptrdiff_t)strlen("/" PINLIB_REAL_DIR) &&
	       strncmp(cut - strlen("/" PINLIB_REAL_DIR), "/" PINLIB_REAL_DIR,
		       strlen("/" PINLIB_REAL_DIR)) == 0;
}

static const char *keep(const char *s, struct err *err)
{
	size_t len = strlen(s) + 1;
	char *copy = text + text_used;

	if (len > sizeof text - text_used) {
		err_set(err, E2BIG, "the mount table is too large");
		return NULL;
	}
	memcpy(copy, s, len);
	text_used += len;
	return copy;
}

/* What was taken for ours has something on top: then that is what people see, and it stays. */
static void note_cover(const struct line *l)
{
	for (size_t i = 0; i < ncandidates; i++)
		if (candidates[i].point && strcmp(candidates[i].id, l->parent) == 0 &&
		    strcmp(candidates[i].point, l->point) == 0)
			candidates[i].point = NULL;
}

static bool child_of_ours(const struct line *l)
{
	for (size_t i = 0; i < ncandidates; i++)
		if (strcmp(candidates[i].id, l->parent) == 0)
			return true;
	return false;
}

static int note_ours(const struct line *l, struct err *err)
{
	struct candidate *c = &candidates[ncandidates];

	if (ncandidates == MOUNTS_MAX || strlen(l->id) >= sizeof c->id)
		return err_set(err, E2BIG, "too many mounts of views");
	memcpy(c->id, l->id, strlen(l->id) + 1);
	c->point = keep(l->point, err);
	if (!c->point)
		return -E2BIG;
	ncandidates++;
	return 0;
}

static int note_below(const struct plan *plan, const struct line *l, struct mounts *out,
		      struct err *err)
{
	bool hidden = false;

	for (size_t i = 0; i < plan->ncovers && !hidden; i++)
		hidden = below(l->point, plan->covers[i].target);
	for (size_t i = 0; i < out->nbelow && hidden; i++)
		hidden = strcmp(l->point, out->below[i]) != 0;
	if (!hidden)
		return 0;
	if (out->nbelow == MOUNTS_MAX)
		return err_set(err, E2BIG, "too many mounts below the covered directories");
	out->below[out->nbelow] = keep(l->point, err);
	return out->below[out->nbelow++] ? 0 : -E2BIG;
}

static int consider(char *s, const struct plan *plan, struct mounts *out, struct err *err)
{
	struct line l;

	if (!split(s, &l))
		return err_set(err, EBADMSG, "cannot read a line of the mount table");
	if (below(l.point, PINLIB_UNITS)) /* stands ready for a service, and is nobody's view */
		return 0;
	note_cover(&l);
	out->on_wrapper |= strcmp(l.point, PINLIB_LIBDIR) == 0;
	if (is_ours(&l))
		return note_ours(&l, err);
	/* What hangs on an inherited mount is a copy that goes with it. */
	if (!plan || child_of_ours(&l))
		return 0;
	return note_below(plan, &l, out, err);
}

/* Calls consider for each line; a line never needs more than the buffer holds (two paths of
 * PATH_MAX, each byte escaped to four, and a page of options). */
static int each_line(int fd, const struct plan *plan, struct mounts *out, struct err *err)
{
	static char buf[LINE_MAX_BYTES];
	size_t used = 0, lines = 0;

	for (;;) {
		ssize_t n = read(fd, buf + used, sizeof buf - 1 - used);
		char *line = buf, *end;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, errno, "cannot read /proc/self/mountinfo");
		/* The file itself is on a mount, so there is at least one. */
		if (n == 0 && (used || !lines))
			return err_set(err, EBADMSG, "the mount table ends %s",
				       used ? "in mid-line" : "before it begins");
		if (n == 0)
			return 0;
		used += (size_t)n;
		buf[used] = '\0';
		while ((end = strchr(line, '\n'))) {
			int r;

			*end = '\0';
			r = consider(line, plan, out, err);
			if (r < 0)
				return r;
			line = end + 1;
			lines++;
		}
		used -= (size_t)(line - buf);
		memmove(buf, line, used);
		if (used == sizeof buf - 1)
			return err_set(err, E2BIG, "a line of the mount table is too long");
	}
}

bool mounts_in_view(void)
{
	struct statfs root = {0};

	/* A filter of the caller's could have faked the call. */
	if (statfs("/", &root) < 0 || !(root.f_flags & ST_VALID))
		return true;
	return root.f_flags & ST_NOSUID;
}

int mounts_read(const struct plan *plan, struct mounts *out, struct err *err)
{
	AUTO_FD int fd = openat(AT_FDCWD, "/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return err_sys(err, errno, "cannot read /proc/self/mountinfo");
	ncandidates = text_used = 0;
	*out = (struct mounts){.read = true, .inherited = inherited, .below = below_covers};
	r = each_line(fd, plan, out, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ncandidates; i++)
		if (candidates[i].point)
			out->inherited[out->ninherited++] = candidates[i].point;
	return 0;
}
