#include "store/store.h"

#include "base/array.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/progress.h"
#include "store/root.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

struct gc {
	struct store *store;
	bool dry_run;
	report_fn *report;
	void *ctx;
	struct gc_result *result;
	struct digests live; /* objects of the versions that stay, sorted */
	const char *prefix;  /* the directory in objects/ that is being swept */
};

static int add_live(struct gc *gc, const struct digest *digest, struct err *err)
{
	if (ARRAY_GROW(gc->live.items, gc->live.count, err) < 0)
		return -ENOMEM;
	gc->live.items[gc->live.count++] = *digest;
	return 0;
}

static bool has_digest(const struct digests *sorted, const struct digest *digest)
{
	return sorted->count > 0 &&
	       bsearch(digest, sorted->items, sorted->count, sizeof *digest, digest_compare);
}

/* A version that must stay and cannot be read stops the collection, because its objects are not
 * known. */
static int mark_objects(struct gc *gc, const struct digests *keep, struct err *err)
{
	for (size_t i = 0; i < keep->count; i++) {
		AUTO_VERSION struct version v = {0};
		int r = store_load(gc->store, &keep->items[i], &v, err);

		for (size_t k = 0; r == 0 && k < v.nentries; k++)
			if (v.entries[k].type == ENTRY_FILE)
				r = add_live(gc, &v.entries[k].content, err);
		if (r < 0)
			return err_wrap(err, r, "nothing was removed");
	}
	if (gc->live.count > 1)
		qsort(gc->live.items, gc->live.count, sizeof *gc->live.items, digest_compare);
	return 0;
}

static int remove_version(struct gc *gc, const struct digest *digest, struct err *err)
{
	AUTO_VERSION struct version v = {0};
	char hex[DIGEST_HEX], text[1024];
	struct err unread;

	digest_hex(digest, hex);
	if (store_load(gc->store, digest, &v, &unread) == 0)
		snprintf(text, sizeof text, "%s %s %s", v.name, v.version, v.arch);
	else
		snprintf(text, sizeof text, "sha256:%.12s, which is damaged", hex);
	if (gc->report)
		gc->report(gc->ctx, text);
	if (!gc->dry_run && unlinkat(gc->store->versions, hex, 0) < 0)
		return err_sys(err, errno, "cannot remove the manifest %s/versions/%s",
			       gc->store->root, hex);
	gc->result->versions++;
	return 0;
}

static int sweep_versions(struct gc *gc, const struct digests *keep, struct err *err)
{
	struct digests all;
	int r = store_digests(gc->store, &all, err);

	for (size_t i = 0; r == 0 && i < all.count; i++)
		if (!has_digest(keep, &all.items[i]))
			r = remove_version(gc, &all.items[i], err);
	free(all.items);
	/* The removals must be on the disk before any object goes: no manifest may outlive its
	 * objects. */
	if (r == 0 && !gc->dry_run && fsync(gc->store->versions) < 0)
		r = err_sys(err, errno, "cannot sync %s/versions", gc->store->root);
	return r;
}

static int sweep_object(void *ctx, int dir, const char *name, struct err *err)
{
	struct gc *gc = ctx;
	char hex[DIGEST_HEX + NAME_MAX + 2];
	struct digest digest;
	struct stat st;

	progress_step(1);
	snprintf(hex, sizeof hex, "%s%s", gc->prefix, name);
	if (!digest_parse(hex, &digest) || has_digest(&gc->live, &digest))
		return 0;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, errno, "cannot stat the object %s", hex);
	if (!gc->dry_run && unlinkat(dir, name, 0) < 0)
		return err_sys(err, errno, "cannot remove the object %s/objects/%s/%s",
			       gc->store->root, gc->prefix, name);
	gc->result->objects++;
	gc->result->bytes += (uint64_t)st.st_size;
	return 0;
}

static int sweep_prefix(void *ctx, int dir, const char *name, struct err *err)
{
	struct gc *gc = ctx;
	AUTO_FD int fd = -1;
	int r;

	if (strlen(name) != 2)
		return 0;
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return 0; /* store_verify reports it */
	gc->prefix = name;
	r = file_each_name(fd, sweep_object, gc, err);
	if (r == 0 && !gc->dry_run)
		unlinkat(dir, name, AT_REMOVEDIR); /* if it is empty now */
	return r;
}

static int sweep_temporary(void *ctx, int dir, const char *name, struct err *err)
{
	struct gc *gc = ctx;

	return gc->dry_run ? 0 : file_remove_tree(dir, name, err);
}

/* Removes an interrupted add's directory. The files of an export stay: it does not hold the lock. */
static int sweep_staging(void *ctx, int dir, const char *name, struct err *err)
{
	(void)ctx;
	return strncmp(name, STORE_STAGING, strlen(STORE_STAGING)) == 0
		       ? file_remove_tree(dir, name, err)
		       : 0;
}

int store_sweep(struct store *store, struct err *err)
{
	return file_each_name(store->tmp, sweep_staging, NULL, err);
}

/* Removes the temporary file of an interrupted file_publish. */
static int sweep_half_manifest(void *ctx, int dir, const char *name, struct err *err)
{
	return strncmp(name, FILE_TEMP, strlen(FILE_TEMP)) == 0
		       ? sweep_temporary(ctx, dir, name, err)
		       : 0;
}

/* Removes the note (store/note.h) of a version that is gone, or that was never published. */
static int sweep_note(void *ctx, int dir, const char *name, struct err *err)
{
	struct gc *gc = ctx;

	if (gc->dry_run || faccessat(gc->store->versions, name, F_OK, 0) == 0)
		return 0;
	return file_remove_tree(dir, name, err);
}

static const char *const note_kinds[] = {"origins", "kept", "provenance"};

static int sweep_notes(struct gc *gc, const char *kind, struct err *err)
{
	AUTO_FD int dir =
		openat(gc->store->dir, kind, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return dir < 0 ? 0 : file_each_name(dir, sweep_note, gc, err);
}

static int sweep_store(struct gc *gc, const struct digests *keep, struct err *err)
{
	int r = mark_objects(gc, keep, err);

	if (r == 0)
		r = sweep_versions(gc, keep, err);
	progress_begin("scanning the store", PROGRESS_ITEMS, 0);
	if (r == 0)
		r = file_each_name(gc->store->objects, sweep_prefix, gc, err);
	if (r == 0)
		r = file_each_name(gc->store->tmp, sweep_temporary, gc, err);
	if (r == 0)
		r = file_each_name(gc->store->versions, sweep_half_manifest, gc, err);
	for (size_t i = 0; r == 0 && i < sizeof note_kinds / sizeof *note_kinds; i++)
		r = sweep_notes(gc, note_kinds[i], err);
	progress_end();
	return r;
}

int store_gc(struct store *store, const struct digests *keep, bool dry_run, report_fn *report_to,
	     void *ctx, struct gc_result *result, struct err *err)
{
	struct gc gc = {.store = store,
			.dry_run = dry_run,
			.report = report_to,
			.ctx = ctx,
			.result = result};
	AUTO_FREE struct digest *sorted = calloc(keep->count + 1, sizeof *sorted);
	int r;

	*result = (struct gc_result){0};
	if (!sorted)
		return err_nomem(err);
	if (keep->count > 0)
		memcpy(sorted, keep->items, keep->count * sizeof *sorted);
	qsort(sorted, keep->count, sizeof *sorted, digest_compare);
	r = sweep_store(&gc, &(struct digests){sorted, keep->count}, err);
	free(gc.live.items);
	return r < 0 ? err_wrap(err, r, "cannot remove unneeded versions") : 0;
}
