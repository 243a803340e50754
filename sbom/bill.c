#include "sbom/bill.h"

#include "policy/due.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void free_version(struct bill_version *v)
{
	for (size_t i = 0; i < v->nlicences; i++) {
		free(v->licences[i].name);
		free(v->licences[i].expression);
	}
	free(v->licences);
	free(v->files);
	free(v->purl);
	provenance_free(&v->provenance);
	origin_free(&v->origin);
}

void bill_free(struct bill *bill)
{
	for (size_t i = 0; bill->programs && i < bill->nprograms; i++) {
		free(bill->programs[i].unread);
		free(bill->programs[i].pinned);
	}
	for (size_t i = 0; bill->versions && i < bill->nversions; i++)
		free_version(&bill->versions[i]);
	free(bill->programs);
	free(bill->versions);
	versions_free(&bill->loaded);
	apps_free(&bill->apps);
	*bill = (struct bill){0};
}

char *bill_licence_text(const struct bill_version *v)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = v->nlicences ? open_memstream(&text, &len) : NULL;

	if (!f)
		return NULL;
	for (size_t i = 0; i < v->nlicences; i++) {
		const struct bill_licence *l = &v->licences[i];
		const char *one = l->expression ? l->expression : l->reference;
		bool looser = v->nlicences > 1 && strstr(one, " OR ");

		fprintf(f, looser ? "%s(%s)" : "%s%s", i ? " AND " : "", one);
	}
	if (fclose(f) == 0)
		return text;
	free(text);
	return NULL;
}

/* -- facts -- */

static void digest_fact(const char *name, const struct digest *digest, bill_fact_fn *fact,
			void *ctx)
{
	char text[DIGEST_HEX + 7] = "sha256:";

	digest_hex(digest, text + 7);
	fact(ctx, name, text);
}

static void text_fact(const char *name, const char *value, bill_fact_fn *fact, void *ctx)
{
	if (value)
		fact(ctx, name, value);
}

void bill_program_facts(const struct bill_program *p, bill_fact_fn *fact, void *ctx)
{
	char until[UNTIL_TEXT];

	fact(ctx, "pinlib:form", p->app->sealed ? "sealed" : "view");
	fact(ctx, "pinlib:program", p->supplied ? "pinned" : "live");
	text_fact("pinlib:program-unread", p->unread, fact, ctx);
	text_fact("pinlib:reason", p->app->reason, fact, ctx);
	if (!p->app->until)
		return;
	until_text(p->app->until, until);
	fact(ctx, "pinlib:until", until);
}

void bill_version_facts(const struct bill_version *v, bill_fact_fn *fact, void *ctx)
{
	const struct provenance *p = &v->provenance;

	digest_fact("pinlib:digest", &v->version->digest, fact, ctx);
	fact(ctx, "pinlib:architecture", v->version->arch);
	fact(ctx, "pinlib:confidence", provenance_confidence_text(p->confidence));
	text_fact("pinlib:distribution", p->distribution, fact, ctx);
	text_fact("pinlib:release", p->release, fact, ctx);
	text_fact("pinlib:codename", p->codename, fact, ctx);
	text_fact("pinlib:suite", p->suite, fact, ctx);
	text_fact("pinlib:component", p->component, fact, ctx);
	if (p->has_release_file)
		digest_fact("pinlib:release-file", &p->release_file, fact, ctx);
	text_fact("pinlib:release-date", p->release_date, fact, ctx);
	text_fact("pinlib:source-package", p->source, fact, ctx);
	text_fact("pinlib:source-version", p->source_version, fact, ctx);
	if (p->guessed)
		fact(ctx, "pinlib:guessed",
		     !p->source_guessed ? "release"
		     : p->distribution	? "source package or release"
					: "source package");
	text_fact("pinlib:origin", v->origin.source, fact, ctx);
}
