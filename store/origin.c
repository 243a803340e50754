#include "store/origin.h"

#include "base/cleanup.h"
#include "store/check.h"
#include "store/note.h"
#include "store/object.h"

#include <limits.h>
#include <string.h>

#define ORIGINS "origins"

void origin_free(struct origin *origin)
{
	free(origin->source);
	free(origin->apt_config);
	free(origin->name);
	free(origin->version);
	*origin = (struct origin){0};
}

int origin_read(struct store *store, const struct digest *digest, struct origin *out,
		struct err *err)
{
	AUTO_FREE char *text = NULL;
	int r = note_read(store, ORIGINS, digest, &text, err);

	*out = (struct origin){0};
	if (r < 0)
		return r;
	out->source = note_value(text, "source", NULL);
	out->apt_config = note_value(text, "apt-config", NULL);
	out->name = note_value(text, "name", NULL);
	out->version = note_value(text, "version", NULL);
	if (!out->source || !out->name || !out->version) {
		origin_free(out);
		return err_set(err, EBADMSG, "an origin in %s names no source", store->root);
	}
	return 0;
}

static bool fits_a_line(const char *value)
{
	return text_fault(value) == NULL && strlen(value) < PATH_MAX;
}

int origin_write(struct store *store, const struct version *version, const char *source,
		 const char *apt_config, struct err *err)
{
	AUTO_FREE char *text = NULL;
	bool config;

	if (!fits_a_line(source))
		return 0;
	config = apt_config && fits_a_line(apt_config);
	if (asprintf(&text, "source\t%s\n%s%s%sname\t%s\nversion\t%s\n", source,
		     config ? "apt-config\t" : "", config ? apt_config : "", config ? "\n" : "",
		     version->name, version->version) < 0) {
		text = NULL;
		return err_nomem(err);
	}
	return note_write(store, ORIGINS, &version->digest, text, err);
}
