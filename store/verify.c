#include "store/store.h"

#include "base/array.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/progress.h"
#include "store/kept.h"
#include "store/note.h"
#include "store/object.h"
#include "store/origin.h"
#include "store/text.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_THREADS 64

struct verified_object {
	struct digest digest;
	uint64_t size;
};

struct verification {
	struct store *store;
	report_fn *report;
	void *ctx;
	pthread_mutex_t lock; /* of report and findings, while there are threads */
	int findings;
	struct verified_object *objects; /* sorted by digest */
	size_t count;
	const char *prefix; /* the directory in objects/ that is being listed */
	atomic_size_t next;
	atomic_bool *damaged; /* parallel to objects */
};

__attribute__((format(printf, 2, 3))) static void finding(struct verification *v, const char *fmt,
							  ...)
{
	char text[2 * PATH_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	pthread_mutex_lock(&v->lock);
	v->findings++;
	if (v->report)
		v->report(v->ctx, text);
	pthread_mutex_unlock(&v->lock);
}

/* Reports an owner or a mode that lets users other than root write the file: programs run from it. */
static void check_owner(struct verification *v, const struct stat *st, const char *what)
{
	if (st->st_uid != 0 && geteuid() == 0)
		finding(v, "%s does not belong to root", what);
	if ((st->st_mode & 07777) != 0644)
		finding(v, "%s has mode %04o, not 0644", what, (unsigned int)(st->st_mode & 07777));
}

static int list_object(void *ctx, int dir, const char *name, struct err *err)
{
	struct verification *v = ctx;
	struct verified_object o;
	char hex[DIGEST_HEX + NAME_MAX + 2], what[2 * NAME_MAX], buf[TEXT_SHOWN];
	struct stat st;

	snprintf(hex, sizeof hex, "%s%s", v->prefix, name);
	if (!digest_parse(hex, &o.digest)) {
		finding(v, "objects/%s/%s is not an object's name", v->prefix,
			text_shown(name, buf));
		return 0;
	}
	snprintf(what, sizeof what, "object %s", hex);
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, errno, "cannot stat %s", what);
	if (!S_ISREG(st.st_mode)) {
		finding(v, "%s is not a regular file", what);
		return 0;
	}
	check_owner(v, &st, what);
	o.size = (uint64_t)st.st_size;
	if (ARRAY_GROW(v->objects, v->count, err) < 0)
		return -ENOMEM;
	v->objects[v->count++] = o;
	return 0;
}

static int list_prefix(void *ctx, int dir, const char *name, struct err *err)
{
	struct verification *v = ctx;
	char buf[TEXT_SHOWN];
	AUTO_FD int fd = -1;

	if (strlen(name) != 2 || strspn(name, "0123456789abcdef") != 2) {
		finding(v, "objects/%s does not belong there", text_shown(name, buf));
		return 0;
	}
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		finding(v, "objects/%s cannot be opened as a directory", name);
		return 0;
	}
	v->prefix = name;
	return file_each_name(fd, list_object, v, err);
}

static int by_digest(const void *a, const void *b)
{
	return digest_compare(&((const struct verified_object *)a)->digest,
			      &((const struct verified_object *)b)->digest);
}

static struct verified_object *find_object(const struct verification *v,
					   const struct digest *digest)
{
	struct verified_object key = {.digest = *digest};

	if (v->count == 0)
		return NULL;
	return bsearch(&key, v->objects, v->count, sizeof key, by_digest);
}

static void hash_object(struct verification *v, size_t i)
{
	struct err err;
	struct digest found;
	char hex[DIGEST_HEX];
	AUTO_FD int fd = object_open(v->store, &v->objects[i].digest, &err);
	int r = fd < 0 ? fd : digest_fd(fd, &found, &err);

	progress_step(v->objects[i].size);
	digest_hex(&v->objects[i].digest, hex);
	if (r < 0)
		finding(v, "object %s cannot be read: %s", hex, err.text);
	else if (!digest_equal(&v->objects[i].digest, &found))
		finding(v, "object %s is damaged: its content does not match its name", hex);
	else
		return;
	v->damaged[i] = true;
}

static void *hash_objects(void *ctx)
{
	struct verification *v = ctx;
	size_t i;

	while ((i = atomic_fetch_add(&v->next, 1)) < v->count)
		hash_object(v, i);
	return NULL;
}

/* This thread works too, alone if it can start no other. */
static void hash_in_parallel(struct verification *v)
{
	pthread_t threads[MAX_THREADS];
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t bytes = 0;
	size_t n = 0;

	for (size_t i = 0; i < v->count; i++)
		bytes += v->objects[i].size;
	progress_begin("hashing the store", PROGRESS_BYTES, bytes);
	while (n < MAX_THREADS && (long)n + 1 < cpus && n + 1 < v->count) {
		if (pthread_create(&threads[n], NULL, hash_objects, v) != 0)
			break;
		n++;
	}
	hash_objects(v);
	while (n > 0)
		pthread_join(threads[--n], NULL);
	progress_end();
}

static int check_objects(struct verification *v, struct err *err)
{
	int r = file_each_name(v->store->objects, list_prefix, v, err);

	if (r < 0)
		return r;
	if (v->count > 1)
		qsort(v->objects, v->count, sizeof *v->objects, by_digest);
	v->damaged = calloc(v->count + 1, sizeof *v->damaged);
	if (!v->damaged)
		return err_nomem(err);
	hash_in_parallel(v);
	return 0;
}

static void check_entry(struct verification *v, const struct version *version,
			const struct entry *e)
{
	const struct verified_object *o = find_object(v, &e->content);
	const char *what = NULL;
	char hex[DIGEST_HEX], how[ORIGIN_RESTORE_MAX];

	if (!o)
		what = "is missing";
	else if (v->damaged[o - v->objects])
		what = "is damaged";
	else if (o->size != e->size)
		what = "has another size";
	if (!what)
		return;
	digest_hex(&e->content, hex);
	origin_restore(v->store, &version->digest, how);
	finding(v, "%s %s (%s): object %s of %s %s; %s", version->name, version->version,
		version->arch, hex, e->path, what, how);
}

static void check_manifest(struct verification *v, const char *hex)
{
	AUTO_VERSION struct version version = {0};
	struct digest digest;
	struct err err;
	char buf[TEXT_SHOWN];

	if (!digest_parse(hex, &digest)) {
		finding(v, "versions/%s is not a manifest's name", text_shown(hex, buf));
		return;
	}
	if (store_load(v->store, &digest, &version, &err) < 0) {
		finding(v, "%s", err.text);
		return;
	}
	for (size_t i = 0; i < version.nentries; i++)
		if (version.entries[i].type == ENTRY_FILE)
			check_entry(v, &version, &version.entries[i]);
}

static int visit_manifest(void *ctx, int dir, const char *name, struct err *err)
{
	struct verification *v = ctx;
	char what[NAME_MAX + 32], buf[TEXT_SHOWN];
	struct stat st;

	if (strncmp(name, FILE_TEMP, strlen(FILE_TEMP)) == 0)
		return 0; /* left by an interrupted add; store_gc removes it */
	snprintf(what, sizeof what, "manifest %s", text_shown(name, buf));
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, errno, "cannot stat %s", what);
	check_owner(v, &st, what);
	check_manifest(v, name);
	return 0;
}

static int visit_origin(void *ctx, int dir, const char *name, struct err *err)
{
	AUTO_ORIGIN struct origin origin = {0};
	struct verification *v = ctx;
	struct digest digest;
	struct err why;

	(void)dir;
	(void)err;
	if (!digest_parse(name, &digest))
		return 0; /* store_gc removes it */
	if (origin_read(v->store, &digest, &origin, &why) < 0)
		finding(v, "%s; adding its version again restores it", why.text);
	return 0;
}

static int visit_kept(void *ctx, int dir, const char *name, struct err *err)
{
	struct verification *v = ctx;
	struct digest digest;
	struct err why;

	(void)dir;
	(void)err;
	if (!digest_parse(name, &digest))
		return 0;
	if (kept_check(v->store, &digest, &why) < 0)
		finding(v, "%s; gc ignores this note: remove it", why.text);
	return 0;
}

static int visit_provenance(void *ctx, int dir, const char *name, struct err *err)
{
	AUTO_FREE char *text = NULL;
	struct verification *v = ctx;
	struct digest digest;
	struct err why;

	(void)dir;
	(void)err;
	if (digest_parse(name, &digest) &&
	    note_read(v->store, "provenance", &digest, &text, &why) < 0)
		finding(v, "%s; adding its version again restores it", why.text);
	return 0;
}

static int check_notes(struct verification *v, const char *kind, each_name_fn *visit,
		       struct err *err)
{
	AUTO_FD int dir =
		openat(v->store->dir, kind, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dir < 0)
		return errno == ENOENT ? 0 : err_sys(err, errno, "cannot open %s", kind);
	return file_each_name(dir, visit, v, err);
}

int store_verify(struct store *store, report_fn *report, void *ctx, struct err *err)
{
	struct verification v = {.store = store, .report = report, .ctx = ctx};
	int r;

	pthread_mutex_init(&v.lock, NULL);
	r = check_objects(&v, err);
	if (r == 0)
		r = file_each_name(store->versions, visit_manifest, &v, err);
	if (r == 0)
		r = check_notes(&v, "origins", visit_origin, err);
	if (r == 0)
		r = check_notes(&v, "kept", visit_kept, err);
	if (r == 0)
		r = check_notes(&v, "provenance", visit_provenance, err);
	pthread_mutex_destroy(&v.lock);
	free(v.objects);
	free(v.damaged);
	return r < 0 ? err_wrap(err, r, "cannot verify the store %s", store->root) : v.findings;
}
