#include "unpack/foreign.h"

#include "unpack/unpack.h"

#include <errno.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

bool unpack_is_debris(const char *member)
{
	static const char dir[] = "usr/lib/.build-id";

	member += strncmp(member, "./", 2) == 0 ? 2 : 0;
	return strncmp(member, dir, strlen(dir)) == 0 &&
	       (member[strlen(dir)] == '/' || !member[strlen(dir)]);
}

void unpack_rest(struct unpack *u, int archive)
{
	struct archive_entry *e;

	u->sha = digest_begin();
	u->ar = unpack_reader(u);
	if (!u->sha || archive_read_support_format_raw(u->ar) != ARCHIVE_OK ||
	    archive_read_open_fd(u->ar, archive, 64 * 1024) != ARCHIVE_OK ||
	    archive_read_next_header(u->ar, &e) != ARCHIVE_OK)
		unpack_damaged(u, u->ar);
	unpack_open(u);
}

struct foreign_archive {
	enum unpack_kind kind;
	bool only_control;
};

static void read_foreign(struct unpack *u, int archive, const void *ctx)
{
	const struct foreign_archive *a = ctx;

	u->only_control = a->only_control;
	if (a->kind == UNPACK_RPM)
		rpm_read(u, archive);
	else
		pkg_read(u, archive);
	unpack_emit(u, (struct frame){.type = FRAME_END}, "", "");
}

/* libcrypto opens files and reads entropy at its first use, and the filter forbids both. */
static void warm_digest(void)
{
	struct digest_stream *s = digest_begin();

	digest_abandon(&s);
}

void unpack_foreign(enum unpack_kind kind, bool only_control, int archive, int out)
{
	const struct foreign_archive a = {kind, only_control};

	warm_digest();
	unpack_confined(read_foreign, &a, archive, out);
}

void unpack_foreign_stream(enum unpack_kind kind, bool only_control, int archive, int out)
{
	const struct foreign_archive a = {kind, only_control};

	unpack_run(read_foreign, &a, archive, out);
}
