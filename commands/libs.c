#include "cli/out.h"
#include "cli/provenance.h"
#include "cli/size.h"
#include "commands/commands.h"
#include "policy/policy.h"
#include "seal/home.h"
#include "store/store.h"

#include <stdio.h>
#include <string.h>

static bool has_pin(const struct app *app, const struct version *v)
{
	for (size_t i = 0; i < app->npins; i++)
		if (digest_equal(&app->pins[i].digest, &v->digest))
			return true;
	return false;
}

/* The strings joined by spaces, or "-"; the caller frees the text. NULL: out of memory. */
static char *joined(const struct strings *list)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	for (size_t i = 0; i < list->count; i++)
		fprintf(f, "%s%s", i ? " " : "", list->items[i]);
	if (list->count == 0)
		fputc('-', f);
	return fclose(f) == 0 ? text : NULL;
}

static int find_names(const struct version *v, const struct apps *apps, struct strings *sonames,
		      struct strings *used, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < v->nentries; i++)
		if (v->entries[i].soname)
			r = strings_add(sonames, v->entries[i].soname, err);
	for (size_t i = 0; r == 0 && i < apps->count; i++)
		if (has_pin(&apps->items[i], v))
			r = strings_add(used, apps->items[i].path, err);
	return r;
}

static int print_version(struct table *t, struct store *store, const struct version *v,
			 const struct apps *apps, struct err *err)
{
	AUTO_PROVENANCE struct provenance p = {0};
	AUTO_STRINGS struct strings sonames = {0}, used = {0};
	AUTO_FREE char *soname_text = NULL, *used_text = NULL;
	char size[32];

	if (find_names(v, apps, &sonames, &used, err) < 0 ||
	    provenance_read(store, &v->digest, v->name, v->version, &p, err) < 0)
		return -ENOMEM;
	soname_text = joined(&sonames);
	used_text = joined(&used);
	if (!soname_text || !used_text)
		return err_nomem(err);
	human_size(version_size(v), size);
	table_row(t, (const char *[]){v->name, v->version, v->arch, size, soname_text, used_text});
	json_open(NULL, '{');
	json_members("name %s version %s arch %s", v->name, v->version, v->arch);
	json_digest("digest", &v->digest);
	json_number("size", (int64_t)version_size(v));
	json_strings("sonames", &sonames);
	json_strings("apps", &used);
	json_provenance(&p);
	json_close();
	return 0;
}

/* Names a version whose name begins so: zlib1g for zlib. */
static int none_found(const struct versions *versions, const char *name, struct err *err)
{
	for (size_t i = 0; i < versions->count; i++)
		if (strncmp(versions->items[i].name, name, strlen(name)) == 0)
			return err_set(err, ENOENT, "the store has no %s; it has %s", name,
				       versions->items[i].name);
	return err_set(
		err, ENOENT,
		"the store has no %s; 'pinlib add apt:PACKAGE' adds a package, and so does a "
		".deb file",
		name);
}

static int print_versions(struct store *store, const struct versions *versions,
			  const struct apps *apps, const char *name, struct err *err)
{
	struct table *t = table_new(6);
	size_t shown = 0;
	int r = 0;

	json_open(NULL, '[');
	for (size_t i = 0; r == 0 && i < versions->count; i++) {
		const struct version *v = &versions->items[i];

		if (name && !spec_matches_name(name, v))
			continue;
		shown++;
		r = print_version(t, store, v, apps, err);
	}
	json_close();
	table_print(t);
	return r == 0 && name && shown == 0 ? none_found(versions, name, err) : r;
}

static int run_libs(int count, char **operands, struct err *err)
{
	AUTO_STORE struct store *store = NULL;
	AUTO_POLICY struct policy *policy = NULL;
	AUTO_VERSIONS struct versions versions = {0};
	AUTO_APPS struct apps apps = {0};
	struct home home;
	int r = home_find(want_user, &home, err);

	(void)count;
	if (r == 0)
		r = store_open(home.store, false, &store, err);
	if (r == 0)
		r = store_list(store, &versions, err);
	if (r < 0 && r != -ENOENT)
		return r;
	r = want_user ? 0 : policy_open(&policy, err);
	if (r == 0 && policy)
		r = policy_apps(policy, POLICY_NOW, &apps, err);
	return r < 0 ? r : print_versions(store, &versions, &apps, operands[0], err);
}

const struct command command_libs = {
	.name = "libs",
	.group = GROUP_PIN,
	.summary = "List the library versions in the store",
	.text = "Columns: name, version, architecture, size, sonames, programs that pin it.",
	.operands = {{.name = "NAME", .kind = ARG_NAME, .optional = true}},
	.json = true,
	.user = true,
	.run = run_libs,
};
