#include "intake/intake.h"

#include "base/file.h"
#include "base/path.h"
#include "base/progress.h"
#include "base/reach.h"
#include "intake/source.h"
#include "store/origin.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static int read_source(struct staging *s, const void *ctx, struct err *err)
{
	const char *source = ctx;

	if (strncmp(source, "dpkg:", 5) == 0)
		return source_dpkg(s, source + 5, err);
	if (strncmp(source, "apt:", 4) == 0)
		return source_apt(s, source + 4, err);
	if (source_is_image(source))
		return source_image(s, source, err);
	return source_path(s, source, err);
}

bool intake_is_source(const char *text)
{
	return strncmp(text, "dpkg:", 5) == 0 || strncmp(text, "apt:", 4) == 0 ||
	       source_is_image(text) || strchr(text, '/') || intake_kind(text) >= 0;
}

static int apply_options(struct staging *s, struct err *err)
{
	int r = 0;

	if (s->options->name)
		r = staging_label(s, "name", s->options->name, err);
	if (r == 0 && s->options->version)
		r = staging_label(s, "version", s->options->version, err);
	return r;
}

/* Whether the source has the soname that the caller looks for. */
static int check_soname(const struct staging *s, struct err *err)
{
	const char *soname = s->options->soname;

	for (size_t i = 0; soname && i < s->count; i++)
		if (s->items[i]->soname && strcmp(s->items[i]->soname, soname) == 0)
			return 0;
	return soname ? err_set(err, ENODATA, "%s %s has no library with the soname %s", s->name,
				s->version, soname)
		      : 0;
}

/* Moves the staged entries to v. */
static int make_version(struct staging *s, struct version *v, struct err *err)
{
	v->name = strdup(s->name);
	v->version = strdup(s->version);
	v->arch = strdup(s->arch);
	v->entries = calloc(s->count + 1, sizeof *v->entries);
	if (!v->name || !v->version || !v->arch || !v->entries)
		return err_nomem(err);
	for (size_t i = 0; i < s->count; i++) {
		v->entries[v->nentries++] = *s->items[i];
		*s->items[i] = (struct entry){0};
	}
	return 0;
}

static int sync_staged(const struct staging *s, struct err *err)
{
	return syncfs(s->dir) < 0 ? err_sys(err, errno, "cannot sync %s/tmp", s->store->root) : 0;
}

/* Moves the synced contents to the store's objects; touched gets the directories that object_sync is to sync. */
static int publish_objects(const struct staging *s, const struct version *v, bool touched[256],
			   struct err *err)
{
	for (size_t i = 0; i < v->nentries; i++) {
		const struct entry *e = &v->entries[i];
		int r;

		if (e->type != ENTRY_FILE)
			continue;
		r = object_publish(s->store, s->dir, &e->content, err);
		if (r < 0)
			return r;
		touched[e->content.bytes[0]] = true;
	}
	return 0;
}

/* A known version replaces *v: its times are those of the first add. */
static int publish_manifest(struct store *store, struct version *v, const char *text, size_t len,
			    bool *known, struct err *err)
{
	AUTO_VERSION struct version old = {0};
	char hex[DIGEST_HEX];
	bool was_there;
	int r;

	r = store_load(store, &v->digest, &old, err);
	*known = r == 0;
	if (*known) {
		version_free(v);
		*v = old;
		old = (struct version){0};
		return 0;
	}
	was_there = r != -ENOENT;
	digest_hex(&v->digest, hex);
	r = file_publish(store->versions, hex, text, len, 0644, err);
	/* The manifest may have its name without being on the disk; a failed add must add
	 * nothing. */
	if (r < 0 && !was_there)
		unlinkat(store->versions, hex, 0);
	return r < 0 ? err_wrap(err, r, "%s/versions", store->root) : 0;
}

static int write_origin(struct store *store, const struct staging *s, const struct version *v,
			const char *source, struct err *err)
{
	const char *config = s->options->apt_config;

	return origin_write(store, v, source, config ? config : getenv("APT_CONFIG"), err);
}

/* As for the origin: a note without its version is swept, and a version that is known may get to be known better. */
static int write_provenance(struct store *store, const struct staging *s, const struct version *v,
			    struct err *err)
{
	int r = provenance_write(store, &v->digest, &s->provenance, err);

	if (r == 0 && s->unverified && s->options->unverified)
		r = strings_addf(s->options->unverified, err, "apt did not verify %s %s: %s",
				 v->name, v->version, s->unverified);
	return r;
}

/* Publishes objects before the manifest, so that each visible manifest is complete. */
static int publish(struct store *store, struct staging *s, const char *source, struct version *v,
		   bool *known, struct err *err)
{
	bool touched[256] = {false};
	AUTO_FREE char *text = NULL;
	size_t len = 0;
	int r = make_version(s, v, err);

	if (r == 0)
		r = version_encode(v, &text, &len, err);
	if (r == 0 && v->nentries == 0)
		r = err_set(err, EINVAL, "it has no files");
	if (r == 0)
		r = sync_staged(s, err);
	if (r == 0)
		r = publish_objects(s, v, touched, err);
	if (r == 0)
		r = object_sync(store, touched, err);
	if (r == 0 && source)
		r = write_origin(store, s, v, s->source ? s->source : source, err);
	if (r == 0)
		r = write_provenance(store, s, v, err);
	if (r == 0)
		r = publish_manifest(store, v, text, len, known, err);
	return r;
}

int source_add(struct store *store, source_fn *read, const void *ctx, const char *source,
	       const struct intake_options *options, struct version *out, bool *known,
	       struct err *err)
{
	AUTO_STAGING struct staging s = STAGING_NONE;
	AUTO_VERSION struct version v = {0};
	int r;

	*out = (struct version){0};
	*known = false;
	r = staging_begin(store, options, &s, err);
	if (r == 0)
		r = apply_options(&s,
				  err); /* before the work, so that a bad name is refused at once */
	if (r == 0) {
		s.name[0] = s.version[0] = '\0';
		progress_begin("reading", PROGRESS_BYTES, 0);
		r = read(&s, ctx, err);
	}
	if (r == 0)
		r = apply_options(&s, err);
	if (r == 0)
		r = check_soname(&s, err);
	progress_end();
	if (r < 0)
		return r;
	progress_begin("writing to the disk", PROGRESS_BYTES, 0);
	r = publish(store, &s, source, &v, known, err);
	progress_end();
	if (r < 0)
		return source || options->name
			       ? err_wrap(err, r, "%s", source ? source : options->name)
			       : r;
	*out = v;
	v = (struct version){0};
	return 0;
}

int intake_add(struct store *store, const char *source, const struct intake_options *options,
	       struct version *out, bool *known, struct err *err)
{
	return source_add(store, read_source, source, source, options, out, known, err);
}

/* -- installed packages -- */

struct staged_package {
	struct staging staging;
	char *text; /* of the manifest */
	size_t len;
	bool known; /* nothing of it is to be written */
	char source[300];
};

static void installed_free(struct staged_package *items, size_t n)
{
	for (size_t i = 0; items && i < n; i++) {
		staging_end(&items[i].staging);
		free(items[i].text);
	}
	free(items);
}

/* elf is for all packages: their files are this system's own, and no archive's. */
static int stage_installed(struct store *store, const struct intake_package *p,
			   const struct intake_options *options, struct parser *elf,
			   struct staged_package *to, struct version *v, struct err *err)
{
	int r = staging_begin(store, options, &to->staging, err);

	to->staging.elf = *elf;
	if (r == 0)
		r = source_installed(&to->staging, p, err);
	*elf = to->staging.elf;
	to->staging.elf = PARSER_NONE;
	if (r == 0)
		r = make_version(&to->staging, v, err);
	if (r == 0 && v->nentries)
		r = version_encode(v, &to->text, &to->len, err);
	snprintf(to->source, sizeof to->source, "dpkg:%.290s", p->package->query);
	return r < 0 ? err_wrap(err, r, "%s", to->source) : 0;
}

#define STAGED_MANIFEST "manifest"

/* The manifests that one sync brings to the disk with the contents, and the origins. A version that the store has is not
 * written again. */
static int prepare_installed(struct store *store, struct staged_package *it,
			     const struct version *v, struct err *err)
{
	AUTO_VERSION struct version old = {0};
	struct err ignored;
	int r;

	it->known = v->nentries == 0 || store_load(store, &v->digest, &old, &ignored) == 0;
	if (v->nentries) {
		r = write_provenance(store, &it->staging, v, err);
		if (r < 0)
			return r;
	}
	if (it->known)
		return 0;
	r = file_create(it->staging.dir, STAGED_MANIFEST, it->text, it->len, 0644, err);
	if (r < 0)
		return err_wrap(err, r, "%s/tmp", store->root);
	return write_origin(store, &it->staging, v, it->source, err);
}

static int publish_installed(struct store *store, struct staged_package *items,
			     const struct version *versions, size_t n, struct err *err)
{
	bool touched[256] = {false};
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++)
		r = prepare_installed(store, &items[i], &versions[i], err);
	if (r == 0 && n)
		r = sync_staged(&items[0].staging, err);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = publish_objects(&items[i].staging, &versions[i], touched, err);
	if (r == 0 && syncfs(store->objects) < 0) /* one call, where object_sync makes 256 */
		r = err_sys(err, errno, "cannot sync %s/objects", store->root);
	for (size_t i = 0; r == 0 && i < n; i++) {
		char hex[DIGEST_HEX];

		digest_hex(&versions[i].digest, hex);
		if (!items[i].known &&
		    renameat(items[i].staging.dir, STAGED_MANIFEST, store->versions, hex) < 0)
			r = err_sys(err, errno, "cannot publish %s/versions/%s", store->root, hex);
	}
	return r < 0 ? r : store_sync(store, err);
}

int intake_add_installed(struct store *store, const struct intake_package *packages, size_t n,
			 struct version *out, struct err *err)
{
	const struct intake_options options = {0};
	struct staged_package *items = calloc(n + 1, sizeof *items);
	struct parser elf = PARSER_NONE;
	int r = items ? 0 : err_nomem(err);

	for (size_t i = 0; i < n; i++) {
		out[i] = (struct version){0};
		if (items)
			items[i].staging = STAGING_NONE;
	}
	progress_begin("reading", PROGRESS_BYTES, 0);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = stage_installed(store, &packages[i], &options, &elf, &items[i], &out[i], err);
	r = parser_end(&elf, r, err);
	progress_end();
	if (r == 0) {
		progress_begin("writing to the disk", PROGRESS_BYTES, 0);
		r = publish_installed(store, items, out, n, err);
		progress_end();
	}
	installed_free(items, n);
	return r;
}

/* -- single files -- */

struct files {
	const struct intake_file *items;
	size_t count;
};

/* The link's target: a bare name within one directory, else an absolute path. */
static const char *target_of(const struct intake_file *f)
{
	char dir[PATH_MAX], link_dir[PATH_MAX];

	path_dir(f->path, dir);
	path_dir(f->link, link_dir);
	return strcmp(dir, link_dir) == 0 ? path_base(f->path) : f->path;
}

int intake_open_public(const char *path, struct err *err)
{
	AUTO_REACH struct reach at = REACH_NONE;
	int r = reach(path, 0, &at, err);

	if (r == 0)
		r = reach_public(&at, false, err);
	if (r == 0 && !S_ISREG(at.st.st_mode))
		r = err_set(err, EINVAL, "%s is not a regular file", path);
	return r < 0 ? r : reach_open(&at, O_RDONLY | O_NONBLOCK, err);
}

/* Everybody can read the store, but the caller's descriptor may be of a file that only root can
 * read. */
static int add_file(struct staging *s, const struct intake_file *f, struct err *err)
{
	AUTO_FD int own = f->fd < 0 ? intake_open_public(f->path, err) : -1;
	int fd = f->fd < 0 ? own : f->fd, r;
	struct stat st;

	if (fd < 0)
		return fd;
	r = fstat(fd, &st) < 0 ? err_sys(err, errno, "cannot stat %s", f->path)
			       : staging_check_readable(&st, f->path, err);
	return r < 0 ? r : staging_file_fd(s, f->path + 1, fd, err);
}

static int read_files(struct staging *s, const void *ctx, struct err *err)
{
	const struct files *files = ctx;

	for (size_t i = 0; i < files->count; i++) {
		const struct intake_file *f = &files->items[i];
		int r = add_file(s, f, err);

		if (r == 0 && f->link)
			r = staging_link(s, f->link + 1, target_of(f), err);
		if (r < 0)
			return r;
	}
	return staging_arch(s, err);
}

int intake_add_files(struct store *store, const struct intake_file *items, size_t n,
		     const struct intake_options *options, struct version *out, bool *known,
		     struct err *err)
{
	return source_add(store, read_files, &(struct files){items, n}, NULL, options, out, known,
			  err);
}
