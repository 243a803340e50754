/* For the targets that need a store: one for the process, on a tmpfs where there is one. */
#pragma once

#include "base/file.h"
#include "intake/source.h"
#include "provenance/gather.h"
#include "store/store.h"
#include "store/text.h"
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <sys/mman.h>

static char fuzz_root[64];

static inline void fuzz_store_remove(void)
{
	struct err err;

	file_remove_tree(AT_FDCWD, fuzz_root, &err);
}

static inline struct store *fuzz_store(void)
{
	static struct store *store;
	struct err err;

	if (store)
		return store;
	snprintf(fuzz_root, sizeof fuzz_root, "%s/pinlib-fuzz-XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	HOLD(mkdtemp(fuzz_root) && store_open(fuzz_root, true, &store, &err) == 0);
	atexit(fuzz_store_remove);
	return store;
}

static inline size_t fuzz_names(int dir)
{
	AUTO_DIR DIR *d = fdopendir(openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	size_t n = 0;

	while (d && readdir(d))
		n++;
	return n;
}

static inline void fuzz_check_staged(const struct staging *s)
{
	AUTO_PROVENANCE struct provenance p = {0};
	struct err err;

	HOLD(provenance_take_source(&p, s->source_field, s->name, s->version, &err) == 0);
	HOLD(!p.source || (!text_label_fault(p.source) && !text_version_fault(p.source_version)));
	HOLD(!text_label_fault(s->name) && !text_version_fault(s->version) &&
	     !text_arch_fault(s->arch));
	for (size_t i = 0; i < s->count; i++) {
		const struct entry *e = s->items[i];

		HOLD(!text_path_fault(e->path) && (e->mode & ~0777u) == 0);
		HOLD(e->time == text_time_near(e->time));
		HOLD(e->type != ENTRY_LINK || !text_target_fault(e->path, e->target));
	}
}

/* Stages the tree of the frames in fd, and discards it again. */
static inline void fuzz_frames(int fd)
{
	static const struct intake_options options = {.opaque = true};
	struct parser parser = {.what = "archive", .pid = -1, .fd = fd};
	struct store *store = fuzz_store();
	struct staging s;
	struct err err;

	HOLD(staging_begin(store, &options, &s, &err) == 0);
	if (source_frames(&s, &parser, &err) == 0)
		fuzz_check_staged(&s);
	free(parser.ahead);
	staging_end(&s);
	HOLD(fuzz_names(store->tmp) == 2);
}

#define FUZZ_FRAMES_MAX (8 << 20)

/* A file for a parser's frames, that holds so many bytes and no more: it ends where that is full.
 */
static inline int fuzz_frames_file(void)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	HOLD(fd >= 0 && ftruncate(fd, FUZZ_FRAMES_MAX) == 0);
	HOLD(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW) == 0);
	return fd;
}

/* Its whole content, from its beginning. */
static inline void fuzz_frames_rewind(int fd)
{
	off_t len = lseek(fd, 0, SEEK_CUR);

	HOLD(len >= 0 && ftruncate(fd, len) == 0 && lseek(fd, 0, SEEK_SET) == 0);
}
