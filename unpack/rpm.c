/*
 * The parser of rpm packages, format 3 and later (the rpm project's docs/manual/format_v4.md, "RPM V4 Package format").
 * All numbers are big-endian:
 *
 *	lead       96 bytes: ed ab ee db, the format's major number, ...
 *	signature  a header, padded with zeros to a multiple of 8 bytes
 *	header     the metadata, a header
 *	payload    to the end: a cpio archive (newc), compressed
 *
 * A header is 8e ad e8 01, 4 bytes, the count of its entries, the size of its store, the entries, the store. An entry is
 * four numbers: tag, type, offset in the store, count of values.
 */
#include "unpack/foreign.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LEAD 96
#define ENTRY 16
#define ENTRIES_MAX 65536 /* rpm's own limit */
#define STORE_MAX ((size_t)64 << 20)

enum rpm_tag {
	TAG_NAME = 1000,
	TAG_VERSION = 1001,
	TAG_RELEASE = 1002,
	TAG_EPOCH = 1003,
	TAG_ARCH = 1022,
	TAG_PROVIDES = 1047,
	TAG_SOURCE_PACKAGE = 1106,
	TAG_PAYLOAD_FORMAT = 1124,
	TAG_FILE_CAPABILITIES = 5010,
	TAG_LONG_FILE_SIZES = 5008, /* only where a file does not fit into cpio's numbers */
	TAG_PAYLOAD_DIGEST = 5092,
	TAG_PAYLOAD_ALGORITHM = 5093,
	SIGNATURE_SHA256 = 273, /* of the header, in hexadecimal digits */
};

enum rpm_type { TYPE_INT32 = 4, TYPE_STRING = 6, TYPE_STRING_ARRAY = 8, TYPE_I18NSTRING = 9 };

#define ALGORITHM_SHA256 8 /* RFC 4880, 9.4 */

struct rpm_header {
	unsigned char *bytes; /* the whole header; held by the parser */
	size_t entries, size; /* size: of the store */
};

static uint32_t big32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void read_whole(struct unpack *u, int fd, void *to, size_t len)
{
	char *at = to;

	while (len > 0) {
		ssize_t n = read(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			unpack_fail(u, EBADMSG, "", "it ends too early");
		at += n;
		len -= (size_t)n;
	}
}

static void read_header(struct unpack *u, int fd, struct rpm_header *h)
{
	static const unsigned char magic[] = {0x8e, 0xad, 0xe8, 1};
	unsigned char intro[16];
	size_t len;

	read_whole(u, fd, intro, sizeof intro);
	if (memcmp(intro, magic, sizeof magic) != 0)
		unpack_fail(u, EBADMSG, "", "one of its headers is not rpm's");
	h->entries = big32(intro + 8);
	h->size = big32(intro + 12);
	if (h->entries > ENTRIES_MAX || h->size > STORE_MAX)
		unpack_fail(u, EFBIG, "", "one of its headers is too large");
	len = h->entries * ENTRY + h->size;
	h->bytes = malloc(sizeof intro + len);
	if (!h->bytes)
		unpack_fail(u, EBADMSG, "", "out of memory");
	unpack_hold(u, (char *)h->bytes);
	memcpy(h->bytes, intro, sizeof intro);
	read_whole(u, fd, h->bytes + sizeof intro, len);
}

/* -- values: each is checked against the store before it is used -- */

/* The store from the tag's values on, and the bytes left there; NULL without the tag. */
static const char *find_tag(struct unpack *u, const struct rpm_header *h, enum rpm_tag tag,
			    uint32_t *type, uint32_t *count, size_t *left)
{
	const unsigned char *entry = h->bytes + 16, *store = entry + h->entries * ENTRY;

	for (size_t i = 0; i < h->entries; i++, entry += ENTRY) {
		uint32_t offset = big32(entry + 8);

		if (big32(entry) != (uint32_t)tag)
			continue;
		if (offset > h->size)
			unpack_fail(u, EBADMSG, "", "a value is outside of its header");
		*type = big32(entry + 4);
		*count = big32(entry + 12);
		*left = h->size - offset;
		return (const char *)store + offset;
	}
	return NULL;
}

/* Calls each for every string of the tag. */
static void each_text(struct unpack *u, const struct rpm_header *h, enum rpm_tag tag,
		      void (*each)(struct unpack *u, const char *text, void *ctx), void *ctx)
{
	uint32_t type, count;
	size_t left;
	const char *at = find_tag(u, h, tag, &type, &count, &left);

	if (at && type != TYPE_STRING && type != TYPE_STRING_ARRAY && type != TYPE_I18NSTRING)
		unpack_fail(u, EBADMSG, "", "a value of its header is of another type");
	if (at && type == TYPE_STRING)
		count = 1;
	for (uint32_t i = 0; at && i < count; i++) {
		size_t len = strnlen(at, left);

		if (len == left)
			unpack_fail(u, EBADMSG, "", "a value is outside of its header");
		each(u, at, ctx);
		at += len + 1;
		left -= len + 1;
	}
}

static void keep_first(struct unpack *u, const char *text, void *ctx)
{
	const char **first = ctx;

	(void)u;
	if (!*first)
		*first = text;
}

/* NULL without the tag. */
static const char *header_text(struct unpack *u, const struct rpm_header *h, enum rpm_tag tag)
{
	const char *first = NULL;

	each_text(u, h, tag, keep_first, &first);
	return first;
}

/* 0 without the tag. */
static uint32_t header_number(struct unpack *u, const struct rpm_header *h, enum rpm_tag tag)
{
	uint32_t type, count;
	size_t left;
	const char *at = find_tag(u, h, tag, &type, &count, &left);

	if (!at)
		return 0;
	if (type != TYPE_INT32 || count < 1 || left < 4)
		unpack_fail(u, EBADMSG, "", "a value of its header is of another type");
	return big32((const unsigned char *)at);
}

static bool has_tag(struct unpack *u, const struct rpm_header *h, enum rpm_tag tag)
{
	uint32_t type, count;
	size_t left;

	return find_tag(u, h, tag, &type, &count, &left) != NULL;
}

/* -- the header -- */

static void check_header(struct unpack *u, const struct rpm_header *signature,
			 const struct rpm_header *h)
{
	const char *named = header_text(u, signature, SIGNATURE_SHA256);
	struct digest found, expected;
	struct err ignored;

	if (!named)
		return;
	if (digest_data(h->bytes, 16 + h->entries * ENTRY + h->size, &found, &ignored) < 0)
		unpack_fail(u, EBADMSG, "", "out of memory");
	if (UNPACK_COMPARE_DIGESTS &&
	    (!digest_parse(named, &expected) || !digest_equal(&found, &expected)))
		unpack_fail(u, EBADMSG, "", "its header does not match the digest");
}

static void refuse_capability(struct unpack *u, const char *text, void *ctx)
{
	(void)ctx;
	if (*text)
		unpack_fail(u, EPERM, "", "a file in it has file capabilities");
}

static void check_kind(struct unpack *u, const struct rpm_header *h)
{
	const char *format = header_text(u, h, TAG_PAYLOAD_FORMAT);

	if (has_tag(u, h, TAG_SOURCE_PACKAGE))
		unpack_fail(u, EPERM, "", "it is a source package: build it first");
	if (format && strcmp(format, "cpio") != 0)
		unpack_fail(u, EBADMSG, "", "its payload is not a cpio archive");
	if (has_tag(u, h, TAG_LONG_FILE_SIZES))
		unpack_fail(u, EFBIG, "", "it has a file of more than 4 GiB");
	each_text(u, h, TAG_FILE_CAPABILITIES, refuse_capability, NULL);
}

/* EPOCH:VERSION-RELEASE, as Debian writes it. */
static void put_labels(struct unpack *u, const struct rpm_header *h)
{
	const char *name = header_text(u, h, TAG_NAME), *version = header_text(u, h, TAG_VERSION);
	const char *release = header_text(u, h, TAG_RELEASE), *arch = header_text(u, h, TAG_ARCH);
	uint32_t epoch = header_number(u, h, TAG_EPOCH);
	char whole[600], prefix[16] = "";

	if (!name || !version || !release || !arch)
		unpack_fail(u, EBADMSG, "",
			    "its header lacks a name, version, release or architecture");
	if (epoch)
		snprintf(prefix, sizeof prefix, "%u:", epoch);
	snprintf(whole, sizeof whole, "%s%.280s-%.280s", prefix, version, release);
	unpack_label(u, "Package", name);
	unpack_label(u, "Version", whole);
	unpack_label(u, "Architecture", arch);
}

/* "libz.so.1()(64bit)": the soname, and what follows it in rpm's names. */
static void put_provided(struct unpack *u, const char *text, void *ctx)
{
	char soname[256];
	size_t len = strcspn(text, "(");

	(void)ctx;
	snprintf(soname, sizeof soname, "%.*s", (int)(len < 255 ? len : 255), text);
	if (unpack_is_library(soname))
		unpack_emit(u, (struct frame){.type = FRAME_FIELD}, "Provides", soname);
}

/* -- the payload -- */

/* cpio has the content of a file with several names after the last of them: the earlier ones wait for it. */
static bool is_awaited(const struct unpack *u, int64_t ino)
{
	for (const struct unpack_twin *t = u->twins; t; t = t->next)
		if (t->ino == ino)
			return true;
	return false;
}

static void keep_twin(struct unpack *u, struct archive_entry *e, const char *name)
{
	struct unpack_twin *t = malloc(sizeof *t + strlen(name) + 1);

	if (!t)
		unpack_fail(u, EBADMSG, "", "out of memory");
	t->next = u->twins;
	t->ino = archive_entry_ino64(e);
	t->time = archive_entry_mtime(e);
	t->mode = (uint32_t)archive_entry_perm(e);
	strcpy(t->name, name);
	u->twins = t;
}

/* The file has the content that its other names wait for. */
static void put_twins(struct unpack *u, struct archive_entry *e, const char *name)
{
	char first_buf[UNPACK_PATH], path[UNPACK_PATH];
	const char *first = unpack_place(u, name, first_buf);
	int64_t ino = archive_entry_ino64(e);
	struct unpack_twin **at = &u->twins;

	unpack_file(u, e, first);
	while (*at) {
		struct unpack_twin *t = *at;

		if (t->ino != ino) {
			at = &t->next;
			continue;
		}
		unpack_emit(u, (struct frame){.type = FRAME_HARD, .mode = t->mode},
			    unpack_place(u, t->name, path), first);
		*at = t->next;
		free(t);
	}
}

/* Their content never came: these files are empty. */
static void put_empty(struct unpack *u)
{
	char path[UNPACK_PATH];

	for (const struct unpack_twin *t = u->twins; t; t = t->next)
		unpack_emit(u, (struct frame){.type = FRAME_FILE, .mode = t->mode, .time = t->time},
			    unpack_place(u, t->name, path), "");
}

static void put_payload(struct unpack *u)
{
	struct archive_entry *e;
	const char *name;

	while ((e = unpack_next(u, &name))) {
		bool twin = archive_entry_filetype(e) == AE_IFREG && archive_entry_nlink(e) > 1;
		bool empty = archive_entry_size(e) == 0;

		if (unpack_is_debris(name))
			continue;
		if (twin && empty &&
		    (!archive_entry_hardlink(e) || is_awaited(u, archive_entry_ino64(e))))
			keep_twin(u, e, name);
		else if (twin && !empty)
			put_twins(u, e, name);
		else
			unpack_member(u, e, name);
	}
	put_empty(u);
}

static void check_payload(struct unpack *u, const struct rpm_header *h)
{
	const char *named = header_text(u, h, TAG_PAYLOAD_DIGEST);
	struct digest found, expected;
	struct err ignored;

	if (digest_end(&u->sha, &found, &ignored) < 0)
		unpack_fail(u, EBADMSG, "", "out of memory");
	if (UNPACK_COMPARE_DIGESTS && named &&
	    header_number(u, h, TAG_PAYLOAD_ALGORITHM) == ALGORITHM_SHA256 &&
	    (!digest_parse(named, &expected) || !digest_equal(&found, &expected)))
		unpack_fail(u, EBADMSG, "", "its content does not match the digest");
}

void rpm_read(struct unpack *u, int archive)
{
	struct rpm_header signature, header;
	unsigned char lead[LEAD];
	char padding[8];

	read_whole(u, archive, lead, sizeof lead);
	read_header(u, archive, &signature);
	read_whole(u, archive, padding, (8 - signature.size % 8) % 8);
	read_header(u, archive, &header);
	check_header(u, &signature, &header);
	check_kind(u, &header);
	put_labels(u, &header);
	if (u->only_control) {
		each_text(u, &header, TAG_PROVIDES, put_provided, NULL);
		return;
	}
	u->cpio = true;
	unpack_rest(u, archive);
	put_payload(u);
	unpack_close(u);
	check_payload(u, &header);
}
