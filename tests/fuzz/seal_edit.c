/* rewrite_compute: the first byte chooses the edit, the rest is the program. The changes that are computed lie within the
 * limits that the parent of edit_write checks, and the same input gives the same. */
#include "elf/elf.h"
#include "seal/rewrite.h"
#include "tests/fuzz/fuzz.h"

#include <sys/mman.h>

static void check(const struct rewrite *w, uint64_t size)
{
	uint64_t left = w->bytes.len;

	HOLD(w->npatches <= REWRITE_PATCHES_MAX && w->bytes.len <= REWRITE_BYTES_MAX);
	HOLD(w->tail.len > 0 && w->tail.len <= REWRITE_TAIL_MAX);
	HOLD(w->tail_at == rewrite_tail_at(size) && w->tail.data[w->tail.len - 1] == '\0');
	for (size_t i = 0; i < w->npatches; i++) {
		const struct rewrite_patch *p = &w->patches[i];

		HOLD(p->at <= size && p->len <= size - p->at && p->len <= left);
		left -= p->len;
	}
	HOLD(left == 0);
}

/* What this gives may be malformed, as the original may be. */
static void check_copy(int fd, const struct rewrite *w)
{
	AUTO_ELF struct elf elf = {0};
	const char *bytes = w->bytes.data;
	struct err err;
	bool is_elf;

	for (size_t i = 0; i < w->npatches; bytes += w->patches[i++].len)
		HOLD(pwrite(fd, bytes, w->patches[i].len, (off_t)w->patches[i].at) ==
		     (ssize_t)w->patches[i].len);
	HOLD(pwrite(fd, w->tail.data, w->tail.len, (off_t)w->tail_at) == (ssize_t)w->tail.len);
	HOLD(elf_parse(fd, &elf, &is_elf, &err) <= 0);
}

static bool same_bytes(const struct rewrite_bytes *a, const struct rewrite_bytes *b)
{
	return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct edit_rename renames[] = {{"libc.so.6", "/a/libc.so.6"},
						     {"libm.so.6", "/a/libc.so.6"}};
	static const char *const added[] = {"/a/b", "/a/c", "/a/b", "/a/d", "/a/e", "/a/f", "/a/g"};
	AUTO_FD int fd = memfd_create("fuzz", MFD_CLOEXEC);
	AUTO_REWRITE struct rewrite w = {0}, again = {0};
	struct edit edit = {.renames = renames, .added = added};
	struct err err;
	int r;

	if (size == 0)
		return 0;
	edit.path = data[0] & 1 ? "/a" : NULL;
	edit.nrenames = (data[0] >> 1) % 3;
	edit.nadded = (data[0] >> 3) % 8;
	HOLD(fd >= 0 && write(fd, data + 1, size - 1) == (ssize_t)(size - 1));
	r = rewrite_compute(fd, &edit, &w, &err);
	HOLD(r == rewrite_compute(fd, &edit, &again, &err));
	HOLD(r == 0 || r == -EINVAL || r == -EBADMSG);
	if (r < 0)
		return 0;
	HOLD(same_bytes(&w.bytes, &again.bytes) && same_bytes(&w.tail, &again.tail));
	check(&w, size - 1);
	check_copy(fd, &w);
	return 0;
}
