#include "cli/out.h"
#include "commands/sbom_write.h"

#include <stdio.h>
#include <string.h>

#define SPDX_ID "SPDXRef-"
#define TOOL "Tool: pinlib-" PINLIB_VERSION

/* An element of the document, by the id of a part of the bill. */
static void spdx_id(const char *key, const char *id)
{
	json_stringf(key, SPDX_ID "%s", id);
}

static void spdx_relation(const char *from, const char *type, const char *to)
{
	json_open(NULL, '{');
	spdx_id("spdxElementId", from);
	json_string("relationshipType", type);
	spdx_id("relatedSpdxElement", to);
	json_close();
}

static void spdx_checksum(const char *algorithm, const char *hex)
{
	json_record("algorithm %s checksumValue %s", algorithm, hex);
}

static void spdx_sha256(const struct digest *digest)
{
	char hex[DIGEST_HEX];

	digest_hex(digest, hex);
	spdx_checksum("SHA256", hex);
}

/* A fact has no member of its own in this format: ctx is the document's date. */
static void spdx_annotation(void *ctx, const char *name, const char *value)
{
	json_open(NULL, '{');
	json_members("annotationDate %s annotationType %s annotator %s", (const char *)ctx, "OTHER",
		     TOOL);
	json_stringf("comment", "%s: %s", name, value);
	json_close();
}

static void spdx_unknown(void)
{
	json_members("downloadLocation %s licenseConcluded %s copyrightText %s", "NOASSERTION",
		     "NOASSERTION", "NOASSERTION");
}

/* -- packages -- */

static void spdx_program(const struct bill_program *p, char *date)
{
	json_open(NULL, '{');
	spdx_id("SPDXID", p->id);
	json_members("name %s primaryPackagePurpose %s filesAnalyzed %d", p->app->path,
		     "APPLICATION", false);
	spdx_unknown();
	json_string("licenseDeclared", "NOASSERTION");
	if (p->has_digest) {
		json_open("checksums", '[');
		spdx_sha256(&p->digest);
		json_close();
	}
	json_string("comment", SBOM_LIMITS);
	json_open("annotations", '[');
	bill_program_facts(p, spdx_annotation, date);
	json_close();
	json_close();
}

static void spdx_declared(const struct bill_version *v)
{
	AUTO_FREE char *text = bill_licence_text(v);

	json_string("licenseDeclared", text ? text : "NOASSERTION");
}

static void spdx_origin(const struct bill_version *v)
{
	char confidence[PROVENANCE_TEXT];

	provenance_text(&v->provenance, confidence);
	json_string("sourceInfo", confidence);
	if (*v->supplier)
		json_stringf("supplier", "Organization: %s", v->supplier);
}

static void spdx_purl(const struct bill_version *v)
{
	json_open("externalRefs", '[');
	json_record("referenceCategory %s referenceType %s referenceLocator %s", "PACKAGE-MANAGER",
		    "purl", v->purl);
	json_close();
}

static void spdx_version(const struct bill_version *v, char *date)
{
	json_open(NULL, '{');
	spdx_id("SPDXID", v->id);
	json_members("name %s versionInfo %s primaryPackagePurpose %s filesAnalyzed %d",
		     v->version->name, v->version->version,
		     v->has_command && !v->has_library ? "APPLICATION" : "LIBRARY", true);
	json_open("packageVerificationCode", '{');
	json_string("packageVerificationCodeValue", v->verification);
	json_close();
	spdx_unknown();
	spdx_declared(v);
	if (v->provenance.has_archive) {
		json_open("checksums", '[');
		spdx_sha256(&v->provenance.archive);
		json_close();
	}
	spdx_origin(v);
	spdx_purl(v);
	json_open("annotations", '[');
	bill_version_facts(v, spdx_annotation, date);
	json_close();
	json_close();
}

static void spdx_packages(const struct bill *bill, char *date)
{
	json_open("packages", '[');
	for (size_t i = 0; i < bill->nprograms; i++)
		spdx_program(&bill->programs[i], date);
	for (size_t i = 0; i < bill->nversions; i++)
		spdx_version(&bill->versions[i], date);
	json_close();
}

/* -- the other lists -- */

static void spdx_file(const struct bill_file *file)
{
	json_open(NULL, '{');
	spdx_id("SPDXID", file->id);
	json_stringf("fileName", ".%s", file->entry->path);
	json_open("checksums", '[');
	spdx_checksum("SHA1", file->sha1);
	spdx_sha256(&file->entry->content);
	json_close();
	json_close();
}

static void spdx_files(const struct bill *bill)
{
	json_open("files", '[');
	for (size_t i = 0; i < bill->nversions; i++)
		for (size_t k = 0; k < bill->versions[i].nfiles; k++)
			spdx_file(&bill->versions[i].files[k]);
	json_close();
}

static void spdx_described(const struct bill *bill)
{
	for (size_t i = 0; i < bill->nprograms; i++)
		spdx_relation("DOCUMENT", "DESCRIBES", bill->programs[i].id);
	if (!bill->nprograms)
		json_record("spdxElementId %s relationshipType %s relatedSpdxElement %s",
			    SPDX_ID "DOCUMENT", "DESCRIBES", "NONE");
}

static void spdx_relations(const struct bill *bill)
{
	json_open("relationships", '[');
	spdx_described(bill);
	for (size_t i = 0; i < bill->nprograms; i++)
		for (size_t k = 0; k < bill->programs[i].app->npins; k++)
			spdx_relation(bill->programs[i].id, "DEPENDS_ON",
				      bill->versions[bill->programs[i].pinned[k]].id);
	for (size_t i = 0; i < bill->nversions; i++)
		for (size_t k = 0; k < bill->versions[i].nfiles; k++)
			spdx_relation(bill->versions[i].id, "CONTAINS",
				      bill->versions[i].files[k].id);
	json_close();
}

static void spdx_licence(const struct bill_version *v, const struct bill_licence *l)
{
	if (l->expression)
		return;
	json_open(NULL, '{');
	json_members("licenseId %s name %s", l->reference, l->name);
	json_stringf("extractedText", "The copyright file of %s %s has the text, and calls it: %s",
		     v->version->name, v->version->version, l->name);
	json_close();
}

static void spdx_licences(const struct bill *bill)
{
	json_open("hasExtractedLicensingInfos", '[');
	for (size_t i = 0; i < bill->nversions; i++)
		for (size_t k = 0; k < bill->versions[i].nlicences; k++)
			spdx_licence(&bill->versions[i], &bill->versions[i].licences[k]);
	json_close();
}

void sbom_write_spdx(const struct bill *bill, int64_t time)
{
	char date[SBOM_TIME];

	sbom_time(time, date);
	json_open(NULL, '{');
	json_members("spdxVersion %s dataLicense %s SPDXID %s name %s documentNamespace %s",
		     "SPDX-2.3", "CC0-1.0", SPDX_ID "DOCUMENT", "pinned programs",
		     "https://spdx.org/spdxdocs/pinlib-" SBOM_NO_UUID);
	json_open("creationInfo", '{');
	json_string("created", date);
	json_open("creators", '[');
	json_string(NULL, TOOL);
	json_close();
	json_close();
	json_stringf("comment", "%s Generation %lld of the pins.", SBOM_LIMITS,
		     (long long)bill->generation);
	spdx_packages(bill, date);
	spdx_files(bill);
	spdx_relations(bill);
	spdx_licences(bill);
	json_close();
}
