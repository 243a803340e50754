#include "intake/oci.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/progress.h"
#include "provenance/provenance.h"
#include "store/object.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define IMAGE "application/vnd.oci.image."
#define COPY ((size_t)128 * 1024)

/* A blob of the layout: in memory, or, for a layer, in a file without a name. */
struct blob {
	struct digest digest;
	uint64_t size;
	char hex[DIGEST_HEX];
	char *data; /* NULL: the content is in fd */
	int fd;
};

#define BLOB_NONE ((struct blob){.fd = -1})

static void blob_free(struct blob *b)
{
	free(b->data);
	cleanup_fd(&b->fd);
	*b = BLOB_NONE;
}

struct oci_image {
	struct store *store;
	const char *arch; /* Debian's name */
	struct blob layers[OCI_LAYERS_MAX];
	size_t count;
	struct blob config, manifest;
	char *index;
};

static void image_free(struct oci_image **image)
{
	if (!*image)
		return;
	for (size_t i = 0; i < (*image)->count; i++)
		blob_free(&(*image)->layers[i]);
	blob_free(&(*image)->config);
	blob_free(&(*image)->manifest);
	free((*image)->index);
	free(*image);
	*image = NULL;
}

/* -- tar archives -- */

static void cleanup_archive(struct archive **a)
{
	archive_write_free(*a);
}
#define AUTO_ARCHIVE CLEANUP(cleanup_archive)

static void cleanup_entry(struct archive_entry **e)
{
	archive_entry_free(*e);
}
#define AUTO_ENTRY CLEANUP(cleanup_entry)

static int tar_failed(struct archive *a, struct err *err)
{
	int errnum = archive_errno(a);

	if (errnum > 0) /* from a system call */
		return err_sys(err, errnum, "cannot write the archive");
	return err_set(err, EIO, "cannot write the archive: %s",
		       archive_error_string(a) ? archive_error_string(a) : "out of memory");
}

static int tar_begin(int fd, struct archive **out, struct err *err)
{
	struct archive *a = archive_write_new();

	*out = a;
	if (!a)
		return err_nomem(err);
	setlocale(LC_CTYPE, "C.UTF-8"); /* libarchive converts names from the locale to UTF-8 */
	/* Only names too long for ustar need pax headers. Nobody writes this to a tape: no
	 * padding to its blocks. */
	if (archive_write_set_format_pax_restricted(a) != ARCHIVE_OK ||
	    archive_write_set_bytes_per_block(a, 64 * 1024) != ARCHIVE_OK ||
	    archive_write_set_bytes_in_last_block(a, 1) != ARCHIVE_OK ||
	    archive_write_open_fd(a, fd) != ARCHIVE_OK)
		return tar_failed(a, err);
	return 0;
}

static int tar_end(struct archive *a, struct err *err)
{
	return archive_write_close(a) == ARCHIVE_OK ? 0 : tar_failed(a, err);
}

/* Owner root, so that equal versions give equal bytes. */
static int tar_header(struct archive *a, const char *path, mode_t type, mode_t mode, int64_t time,
		      uint64_t size, const char *target, struct err *err)
{
	AUTO_ENTRY struct archive_entry *e = archive_entry_new();

	if (!e)
		return err_nomem(err);
	archive_entry_copy_pathname(e, path);
	archive_entry_set_filetype(e, type);
	archive_entry_set_perm(e, mode);
	archive_entry_set_size(e, (la_int64_t)size);
	archive_entry_set_mtime(e, time, 0);
	if (target)
		archive_entry_copy_symlink(e, target);
	return archive_write_header(a, e) == ARCHIVE_OK ? 0 : tar_failed(a, err);
}

static int tar_data(struct archive *a, const void *data, size_t len, struct err *err)
{
	return archive_write_data(a, data, len) == (la_ssize_t)len ? 0 : tar_failed(a, err);
}

static int tar_text(struct archive *a, const char *path, const char *text, size_t len,
		    struct err *err)
{
	int r = tar_header(a, path, AE_IFREG, 0644, 0, len, NULL, err);

	return r < 0 ? r : tar_data(a, text, len, err);
}

/* Copies the first size bytes of fd. */
static int tar_copy(struct archive *a, int fd, uint64_t size, struct err *err)
{
	AUTO_FREE char *buf = malloc(COPY);
	off_t at = 0;

	if (!buf)
		return err_nomem(err);
	while ((uint64_t)at < size) {
		ssize_t n = file_read_part(fd, buf, COPY, at, err);
		int r;

		if (n < 0)
			return (int)n;
		if (n == 0 || (uint64_t)(at + n) > size)
			return err_set(err, EBADMSG, "a file changed while it was read");
		r = tar_data(a, buf, (size_t)n, err);
		if (r < 0)
			return r;
		at += n;
		progress_step((uint64_t)n);
	}
	return 0;
}

/* -- layers -- */

static int put_file(struct archive *a, struct store *store, const struct entry *e, struct err *err)
{
	AUTO_FD int fd = object_open(store, &e->content, err);
	struct digest found;
	char hex[DIGEST_HEX];
	int r;

	if (fd < 0)
		return fd;
	r = digest_fd(fd, &found, err);
	if (r < 0)
		return r;
	digest_hex(&e->content, hex);
	if (!digest_equal(&found, &e->content))
		return err_set(err, EBADMSG, "the object %s of %s is damaged", hex, e->path);
	r = tar_header(a, e->path + 1, AE_IFREG, e->mode, e->time, e->size, NULL, err);
	return r < 0 ? r : tar_copy(a, fd, e->size, err);
}

static int put_entry(struct archive *a, struct store *store, const struct entry *e, struct err *err)
{
	switch (e->type) {
	case ENTRY_DIR:
		return tar_header(a, e->path + 1, AE_IFDIR, e->mode, e->time, 0, NULL, err);
	case ENTRY_LINK:
		return tar_header(a, e->path + 1, AE_IFLNK, 0777, 0, 0, e->target, err);
	default:
		return put_file(a, store, e, err);
	}
}

/* The source package is named where it is not what the version's own name and number tell. */
static int put_control(struct archive *a, struct store *store, const struct version *v,
		       struct err *err)
{
	AUTO_PROVENANCE struct provenance p = {0};
	AUTO_FREE char *text = NULL;
	size_t len = 0;
	FILE *f;
	int r = provenance_read(store, &v->digest, v->name, v->version, &p, err);

	if (r < 0)
		return r;
	f = open_memstream(&text, &len);
	if (!f)
		return err_nomem(err);
	fprintf(f, "Package: %s\nVersion: %s\nArchitecture: %s\n", v->name, v->version, v->arch);
	if (strcmp(p.source, v->name) != 0 || strcmp(p.source_version, v->version) != 0)
		fprintf(f, "Source: %s (%s)\n", p.source, p.source_version);
	return fclose(f) != 0 ? err_nomem(err) : tar_text(a, ".pinlib/version", text, len, err);
}

static int put_version(struct archive *a, struct store *store, const struct version *v,
		       struct err *err)
{
	int r = put_control(a, store, v, err);

	for (size_t i = 0; r == 0 && i < v->nentries; i++)
		r = put_entry(a, store, &v->entries[i], err);
	return r;
}

static int finish_blob(struct blob *b, struct err *err)
{
	struct stat st;
	int r = digest_fd(b->fd, &b->digest, err);

	if (r < 0)
		return r;
	if (fstat(b->fd, &st) < 0)
		return err_sys(err, errno, "cannot stat a file in memory");
	b->size = (uint64_t)st.st_size;
	digest_hex(&b->digest, b->hex);
	return 0;
}

/* Adds the layer of a version; of the pins' text, if v is NULL. */
static int add_layer(struct oci_image *image, const struct version *v, const char *pins, size_t len,
		     struct err *err)
{
	AUTO_ARCHIVE struct archive *a = NULL;
	struct blob *b = &image->layers[image->count];
	char name[64];
	int r;

	if (image->count == OCI_LAYERS_MAX)
		return err_set(err, EFBIG, "there are more than %d versions", OCI_LAYERS_MAX - 1);
	*b = BLOB_NONE;
	image->count++;
	r = file_temp_name("oci-", name, sizeof name, err);
	if (r < 0)
		return r;
	/* On the store's file system, because /tmp and memory may be small. */
	b->fd = openat(image->store->tmp, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (b->fd < 0 || unlinkat(image->store->tmp, name, 0) < 0)
		return err_sys(err, errno, "cannot create a temporary file in the store");
	r = tar_begin(b->fd, &a, err);
	if (r == 0)
		r = v ? put_version(a, image->store, v, err)
		      : tar_text(a, ".pinlib/pins.conf", pins, len, err);
	if (r == 0)
		r = tar_end(a, err);
	return r < 0 ? r : finish_blob(b, err);
}

/* -- JSON: nothing in it but digests, sizes and names of ours -- */

/* Go's name for an architecture of Debian's, as the image specification wants. */
static const char *architecture(const char *debian)
{
	static const char *const names[][2] = {{"i386", "386"},		 {"armhf", "arm"},
					       {"armel", "arm"},	 {"ppc64el", "ppc64le"},
					       {"mips64el", "mips64le"}, {"mipsel", "mipsle"}};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(names[i][0], debian) == 0)
			return names[i][1];
	return debian;
}

static void print_config(FILE *f, const struct oci_image *image)
{
	fprintf(f, "{\"architecture\":\"%s\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",",
		architecture(image->arch));
	fputs("\"diff_ids\":[", f);
	for (size_t i = 0; i < image->count; i++)
		fprintf(f, "%s\"sha256:%s\"", i ? "," : "", image->layers[i].hex);
	fputs("]}}", f);
}

static void print_descriptor(FILE *f, const char *type, const struct blob *b)
{
	fprintf(f, "{\"mediaType\":\"" IMAGE "%s\",\"digest\":\"sha256:%s\",\"size\":%llu}", type,
		b->hex, (unsigned long long)b->size);
}

static void print_manifest(FILE *f, const struct oci_image *image)
{
	fputs("{\"schemaVersion\":2,\"mediaType\":\"" IMAGE "manifest.v1+json\",\"config\":", f);
	print_descriptor(f, "config.v1+json", &image->config);
	fputs(",\"layers\":[", f);
	for (size_t i = 0; i < image->count; i++) {
		if (i)
			fputc(',', f);
		print_descriptor(f, "layer.v1.tar", &image->layers[i]);
	}
	fputs("]}", f);
}

static void print_index(FILE *f, const struct oci_image *image)
{
	fputs("{\"schemaVersion\":2,\"mediaType\":\"" IMAGE "index.v1+json\",\"manifests\":[", f);
	print_descriptor(f, "manifest.v1+json", &image->manifest);
	fputs("]}", f);
}

static int make_text(void (*print)(FILE *f, const struct oci_image *image),
		     const struct oci_image *image, char **text, size_t *len, struct err *err)
{
	FILE *f = open_memstream(text, len);

	if (!f)
		return err_nomem(err);
	print(f, image);
	return fclose(f) == 0 ? 0 : err_nomem(err);
}

static int make_blob(void (*print)(FILE *f, const struct oci_image *image),
		     const struct oci_image *image, struct blob *b, struct err *err)
{
	size_t len = 0;
	int r = make_text(print, image, &b->data, &len, err);

	if (r < 0)
		return r;
	b->size = len;
	r = digest_data(b->data, len, &b->digest, err);
	digest_hex(&b->digest, b->hex);
	return r;
}

/* -- the layout -- */

static int put_blob(struct archive *a, const struct blob *b, struct err *err)
{
	char path[32 + DIGEST_HEX];
	int r;

	snprintf(path, sizeof path, "blobs/sha256/%s", b->hex);
	r = tar_header(a, path, AE_IFREG, 0644, 0, b->size, NULL, err);
	if (r < 0)
		return r;
	return b->data ? tar_data(a, b->data, (size_t)b->size, err)
		       : tar_copy(a, b->fd, b->size, err);
}

static int put_image(const struct oci_image *image, int fd, struct err *err)
{
	static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	AUTO_ARCHIVE struct archive *a = NULL;
	int r = tar_begin(fd, &a, err);

	if (r == 0)
		r = tar_text(a, "oci-layout", layout, strlen(layout), err);
	if (r == 0)
		r = tar_text(a, "index.json", image->index, strlen(image->index), err);
	if (r == 0)
		r = put_blob(a, &image->manifest, err);
	if (r == 0)
		r = put_blob(a, &image->config, err);
	for (size_t i = 0; r == 0 && i < image->count; i++)
		r = put_blob(a, &image->layers[i], err);
	return r < 0 ? r : tar_end(a, err);
}

/* The first architecture, because an image has one. */
static const char *arch_of(const struct versions *versions)
{
	for (size_t i = 0; i < versions->count; i++)
		if (strcmp(versions->items[i].arch, "all") != 0)
			return versions->items[i].arch;
	return "amd64";
}

int oci_write(struct store *store, const struct versions *versions, const char *pins, size_t len,
	      int fd, struct err *err)
{
	CLEANUP(image_free) struct oci_image *image = calloc(1, sizeof *image);
	size_t length = 0;
	int r;

	if (!image)
		return err_nomem(err);
	image->store = store;
	image->arch = arch_of(versions);
	image->config = image->manifest = BLOB_NONE;
	progress_begin("writing", PROGRESS_BYTES, 0);
	r = add_layer(image, NULL, pins, len, err);
	for (size_t i = 0; r == 0 && i < versions->count; i++)
		r = add_layer(image, &versions->items[i], NULL, 0, err);
	if (r == 0)
		r = make_blob(print_config, image, &image->config, err);
	if (r == 0)
		r = make_blob(print_manifest, image, &image->manifest, err);
	if (r == 0)
		r = make_text(print_index, image, &image->index, &length, err);
	if (r == 0)
		r = put_image(image, fd, err);
	progress_end();
	return r;
}
