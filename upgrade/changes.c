#include "upgrade/changes.h"

#include "base/cleanup.h"
#include "base/strings.h"

#include <stdlib.h>
#include <string.h>

#define APT_FIELDS 9

void changes_free(struct changes *changes)
{
	for (size_t i = 0; i < changes->count; i++) {
		struct change *c = &changes->items[i];

		free(c->name);
		free(c->arch);
		free(c->query);
		free(c->from);
		free(c->to);
		free(c->file);
	}
	free(changes->items);
	strings_free(&changes->newcomers);
	*changes = (struct changes){0};
}

int changes_add(struct changes *out, const char *name, const char *arch, const char *from,
		const char *to, const char *file, struct err *err)
{
	struct change *items, *c;
	bool all = strcmp(arch, "all") == 0;

	if (to && strcmp(from, to) == 0)
		return 0;
	items = reallocarray(out->items, out->count + 1, sizeof *items);
	if (!items)
		return err_nomem(err);
	out->items = items;
	c = &items[out->count++];
	*c = (struct change){.name = strdup(name),
			     .arch = strdup(arch),
			     .from = strdup(from),
			     .to = to ? strdup(to) : NULL,
			     .file = file ? strdup(file) : NULL};
	if (asprintf(&c->query, "%s%s%s", name, all ? "" : ":", all ? "" : arch) < 0)
		c->query = NULL;
	if (!c->name || !c->arch || !c->query || !c->from || (to && !c->to) || (file && !c->file))
		return err_nomem(err);
	return 0;
}

/* "libfoo1 1.0-1 amd64 same < 1.1-1 amd64 same /var/cache/apt/archives/libfoo1_1.1-1_amd64.deb". A
 * line with **CONFIGURE** is about a package that has the version already, or another line. */
static int add_apt_line(struct changes *out, char *line, struct err *err)
{
	char *f[APT_FIELDS] = {0}, *rest = line;
	size_t n = 0;

	/* The last field is a path, which may hold blanks. */
	while (n < APT_FIELDS - 1 && rest && (f[n] = strsep(&rest, " ")))
		n++;
	f[n] = rest;
	if (n < APT_FIELDS - 1 || !rest)
		return err_set(err, EPROTO,
			       "cannot understand apt: its line about %s does not have %d fields",
			       f[0] ? f[0] : "a package", APT_FIELDS);
	if (strcmp(rest, "**CONFIGURE**") == 0 || strcmp(rest, "**ERROR**") == 0)
		return 0;
	if (strcmp(rest, "**REMOVE**") == 0)
		return changes_add(out, f[0], f[2], f[1], NULL, NULL, err);
	if (strcmp(f[1], "-") == 0)
		return strings_add(&out->newcomers, rest, err);
	return changes_add(out, f[0], f[2], f[1], f[5], rest, err);
}

int changes_of_apt(char *text, struct changes *out, struct err *err)
{
	char *rest = text, *line = strsep(&rest, "\n");
	bool body = false;
	int r = 0;

	if (strcmp(line, "VERSION 3") != 0)
		return err_set(err, EPROTO,
			       "cannot understand apt: its hook protocol is not version 3; run "
			       "'pinlib keep enable' to write the hooks again");
	/* apt's configuration comes first, up to an empty line. */
	while (r == 0 && (line = strsep(&rest, "\n"))) {
		if (*line == '\0')
			body = true;
		else if (body)
			r = add_apt_line(out, line, err);
	}
	return r;
}
