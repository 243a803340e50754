/* The parser of .deb files (deb(5)). */
#include "unpack/parts.h"
#include "unpack/unpack.h"

#include <errno.h>
#include <string.h>

static void read_control(struct unpack *u)
{
	const char *name;

	unpack_open(u);
	while (unpack_next(u, &name)) {
		if (strcmp(name, "./control") != 0 && strcmp(name, "control") != 0)
			continue;
		/* Programs differ in which of two they read. */
		if (u->control)
			unpack_fail(u, EPERM, name, "occurs twice");
		unpack_control(u);
	}
	unpack_close(u);
}

static void read_data(struct unpack *u)
{
	struct archive_entry *e;
	const char *name;

	unpack_open(u);
	while ((e = unpack_next(u, &name)))
		unpack_member(u, e, name);
	unpack_close(u);
}

/* debian-binary holds "2.0\n" (deb(5)); the major number has been 2 for 30 years. */
static void check_format(struct unpack *u)
{
	char text[16] = "";

	if (archive_read_data(u->ar, text, sizeof text - 1) < 0)
		unpack_damaged(u, u->ar);
	if (strncmp(text, "2.", 2) != 0)
		unpack_fail(u, EBADMSG, "", "it is not a Debian package of format 2");
}

static bool begins(const char *name, const char *with)
{
	return strncmp(name, with, strlen(with)) == 0;
}

/* Reads debian-binary, control.tar.* and data.tar.*, in this order. Members whose name begins
 * with "_" may come between (deb(5)). */
static void read_package(struct unpack *u)
{
	static const char *const parts[] = {"debian-binary", "control.tar", "data.tar"};
	static void (*const readers[])(struct unpack *) = {check_format, read_control, read_data};

	for (size_t i = 0; i < (u->only_control ? 2 : 3);) {
		struct archive_entry *e;
		const char *name;
		int r = archive_read_next_header(u->ar, &e);

		if (r == ARCHIVE_EOF)
			unpack_fail(u, EBADMSG, "", "it ends too early");
		if (r != ARCHIVE_OK)
			unpack_damaged(u, u->ar);
		name = archive_entry_pathname(e);
		if (name && name[0] == '_')
			continue;
		if (!name || !begins(name, parts[i]))
			unpack_fail(u, EBADMSG, "",
				    "its members are not those of a Debian package");
		readers[i++](u);
	}
}

static void read_deb(struct unpack *u, int archive, const void *ctx)
{
	u->only_control = ctx != NULL;
	u->ar = unpack_reader(u);
	if (archive_read_support_format_ar(u->ar) != ARCHIVE_OK ||
	    archive_read_open_fd(u->ar, archive, 64 * 1024) != ARCHIVE_OK)
		unpack_damaged(u, u->ar);
	read_package(u);
	unpack_emit(u, (struct frame){.type = FRAME_END}, "", "");
}

void unpack_stream(int archive, int out)
{
	unpack_run(read_deb, NULL, archive, out);
}

void unpack_deb(int archive, int out)
{
	unpack_confined(read_deb, NULL, archive, out);
}

void unpack_deb_control(int archive, int out)
{
	unpack_confined(read_deb, "control", archive, out);
}
