#include "store/unpack.h"

#include "store/confine.h"
#include "store/frame.h"
#include "store/import.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <locale.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/sysmacros.h>

/* Three readers in a row, each fed by the one before: the ar archive, the decompressor of one of
 * its members, the tar archive in that. The middle one is drained at the end of the tar, so that
 * the compressor's checksums are checked to the last byte. */
struct unpack {
	int out;
	jmp_buf end; /* where fail() and put() go, never from what libarchive calls */
	struct archive *ar, *raw, *tar;
	char *control;	  /* its text */
	char reason[256]; /* of the first reader that failed */
	int errnum;	  /* 0: damaged */
	char ar_buf[64 * 1024], raw_buf[64 * 1024];
	uint64_t stream; /* bytes that were decompressed */
	/* libarchive leaves gzip's checksum unchecked: of this member, and its last 8 bytes. */
	bool gzip;
	uint32_t crc;
	unsigned char tail[8];
};

static _Thread_local struct unpack state; /* too large for a stack */

static void put(struct unpack *u, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = write(u->out, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			longjmp(u->end, 1); /* the parent has gone, or has seen enough */
		p += n;
		len -= (size_t)n;
	}
}

static void emit(struct unpack *u, struct frame f, const char *path, const char *target)
{
	f.path_len = (uint32_t)strnlen(path, FRAME_TEXT_MAX);
	f.target_len = (uint32_t)strnlen(target, FRAME_TEXT_MAX);
	put(u, &f, sizeof f);
	put(u, path, f.path_len);
	put(u, target, f.target_len);
}

__attribute__((noreturn)) static void fail(struct unpack *u, int errnum, const char *member,
					   const char *why)
{
	emit(u, (struct frame){.type = FRAME_ERROR, .mode = (uint32_t)errnum}, member, why);
	longjmp(u->end, 1);
}

static void note_reason(struct unpack *u, struct archive *a)
{
	const char *s = archive_error_string(a);

	if (!u->reason[0])
		snprintf(u->reason, sizeof u->reason, "%s", s ? s : "it ends too early");
}

__attribute__((noreturn)) static void damaged(struct unpack *u, struct archive *a)
{
	note_reason(u, a);
	fail(u, u->errnum ? u->errnum : EBADMSG, "", u->reason);
}

static void keep_tail(struct unpack *u, const char *data, size_t len)
{
	size_t n = len < sizeof u->tail ? len : sizeof u->tail;

	memmove(u->tail, u->tail + n, sizeof u->tail - n);
	memcpy(u->tail + sizeof u->tail - n, data + len - n, n);
}

/* RFC 1952, section 8. */
static uint32_t crc32(uint32_t crc, const char *data, size_t len)
{
	static uint32_t table[256];

	for (uint32_t i = 0; !table[255] && i < 256; i++) {
		table[i] = i;
		for (int bit = 0; bit < 8; bit++)
			table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320u : 0);
	}
	crc = ~crc;
	for (size_t i = 0; i < len; i++)
		crc = table[(crc ^ (unsigned char)data[i]) & 255] ^ crc >> 8;
	return ~crc;
}

static la_ssize_t read_ar(struct archive *a, void *ctx, const void **data)
{
	struct unpack *u = ctx;
	la_ssize_t n = archive_read_data(u->ar, u->ar_buf, sizeof u->ar_buf);

	*data = u->ar_buf;
	if (n < 0) {
		note_reason(u, u->ar);
		archive_set_error(a, EBADMSG, "%s", u->reason);
		return -1;
	}
	keep_tail(u, u->ar_buf, (size_t)n);
	return n;
}

static la_ssize_t read_raw(struct archive *a, void *ctx, const void **data)
{
	struct unpack *u = ctx;
	la_ssize_t n = archive_read_data(u->raw, u->raw_buf, sizeof u->raw_buf);

	*data = u->raw_buf;
	if (n < 0) {
		note_reason(u, u->raw);
		archive_set_error(a, EBADMSG, "%s", u->reason);
		return -1;
	}
	u->stream += (uint64_t)n;
	if (u->gzip)
		u->crc = crc32(u->crc, u->raw_buf, (size_t)n);
	if (u->stream > IMPORT_MAX_STREAM) {
		u->errnum = EFBIG;
		snprintf(u->reason, sizeof u->reason, "it unpacks to more bytes than are allowed");
		archive_set_error(a, EFBIG, "%s", u->reason);
		return -1;
	}
	return n;
}

static struct archive *new_reader(struct unpack *u)
{
	struct archive *a = archive_read_new();

	if (!a)
		fail(u, EBADMSG, "", "out of memory");
	return a;
}

/* ARCHIVE_WARN would mean that an external program does it. */
static void add_filters(struct unpack *u, struct archive *a)
{
	if (archive_read_support_filter_gzip(a) != ARCHIVE_OK ||
	    archive_read_support_filter_xz(a) != ARCHIVE_OK ||
	    archive_read_support_filter_zstd(a) != ARCHIVE_OK ||
	    archive_read_support_filter_bzip2(a) != ARCHIVE_OK ||
	    archive_read_support_format_raw(a) != ARCHIVE_OK ||
	    archive_read_support_format_empty(a) != ARCHIVE_OK)
		fail(u, ENOSYS, "", "libarchive lacks a decompressor");
}

static void open_member(struct unpack *u)
{
	struct archive_entry *e;

	u->raw = new_reader(u);
	add_filters(u, u->raw);
	if (archive_read_open(u->raw, u, NULL, read_ar, NULL) != ARCHIVE_OK ||
	    archive_read_next_header(u->raw, &e) != ARCHIVE_OK)
		damaged(u, u->raw);
	u->gzip = archive_filter_code(u->raw, 0) == ARCHIVE_FILTER_GZIP;
	u->crc = 0;
	u->tar = new_reader(u);
	if (archive_read_support_format_tar(u->tar) != ARCHIVE_OK)
		damaged(u, u->tar);
	if (archive_read_open(u->tar, u, NULL, read_raw, NULL) != ARCHIVE_OK)
		damaged(u, u->tar);
}

static void free_member(struct unpack *u)
{
	archive_read_free(u->tar);
	archive_read_free(u->raw);
	u->tar = u->raw = NULL;
}

static void check_gzip(struct unpack *u)
{
	const unsigned char *t = u->tail;
	uint32_t said = t[0] | (uint32_t)t[1] << 8 | (uint32_t)t[2] << 16 | (uint32_t)t[3] << 24;

	if (u->gzip && said != u->crc)
		fail(u, EBADMSG, "", "gzip's checksum does not match");
}

static void close_member(struct unpack *u)
{
	const void *data;
	la_ssize_t n;

	do
		n = read_raw(u->raw, u, &data);
	while (n > 0);
	if (n < 0)
		damaged(u, u->raw);
	do
		n = read_ar(u->ar, u, &data);
	while (n > 0);
	if (n < 0)
		damaged(u, u->ar);
	check_gzip(u);
	free_member(u);
}

/* NULL at the end of the tar. A warning alone is no damage: the parent checks what came of it. */
static struct archive_entry *next_member(struct unpack *u, const char **name)
{
	struct archive_entry *e;
	int r = archive_read_next_header(u->tar, &e);

	if (r == ARCHIVE_EOF)
		return NULL;
	if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
		damaged(u, u->tar);
	*name = archive_entry_pathname(e);
	if (!*name)
		fail(u, EPERM, "", "a member's name is not UTF-8");
	return e;
}

/* "Package: zlib1g": one line of a control file. */
static void put_field(struct unpack *u, char *line)
{
	char *colon = strchr(line, ':'), *value;

	if (!colon || line[0] == ' ' || line[0] == '\t')
		return;
	*colon = '\0';
	if (strcasecmp(line, "Package") != 0 && strcasecmp(line, "Version") != 0 &&
	    strcasecmp(line, "Architecture") != 0)
		return;
	value = colon + 1 + strspn(colon + 1, " \t");
	for (size_t n = strlen(value); n > 0 && strchr(" \t\r", value[n - 1]); n--)
		value[n - 1] = '\0';
	emit(u, (struct frame){.type = FRAME_FIELD}, line, value);
}

static void read_control_file(struct unpack *u)
{
	char *text = malloc(IMPORT_MAX_CONTROL), *rest = text, *line;
	la_ssize_t n;
	size_t used = 0;

	if (!text)
		fail(u, EBADMSG, "", "out of memory");
	u->control = text;
	while ((n = archive_read_data(u->tar, text + used, IMPORT_MAX_CONTROL - used)) > 0) {
		used += (size_t)n;
		if (used == IMPORT_MAX_CONTROL)
			fail(u, EFBIG, "", "its control file is too large");
	}
	if (n < 0)
		damaged(u, u->tar);
	text[used] = '\0';
	while ((line = strsep(&rest, "\n")))
		put_field(u, line);
}

static void read_control(struct unpack *u)
{
	const char *name;

	open_member(u);
	while (next_member(u, &name)) {
		if (strcmp(name, "./control") != 0 && strcmp(name, "control") != 0)
			continue;
		/* Readers differ in which one counts. */
		if (u->control)
			fail(u, EPERM, name, "is there twice");
		read_control_file(u);
	}
	close_member(u);
}

static void put_content(struct unpack *u)
{
	static _Thread_local char buf[FRAME_DATA_MAX];
	la_ssize_t n;

	while ((n = archive_read_data(u->tar, buf, sizeof buf)) > 0) {
		struct frame f = {.type = FRAME_DATA, .data_len = (uint32_t)n};

		put(u, &f, sizeof f);
		put(u, buf, (size_t)n);
	}
	if (n < 0)
		damaged(u, u->tar);
}

static void check_xattrs(struct unpack *u, struct archive_entry *e, const char *name)
{
	const char *attr;
	const void *value;
	size_t size;

	archive_entry_xattr_reset(e);
	while (archive_entry_xattr_next(e, &attr, &value, &size) == ARCHIVE_OK) {
		if (!attr || strcmp(attr, "security.capability") == 0)
			fail(u, EPERM, name, "has file capabilities");
		if (strncmp(attr, "trusted.overlay.", 16) == 0 ||
		    strncmp(attr, "user.overlay.", 13) == 0)
			fail(u, EPERM, name, "has an attribute of overlayfs");
	}
}

static const char *special(const struct archive_entry *e, mode_t type)
{
	struct archive_entry *x = (struct archive_entry *)e;

	switch (type) {
	case AE_IFCHR:
		return archive_entry_rdev(x) == 0 ? "is a whiteout" : "is a device";
	case AE_IFBLK:
		return "is a device";
	case AE_IFIFO:
		return "is a FIFO";
	case AE_IFSOCK:
		return "is a socket";
	default:
		return "is neither a file, a directory nor a link";
	}
}

static void put_member(struct unpack *u, struct archive_entry *e, const char *name)
{
	const char *hard = archive_entry_hardlink(e), *target = archive_entry_symlink(e);
	mode_t type = archive_entry_filetype(e);
	struct frame f = {.mode = (uint32_t)archive_entry_perm(e)};

	check_xattrs(u, e, name);
	if (hard) {
		f.type = FRAME_HARD;
		emit(u, f, name, hard);
	} else if (type == AE_IFDIR) {
		f.type = FRAME_DIR;
		emit(u, f, name, "");
	} else if (type == AE_IFLNK) {
		f.type = FRAME_LINK;
		emit(u, f, name, target ? target : "");
	} else if (type == AE_IFREG) {
		f.type = FRAME_FILE;
		f.size = (uint64_t)archive_entry_size(e);
		emit(u, f, name, "");
		put_content(u);
	} else {
		fail(u, EPERM, name, special(e, type));
	}
}

static void read_data(struct unpack *u)
{
	struct archive_entry *e;
	const char *name;

	open_member(u);
	while ((e = next_member(u, &name)))
		put_member(u, e, name);
	close_member(u);
}

/* "2.0\n": the major number is 2 in all packages of the last 30 years. */
static void check_format(struct unpack *u)
{
	char text[16] = "";

	if (archive_read_data(u->ar, text, sizeof text - 1) < 0)
		damaged(u, u->ar);
	if (strncmp(text, "2.", 2) != 0)
		fail(u, EBADMSG, "", "it is not a Debian package of format 2");
}

static bool begins(const char *name, const char *with)
{
	return strncmp(name, with, strlen(with)) == 0;
}

/* debian-binary, control.tar.*, data.tar.* in this order; names that begin with "_" may stand
 * between (deb(5)). */
static void read_package(struct unpack *u)
{
	static const char *const parts[] = {"debian-binary", "control.tar", "data.tar"};
	static void (*const readers[])(struct unpack *) = {check_format, read_control, read_data};

	for (size_t i = 0; i < 3;) {
		struct archive_entry *e;
		const char *name;
		int r = archive_read_next_header(u->ar, &e);

		if (r == ARCHIVE_EOF)
			fail(u, EBADMSG, "", "it ends too early");
		if (r != ARCHIVE_OK)
			damaged(u, u->ar);
		name = archive_entry_pathname(e);
		if (name && name[0] == '_')
			continue;
		if (!name || !begins(name, parts[i]))
			fail(u, EBADMSG, "", "its members are not those of a Debian package");
		readers[i++](u);
	}
}

static void read_all(struct unpack *u, int archive)
{
	u->ar = new_reader(u);
	if (archive_read_support_format_ar(u->ar) != ARCHIVE_OK ||
	    archive_read_open_fd(u->ar, archive, 64 * 1024) != ARCHIVE_OK)
		damaged(u, u->ar);
	read_package(u);
	emit(u, (struct frame){.type = FRAME_END}, "", "");
}

void unpack_stream(int archive, int out)
{
	struct unpack *u = &state;

	memset(u, 0, sizeof *u);
	u->out = out;
	if (setjmp(u->end) == 0)
		read_all(u, archive);
	free_member(u);
	archive_read_free(u->ar);
	free(u->control);
}

/* Its descriptors may have moved already. */
__attribute__((noreturn)) static void unconfined(int out, const char *failed)
{
	struct unpack *u = &state;
	char why[256];

	snprintf(why, sizeof why, "%s: %s", failed, strerror(errno));
	u->out = fcntl(out, F_GETFD) < 0 ? 1 : out;
	if (setjmp(u->end) == 0)
		emit(u, (struct frame){.type = FRAME_ERROR, .mode = ENOSYS}, "", why);
	_exit(0);
}

void unpack_deb(int archive, int out)
{
	const char *failed;

	signal(SIGPIPE, SIG_IGN);
	/* Names are UTF-8 to libarchive, whatever the caller's locale; before the filter, for it
	 * may open files. */
	setlocale(LC_CTYPE, "C.UTF-8");
	failed = confine(archive, out);
	if (failed)
		unconfined(out, failed);
	unpack_stream(0, 1);
	_exit(0);
}
