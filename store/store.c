#include "store/store.h"

#include "base/array.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "store/origin.h"

#include <fcntl.h>
#include <stdarg.h>
#include <string.h>

#define MANIFEST_MAX ((size_t)256 << 20) /* bytes; the limits in intake/staging.h stay below it */

void store_close(struct store **store)
{
	struct store *s = *store;

	*store = NULL;
	if (!s)
		return;
	cleanup_fd(&s->dir);
	cleanup_fd(&s->objects);
	cleanup_fd(&s->versions);
	cleanup_fd(&s->tmp);
	free(s->root);
	free(s);
}

static int open_dir(const struct store *s, const char *name, bool create, int *fd, struct err *err)
{
	bool made = create && mkdirat(s->dir, name, 0755) == 0;

	if (create && !made && errno != EEXIST)
		return err_sys(err, errno, "cannot create %s/%s", s->root, name);
	*fd = openat(s->dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*fd < 0)
		return err_sys(err, errno, "cannot open %s/%s", s->root, name);
	if (made && (fchmod(*fd, 0755) < 0 || fsync(s->dir) < 0)) /* the umask */
		return err_sys(err, errno, "cannot create %s/%s", s->root, name);
	return 0;
}

int store_open(const char *root, bool create, struct store **out, struct err *err)
{
	AUTO_STORE struct store *s = malloc(sizeof *s);
	int r = 0;

	*out = NULL;
	if (!s)
		return err_nomem(err);
	*s = (struct store){.dir = -1, .objects = -1, .versions = -1, .tmp = -1};
	s->root = strdup(root);
	if (!s->root)
		return err_nomem(err);
	if (create)
		r = file_mkdirs(root, err);
	if (r < 0)
		return err_wrap(err, r, "cannot create the store");
	s->dir = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir < 0)
		return err_sys(err, errno, "cannot open the store %s", root);
	r = open_dir(s, "objects", create, &s->objects, err);
	if (r == 0)
		r = open_dir(s, "versions", create, &s->versions, err);
	if (r == 0)
		r = open_dir(s, "tmp", create, &s->tmp, err);
	if (r < 0)
		return r;
	*out = s;
	s = NULL;
	return 0;
}

int store_sync(struct store *store, struct err *err)
{
	/* Objects were synced before their manifest appeared. */
	if (fsync(store->versions) < 0)
		return err_sys(err, errno, "cannot sync %s/versions", store->root);
	return 0;
}

int store_load(struct store *store, const struct digest *digest, struct version *out,
	       struct err *err)
{
	AUTO_FREE char *text = NULL;
	AUTO_VERSION struct version v = {0};
	char hex[DIGEST_HEX], how[ORIGIN_RESTORE_MAX];
	struct err fault;
	size_t len = 0;
	int r;

	*out = (struct version){0};
	digest_hex(digest, hex);
	r = file_read_at(store->versions, hex, MANIFEST_MAX, &text, &len, err);
	if (r < 0)
		return err_wrap(err, r, "cannot read the manifest sha256:%.12s", hex);
	r = version_parse(text, len, &v, &fault);
	if (r == 0 && !digest_equal(digest, &v.digest))
		r = err_set(&fault, EBADMSG, "does not match its name");
	if (r < 0) {
		origin_restore(store, digest, how);
		return err_set(err, -r, "the manifest sha256:%.12s %s; %s", hex, fault.text, how);
	}
	*out = v;
	v = (struct version){0};
	return 0;
}

static int add_digest(void *ctx, int dir, const char *name, struct err *err)
{
	struct digests *list = ctx;
	struct digest digest;

	(void)dir;
	if (!digest_parse(name, &digest))
		return 0;
	if (ARRAY_GROW(list->items, list->count, err) < 0)
		return -ENOMEM;
	list->items[list->count++] = digest;
	return 0;
}

int store_digests(const struct store *store, struct digests *out, struct err *err)
{
	int r;

	*out = (struct digests){0};
	r = file_each_name(store->versions, add_digest, out, err);
	if (out->count > 1)
		qsort(out->items, out->count, sizeof *out->items, digest_compare);
	return r < 0 ? err_wrap(err, r, "cannot list the store's versions") : 0;
}

/* Compares versions by strverscmp(3), which takes a run of digits for a number. */
static int by_name_and_version(const void *a, const void *b)
{
	const struct version *x = a, *y = b;
	int r = strcmp(x->name, y->name);

	if (r == 0)
		r = strverscmp(x->version, y->version);
	return r ? r : memcmp(x->digest.bytes, y->digest.bytes, DIGEST_SIZE);
}

int store_list(struct store *store, struct versions *out, struct err *err)
{
	AUTO_VERSIONS struct versions vs = {0};
	struct digests names;
	int r = store_digests(store, &names, err);
	AUTO_FREE struct digest *digests = names.items;

	*out = (struct versions){0};
	vs.items = calloc(names.count + 1, sizeof *vs.items);
	if (r == 0 && !vs.items)
		r = err_nomem(err);
	for (; r == 0 && vs.count < names.count; vs.count++)
		r = store_load(store, &digests[vs.count], &vs.items[vs.count], err);
	if (r < 0)
		return r;
	qsort(vs.items, vs.count, sizeof *vs.items, by_name_and_version);
	*out = vs;
	vs = (struct versions){0};
	return 0;
}

static bool in_arch(const struct version *v, const char *arch)
{
	return !arch || strcmp(v->arch, arch) == 0 || strcmp(v->arch, "all") == 0;
}

/* Whether spec gives the whole version, without the epoch or with it: then "1.2" does not mean
 * 1.2.1. */
static bool is_whole_version(const struct spec *spec, const struct version *v)
{
	const char *colon = strchr(v->version, ':');

	return strcmp(spec->version, v->version) == 0 ||
	       (colon && strcmp(spec->version, colon + 1) == 0);
}

/* A list for an error's text, which is short. Items that do not fit are counted. */
struct text_list {
	char text[640];
	size_t used, left_out;
};

__attribute__((format(printf, 2, 3))) static void list_add(struct text_list *l, const char *fmt,
							   ...)
{
	char item[600];
	va_list ap;
	size_t len;

	va_start(ap, fmt);
	vsnprintf(item, sizeof item, fmt, ap);
	va_end(ap);
	len = strlen(item);
	if (l->left_out || l->used + len + 3 > sizeof l->text) {
		l->left_out++;
		return;
	}
	l->used += (size_t)snprintf(l->text + l->used, sizeof l->text - l->used, "%s%s",
				    l->used ? ", " : "", item);
}

static const char *list_rest(const struct text_list *l, char buf[64])
{
	buf[0] = '\0';
	if (l->left_out)
		snprintf(buf, 64, " and %zu more", l->left_out);
	return buf;
}

/* Writes the command that adds the missing version. apt finds packages, not sonames or digests. */
static void write_add(const struct spec *spec, char *out, size_t size)
{
	if (strstr(spec->name, ".so") || strncmp(spec->version, "sha256:", 7) == 0)
		snprintf(out, size, "pinlib add FILE.deb");
	else
		snprintf(out, size, "pinlib add apt:%s%s%s=%s, or pinlib add FILE.deb", spec->name,
			 spec->arch[0] ? ":" : "", spec->arch, spec->version);
}

static int none_found(const struct spec *spec, const struct versions *all, struct err *err)
{
	struct text_list l = {0};
	char rest[64], add[700];

	for (size_t i = 0; i < all->count; i++) {
		const struct version *v = &all->items[i];

		if (spec_matches_name(spec->name, v))
			list_add(&l, "%s %s (%s)", v->name, v->version, v->arch);
	}
	write_add(spec, add, sizeof add);
	return err_set(err, ENOENT, "the store has no %s%s%s=%s; it has %s%s%s; add it with: %s",
		       spec->name, spec->arch[0] ? ":" : "", spec->arch, spec->version,
		       l.used ? l.text : "no version of ", l.used ? "" : spec->name,
		       list_rest(&l, rest), add);
}

static int several_found(const struct spec *spec, struct version *const *found, size_t n,
			 struct err *err)
{
	struct text_list l = {0};
	const char *colon = spec->arch[0] ? ":" : "";
	char hex[DIGEST_HEX], rest[64];

	for (size_t i = 0; i < n; i++) {
		digest_hex(&found[i]->digest, hex);
		list_add(&l, "%s:%s=%s sha256:%.12s", found[i]->name, found[i]->arch,
			 found[i]->version, hex);
	}
	return err_set(
		err, ENOTUNIQ,
		"%s%s%s=%s matches several versions: %s%s; give the whole version, or its sha256",
		spec->name, colon, spec->arch, spec->version, l.text, list_rest(&l, rest));
}

/* Keeps the versions that spec gives in whole, if there are any. */
static size_t prefer_whole(const struct spec *spec, struct version **found, size_t n)
{
	size_t whole = 0;

	for (size_t i = 0; i < n; i++)
		if (is_whole_version(spec, found[i]))
			found[whole++] = found[i];
	return whole ? whole : n;
}

int store_find(struct store *store, const struct spec *spec, const char *arch, struct version *out,
	       struct err *err)
{
	AUTO_VERSIONS struct versions all = {0};
	AUTO_FREE struct version **found = NULL;
	size_t n = 0;
	int r = store_list(store, &all, err);

	*out = (struct version){0};
	if (r < 0)
		return r;
	found = calloc(all.count + 1, sizeof(struct version *));
	if (!found)
		return err_nomem(err);
	for (size_t i = 0; i < all.count; i++)
		if (in_arch(&all.items[i], arch) && spec_matches(spec, &all.items[i]))
			found[n++] = &all.items[i];
	if (n > 1)
		n = prefer_whole(spec, found, n);
	if (n == 0)
		return none_found(spec, &all, err);
	if (n > 1)
		return several_found(spec, found, n, err);
	*out = *found[0];
	*found[0] = (struct version){0};
	return 0;
}
