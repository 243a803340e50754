#include "unpack/unpack.h"

#include "base/confine.h"
#include "unpack/parts.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <zlib.h>

/* False: the parent has gone, or has closed its end. */
static bool send_all(int out, const char *p, size_t len)
{
	while (len > 0) {
		ssize_t n = write(out, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

static bool flush_frames(struct unpack *u)
{
	size_t len = u->npending;

	u->npending = 0;
	return send_all(u->out, u->pending, len);
}

static void unpack_put(struct unpack *u, const void *data, size_t len)
{
	bool sent = len <= sizeof u->pending - u->npending || flush_frames(u);

	if (sent && len > sizeof u->pending) {
		sent = send_all(u->out, data, len);
	} else if (sent) {
		memcpy(u->pending + u->npending, data, len);
		u->npending += len;
	}
	if (!sent)
		longjmp(u->end, 1);
}

void unpack_emit(struct unpack *u, struct frame f, const char *path, const char *target)
{
	f.path_len = (uint32_t)strnlen(path, FRAME_TEXT_MAX);
	f.target_len = (uint32_t)strnlen(target, FRAME_TEXT_MAX);
	unpack_put(u, &f, sizeof f);
	unpack_put(u, path, f.path_len);
	unpack_put(u, target, f.target_len);
}

void unpack_flush(struct unpack *u)
{
	if (!flush_frames(u))
		longjmp(u->end, 1);
}

void unpack_fail(struct unpack *u, int errnum, const char *member, const char *why)
{
	unpack_emit(u, (struct frame){.type = FRAME_ERROR, .mode = (uint32_t)errnum}, member, why);
	longjmp(u->end, 1);
}

void unpack_hold(struct unpack *u, char *text)
{
	if (u->nheld == sizeof u->held / sizeof *u->held) {
		free(text);
		unpack_fail(u, EBADMSG, "", "out of memory");
	}
	u->held[u->nheld++] = text;
}

static void note_reason(struct unpack *u, struct archive *a)
{
	const char *s = archive_error_string(a);

	if (!u->reason[0])
		snprintf(u->reason, sizeof u->reason, "%s", s ? s : "it ends too early");
}

void unpack_damaged(struct unpack *u, struct archive *a)
{
	note_reason(u, a);
	unpack_fail(u, u->errnum ? u->errnum : EBADMSG, "", u->reason);
}

static void keep_tail(struct unpack *u, const char *data, size_t len)
{
	size_t n = len < sizeof u->tail ? len : sizeof u->tail;

	memmove(u->tail, u->tail + n, sizeof u->tail - n);
	memcpy(u->tail + sizeof u->tail - n, data + len - n, n);
}

/* The next block of the current member of a, in libarchive's buffer; 0 bytes at the member's end. */
static la_ssize_t next_block(struct archive *a, const void **data)
{
	size_t len = 0;
	la_int64_t offset; /* ar and raw members have no holes */
	int r;

	do
		r = archive_read_data_block(a, data, &len, &offset);
	while (r == ARCHIVE_OK && len == 0);
	if (r == ARCHIVE_EOF)
		return 0;
	return r == ARCHIVE_OK ? (la_ssize_t)len : -1;
}

/* Hands an error on to the reader that from feeds. */
static int pass_on(struct unpack *u, struct archive *from, struct archive *to)
{
	note_reason(u, from);
	archive_set_error(to, EBADMSG, "%s", u->reason);
	return -1;
}

static la_ssize_t read_ar(struct archive *a, void *ctx, const void **data)
{
	struct unpack *u = ctx;
	la_ssize_t n = next_block(u->ar, data);
	struct err ignored;

	if (n <= 0)
		return n < 0 ? pass_on(u, u->ar, a) : 0;
	keep_tail(u, *data, (size_t)n);
	if (u->sha && !u->sha_inner && digest_update(u->sha, *data, (size_t)n, &ignored) < 0)
		return -1;
	return n;
}

static la_ssize_t read_raw(struct archive *a, void *ctx, const void **data)
{
	struct unpack *u = ctx;
	la_ssize_t n = next_block(u->raw, data);
	struct err ignored;

	if (n <= 0)
		return n < 0 ? pass_on(u, u->raw, a) : 0;
	if (u->sha && u->sha_inner && digest_update(u->sha, *data, (size_t)n, &ignored) < 0)
		return -1;
	u->stream += (uint64_t)n;
	if (u->gzip)
		u->crc = (uint32_t)crc32_z(u->crc, *data, (size_t)n);
	if (u->stream > UNPACK_MAX_STREAM) {
		u->errnum = EFBIG;
		snprintf(u->reason, sizeof u->reason, "it unpacks to more bytes than are allowed");
		archive_set_error(a, EFBIG, "%s", u->reason);
		return -1;
	}
	return n;
}

struct archive *unpack_reader(struct unpack *u)
{
	struct archive *a = archive_read_new();

	if (!a)
		unpack_fail(u, EBADMSG, "", "out of memory");
	return a;
}

/* ARCHIVE_WARN would mean that libarchive starts an external program. */
static void add_filters(struct unpack *u, struct archive *a)
{
	if (archive_read_support_filter_gzip(a) != ARCHIVE_OK ||
	    archive_read_support_filter_xz(a) != ARCHIVE_OK ||
	    archive_read_support_filter_zstd(a) != ARCHIVE_OK ||
	    archive_read_support_filter_bzip2(a) != ARCHIVE_OK ||
	    (u->cpio && archive_read_support_filter_lzma(a) != ARCHIVE_OK) ||
	    archive_read_support_format_raw(a) != ARCHIVE_OK ||
	    archive_read_support_format_empty(a) != ARCHIVE_OK)
		unpack_fail(u, ENOSYS, "", "libarchive lacks a decompressor");
}

void unpack_open(struct unpack *u)
{
	struct archive_entry *e;

	u->raw = unpack_reader(u);
	add_filters(u, u->raw);
	if (archive_read_open(u->raw, u, NULL, read_ar, NULL) != ARCHIVE_OK ||
	    archive_read_next_header(u->raw, &e) != ARCHIVE_OK)
		unpack_damaged(u, u->raw);
	u->gzip = archive_filter_code(u->raw, 0) == ARCHIVE_FILTER_GZIP;
	u->crc = 0;
	u->tar = unpack_reader(u);
	if ((u->cpio ? archive_read_support_format_cpio
		     : archive_read_support_format_tar)(u->tar) != ARCHIVE_OK)
		unpack_damaged(u, u->tar);
	if (archive_read_open(u->tar, u, NULL, read_raw, NULL) != ARCHIVE_OK)
		unpack_damaged(u, u->tar);
}

static void unpack_free(struct unpack *u)
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
		unpack_fail(u, EBADMSG, "", "gzip's checksum does not match");
}

void unpack_close(struct unpack *u)
{
	const void *data;
	la_ssize_t n;

	do
		n = read_raw(u->raw, u, &data);
	while (n > 0);
	if (n < 0)
		unpack_damaged(u, u->raw);
	do
		n = read_ar(u->ar, u, &data);
	while (n > 0);
	if (n < 0)
		unpack_damaged(u, u->ar);
	check_gzip(u);
	unpack_free(u);
}

/* NULL at the end of the tar. A warning is no damage, as the parent checks each member. */
struct archive_entry *unpack_next(struct unpack *u, const char **name)
{
	struct archive_entry *e;

	do {
		int r = archive_read_next_header(u->tar, &e);

		if (r == ARCHIVE_EOF)
			return NULL;
		if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
			unpack_damaged(u, u->tar);
		*name = archive_entry_pathname(e);
	} while (!*name && u->any_name);
	if (!*name)
		unpack_fail(u, EPERM, "", "a member's name is not UTF-8");
	return e;
}

/* Whether a field has relations, which are sent one by one: some packages have more than a frame may
 * hold, on one line or on several. */
static bool has_relations(const char *field)
{
	return strcasecmp(field, "Depends") == 0 || strcasecmp(field, "Pre-Depends") == 0 ||
	       strcasecmp(field, "Provides") == 0;
}

static bool is_wanted(const struct unpack *u, const char *field)
{
	return strcasecmp(field, "Package") == 0 || strcasecmp(field, "Version") == 0 ||
	       strcasecmp(field, "Architecture") == 0 || strcasecmp(field, "Source") == 0 ||
	       (u->only_control && (has_relations(field) || strcasecmp(field, "Essential") == 0));
}

static void put_value(struct unpack *u, const char *field, char *value)
{
	value += strspn(value, " \t");
	for (size_t n = strlen(value); n > 0 && strchr(" \t\r", value[n - 1]); n--)
		value[n - 1] = '\0';
	if (*value || !has_relations(field))
		unpack_emit(u, (struct frame){.type = FRAME_FIELD}, field, value);
}

/* Sends one line of a control file ("Package: zlib1g"), if the parent needs it. *field is the field of the
 * line before, which a line that begins with a blank continues. */
static void put_field(struct unpack *u, char *line, const char **field)
{
	bool more = line[0] == ' ' || line[0] == '\t';
	char *colon = more ? NULL : strchr(line, ':'), *value = line, *item;

	if (!more) {
		*field = colon ? line : "";
		if (!colon)
			return;
		*colon = '\0';
		value = colon + 1;
	}
	if (!is_wanted(u, *field) || (more && !has_relations(*field)))
		return;
	if (!has_relations(*field)) {
		put_value(u, *field, value);
		return;
	}
	while ((item = strsep(&value, ",")))
		put_value(u, *field, item);
}

char *unpack_text(struct unpack *u)
{
	char *text = malloc(UNPACK_MAX_CONTROL);
	la_ssize_t n;
	size_t used = 0;

	if (!text)
		unpack_fail(u, EBADMSG, "", "out of memory");
	free(u->control);
	u->control = text;
	while ((n = archive_read_data(u->tar, text + used, UNPACK_MAX_CONTROL - used)) > 0) {
		used += (size_t)n;
		if (used == UNPACK_MAX_CONTROL)
			unpack_fail(u, EFBIG, "", "its control file is too large");
	}
	if (n < 0)
		unpack_damaged(u, u->tar);
	text[used] = '\0';
	return text;
}

void unpack_control(struct unpack *u)
{
	char *rest = unpack_text(u), *line;
	const char *field = "";

	while ((line = strsep(&rest, "\n")))
		put_field(u, line, &field);
}

static void put_piece(struct unpack *u, const void *data, size_t len)
{
	struct frame f = {.type = FRAME_DATA, .data_len = (uint32_t)len};

	unpack_put(u, &f, sizeof f);
	unpack_put(u, data, len);
}

static void put_content(struct unpack *u)
{
	char buf[64 * 1024];
	la_ssize_t n;

	_Static_assert(sizeof buf <= FRAME_DATA_MAX, "a frame holds it");
	while ((n = archive_read_data(u->tar, buf, sizeof buf)) > 0)
		put_piece(u, buf, (size_t)n);
	if (n < 0)
		unpack_damaged(u, u->tar);
}

void unpack_check(struct unpack *u, struct archive_entry *e, const char *name)
{
	const char *attr;
	const void *value;
	size_t size;

	archive_entry_xattr_reset(e);
	while (archive_entry_xattr_next(e, &attr, &value, &size) == ARCHIVE_OK) {
		if (!attr || strcmp(attr, "security.capability") == 0)
			unpack_fail(u, EPERM, name, "has file capabilities");
		if (strncmp(attr, "trusted.overlay.", 16) == 0 ||
		    strncmp(attr, "user.overlay.", 13) == 0)
			unpack_fail(u, EPERM, name, "has an attribute of overlayfs");
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

static void put_link(struct unpack *u, struct frame f, const char *name, const char *target)
{
	char path[UNPACK_PATH], to[UNPACK_PATH];

	unpack_emit(u, f, unpack_place(u, name, path), unpack_place_target(u, name, target, to));
}

void unpack_file_after(struct unpack *u, struct archive_entry *e, const char *path,
		       const void *head, size_t len)
{
	unpack_emit(u,
		    (struct frame){.type = FRAME_FILE,
				   .mode = (uint32_t)archive_entry_perm(e),
				   .time = archive_entry_mtime(e),
				   .size = (uint64_t)archive_entry_size(e)},
		    path, "");
	if (len > 0)
		put_piece(u, head, len);
	put_content(u);
}

void unpack_file(struct unpack *u, struct archive_entry *e, const char *path)
{
	unpack_file_after(u, e, path, NULL, 0);
}

void unpack_member(struct unpack *u, struct archive_entry *e, const char *name)
{
	const char *hard = archive_entry_hardlink(e), *target = archive_entry_symlink(e);
	mode_t type = archive_entry_filetype(e);
	struct frame f = {.mode = (uint32_t)archive_entry_perm(e), .time = archive_entry_mtime(e)};
	char path[UNPACK_PATH], earlier[UNPACK_PATH];

	unpack_check(u, e, name);
	if (hard) {
		f.type = FRAME_HARD;
		unpack_emit(u, f, unpack_place(u, name, path), unpack_place(u, hard, earlier));
	} else if (type == AE_IFDIR) {
		f.type = FRAME_DIR;
		unpack_emit(u, f, unpack_place(u, name, path), "");
	} else if (type == AE_IFLNK) {
		f.type = FRAME_LINK;
		put_link(u, f, name, target ? target : "");
	} else if (type == AE_IFREG) {
		unpack_file(u, e, unpack_place(u, name, path));
	} else {
		unpack_fail(u, EPERM, name, special(e, type));
	}
}

/* A function of its own, because longjmp may lose the variables of setjmp's caller. */
static void run_reader(struct unpack *u, unpack_fn *read, const void *ctx, int archive)
{
	if (setjmp(u->end) == 0)
		read(u, archive, ctx);
	flush_frames(u); /* if this fails too, the parent has gone */
	unpack_free(u);
	archive_read_free(u->ar);
	digest_abandon(&u->sha);
	while (u->nheld > 0)
		free(u->held[--u->nheld]);
	while (u->twins) {
		struct unpack_twin *next = u->twins->next;

		free(u->twins);
		u->twins = next;
	}
	free(u->control);
}

void unpack_run(unpack_fn *read, const void *ctx, int archive, int out)
{
	struct unpack u = {.out = out};

	run_reader(&u, read, ctx, archive);
}

static void say_why(struct unpack *u, int archive, const void *why)
{
	(void)archive;
	unpack_fail(u, ENOSYS, "", why);
}

/* confine() may have moved the descriptors already. */
__attribute__((noreturn)) static void unconfined(int out, const char *failed)
{
	char why[256];

	snprintf(why, sizeof why, "%s: %s", failed, strerror(errno));
	unpack_run(say_why, why, -1, fcntl(out, F_GETFD) < 0 ? 1 : out);
	_exit(0);
}

void unpack_confined(unpack_fn *read, const void *ctx, int archive, int out)
{
	const char *failed;

	signal(SIGPIPE, SIG_IGN);
	/* libarchive must take names for UTF-8, whatever the caller's locale. Before the filter,
	 * because setlocale(3) opens files. */
	setlocale(LC_CTYPE, "C.UTF-8");
	failed = confine(archive, out);
	if (failed)
		unconfined(out, failed);
	unpack_run(read, ctx, 0, 1);
	_exit(0);
}
