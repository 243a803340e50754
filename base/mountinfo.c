#include "base/mountinfo.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

/* The longest line: two paths of PATH_MAX, each byte escaped to four, and the options and the
 * source, which come from one page. */
#define LINE_MAX_BYTES (64 * 1024)

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
	static const char end[] = "//deleted";
	size_t len = strlen(root);

	if (len >= sizeof end - 1 && strcmp(root + len - (sizeof end - 1), end) == 0)
		root[len - (sizeof end - 1)] = '\0';
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

static bool number(const char *s, uint64_t *out)
{
	*out = 0;
	if (!s || !*s || strlen(s) > 18)
		return false;
	for (; *s >= '0' && *s <= '9'; s++)
		*out = *out * 10 + (uint64_t)(*s - '0');
	return *s == '\0';
}

/* ID PARENT MAJOR:MINOR ROOT POINT OPTIONS TAG... - TYPE SOURCE SUPER-OPTIONS */
static bool split(char *s, struct mountinfo *out)
{
	char *rest = s, *root, *point, *type, *source, *tag;
	bool numbers = number(field(&rest), &out->id) && number(field(&rest), &out->parent);

	field(&rest);
	root = field(&rest);
	point = field(&rest);
	do
		tag = field(&rest);
	while (tag && strcmp(tag, "-") != 0);
	type = field(&rest);
	source = field(&rest);
	if (!numbers || !source)
		return false;
	unescape(root);
	cut_deleted(root);
	unescape(point);
	unescape(source);
	out->root = root;
	out->point = point;
	out->type = type;
	out->source = source;
	out->options = rest ? rest : "";
	return true;
}

/* Hands the whole lines of buf to fn; *used becomes what is left, moved to the start. */
static int lines(char *buf, size_t *used, mountinfo_fn *fn, void *ctx, struct err *err)
{
	char *line = buf, *end;
	struct mountinfo mount;
	int r = 0;

	while (r == 0 && (end = memchr(line, '\n', *used - (size_t)(line - buf)))) {
		*end = '\0';
		r = split(line, &mount)
			    ? fn(&mount, ctx, err)
			    : err_set(err, EBADMSG, "cannot read a line of the mount table");
		line = end + 1;
	}
	*used -= (size_t)(line - buf);
	memmove(buf, line, *used);
	return r;
}

int mountinfo_each(mountinfo_fn *fn, void *ctx, struct err *err)
{
	static char buf[LINE_MAX_BYTES]; /* touched only as far as it is used */
	AUTO_FD int fd = openat(AT_FDCWD, "/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	bool any = false;
	size_t used = 0;
	int r = 0;

	if (fd < 0)
		return err_sys(err, errno, "cannot read /proc/self/mountinfo");
	while (r == 0) {
		ssize_t n = read(fd, buf + used, sizeof buf - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, errno, "cannot read /proc/self/mountinfo");
		/* The file itself is on a mount, so there is at least one. */
		if (n == 0 && (used || !any))
			return err_set(err, EBADMSG, "the mount table ends %s",
				       used ? "in mid-line" : "before it begins");
		if (n == 0)
			return 0;
		any = true;
		used += (size_t)n;
		r = lines(buf, &used, fn, ctx, err);
		if (r == 0 && used == sizeof buf)
			r = err_set(err, E2BIG, "a line of the mount table is too long");
	}
	return r;
}
