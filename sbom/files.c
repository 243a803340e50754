#include "sbom/files.h"

#include "base/file.h"
#include "base/path.h"
#include "sbom/copyright.h"
#include "sbom/licence.h"
#include "store/object.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* -- objects -- */

/* Completes the error about an object of a version. */
static int object_fails(struct store *store, const struct bill_version *v, const struct entry *e,
			int r, struct err *err)
{
	char restore[ORIGIN_RESTORE_MAX];
	struct err why = *err;

	origin_restore(store, &v->version->digest, restore);
	return err_set(err, -r, "%s of %s %s: %s; %s", e->path, v->version->name,
		       v->version->version, why.text, restore);
}

static int open_file(struct store *store, const struct entry *e, struct err *err)
{
	struct stat st;
	AUTO_FD int fd = object_open(store, &e->content, err);
	int out = fd;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "cannot stat its object");
	if ((uint64_t)st.st_size != e->size)
		return err_set(err, EBADMSG, "its object is damaged: it has another size");
	fd = -1;
	return out;
}

/* -- SHA-1 -- */

static void sha1_free(EVP_MD_CTX **md)
{
	EVP_MD_CTX_free(*md);
}

static int sha1_failed(struct err *err)
{
	return err_set(err, ENOTSUP, "libcrypto refuses to compute SHA-1, which SPDX needs");
}

static int sha1_end(EVP_MD_CTX *md, char hex[SHA1_HEX], struct err *err)
{
	unsigned char bytes[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (EVP_DigestFinal_ex(md, bytes, &len) != 1 || 2 * len + 1 != SHA1_HEX)
		return sha1_failed(err);
	for (unsigned i = 0; i < len; i++)
		snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

static int sum_file(int fd, EVP_MD_CTX *md, struct digest_stream *sha256, struct err *err)
{
	AUTO_FREE unsigned char *buf = malloc(1 << 17);
	ssize_t n;
	int r = 0;

	if (!buf)
		return err_nomem(err);
	for (off_t at = 0; (n = file_read_part(fd, buf, 1 << 17, at, err)) > 0; at += n) {
		if (EVP_DigestUpdate(md, buf, (size_t)n) != 1)
			return sha1_failed(err);
		r = digest_update(sha256, buf, (size_t)n, err);
		if (r < 0)
			return r;
	}
	return (int)n;
}

static int sha1_file(int fd, const struct digest *content, char hex[SHA1_HEX], struct err *err)
{
	CLEANUP(sha1_free) EVP_MD_CTX *md = EVP_MD_CTX_new();
	CLEANUP(digest_abandon) struct digest_stream *sha256 = digest_begin();
	struct digest digest;
	int r;

	if (!md || !sha256)
		return err_nomem(err);
	if (EVP_DigestInit_ex(md, EVP_sha1(), NULL) != 1)
		return sha1_failed(err);
	r = sum_file(fd, md, sha256, err);
	if (r == 0)
		r = digest_end(&sha256, &digest, err);
	if (r == 0 && !digest_equal(&digest, content))
		return err_set(err, EBADMSG, "its object is damaged");
	return r < 0 ? r : sha1_end(md, hex, err);
}

static int by_sha1(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* The SHA-1 of the files' SHA-1, sorted (SPDX 2.3, 7.9). */
static int sha1_of_all(struct bill_version *v, struct err *err)
{
	CLEANUP(sha1_free) EVP_MD_CTX *md = EVP_MD_CTX_new();
	AUTO_FREE char(*all)[SHA1_HEX] = calloc(v->nfiles + 1, sizeof *all);

	if (!md || !all)
		return err_nomem(err);
	for (size_t i = 0; i < v->nfiles; i++)
		memcpy(all[i], v->files[i].sha1, SHA1_HEX);
	qsort(all, v->nfiles, sizeof *all, by_sha1);
	if (EVP_DigestInit_ex(md, EVP_sha1(), NULL) != 1)
		return sha1_failed(err);
	for (size_t i = 0; i < v->nfiles; i++)
		if (EVP_DigestUpdate(md, all[i], SHA1_HEX - 1) != 1)
			return sha1_failed(err);
	return sha1_end(md, v->verification, err);
}

static int read_one(struct store *store, struct bill_file *file, bool sha1, struct err *err)
{
	AUTO_FD int fd = open_file(store, file->entry, err);

	if (fd < 0)
		return fd;
	return sha1 ? sha1_file(fd, &file->entry->content, file->sha1, err) : 0;
}

/* -- all files, by several threads -- */

#define THREADS_MAX 16

struct file_of_bill {
	const struct bill_version *version;
	struct bill_file *file;
	bool failed;
};

struct bill_reading {
	struct store *store;
	bool sha1;
	struct file_of_bill *items;
	size_t count;
	atomic_size_t next;
};

static void *read_some(void *ctx)
{
	struct bill_reading *w = ctx;
	struct err ignored;
	size_t i;

	while ((i = atomic_fetch_add(&w->next, 1)) < w->count)
		w->items[i].failed = read_one(w->store, w->items[i].file, w->sha1, &ignored) < 0;
	return NULL;
}

/* This thread works too, alone where others cannot start, or have only files to look at. */
static void read_in_parallel(struct bill_reading *w)
{
	pthread_t threads[THREADS_MAX];
	long cpus = w->sha1 ? sysconf(_SC_NPROCESSORS_ONLN) : 1;
	size_t n = 0;

	while (n < THREADS_MAX && (long)n + 1 < cpus && n + 1 < w->count) {
		if (pthread_create(&threads[n], NULL, read_some, w) != 0)
			break;
		n++;
	}
	read_some(w);
	while (n > 0)
		pthread_join(threads[--n], NULL);
}

static void list_files(const struct bill *bill, struct bill_reading *w)
{
	for (size_t i = 0; i < bill->nversions; i++)
		for (size_t k = 0; k < bill->versions[i].nfiles; k++)
			w->items[w->count++] = (struct file_of_bill){
				.version = &bill->versions[i],
				.file = &bill->versions[i].files[k],
			};
}

/* The first in the bill's order, whichever thread met it: read again, for the reason. */
static int find_failed(const struct bill_reading *w, struct err *err)
{
	for (size_t i = 0; i < w->count; i++) {
		const struct file_of_bill *f = &w->items[i];
		int r = f->failed ? read_one(w->store, f->file, w->sha1, err) : 0;

		if (r < 0)
			return object_fails(w->store, f->version, f->file->entry, r, err);
	}
	return 0;
}

int bill_read_files(struct store *store, struct bill *bill, bool sha1, struct err *err)
{
	AUTO_FREE struct file_of_bill *items = calloc(bill->nfiles + 1, sizeof *items);
	struct bill_reading w = {.store = store, .sha1 = sha1, .items = items};
	int r;

	if (!items)
		return err_nomem(err);
	list_files(bill, &w);
	read_in_parallel(&w);
	r = find_failed(&w, err);
	for (size_t i = 0; r == 0 && sha1 && i < bill->nversions; i++)
		r = sha1_of_all(&bill->versions[i], err);
	return r;
}

/* -- licences -- */

/* The package to whose directory the link leads: "../gcc-12-base", "gcc-12-base" or "/usr/share/doc/gcc-12-base". */
static const struct bill_version *behind_link(const struct bill *bill, const struct bill_version *v,
					      const char *target)
{
	const char *name = path_base(target);

	for (size_t i = 0; i < bill->nversions; i++) {
		const struct version *other = bill->versions[i].version;

		if (strcmp(other->name, name) == 0 &&
		    strcmp(other->version, v->version->version) == 0)
			return &bill->versions[i];
	}
	return NULL;
}

/* The entry of the copyright file; *v becomes the version that has it. NULL: none. */
static const struct entry *find_copyright(const struct bill *bill, const struct bill_version **v)
{
	char path[PATH_MAX];
	const struct entry *dir;

	snprintf(path, sizeof path, "/usr/share/doc/%s", (*v)->version->name);
	dir = version_entry((*v)->version, path);
	if (dir && dir->type == ENTRY_LINK) {
		*v = behind_link(bill, *v, dir->target);
		if (!*v)
			return NULL;
	}
	snprintf(path, sizeof path, "/usr/share/doc/%s/copyright", (*v)->version->name);
	dir = version_entry((*v)->version, path);
	return dir && dir->type == ENTRY_FILE ? dir : NULL;
}

static int by_licence(const void *a, const void *b)
{
	const struct bill_licence *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* Two names may mean one licence. */
static bool has_licence(const struct bill_version *v, const char *expression)
{
	for (size_t i = 0; expression && i < v->nlicences; i++)
		if (string_equal(v->licences[i].expression, expression))
			return true;
	return false;
}

static int add_licence(struct bill_version *v, const char *name, struct err *err)
{
	AUTO_FREE char *copy = strdup(name), *expression = NULL;
	int r = copy ? licence_expression(name, &expression, err) : err_nomem(err);

	if (r < 0 || has_licence(v, expression))
		return r;
	v->licences[v->nlicences++] = (struct bill_licence){.name = copy, .expression = expression};
	copy = expression = NULL;
	return 0;
}

static int take_licences(struct bill_version *v, const struct strings *names, struct err *err)
{
	int r = 0;

	v->licences = calloc(names->count + 1, sizeof *v->licences);
	if (!v->licences)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < names->count; i++)
		r = add_licence(v, names->items[i], err);
	qsort(v->licences, v->nlicences, sizeof *v->licences, by_licence);
	for (size_t i = 0; i < v->nlicences; i++)
		snprintf(v->licences[i].reference, sizeof v->licences[i].reference,
			 "LicenseRef-%s-%zu", v->id, i + 1);
	return r;
}

/* The bytes of a file in the store, compared with its digest. */
static int read_text(struct store *store, const struct entry *e, char **text, size_t *len,
		     struct err *err)
{
	AUTO_FD int fd = open_file(store, e, err);
	struct digest digest;
	int r = fd < 0 ? fd : file_read(fd, COPYRIGHT_MAX, text, len, err);

	if (r == 0)
		r = digest_data(*text, *len, &digest, err);
	if (r == 0 && !digest_equal(&digest, &e->content))
		return err_set(err, EBADMSG, "its object is damaged");
	return r;
}

int bill_read_licences(struct store *store, const struct bill *bill, struct bill_version *v,
		       struct err *err)
{
	AUTO_STRINGS struct strings names = {0};
	AUTO_FREE char *text = NULL;
	const struct bill_version *of = v;
	const struct entry *e = find_copyright(bill, &of);
	size_t len = 0;
	int r;

	if (!e || e->size > COPYRIGHT_MAX)
		return 0;
	r = read_text(store, e, &text, &len, err);
	if (r < 0)
		return object_fails(store, of, e, r, err);
	r = copyright_names(text, len, &names, err);
	return r <= 0 ? r : take_licences(v, &names, err);
}
