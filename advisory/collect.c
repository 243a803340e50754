#include "advisory/collect.h"

#include "advisory/range.h"
#include "base/array.h"
#include "dpkg/control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HITS_MAX ((size_t)1 << 20)
#define HITS_BYTES ((size_t)256 << 20)
#define NAMES_MAX 200 /* of one vulnerability; more are not kept */
#define PAIRS_MAX ((size_t)10000000)
#define GRACE                                                                                      \
	(INT64_C(30) *                                                                             \
	 86400) /* a record about a release that the data follow may lack its entry so long */

void hits_free(struct hits *hits)
{
	for (size_t i = 0; i < hits->count; i++)
		free(hits->items[i].text);
	free(hits->items);
	*hits = (struct hits){0};
}

/* -- hits -- */

static bool is_sane_hit(const struct advice *a, const char *const texts[ADVICE_TEXTS],
			size_t versions)
{
	const char *fixed = texts[TEXT_FIXED];

	return a->version < versions && *texts[TEXT_ID] && !strchr(texts[TEXT_ID], ' ') &&
	       (!*fixed || version_is_ordered(fixed));
}

int hits_add(struct hits *hits, const struct advice *a, const char *const texts[ADVICE_TEXTS],
	     size_t versions, struct err *err)
{
	struct hit hit = {.version = a->version, .basis = a->basis, .time = a->time};
	size_t size = 0, at = 0;

	if (!is_sane_hit(a, texts, versions))
		return err_set(err, EBADMSG,
			       "the vulnerability data parser sent an invalid answer");
	for (size_t i = 0; i < ADVICE_TEXTS; i++)
		size += strlen(texts[i]) + 1;
	if (hits->count == HITS_MAX || size > HITS_BYTES - hits->bytes)
		return err_set(
			err, EFBIG,
			"the data tell of more than %zu vulnerabilities of the pinned versions",
			hits->count);
	if (ARRAY_GROW(hits->items, hits->count, err) < 0)
		return -ENOMEM;
	hit.text = malloc(size);
	if (!hit.text)
		return err_nomem(err);
	for (size_t i = 0; i < ADVICE_TEXTS; i++) {
		hit.texts[i] = strcpy(hit.text + at, texts[i]);
		at += strlen(texts[i]) + 1;
	}
	hits->bytes += size;
	hits->items[hits->count++] = hit;
	return 0;
}

/* -- which count -- */

/* Whether entries for other releases count, for which a record came at this time: see advisory.h. */
static bool others_count(const struct hits *hits, const struct judged *version, int64_t time)
{
	int number = version->release ? atoi(version->release) : 0;
	int64_t newest = number > 0 && number < RELEASES_MAX ? hits->newest[number] : INT64_MIN;

	return newest == INT64_MIN || (time > newest && time - newest > GRACE);
}

static void drop_hits(struct hits *hits, const struct judged *versions)
{
	size_t kept = 0;

	for (size_t i = 0; i < hits->count; i++) {
		struct hit *h = &hits->items[i];

		if (h->basis != BASIS_OTHER || others_count(hits, &versions[h->version], h->time))
			hits->items[kept++] = *h;
		else
			free(h->text);
	}
	hits->count = kept;
}

/* -- merging -- */

static int hit_order(const void *a, const void *b)
{
	const struct hit *x = a, *y = b;
	int order;

	if (x->version != y->version)
		return x->version < y->version ? -1 : 1;
	order = strcmp(x->texts[TEXT_ID], y->texts[TEXT_ID]);
	if (order == 0)
		order = (int)y->basis - (int)x->basis; /* the most exact first */
	return order ? order : strcmp(x->texts[TEXT_NAMES], y->texts[TEXT_NAMES]);
}

static int add_names(struct vulnerability *f, const char *words, struct err *err)
{
	AUTO_FREE char *copy = strdup(words);
	char *rest = copy, *word;
	int r = copy ? 0 : err_nomem(err);

	while (r == 0 && (word = strsep(&rest, " ")))
		if (*word && strcmp(word, f->id) != 0 && f->names.count < NAMES_MAX)
			r = strings_add_once(&f->names, word, err);
	return r;
}

static int begin_finding(struct vulnerabilities *out, const struct hit *h, struct err *err)
{
	struct vulnerability *f;

	if (ARRAY_GROW(out->items, out->count, err) < 0)
		return -ENOMEM;
	f = &out->items[out->count++];
	*f = (struct vulnerability){
		.version = h->version,
		.basis = h->basis,
		.another_release = h->basis == BASIS_OTHER,
		.id = strdup(h->texts[TEXT_ID]),
		.urgency = strdup(h->texts[TEXT_URGENCY]),
		.severity = strdup(h->texts[TEXT_SEVERITY]),
		.fixed = strdup(h->texts[TEXT_FIXED]),
		.release = strdup(h->texts[TEXT_RELEASE]),
	};
	if (!f->id || !f->urgency || !f->severity || !f->fixed || !f->release)
		return err_nomem(err);
	return add_names(f, h->texts[TEXT_NAMES], err);
}

static int replace_text(char **text, const char *by, struct err *err)
{
	char *copy = strdup(by);

	if (!copy)
		return err_nomem(err);
	free(*text);
	*text = copy;
	return 0;
}

/* Of two fixes on the same basis the later one counts: a version before it is affected by one of the records. A fix
 * on a better basis stays; so does one where the other says that there is none. */
static int add_to_finding(struct vulnerability *f, enum advice_basis basis,
			  const char *const texts[ADVICE_TEXTS], struct err *err)
{
	const char *fixed = texts[TEXT_FIXED];
	int r = add_names(f, texts[TEXT_NAMES], err);

	if (r == 0 && strcmp(texts[TEXT_ID], f->id) != 0)
		r = strings_add_once(&f->names, texts[TEXT_ID], err);
	if (r == 0 && !*f->urgency)
		r = replace_text(&f->urgency, texts[TEXT_URGENCY], err);
	if (r == 0 && !*f->severity)
		r = replace_text(&f->severity, texts[TEXT_SEVERITY], err);
	if (r == 0 && *fixed &&
	    (!*f->fixed || basis > f->basis ||
	     (basis == f->basis && debian_version_order(fixed, f->fixed) > 0)))
		r = replace_text(&f->fixed, fixed, err);
	return r;
}

static bool is_cve(const struct vulnerability *f)
{
	return strncmp(f->id, "CVE-", 4) == 0;
}

static bool are_aliases(const struct vulnerability *a, const struct vulnerability *b)
{
	return vulnerability_has_id(a, b->id) || vulnerability_has_id(b, a->id);
}

/* into gets the ids and texts of f. */
static int absorb(struct vulnerability *into, const struct vulnerability *f, struct err *err)
{
	int r = add_to_finding(into, f->basis,
			       (const char *[ADVICE_TEXTS]){f->id, "", f->urgency, f->severity,
							    f->fixed, f->release},
			       err);

	for (size_t n = 0; r == 0 && n < f->names.count; n++)
		if (strcmp(f->names.items[n], into->id) != 0)
			r = strings_add_once(&into->names, f->names.items[n], err);
	into->another_release &= f->another_release;
	into->basis = f->basis > into->basis ? f->basis : into->basis;
	return r;
}

/* A finding without a CVE that names another one of the same version, or is named by it, is that one. Findings with CVEs stay
 * apart, so that whoever accepts one of an advisory's does not accept all. Hostile data could have so many that comparing all
 * of them takes hours: budget is how many pairs are left. */
static int merge_aliases(struct vulnerabilities *out, size_t first, size_t *budget, struct err *err)
{
	int r = 0;

	for (size_t i = first; r == 0 && i < out->count; i++) {
		struct vulnerability *f = &out->items[i];
		size_t k = is_cve(f) ? out->count : first;

		for (; k<out->count && * budget> 0; k++, --*budget)
			if (k != i && are_aliases(f, &out->items[k]))
				break;
		if (k >= out->count || *budget == 0)
			continue;
		r = absorb(&out->items[k], f, err);
		vulnerability_free(f);
		memmove(f, f + 1, (--out->count - i) * sizeof *f);
		i--;
	}
	return r;
}

int hits_merge(struct hits *hits, const struct judged *versions, struct vulnerabilities *out,
	       struct err *err)
{
	size_t first = 0, budget = PAIRS_MAX;
	int r = 0;

	drop_hits(hits, versions);
	if (hits->count)
		qsort(hits->items, hits->count, sizeof *hits->items, hit_order);
	for (size_t i = 0; r == 0 && i < hits->count; i++) {
		const struct hit *h = &hits->items[i];
		struct vulnerability *last =
			out->count > first ? &out->items[out->count - 1] : NULL;

		if (last && last->version == h->version && strcmp(last->id, h->texts[TEXT_ID]) == 0)
			r = add_to_finding(last, h->basis, h->texts, err);
		else
			r = begin_finding(out, h, err);
		if (r == 0 && (i + 1 == hits->count || h[1].version != h->version)) {
			r = merge_aliases(out, first, &budget, err);
			first = out->count;
		}
	}
	for (size_t i = 0; i < out->count; i++)
		strings_sort(&out->items[i].names);
	return r;
}
