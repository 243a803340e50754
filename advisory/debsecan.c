#include "advisory/debsecan.h"

#include "advisory/advice.h"
#include "advisory/range.h"
#include "dpkg/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define LINE_MAX_BYTES ((size_t)1 << 20)
#define NAMES_MAX ((size_t)64 << 20) /* bytes of ids */
#define STREAM_MAX (UINT64_C(1) << 30)

enum debsecan_part { PART_VERSION, PART_NAMES, PART_PACKAGES, PART_SOURCES, PART_END };

struct debsecan {
	const struct judged_index *index;
	enum debsecan_part part;
	char *names; /* each with its NUL */
	size_t used, room;
	size_t *ids; /* where the id of a number is in names */
	size_t nids, ids_room;
	int64_t compared;
	const char *fault; /* why it cannot be read; NULL */
	char line[LINE_MAX_BYTES];
	size_t len;
};

static void *debsecan_grow(void *items, size_t room, size_t size)
{
	items = reallocarray(items, room, size);
	if (!items)
		_exit(1); /* the parent reports the end */
	return items;
}

static void keep_id(struct debsecan *d, const char *id)
{
	size_t size = strlen(id) + 1;

	if (size > NAMES_MAX - d->used) {
		d->fault = "it has too many ids";
		return;
	}
	while (d->used + size > d->room) {
		d->room = d->room ? 2 * d->room : 65536;
		d->names = debsecan_grow(d->names, d->room, 1);
	}
	if (d->nids == d->ids_room) {
		d->ids_room = d->ids_room ? 2 * d->ids_room : 4096;
		d->ids = debsecan_grow(d->ids, d->ids_room, sizeof *d->ids);
	}
	memcpy(d->names + d->used, id, size);
	d->ids[d->nids++] = d->used;
	d->used += size;
}

/* -- one package's line -- */

struct debsecan_line {
	char *package, *number, *flags, *unstable, *others;
};

static bool is_among(const char *others, const char *version)
{
	char one[256];

	for (; *others; others += *others == ' ') {
		size_t len = strcspn(others, " ");

		snprintf(one, sizeof one, "%.*s", (int)(len < 255 ? len : 255), others);
		if (len && debian_version_order(one, version) == 0)
			return true;
		others += len;
	}
	return false;
}

/* The first version after this one that has the fix; "": there is none. */
static void first_fix(const struct debsecan_line *l, const char *version, char fixed[256])
{
	char one[256];

	snprintf(fixed, 256, "%s", l->unstable);
	for (const char *at = l->others; *at; at += *at == ' ') {
		size_t len = strcspn(at, " ");

		snprintf(one, sizeof one, "%.*s", (int)(len < 255 ? len : 255), at);
		if (len && debian_version_order(one, version) > 0 &&
		    (!*fixed || debian_version_order(one, fixed) < 0))
			snprintf(fixed, 256, "%s", one);
		at += len;
	}
}

static const char *urgency_of(const char *flags)
{
	return flags[1] == 'H' ? "high" : flags[1] == 'M' ? "medium" : flags[1] == 'L' ? "low" : "";
}

static void judge_debsecan(struct debsecan *d, const struct debsecan_line *l, const char *id,
			   uint32_t number, bool binary)
{
	const struct judged *j = &d->index->items[number];
	const char *version = binary ? j->version : j->source_version;
	char fixed[256];

	if (*l->unstable && debian_version_order(version, l->unstable) >= 0)
		return;
	if (!binary && is_among(l->others, version))
		return;
	first_fix(l, version, fixed);
	advice_emit((struct advice){.type = ADVICE_HIT,
				    .version = number,
				    .basis = BASIS_DEBSECAN,
				    .time = INT64_MAX},
		    (const char *[ADVICE_TEXTS]){[TEXT_ID] = id,
						 [TEXT_URGENCY] = urgency_of(l->flags),
						 [TEXT_FIXED] = fixed});
}

static bool cut_line(char *line, struct debsecan_line *out)
{
	char **fields[] = {&out->package, &out->number, &out->flags, &out->unstable, &out->others};

	for (size_t i = 0; i < 5; i++) {
		*fields[i] = i < 4 ? strsep(&line, ",") : line;
		if (!*fields[i])
			return false;
	}
	return strlen(out->flags) == 4 && (!*out->unstable || version_is_ordered(out->unstable));
}

static void take_package(struct debsecan *d, char *line)
{
	struct debsecan_line l = {0};
	unsigned long number;
	const uint32_t *first;
	size_t n;
	char *end;

	if (!cut_line(line, &l)) {
		d->fault = "a line about a package is not valid";
		return;
	}
	number = strtoul(l.number, &end, 10);
	if (*end || !*l.number || number >= d->nids) {
		d->fault = "a line about a package has an id that does not exist";
		return;
	}
	d->compared++;
	n = judged_by_source(d->index, l.package, strlen(l.package), &first);
	for (size_t i = 0; i < n; i++)
		judge_debsecan(d, &l, d->names + d->ids[number], first[i], false);
	n = l.flags[0] == 'B' ? judged_by_name(d->index, l.package, strlen(l.package), &first) : 0;
	for (size_t i = 0; i < n; i++)
		judge_debsecan(d, &l, d->names + d->ids[number], first[i], true);
}

/* -- lines -- */

static void take_debsecan_line(struct debsecan *d)
{
	char *line = d->line;

	if (d->part == PART_VERSION) {
		if (strcmp(line, "VERSION 1") != 0)
			d->fault = "it is not debsecan's data of version 1";
		d->part = PART_NAMES;
	} else if (!*line) {
		d->part += d->part < PART_END;
	} else if (d->part == PART_NAMES) {
		line[strcspn(line, ",")] = '\0';
		keep_id(d, line);
	} else if (d->part == PART_PACKAGES) {
		take_package(d, line);
	}
}

static void take_debsecan_bytes(struct debsecan *d, const char *data, size_t len)
{
	while (len > 0 && !d->fault) {
		const char *newline = memchr(data, '\n', len);
		size_t n = newline ? (size_t)(newline - data) : len;

		if (n >= LINE_MAX_BYTES - d->len) {
			d->fault = "it has a line of more than 1 MiB";
			return;
		}
		memcpy(d->line + d->len, data, n);
		d->len += n;
		if (newline) {
			d->line[d->len] = '\0';
			d->len = 0;
			take_debsecan_line(d);
		}
		data += n + (newline != NULL);
		len -= n + (newline != NULL);
	}
}

/* -- the stream -- */

static bool inflate_some(struct debsecan *d, z_stream *z, bool *ended)
{
	static unsigned char out[256 * 1024];

	while (z->avail_in > 0 && !*ended && !d->fault) {
		int r;

		z->next_out = out;
		z->avail_out = sizeof out;
		r = inflate(z, Z_NO_FLUSH);
		if (r != Z_OK && r != Z_STREAM_END)
			return false;
		take_debsecan_bytes(d, (char *)out, sizeof out - z->avail_out);
		*ended = r == Z_STREAM_END;
		if (z->total_out > STREAM_MAX)
			d->fault = "it is more than 1 GiB";
	}
	return true;
}

static void read_debsecan(struct debsecan *d, int fd, const void *head, size_t len)
{
	static unsigned char in[64 * 1024];
	z_stream z = {0};
	bool plain = len > 0 && *(const char *)head == 'V', ended = plain;
	ssize_t n = (ssize_t)len;
	uint64_t total = 0;

	memcpy(in, head, len);
	if (inflateInit2(&z, 15 + 32) != Z_OK)
		_exit(1);
	while (n > 0 && !d->fault) {
		z.next_in = in;
		z.avail_in = (unsigned int)n;
		total += (uint64_t)n;
		if (plain)
			take_debsecan_bytes(d, (char *)in, (size_t)n);
		else if (!inflate_some(d, &z, &ended))
			d->fault = "its compressed data are damaged";
		if (total > STREAM_MAX)
			d->fault = "it is more than 1 GiB";
		advice_still((int64_t)total);
		do
			n = read(fd, in, sizeof in);
		while (n < 0 && errno == EINTR);
	}
	if (!d->fault && (n < 0 || !ended || d->part < PART_SOURCES))
		d->fault = n < 0 ? "it cannot be read" : "it ends too early";
	inflateEnd(&z);
}

int64_t debsecan_judge(const struct judged_index *index, int fd, const void *head, size_t len)
{
	struct debsecan *d = calloc(1, sizeof *d);
	int64_t compared;

	if (!d)
		_exit(1);
	d->index = index;
	read_debsecan(d, fd, head, len);
	compared = d->fault ? -1 : d->compared;
	if (d->fault)
		advice_problem("", d->fault);
	free(d->names);
	free(d->ids);
	free(d);
	return compared;
}
