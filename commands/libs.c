#include "base/paths.h"
#include "cli/message.h"
#include "cli/out.h"
#include "cli/size.h"
#include "commands/commands.h"
#include "policy/policy.h"
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

/* The sonames of a version, joined by spaces; the caller frees them. */
static char *sonames_text(const struct version *v)
{
	char *text = NULL;
	size_t len = 0, n = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	for (size_t i = 0; i < v->nentries; i++)
		if (v->entries[i].soname)
			fprintf(f, "%s%s", n++ ? " " : "", v->entries[i].soname);
	if (n == 0)
		fputc('-', f);
	return fclose(f) == 0 ? text : NULL;
}

static char *apps_text(const struct apps *apps, const struct version *v)
{
	char *text = NULL;
	size_t len = 0, n = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	for (size_t i = 0; i < apps->count; i++)
		if (has_pin(&apps->items[i], v))
			fprintf(f, "%s%s", n++ ? " " : "", apps->items[i].path);
	if (n == 0)
		fputc('-', f);
	return fclose(f) == 0 ? text : NULL;
}

static int version_row(struct table *t, const struct version *v, const struct apps *apps,
		       struct err *err)
{
	AUTO_FREE char *sonames = sonames_text(v), *used = apps_text(apps, v);
	char size[32];

	if (!sonames || !used)
		return err_nomem(err);
	human_size(version_size(v), size);
	table_row(t, (const char *[]){v->name, v->version, v->arch, size, sonames, used});
	return 0;
}

static void json_version(const struct version *v, const struct apps *apps)
{
	json_open(NULL, '{');
	json_string("name", v->name);
	json_string("version", v->version);
	json_string("arch", v->arch);
	json_digest("digest", &v->digest);
	json_number("size", (int64_t)version_size(v));
	json_open("sonames", '[');
	for (size_t i = 0; i < v->nentries; i++)
		if (v->entries[i].soname)
			json_string(NULL, v->entries[i].soname);
	json_close();
	json_open("apps", '[');
	for (size_t i = 0; i < apps->count; i++)
		if (has_pin(&apps->items[i], v))
			json_string(NULL, apps->items[i].path);
	json_close();
	json_close();
}

static int print_versions(const struct versions *versions, const struct apps *apps,
			  const char *name, struct err *err)
{
	struct table *t = table_new(6);
	size_t shown = 0;
	int r = 0;

	if (want_json)
		json_open(NULL, '[');
	for (size_t i = 0; r == 0 && i < versions->count; i++) {
		const struct version *v = &versions->items[i];

		if (name && !spec_matches_name(name, v))
			continue;
		shown++;
		if (want_json)
			json_version(v, apps);
		else
			r = version_row(t, v, apps, err);
	}
	if (want_json)
		json_close();
	table_print(t);
	if (r == 0 && name && shown == 0)
		return err_set(
			err, ENOENT,
			"the store has no %s; 'pinlib add apt:%s' adds it, and so does a .deb "
			"file",
			name, name);
	return r;
}

static int run_libs(int count, char **operands)
{
	AUTO_STORE struct store *store = NULL;
	AUTO_POLICY struct policy *policy = NULL;
	AUTO_VERSIONS struct versions versions = {0};
	AUTO_APPS struct apps apps = {0};
	struct err err;
	int r;

	(void)count;
	r = store_open(PINLIB_STORE, false, &store, &err);
	if (r == 0)
		r = store_list(store, &versions, &err);
	if (r < 0 && r != -ENOENT)
		return failed(&err);
	r = policy_open(&policy, &err);
	if (r == 0)
		r = policy_apps(policy, POLICY_NOW, &apps, &err);
	if (r == 0)
		r = print_versions(&versions, &apps, operands[0], &err);
	return r < 0 ? failed(&err) : EXIT_OK;
}

const struct command command_libs = {
	.name = "libs",
	.group = GROUP_PIN,
	.summary = "List the library versions in the store",
	.text = "Columns: name, version, architecture, size, sonames, programs that pin it.",
	.operands = {{.name = "NAME", .kind = ARG_NAME, .optional = true}},
	.json = true,
	.run = run_libs,
};
