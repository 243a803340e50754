#include "sbom/named.h"

#include "sbom/purl.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), n = strlen(end);

	return len >= n && strcmp(text + len - n, end) == 0;
}

/* Whether it is a package of dpkg's. Without an origin (imported, or files that freeze collected) the directory is the sign
 * that each Debian package has (Debian policy, 12.5). */
static bool is_package(const struct bill_version *v)
{
	const char *source = v->origin.source;
	char path[PATH_MAX];

	if (v->provenance.confidence != CONFIDENCE_GIVEN)
		return true;
	if (source)
		return source[0] != '/' || ends_with(source, ".deb");
	snprintf(path, sizeof path, "/usr/share/doc/%s", v->version->name);
	return version_entry(v->version, path) != NULL;
}

static int write_distro(const struct provenance *p, char text[128])
{
	if (p->release)
		return snprintf(text, 128, "%.60s-%.60s", p->distribution, p->release);
	return snprintf(text, 128, "%.120s", p->codename ? p->codename : "");
}

/* The source package, if it is not called as the package; its version likewise. */
static void write_upstream(const struct bill_version *v, char text[600])
{
	const struct provenance *p = &v->provenance;
	bool same = strcmp(p->source, v->version->name) == 0;

	text[0] = '\0';
	if (strcmp(p->source_version, v->version->version) != 0)
		snprintf(text, 600, "%.290s@%.290s", p->source, p->source_version);
	else if (!same)
		snprintf(text, 600, "%.290s", p->source);
}

static void write_checksum(const struct bill_version *v, char text[DIGEST_HEX + 7])
{
	const struct digest *digest = v->provenance.has_archive ? &v->provenance.archive
				      : v->nfiles == 1		? &v->files[0].entry->content
								: NULL;

	text[0] = '\0';
	if (!digest)
		return;
	strcpy(text, "sha256:");
	digest_hex(digest, text + 7);
}

int bill_name(struct bill_version *v, struct err *err)
{
	char distro[128] = "", upstream[600] = "", checksum[DIGEST_HEX + 7] = "";
	bool deb = v->provenance.distribution && is_package(v);
	const struct purl_qualifier qualifiers[] = {
		{"arch", v->version->arch},
		{"checksum", checksum},
		{"distro", distro},
		{"upstream", upstream},
		{0},
	};
	const struct purl purl = {
		.type = deb ? "deb" : "generic",
		.nspace = deb ? v->provenance.distribution : NULL,
		.name = v->version->name,
		.version = v->version->version,
		.qualifiers = qualifiers,
	};

	if (deb) {
		write_distro(&v->provenance, distro);
		write_upstream(v, upstream);
	} else {
		write_checksum(v, checksum);
	}
	v->purl = purl_text(&purl);
	return v->purl ? 0 : err_nomem(err);
}
