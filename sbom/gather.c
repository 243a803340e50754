#include "sbom/gather.h"

#include "base/paths.h"
#include "host/wrap.h"
#include "policy/supply.h"
#include "sbom/files.h"
#include "sbom/named.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* "KIND-" and the first half of the digest of these bytes. */
static int write_id(const char *kind, const void *data, size_t len, char id[BILL_ID],
		    struct err *err)
{
	struct digest digest;
	char hex[DIGEST_HEX];
	int r = digest_data(data, len, &digest, err);

	if (r < 0)
		return r;
	digest_hex(&digest, hex);
	snprintf(id, BILL_ID, "%s-%.32s", kind, hex);
	return 0;
}

/* -- programs -- */

static bool is_asked_for(const struct strings *paths, const char *path)
{
	return !paths || strings_have(paths, path);
}

static int add_program(struct bill *bill, const struct app *app, struct err *err)
{
	struct bill_program *p = &bill->programs[bill->nprograms++];

	*p = (struct bill_program){.app = app};
	p->pinned = calloc(app->npins + 1, sizeof *p->pinned);
	return p->pinned ? write_id("app", app->path, strlen(app->path), p->id, err)
			 : err_nomem(err);
}

static int take_time(struct policy *policy, struct bill *bill, struct err *err)
{
	AUTO_GENERATIONS struct generations all = {0};
	int r = policy_generations(policy, &all, err);

	if (r == 0 && all.count) {
		bill->generation = all.items[all.count - 1].id;
		bill->time = all.items[all.count - 1].time;
	}
	return r;
}

static int take_programs(const struct strings *paths, struct bill *bill, struct err *err)
{
	AUTO_POLICY struct policy *policy = NULL;
	int r = policy_open(&policy, err);

	if (r == 0)
		r = policy_apps(policy, POLICY_NOW, &bill->apps, err);
	if (r == 0)
		r = take_time(policy, bill, err);
	if (r < 0)
		return r;
	bill->programs = calloc(bill->apps.count + 1, sizeof *bill->programs);
	if (!bill->programs)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < bill->apps.count; i++)
		if (is_asked_for(paths, bill->apps.items[i].path))
			r = add_program(bill, &bill->apps.items[i], err);
	return r;
}

static int digest_live(struct bill_program *p, struct err *err)
{
	char path[PATH_MAX];
	struct stat st;
	AUTO_FD int fd = -1;
	int r = wrap_program(p->app->path, path, err);

	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, errno, "cannot read %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "%s is not a regular file", path);
	return digest_fd(fd, &p->digest, err);
}

/* The app's versions in the order of its pins; their contents stay the bill's. */
static int find_own_file(const struct bill *bill, struct bill_program *p, struct err *err)
{
	AUTO_FREE struct version *own = calloc(p->app->npins + 1, sizeof *own);
	struct versions pinned = {own, p->app->npins};
	const struct entry *e = NULL;
	int r;

	if (!own)
		return err_nomem(err);
	for (size_t i = 0; i < p->app->npins; i++)
		own[i] = *bill->versions[p->pinned[i]].version;
	r = supply_find(p->app, &pinned, &e, err);
	if (r == 0 && e) {
		p->supplied = p->has_digest = true;
		p->digest = e->content;
	}
	return r;
}

static int take_own_files(struct bill *bill, struct err *err)
{
	for (size_t i = 0; i < bill->nprograms; i++) {
		struct bill_program *p = &bill->programs[i];
		struct err why;
		int r = find_own_file(bill, p, err);

		if (r < 0)
			return err_wrap(err, r, "%s", p->app->path);
		if (p->supplied)
			continue;
		p->has_digest = digest_live(p, &why) == 0;
		if (!p->has_digest && !(p->unread = strdup(why.text)))
			return err_nomem(err);
	}
	return 0;
}

/* -- versions -- */

static int by_name(const void *a, const void *b)
{
	const struct version *x = a, *y = b;
	int r = strcmp(x->name, y->name);

	if (r == 0)
		r = strcmp(x->version, y->version);
	return r ? r : digest_compare(&x->digest, &y->digest);
}

static int compare_digests(const void *a, const void *b)
{
	return digest_compare(a, b);
}

static int wanted_digests(const struct bill *bill, struct digests *out, struct err *err)
{
	size_t n = 0, kept = 0;

	for (size_t i = 0; i < bill->nprograms; i++)
		n += bill->programs[i].app->npins;
	out->items = calloc(n + 1, sizeof *out->items);
	if (!out->items)
		return err_nomem(err);
	for (size_t i = 0; i < bill->nprograms; i++)
		for (size_t k = 0; k < bill->programs[i].app->npins; k++)
			out->items[out->count++] = bill->programs[i].app->pins[k].digest;
	if (n)
		qsort(out->items, n, sizeof *out->items, compare_digests);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || !digest_equal(&out->items[i], &out->items[kept - 1]))
			out->items[kept++] = out->items[i];
	out->count = kept;
	return 0;
}

/* Says which program needs a version that cannot be read. */
static int blame(const struct bill *bill, const struct digest *digest, int r, struct err *err)
{
	for (size_t i = 0; i < bill->nprograms; i++)
		for (size_t k = 0; k < bill->programs[i].app->npins; k++) {
			const struct pin *pin = &bill->programs[i].app->pins[k];

			if (digest_equal(&pin->digest, digest))
				return err_wrap(err, r, "%s, %s %s", bill->programs[i].app->path,
						pin->name, pin->version);
		}
	return r;
}

static int load_versions(struct bill *bill, struct store *store, struct err *err)
{
	AUTO_FREE struct digest *held = NULL;
	struct digests digests = {0};
	int r = wanted_digests(bill, &digests, err);

	held = digests.items;
	if (r < 0)
		return r;
	bill->loaded.items = calloc(digests.count + 1, sizeof *bill->loaded.items);
	bill->versions = calloc(digests.count + 1, sizeof *bill->versions);
	if (!bill->loaded.items || !bill->versions)
		return err_nomem(err);
	for (size_t i = 0; i < digests.count; i++) {
		r = store_load(store, &digests.items[i], &bill->loaded.items[i], err);
		if (r < 0)
			return blame(bill, &digests.items[i], r, err);
		bill->loaded.count++;
	}
	if (digests.count)
		qsort(bill->loaded.items, digests.count, sizeof *bill->loaded.items, by_name);
	return 0;
}

/* Each pin's version is loaded: they are found as by_name sorts them. */
static void link_pins(struct bill *bill)
{
	for (size_t i = 0; i < bill->nprograms; i++) {
		const struct app *app = bill->programs[i].app;

		for (size_t k = 0; k < app->npins; k++) {
			const struct pin *pin = &app->pins[k];
			struct version key = {
				.name = pin->name, .version = pin->version, .digest = pin->digest};
			const struct version *v = bsearch(&key, bill->loaded.items,
							  bill->loaded.count, sizeof key, by_name);

			bill->programs[i].pinned[k] = v ? (size_t)(v - bill->loaded.items) : 0;
		}
	}
}

static int add_file(struct bill_version *v, const struct entry *e, struct err *err)
{
	struct bill_file *file = &v->files[v->nfiles];
	char text[PATH_MAX + 2 * DIGEST_HEX], hex[DIGEST_HEX], content[DIGEST_HEX];

	digest_hex(&v->version->digest, hex);
	digest_hex(&e->content, content);
	snprintf(text, sizeof text, "%s %s %s", hex, content, e->path);
	*file = (struct bill_file){.entry = e};
	v->nfiles++;
	v->has_library |= e->soname != NULL;
	v->has_command |= (e->mode & 0111) && supply_is_command(e->path);
	return write_id("file", text, strlen(text), file->id, err);
}

static void take_supplier(struct bill_version *v)
{
	const struct provenance *p = &v->provenance;

	if (p->confidence != CONFIDENCE_APT || !p->distribution)
		return;
	snprintf(v->supplier, sizeof v->supplier, "%.60s", p->distribution);
	v->supplier[0] = (char)toupper((unsigned char)v->supplier[0]);
}

static int take_version(struct bill *bill, struct store *store, size_t i, struct err *err)
{
	struct bill_version *v = &bill->versions[bill->nversions++];
	const struct version *version = &bill->loaded.items[i];
	char hex[DIGEST_HEX];
	struct err ignored;
	int r = 0;

	v->version = version;
	digest_hex(&version->digest, hex);
	snprintf(v->id, sizeof v->id, "version-%.32s", hex);
	v->files = calloc(version->nentries + 1, sizeof *v->files);
	if (!v->files)
		return err_nomem(err);
	for (size_t k = 0; r == 0 && k < version->nentries; k++)
		if (version->entries[k].type == ENTRY_FILE)
			r = add_file(v, &version->entries[k], err);
	bill->nfiles += v->nfiles;
	if (r == 0)
		r = provenance_read(store, &version->digest, version->name, version->version,
				    &v->provenance, err);
	if (r == 0 && origin_read(store, &version->digest, &v->origin, &ignored) < 0)
		v->origin = (struct origin){0};
	take_supplier(v);
	return r < 0 ? r : bill_name(v, err);
}

static int take_versions(struct bill *bill, bool sha1, struct err *err)
{
	AUTO_STORE struct store *store = NULL;
	int r = store_open(PINLIB_STORE, false, &store, err);

	if (r == 0)
		r = load_versions(bill, store, err);
	for (size_t i = 0; r == 0 && i < bill->loaded.count; i++)
		r = take_version(bill, store, i, err);
	link_pins(bill);
	if (r == 0)
		r = bill_read_files(store, bill, sha1, err);
	for (size_t i = 0; r == 0 && i < bill->nversions; i++)
		r = bill_read_licences(store, bill, &bill->versions[i], err);
	return r;
}

int bill_gather(const struct strings *paths, bool sha1, struct bill *out, struct err *err)
{
	int r;

	*out = (struct bill){0};
	r = take_programs(paths, out, err);
	if (r == 0 && out->nprograms)
		r = take_versions(out, sha1, err);
	return r < 0 ? r : take_own_files(out, err);
}
