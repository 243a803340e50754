#include "base/paths.h"
#include "cli/app.h"
#include "cli/out.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "commands/commands.h"
#include "intake/oci.h"
#include "policy/description.h"
#include "policy/policy.h"
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *file;

static const struct command_option options[] = {
	OPTION(&file, "output", ARG_FILE, "FILE", "the file to write; '-' is standard output",
	       .letter = 'o', .needed = true),
	{0},
};

/* Writes the app's description to f, and adds to vs the versions that it does not have yet. */
static int take_app(struct policy *policy, struct store *store, const char *path, FILE *f,
		    struct versions *vs, struct err *err)
{
	AUTO_APP struct app app = {0};
	int r = policy_app(policy, path, POLICY_NOW, &app, err);

	if (r == -ENOENT && !app.path)
		return err_set(err, ENOENT,
			       "%s has no pins; 'pinlib show' lists the programs that have some",
			       path);
	if (r == 0)
		description_write_app(f, &app);
	for (size_t i = 0; r == 0 && i < app.npins; i++) {
		struct version *more;

		if (versions_have(vs, &app.pins[i].digest))
			continue;
		more = reallocarray(vs->items, vs->count + 1, sizeof *more);
		if (!more)
			return err_nomem(err);
		vs->items = more;
		r = store_load(store, &app.pins[i].digest, &more[vs->count], err);
		vs->count += r == 0;
	}
	return r;
}

static int write_out(struct store *store, const struct versions *vs, const char *text, size_t len,
		     bool *to_output, struct err *err)
{
	AUTO_OUTPUT struct output out = OUTPUT_NONE;
	int r = output_begin(file, &out, err);

	*to_output |= out.standard;
	if (r == 0)
		r = oci_write(store, vs, text, len, out.fd, err);
	return r < 0 ? r : output_finish(&out, file, err);
}

static int export(const struct strings *apps, struct versions *vs, bool *to_output, struct err *err)
{
	AUTO_POLICY struct policy *policy = NULL;
	AUTO_STORE struct store *store = NULL;
	AUTO_FREE char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	int r;

	if (!f)
		return err_nomem(err);
	r = policy_open(&policy, err);
	if (r == 0)
		r = store_open(PINLIB_STORE, false, &store, err);
	for (size_t i = 0; r == 0 && i < apps->count; i++)
		r = take_app(policy, store, apps->items[i], f, vs, err);
	if (fclose(f) != 0)
		return err_nomem(err);
	return r < 0 ? r : write_out(store, vs, text, len, to_output, err);
}

static int run_export(int count, char **operands, struct err *err)
{
	AUTO_VERSIONS struct versions vs = {0};
	AUTO_STRINGS struct strings apps = {0};
	bool to_output = strcmp(file, "-") == 0;

	if (to_output && (want_json || isatty(STDOUT_FILENO)))
		return misused(want_json ? "--json and --output - both use standard output"
					 : "standard output is a terminal: give --output a file");
	progress_show();
	if (find_apps(operands, (size_t)count, &apps, err) < 0 ||
	    export(&apps, &vs, &to_output, err) < 0)
		return EXIT_ERR;
	if (to_output)
		return EXIT_OK;
	json_record("file %s versions %lld", file, (long long)vs.count);
	print_line("%s: %zu program%s, %zu version%s", file, apps.count, apps.count == 1 ? "" : "s",
		   vs.count, vs.count == 1 ? "" : "s");
	return EXIT_OK;
}

const struct command command_export = {
	.name = "export",
	.group = GROUP_UPGRADES,
	.summary = "Write pins and their libraries to a file",
	.text = "The file is an OCI image in a tar archive: 'pinlib import' reads it on another "
		"machine, and skopeo copies it to a registry and back, as oci-archive:FILE.",
	.options = options,
	.operands = {{.name = "APP", .kind = ARG_PINNED, .repeats = true}},
	.json = true,
	.root = true,
	.run = run_export,
};
