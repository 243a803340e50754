#include "store/restore.h"

#include "base/cleanup.h"
#include "store/origin.h"

#include <stdio.h>
#include <string.h>

static bool ends_in_deb(const char *source)
{
	size_t len = strlen(source);

	return len > 4 && strcmp(source + len - 4, ".deb") == 0;
}

/* A package is asked for by its version: that of today, or that is installed today, may be another.
 * A file or a tree that is no package does not say what it is called. */
static void command(const struct origin *o, char text[RESTORE_MAX])
{
	const char *config = o->apt_config, *colon = strchr(o->source, ':');
	bool package = strncmp(o->source, "apt:", 4) == 0 || strncmp(o->source, "dpkg:", 5) == 0;
	int used = snprintf(text, RESTORE_MAX, "restore it with: %s%s%spinlib add ",
			    config ? "APT_CONFIG='" : "", config ? config : "", config ? "' " : "");
	char *at = text + used;
	size_t room = RESTORE_MAX - (size_t)used;

	if (used < 0 || used >= RESTORE_MAX)
		return;
	if (package && !strchr(o->source, '='))
		snprintf(at, room, "apt:%s=%s", colon + 1, o->version);
	else if (package || ends_in_deb(o->source))
		snprintf(at, room, package ? "%s" : "'%s'", o->source);
	else
		snprintf(at, room, "--name %s --version %s '%s'", o->name, o->version, o->source);
}

void restore_version(struct store *store, const struct digest *digest, char text[RESTORE_MAX])
{
	AUTO_ORIGIN struct origin origin = {0};
	struct err ignored;

	if (origin_read(store, digest, &origin, &ignored) == 0)
		command(&origin, text);
	else
		snprintf(text, RESTORE_MAX,
			 "where it came from is not known: restore it by adding the same files "
			 "again");
}

static bool has_content(const struct version *v, const struct digest *content)
{
	for (size_t i = 0; i < v->nentries; i++)
		if (v->entries[i].type == ENTRY_FILE &&
		    digest_equal(&v->entries[i].content, content))
			return true;
	return false;
}

void restore_object(struct store *store, const struct digest *content, char text[RESTORE_MAX])
{
	AUTO_VERSIONS struct versions all = {0};
	struct err ignored;

	snprintf(text, RESTORE_MAX, "add its version again to restore it");
	if (store_list(store, &all, &ignored) < 0)
		return;
	for (size_t i = 0; i < all.count; i++)
		if (has_content(&all.items[i], content)) {
			restore_version(store, &all.items[i].digest, text);
			return;
		}
}
