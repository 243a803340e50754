#include "cli/terminal.h"

#include "base/err.h"
#include "base/file.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int length_of(unsigned char first)
{
	return first < 0x80   ? 1
	       : first < 0xc2 ? 0
	       : first < 0xe0 ? 2
	       : first < 0xf0 ? 3
	       : first < 0xf5 ? 4
			      : 0;
}

/* Whether the second byte makes an overlong form, a surrogate, or a number above U+10FFFF (Unicode, table 3-7). */
static bool is_odd(unsigned char first, unsigned char second)
{
	return (first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
	       (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f);
}

int utf8_at(const unsigned char *p, size_t len, uint32_t *c)
{
	int n = len ? length_of(p[0]) : -1;

	if (n <= 0)
		return n;
	*c = n == 1 ? p[0] : p[0] & (0x7fu >> n);
	for (int i = 1; i < n; i++) {
		if ((size_t)i == len)
			return -1;
		if ((p[i] & 0xc0) != 0x80 || (i == 1 && is_odd(p[0], p[1])))
			return 0;
		*c = *c << 6 | (p[i] & 0x3f);
	}
	return n;
}

int is_command(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c || c == 0x200e || c == 0x200f ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/* The length of the leading text that is plain ASCII. That is nearly all text, so this fast path comes first. */
static size_t plain_length(const unsigned char *text, size_t len, bool lines)
{
	size_t n = 0;

	while (n < len && ((text[n] >= 0x20 && text[n] < 0x7f) ||
			   (lines && (text[n] == '\n' || text[n] == '\t'))))
		n++;
	return n;
}

/* Writes the clean text to out, which is as long as text, and returns its length. *taken is how much of text was
 * read: all of it, except the beginning of a character at its end. */
static size_t clean(const unsigned char *text, size_t len, bool lines, unsigned char *out,
		    size_t *taken)
{
	size_t used = 0, at = 0;

	while (at < len) {
		size_t plain = plain_length(text + at, len - at, lines);
		uint32_t c = 0;
		int n;

		memmove(out + used, text + at, plain);
		used += plain;
		at += plain;
		n = utf8_at(text + at, len - at, &c);
		if (n < 0) /* the end, or the beginning of a character */
			break;
		if (n == 0 || is_command(c)) {
			out[used++] = '?';
			at += n ? (size_t)n : 1;
			continue;
		}
		memmove(out + used, text + at, (size_t)n);
		used += (size_t)n;
		at += (size_t)n;
	}
	*taken = at;
	return used;
}

char *printable(char *text)
{
	unsigned char *bytes = (unsigned char *)text;
	size_t len = strlen(text), taken, used = clean(bytes, len, false, bytes, &taken);

	if (taken < len) /* it ends in the middle of a character */
		text[used++] = '?';
	text[used] = '\0';
	return text;
}

int terminal_columns(int fd)
{
	struct winsize window = {0};

	if (!isatty(fd))
		return 0;
	return ioctl(fd, TIOCGWINSZ, &window) == 0 && window.ws_col ? window.ws_col : 80;
}

void put_text(const char *fmt, ...)
{
	char *text;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	fputs(text ? printable(text) : "?", stdout);
	free(text);
}

/* -- streams -- */

struct guard {
	int fd;
	unsigned char rest[4]; /* the beginning of a character */
	size_t nrest;
};

/* Output held back while a lock is held, in its order: a struct held_piece, its text, and so on. */
struct held_piece {
	int fd;
	size_t len;
};
static struct {
	bool on;
	int lock, failed;
	char *text;
	size_t len, room;
} held;

static int held_room(size_t more)
{
	size_t room = held.room ? held.room : BUFSIZ;
	char *text;

	while (room - held.len < more)
		room *= 2;
	if (room == held.room)
		return 0;
	text = realloc(held.text, room);
	if (!text)
		return -ENOMEM;
	held.text = text;
	held.room = room;
	return 0;
}

static int put_aside(int fd, const void *text, size_t len)
{
	struct held_piece piece = {fd, len};
	int r = held_room(sizeof piece + len);

	if (r < 0)
		return r;
	memcpy(held.text + held.len, &piece, sizeof piece);
	memcpy(held.text + held.len + sizeof piece, text, len);
	held.len += sizeof piece + len;
	return 0;
}

static int put_out(int fd, const void *text, size_t len)
{
	struct err ignored;

	return held.on ? put_aside(fd, text, len) : file_write(fd, text, len, &ignored);
}

static void at_exit(void)
{
	if (held.on)
		terminal_let_go(&held.lock);
}

void terminal_hold(int lock)
{
	static bool registered;

	registered = registered || atexit(at_exit) == 0;
	held.lock = lock;
	held.on = true;
}

void terminal_let_go(int *lock)
{
	if (*lock >= 0)
		close(*lock);
	*lock = -1;
	held.on = false;
	for (size_t at = 0; at < held.len;) {
		struct held_piece piece;
		int r;

		memcpy(&piece, held.text + at, sizeof piece);
		at += sizeof piece;
		r = put_out(piece.fd, held.text + at, piece.len);
		if (r < 0 && piece.fd == STDOUT_FILENO)
			held.failed = -r;
		at += piece.len;
	}
	free(held.text);
	held.text = NULL;
	held.len = held.room = 0;
}

int terminal_failed(void)
{
	return held.failed;
}

static int write_some(struct guard *g, const char *data, size_t n)
{
	unsigned char text[BUFSIZ + sizeof g->rest];
	size_t len = g->nrest + n, taken, used;

	memcpy(text, g->rest, g->nrest);
	memcpy(text + g->nrest, data, n);
	used = clean(text, len, true, text, &taken);
	g->nrest = len - taken;
	memcpy(g->rest, text + taken, g->nrest);
	return put_out(g->fd, text, used);
}

/* For stdio 0 is a failure, with the reason in errno. */
static ssize_t guarded_write(void *cookie, const char *data, size_t len)
{
	for (size_t at = 0; at < len;) {
		size_t n = len - at < BUFSIZ ? len - at : BUFSIZ;
		int r = write_some(cookie, data + at, n);

		if (r < 0) {
			errno = -r;
			return 0;
		}
		at += n;
	}
	return (ssize_t)len;
}

static FILE *guarded(struct guard *g, FILE *plain, int buffering)
{
	FILE *f = fopencookie(g, "w", (cookie_io_functions_t){.write = guarded_write});

	if (!f) {
		fputs("pinlib: out of memory\n", plain);
		exit(1);
	}
	setvbuf(f, NULL, buffering, BUFSIZ);
	return f;
}

void terminal_guard(void)
{
	static struct guard out = {.fd = STDOUT_FILENO}, err = {.fd = STDERR_FILENO};

	stdout = guarded(&out, stderr, isatty(STDOUT_FILENO) ? _IOLBF : _IOFBF);
	stderr = guarded(&err, stderr, _IONBF);
}
