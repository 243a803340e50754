#include "base/paths.h"
#include "base/strings.h"
#include "cli/cli.h"
#include "cli/out.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "intake/oci.h"
#include "policy/description.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct option options[] = {{"output", required_argument, NULL, 'o'}, {0}};

/* Each app once, however often and under whatever name it was given. */
static int find_all(char **names, size_t n, struct strings *apps, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		char path[PATH_MAX];

		r = find_app(names[i], path, err);
		if (r == 0 && !strings_have(apps, path))
			r = strings_add(apps, path, err);
	}
	return r;
}

/* The app's description goes to f, and those of its versions that are not among vs to vs. */
static int take_app(struct policy *policy, struct store *store, const char *path, FILE *f,
		    struct versions *vs, struct err *err)
{
	AUTO_APP struct app app = {0};
	int r = policy_app(policy, path, POLICY_NOW, &app, err);

	if (r == -ENOENT && !app.path)
		return err_set(err, ENOENT, "%s has no pins", path);
	if (r == 0)
		description_write_app(f, &app);
	for (size_t i = 0; r == 0 && i < app.npins; i++) {
		struct version *more;
		bool there = false;

		for (size_t k = 0; k < vs->count; k++)
			there |= digest_equal(&vs->items[k].digest, &app.pins[i].digest);
		if (there)
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
		     const char *file, bool *to_output, struct err *err)
{
	AUTO_OUTPUT struct output out = OUTPUT_NONE;
	int r = output_begin(file, &out, err);

	*to_output |= out.standard;
	if (r == 0)
		r = oci_write(store, vs, text, len, out.fd, err);
	return r < 0 ? r : output_finish(&out, file, err);
}

static int export(const struct strings *apps, const char *file, struct versions *vs,
		  bool *to_output, struct err *err)
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
	return r < 0 ? r : write_out(store, vs, text, len, file, to_output, err);
}

static int run(int argc, char **argv)
{
	AUTO_VERSIONS struct versions vs = {0};
	AUTO_STRINGS struct strings apps = {0};
	const char *file = NULL;
	bool to_output;
	struct err err;
	int c;

	while ((c = next_option(argc, argv, options)) != -1) {
		if (c != 'o')
			return EXIT_USAGE;
		file = optarg;
	}
	if (optind >= argc || !file)
		return misused(&command_export, file ? "which programs?" : "where to? (-o FILE)");
	to_output = strcmp(file, "-") == 0;
	if (to_output && (want_json || isatty(STDOUT_FILENO)))
		return misused(&command_export, "standard output is %s",
			       want_json ? "for --json" : "a terminal");
	progress_show();
	if (find_all(argv + optind, (size_t)(argc - optind), &apps, &err) < 0 ||
	    export(&apps, file, &vs, &to_output, &err) < 0)
		return failed(&err);
	if (to_output)
		return EXIT_OK;
	if (want_json) {
		json_open(NULL, '{');
		json_string("file", file);
		json_number("versions", (int64_t)vs.count);
		json_close();
	} else {
		progress_hide();
		printf("%s: %zu program%s, %zu version%s\n", file, apps.count,
		       apps.count == 1 ? "" : "s", vs.count, vs.count == 1 ? "" : "s");
	}
	return EXIT_OK;
}

const struct command command_export = {
	.name = "export",
	.synopsis = "APP... --output FILE|- [--json]",
	.summary = "Write pins with their library versions to a file, for another machine",
	.options = "The file is an image in OCI's layout, in a tar archive: 'pinlib import' reads "
		   "it, and\n"
		   "skopeo copies it to a registry and back, as oci-archive:FILE.\n"
		   "  -o, --output FILE  '-' is standard output\n",
	.letters = "o:",
	.root = true,
	.run = run,
};
