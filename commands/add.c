#include "cli/out.h"
#include "cli/progress.h"
#include "cli/provenance.h"
#include "cli/session.h"
#include "commands/commands.h"
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

static int print_added(struct table *t, struct store *store, const struct version *v, bool known,
		       struct err *err)
{
	AUTO_PROVENANCE struct provenance p = {0};
	int r = provenance_read(store, &v->digest, v->name, v->version, &p, err);
	char digest[DIGEST_HEX + 7] = "sha256:";

	digest_hex(&v->digest, digest + 7);
	table_row(t, (const char *[]){v->name, v->version, v->arch, digest,
				      known ? "known" : "added"});
	if (r < 0)
		return r;
	json_open(NULL, '{');
	json_members("name %s version %s arch %s digest %s known %d", v->name, v->version, v->arch,
		     digest, known);
	json_provenance(&p);
	json_close();
	return 0;
}

/* Adds one source after the other. Versions added before a failure stay, and are printed. */
static int run_add(int count, char **operands, struct err *err)
{
	AUTO_SESSION struct session session = {.lock = -1};
	struct home home;
	struct table *t;
	int r;

	if (count > 1 && (given.name || given.version))
		return misused("--name and --version allow only one SOURCE");
	progress_show();
	r = session_begin_home(&session, &home, err);
	if (r < 0)
		return r;
	t = table_new(5);
	json_open(NULL, '[');
	for (int i = 0; r == 0 && i < count; i++) {
		AUTO_VERSION struct version v = {0};
		bool known;

		r = session_add(&session, operands[i], given.name, given.version, &v, &known, err);
		if (r == 0)
			r = print_added(t, session.store, &v, known, err);
	}
	json_close();
	table_print(t);
	return r;
}

const struct command command_add = {
	.name = "add",
	.group = GROUP_PIN,
	.summary = "Add library versions to the store",
	.text = "SOURCE is one of:\n"
		"FILE.deb\ta Debian package\n"
		"FILE.rpm, FILE.pkg.tar.zst\tan rpm, a package of pacman\n"
		"libfoo.so.1.2\ta shared object\n"
		"DIRECTORY\ta tree with files at standard paths (usr/lib/...)\n"
		"dpkg:PACKAGE\tthe package as it is installed now\n"
		"apt:PACKAGE[=VERSION][/SUITE]\tdownloaded with apt, not installed\n"
		"oci:DIR[:TAG]#NAME\tNAME, a package or soname, out of an image that skopeo "
		"copied\n"
		"docker-archive:FILE[:TAG]#NAME\tthe same out of an image that docker saved",
	.options = options,
	.operands = {{.name = "SOURCE", .kind = ARG_FILE, .repeats = true}},
	.json = true,
	.root = true,
	.user = true,
	.run = run_add,
};
