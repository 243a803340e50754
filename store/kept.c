#include "store/kept.h"

#include "store/note.h"
#include "store/store.h"

#include <string.h>

#define KEPT "kept"

void kept_free(struct kept *k)
{
	free(k->name);
	free(k->version);
	free(k->arch);
	free(k->why);
	strings_free(&k->apps);
}

void kepts_free(struct kepts *kepts)
{
	for (size_t i = 0; i < kepts->count; i++)
		kept_free(&kepts->items[i]);
	free(kepts->items);
	*kepts = (struct kepts){0};
}

int kept_write(struct store *store, const struct digest *digest, int64_t when, const char *why,
	       const char *const *apps, size_t napps, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return err_nomem(err);
	fprintf(f, "time\t%lld\nwhy\t%s\n", (long long)when, why);
	for (size_t i = 0; i < napps; i++)
		fprintf(f, "for\t%s\n", apps[i]);
	if (fclose(f) != 0)
		return err_nomem(err);
	return note_write(store, KEPT, digest, text, err);
}

/* Reads the value of every "for" line. */
static int read_apps(const char *text, struct kept *k, struct err *err)
{
	const char *at = NULL;
	char *app;
	int r = 0;

	while (r == 0 && (app = note_value(text, "for", &at))) {
		r = strings_add(&k->apps, app, err);
		free(app);
	}
	return r;
}

int kept_read(struct store *store, const struct digest *digest, struct kept *k, struct err *err)
{
	AUTO_FREE char *text = NULL, *when = NULL;
	char *end = NULL, hex[DIGEST_HEX];
	int r = note_read(store, KEPT, digest, &text, err);

	*k = (struct kept){.digest = *digest};
	if (r < 0)
		return r;
	k->why = note_value(text, "why", NULL);
	when = note_value(text, "time", NULL);
	if (when)
		k->time = strtoll(when, &end, 10);
	if (k->why && when && end != when && *end == '\0')
		return read_apps(text, k, err);
	digest_hex(digest, hex);
	return err_set(err, EBADMSG, KEPT "/%s lacks a date or a reason", hex);
}

int kept_check(struct store *store, const struct digest *digest, struct err *err)
{
	struct kept k;
	int r = kept_read(store, digest, &k, err);

	kept_free(&k);
	return r;
}

/* 1: the version has a note. */
static int read_kept(struct store *store, const struct version *v, struct kept *k, struct err *err)
{
	int r = kept_read(store, &v->digest, k, err);

	if (r < 0) {
		kept_free(k);
		return r == -ENOMEM ? r : 0;
	}
	k->name = strdup(v->name);
	k->version = strdup(v->version);
	k->arch = strdup(v->arch);
	k->size = version_size(v);
	if (k->name && k->version && k->arch)
		return 1;
	kept_free(k);
	return err_nomem(err);
}

static int newest_first(const void *a, const void *b)
{
	const struct kept *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? 1 : -1;
	return strcmp(x->name, y->name);
}

int kept_list(struct store *store, struct kepts *out, struct err *err)
{
	AUTO_VERSIONS struct versions all = {0};
	int r = store_list(store, &all, err);

	*out = (struct kepts){0};
	if (r < 0)
		return r;
	out->items = calloc(all.count + 1, sizeof *out->items);
	if (!out->items)
		return err_nomem(err);
	for (size_t i = 0; i < all.count; i++) {
		r = read_kept(store, &all.items[i], &out->items[out->count], err);
		if (r < 0) {
			kepts_free(out);
			return r;
		}
		out->count += r > 0;
	}
	qsort(out->items, out->count, sizeof *out->items, newest_first);
	return 0;
}
