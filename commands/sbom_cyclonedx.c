#include "cli/out.h"
#include "commands/sbom_write.h"
#include "sbom/licence.h"

#include <stdio.h>

#define ROOT "programs" /* the component that depends on all programs */

static void cdx_hash(const struct digest *digest)
{
	char hex[DIGEST_HEX];

	digest_hex(digest, hex);
	json_open("hashes", '[');
	json_record("alg %s content %s", "SHA-256", hex);
	json_close();
}

static void cdx_property(void *ctx, const char *name, const char *value)
{
	(void)ctx;
	json_record("name %s value %s", name, value);
}

static void cdx_metadata(const struct bill *bill, int64_t time)
{
	char text[SBOM_TIME], generation[32];

	sbom_time(time, text);
	snprintf(generation, sizeof generation, "%lld", (long long)bill->generation);
	json_open("metadata", '{');
	json_string("timestamp", text);
	json_open("tools", '{');
	json_open("components", '[');
	json_record("type %s name %s version %s", "application", "pinlib", PINLIB_VERSION);
	json_close();
	json_close();
	json_open("component", '{');
	json_members("type %s bom-ref %s name %s version %s description %s", "platform", ROOT,
		     "pinned programs", generation, SBOM_LIMITS);
	json_close();
	json_open("properties", '[');
	cdx_property(NULL, "pinlib:generation", generation);
	json_close();
	json_close();
}

static void cdx_program(const struct bill_program *p)
{
	json_open(NULL, '{');
	json_members("type %s bom-ref %s name %s", "application", p->id, p->app->path);
	if (p->has_digest)
		cdx_hash(&p->digest);
	json_open("properties", '[');
	bill_program_facts(p, cdx_property, NULL);
	json_close();
	json_close();
}

static bool all_evident(const struct bill_version *v, bool single)
{
	for (size_t i = 0; i < v->nlicences; i++)
		if (!v->licences[i].expression ||
		    (single && !licence_is_single(v->licences[i].expression)))
			return false;
	return true;
}

static void cdx_expression(const struct bill_version *v)
{
	AUTO_FREE char *text = bill_licence_text(v);

	json_record("expression %s acknowledgement %s", text, "declared");
}

/* Either one expression, or a list of licences: the schema allows no mixture. */
static void cdx_licences(const struct bill_version *v)
{
	if (!v->nlicences)
		return;
	json_open("licenses", '[');
	if (all_evident(v, false) && !all_evident(v, true))
		cdx_expression(v);
	else
		for (size_t i = 0; i < v->nlicences; i++) {
			const struct bill_licence *l = &v->licences[i];
			bool id = l->expression && licence_is_single(l->expression);

			json_open(NULL, '{');
			json_open("license", '{');
			json_string(id ? "id" : "name", l->expression ? l->expression : l->name);
			json_string("acknowledgement", "declared");
			json_close();
			json_close();
		}
	json_close();
}

static void cdx_file(const struct bill_file *file)
{
	json_open(NULL, '{');
	json_members("type %s bom-ref %s name %s", "file", file->id, file->entry->path);
	cdx_hash(&file->entry->content);
	json_close();
}

static void cdx_version(const struct bill_version *v)
{
	json_open(NULL, '{');
	json_members("type %s bom-ref %s",
		     v->has_command && !v->has_library ? "application" : "library", v->id);
	if (*v->supplier) {
		json_open("supplier", '{');
		json_string("name", v->supplier);
		json_close();
	}
	json_members("name %s version %s", v->version->name, v->version->version);
	if (v->provenance.has_archive)
		cdx_hash(&v->provenance.archive);
	cdx_licences(v);
	json_string("purl", v->purl);
	json_open("properties", '[');
	bill_version_facts(v, cdx_property, NULL);
	json_close();
	json_open("components", '[');
	for (size_t i = 0; i < v->nfiles; i++)
		cdx_file(&v->files[i]);
	json_close();
	json_close();
}

static void cdx_components(const struct bill *bill)
{
	json_open("components", '[');
	for (size_t i = 0; i < bill->nprograms; i++)
		cdx_program(&bill->programs[i]);
	for (size_t i = 0; i < bill->nversions; i++)
		cdx_version(&bill->versions[i]);
	json_close();
}

static void open_dependency(const char *id)
{
	json_open(NULL, '{');
	json_string("ref", id);
	json_open("dependsOn", '[');
}

static void close_dependency(void)
{
	json_close();
	json_close();
}

static void cdx_dependencies(const struct bill *bill)
{
	json_open("dependencies", '[');
	open_dependency(ROOT);
	for (size_t i = 0; i < bill->nprograms; i++)
		json_string(NULL, bill->programs[i].id);
	close_dependency();
	for (size_t i = 0; i < bill->nprograms; i++) {
		open_dependency(bill->programs[i].id);
		for (size_t k = 0; k < bill->programs[i].app->npins; k++)
			json_string(NULL, bill->versions[bill->programs[i].pinned[k]].id);
		close_dependency();
	}
	for (size_t i = 0; i < bill->nversions; i++) {
		open_dependency(bill->versions[i].id);
		for (size_t k = 0; k < bill->versions[i].nfiles; k++)
			json_string(NULL, bill->versions[i].files[k].id);
		close_dependency();
	}
	json_close();
}

/* A program uses more than its pinned versions. */
static void cdx_compositions(const struct bill *bill)
{
	json_open("compositions", '[');
	json_open(NULL, '{');
	json_string("aggregate", "incomplete");
	json_open("dependencies", '[');
	for (size_t i = 0; i < bill->nprograms; i++)
		json_string(NULL, bill->programs[i].id);
	json_close();
	json_close();
	json_close();
}

void sbom_write_cyclonedx(const struct bill *bill, int64_t time)
{
	json_open(NULL, '{');
	json_members("$schema %s bomFormat %s specVersion %s serialNumber %s",
		     "http://cyclonedx.org/schema/bom-1.6.schema.json", "CycloneDX", "1.6",
		     "urn:uuid:" SBOM_NO_UUID);
	json_number("version", 1);
	cdx_metadata(bill, time);
	cdx_components(bill);
	cdx_dependencies(bill);
	cdx_compositions(bill);
	json_close();
}
