#include "cli/message.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/session.h"
#include "commands/commands.h"
#include "intake/intake.h"
#include "store/store.h"

#include <stdio.h>
#include <string.h>

static struct {
	const char *name, *version;
} given;

static const struct command_option options[] = {
	OPTION(&given.name, "name", ARG_TEXT, "NAME",
	       "the library's name, instead of the one in SOURCE"),
	OPTION(&given.version, "version", ARG_TEXT, "VERSION",
	       "its version, instead of the one in SOURCE"),
	{0},
};

struct added {
	struct version version;
	bool known;
};

static void print_added(const struct added *added, size_t n)
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

static void json_added(const struct added *added, size_t n)
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

/* Adds one source after the other. Versions added before a failure stay, and are printed. */
static int add_all(struct store *store, char **sources, size_t n, const struct intake_options *how,
		   struct added *added, size_t *done)
{
	for (*done = 0; *done < n; ++*done) {
		struct added *a = &added[*done];
		struct err err;

		if (intake_add(store, sources[*done], how, &a->version, &a->known, &err) < 0)
			return failed(&err);
	}
	return EXIT_OK;
}

static int run_add(int count, char **operands)
{
	const struct intake_options how = {.name = given.name, .version = given.version};
	AUTO_SESSION struct session session = {.lock = -1};
	AUTO_FREE struct added *added = NULL;
	struct err err;
	size_t n, done;
	int status;

	n = (size_t)count;
	if (n > 1 && (how.name || how.version))
		return misused("--name and --version allow only one SOURCE");
	added = calloc(n, sizeof *added);
	if (!added)
		return failed((err_nomem(&err), &err));
	progress_show();
	if (session_begin_store(&session, &err) < 0)
		return failed(&err);
	status = add_all(session.store, operands, n, &how, added, &done);
	if (want_json)
		json_added(added, done);
	else
		print_added(added, done);
	for (size_t i = 0; i < done; i++)
		version_free(&added[i].version);
	return status;
}

const struct command command_add = {
	.name = "add",
	.group = GROUP_PIN,
	.summary = "Add library versions to the store",
	.text = "SOURCE is one of:\n"
		"FILE.deb\ta Debian package\n"
		"libfoo.so.1.2\ta shared object\n"
		"DIRECTORY\ta tree with files at standard paths (usr/lib/...)\n"
		"dpkg:PACKAGE\tthe package as it is installed now\n"
		"apt:PACKAGE[=VERSION]\tdownloaded with apt, not installed",
	.options = options,
	.operands = {{.name = "SOURCE", .kind = ARG_FILE, .repeats = true}},
	.json = true,
	.root = true,
	.run = run_add,
};
