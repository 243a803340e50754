#include "cli/provenance.h"

#include "cli/out.h"

static void put_digest(const char *key, bool known, const struct digest *digest)
{
	if (known)
		json_digest(key, digest);
	else
		json_string(key, NULL);
}

void json_provenance(const struct provenance *p)
{
	json_open("provenance", '{');
	json_string("confidence", provenance_confidence_name(p->confidence));
	json_members("source %s source_version %s guessed %d", p->source, p->source_version,
		     p->guessed);
	json_members("distribution %s release %s codename %s suite %s component %s",
		     p->distribution, p->release, p->codename, p->suite, p->component);
	put_digest("archive", p->has_archive, &p->archive);
	put_digest("release_file", p->has_release_file, &p->release_file);
	json_string("release_date", p->release_date);
	json_close();
}
