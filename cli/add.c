#include "cli/cli.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "elf/elf.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const struct option options[] = {
	{"name", required_argument, NULL, 'n'},
	{"version", required_argument, NULL, 'v'},
	{0},
};

struct added {
	struct version version;
	bool known;
};

static void print_table(const struct added *added, size_t n)
{
	struct table *t = table_new(5);

	for (size_t i = 0; i < n; i++) {
		const struct version *v = &added[i].version;
		char digest[DIGEST_HEX + 7] = "sha256:";

		digest_hex(&v->digest, digest + 7);
		table_row(t, (const char *[]){v->name, v->version, v->arch, digest,
					      added[i].known ? "known" : "added"});
	}
	table_print(t);
}

static void print_json(const struct added *added, size_t n)
{
	json_open(NULL, '[');
	for (size_t i = 0; i < n; i++) {
		const struct version *v = &added[i].version;

		json_open(NULL, '{');
		json_string("name", v->name);
		json_string("version", v->version);
		json_string("arch", v->arch);
		json_digest("digest", &v->digest);
		json_bool("known", added[i].known);
		json_close();
	}
	json_close();
}

/* Adds one after the other; what came before a failure stays, and is printed. */
static int add_all(struct store *store, char **sources, size_t n, const struct add_options *how,
		   struct added *added, size_t *done)
{
	for (*done = 0; *done < n; ++*done) {
		struct added *a = &added[*done];
		struct err err;

		if (store_add(store, sources[*done], how, &a->version, &a->known, &err) < 0)
			return failed(&err);
	}
	return EXIT_OK;
}

static int run(int argc, char **argv)
{
	struct add_options how = {.facts = elf_facts};
	AUTO_SESSION struct session session = {.lock = -1};
	AUTO_FREE struct added *added = NULL;
	struct err err;
	size_t n, done;
	int c, status;

	while ((c = next_option(argc, argv, options)) != -1) {
		if (c == 'n')
			how.name = optarg;
		else if (c == 'v')
			how.version = optarg;
		else
			return EXIT_USAGE;
	}
	n = (size_t)(argc - optind);
	if (n == 0)
		return misused(&command_add, "nothing to add");
	if (n > 1 && (how.name || how.version))
		return misused(&command_add, "--name and --version go with one source");
	added = calloc(n, sizeof *added);
	if (!added)
		return failed((err_nomem(&err), &err));
	progress_show();
	if (session_begin_store(&session, &err) < 0)
		return failed(&err);
	status = add_all(session.store, argv + optind, n, &how, added, &done);
	if (want_json)
		print_json(added, done);
	else
		print_table(added, done);
	for (size_t i = 0; i < done; i++)
		version_free(&added[i].version);
	return status;
}

const struct command command_add = {
	.name = "add",
	.synopsis = "[--name NAME] [--version VERSION] [--json] SOURCE...",
	.summary = "Add library versions to the store",
	.options = "SOURCE is one of:\n"
		   "  FILE.deb                a Debian package\n"
		   "  libfoo.so.1.2           a shared object\n"
		   "  DIRECTORY               a tree with files at standard paths (usr/lib/...)\n"
		   "  dpkg:PACKAGE            the package as it is installed now\n"
		   "  apt:PACKAGE[=VERSION]   downloaded with apt, not installed\n"
		   "--name and --version override what was read from the source.\n",
	.root = true,
	.run = run,
};
