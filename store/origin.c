#include "store/origin.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "base/strings.h"
#include "store/note.h"
#include "store/text.h"

#include <limits.h>
#include <stdio.h>
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

bool origin_is_apt(const struct origin *origin)
{
	return strncmp(origin->source, "apt:", 4) == 0;
}

const char *origin_suite(const struct origin *origin)
{
	const char *slash = origin_is_apt(origin) ? strrchr(origin->source, '/') : NULL;

	return slash ? slash + 1 : NULL;
}

bool origin_same_place(const struct origin *a, const struct origin *b)
{
	const char *part_a = strrchr(a->source, '#'), *part_b = strrchr(b->source, '#');
	char dir_a[PATH_MAX], dir_b[PATH_MAX];

	/* "oci:/srv/image#zlib1g": parts of one image. */
	if (part_a && part_b && a->source[0] != '/' && part_a - a->source == part_b - b->source)
		return strncmp(a->source, b->source, (size_t)(part_a - a->source)) == 0;
	if (a->source[0] != '/' || b->source[0] != '/')
		return origin_is_apt(a) && origin_is_apt(b) &&
		       string_equal(a->apt_config, b->apt_config) &&
		       string_equal(origin_suite(a), origin_suite(b));
	path_dir(a->source, dir_a);
	path_dir(b->source, dir_b);
	return strcmp(dir_a, dir_b) == 0;
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
		return err_set(err, EBADMSG, "an origin in %s lacks a source, name or version",
			       store->root);
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

/* -- restoring -- */

/* Names the package's version, because apt or dpkg may have another one today; and gives name and
 * version for a file or tree, which does not hold its own. */
static void write_command(const struct origin *o, char text[ORIGIN_RESTORE_MAX])
{
	const char *config = o->apt_config, *colon = strchr(o->source, ':');
	bool package = strncmp(o->source, "apt:", 4) == 0 || strncmp(o->source, "dpkg:", 5) == 0;
	int used = snprintf(text, ORIGIN_RESTORE_MAX, "restore it with: %s%s%spinlib add ",
			    config ? "APT_CONFIG='" : "", config ? config : "", config ? "' " : "");
	char *at = text + used;
	size_t room = ORIGIN_RESTORE_MAX - (size_t)used;

	if (used < 0 || used >= ORIGIN_RESTORE_MAX)
		return;
	if (package && !strchr(o->source, '='))
		snprintf(at, room, "apt:%.*s=%s%s", (int)strcspn(colon + 1, "/"), colon + 1,
			 o->version, colon + 1 + strcspn(colon + 1, "/"));
	else if (package || path_ends(o->source, ".deb"))
		snprintf(at, room, package ? "%s" : "'%s'", o->source);
	else
		snprintf(at, room, "--name %s --version %s '%s'", o->name, o->version, o->source);
}

void origin_restore(struct store *store, const struct digest *digest, char text[ORIGIN_RESTORE_MAX])
{
	AUTO_ORIGIN struct origin origin = {0};
	struct err ignored;

	if (origin_read(store, digest, &origin, &ignored) == 0)
		write_command(&origin, text);
	else
		snprintf(text, ORIGIN_RESTORE_MAX,
			 "its origin is not known: restore it by adding the same files again");
}
