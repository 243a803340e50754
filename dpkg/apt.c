#include "dpkg/apt.h"

#include "base/cleanup.h"
#include "base/run.h"
#include "dpkg/tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOT_FOUND 127 /* env(1)'s exit status for a program that does not exist */
#define ANSWER_MAX ((size_t)64 << 20)

bool apt_place_equal(const struct apt_place *a, const struct apt_place *b)
{
	return string_equal(a->config, b->config) && string_equal(a->suite, b->suite);
}

/* The command before its own arguments. apt's candidates are never older than what is installed, so
 * nothing is; apt must not write that into its cache of the machine's packages. */
static int add_command(struct strings *argv, const char *program, const struct apt_place *place,
		       struct err *err)
{
	int r = place->config ? strings_add(argv, "env", err) : 0;

	if (r == 0 && place->config)
		r = strings_addf(argv, err, "APT_CONFIG=%s", place->config);
	if (r == 0)
		r = strings_add(argv, program, err);
	if (r == 0)
		r = strings_add(argv, "-oDir::State::status=/dev/null", err);
	if (r == 0 && !place->config && !getenv("APT_CONFIG"))
		r = strings_add(argv, "-oDir::Cache::pkgcache=", err);
	if (r == 0 && place->suite)
		r = strings_addf(argv, err, "-oAPT::Default-Release=%s", place->suite);
	return r;
}

int apt_run(const char *const args[], const struct strings *more, const struct apt_place *place,
	    const char *dir, char **text, struct err *err)
{
	AUTO_STRINGS struct strings argv = {0};
	AUTO_FREE const char **pointers = NULL;
	int r = add_command(&argv, args[0], place, err);

	for (size_t i = 1; r == 0 && args[i]; i++)
		r = strings_add(&argv, args[i], err);
	if (r == 0 && more) /* an index may name a package like an option */
		r = strings_add(&argv, "--", err);
	for (size_t i = 0; r == 0 && more && i < more->count; i++)
		r = strings_add(&argv, more->items[i], err);
	pointers = calloc(argv.count + 1, sizeof *pointers);
	if (r == 0 && !pointers)
		r = err_nomem(err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < argv.count; i++)
		pointers[i] = argv.items[i];
	r = run_read(pointers, dir, ANSWER_MAX, text, err);
	if (r <= 0)
		return r;
	if (r == NOT_FOUND)
		return err_set(err, ENOENT, "cannot run %s: is it installed?", args[0]);
	tool_message(args[0], err);
	if (!err->text[0])
		return err_set(err, EIO, "%s failed with status %d", args[0], r);
	return err_wrap(err, -EIO, "%s", args[0]);
}

/* "zlib1g", "libc6:i386"; a virtual package is "<libfoo>". */
static bool is_name(const char *s)
{
	return *s && s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789+-.:")] == '\0';
}

/* Lines that end in a name: "libxml2", "  Depends: libc6", "    libc6". */
static int add_names(const char *const args[], const struct strings *packages,
		     const struct apt_place *place, struct strings *out, struct err *err)
{
	AUTO_FREE char *text = NULL;
	char *rest, *line;
	int r = apt_run(args, packages, place, NULL, &text, err);

	rest = text;
	while (r == 0 && (line = strsep(&rest, "\n"))) {
		const char *blank = strrchr(line, ' '), *name = blank ? blank + 1 : line;

		if (is_name(name))
			r = strings_add(out, name, err);
	}
	return r;
}

int apt_names(const struct apt_place *place, struct strings *out, struct err *err)
{
	return add_names((const char *const[]){"apt-cache", "pkgnames", NULL}, NULL, place, out,
			 err);
}

int apt_depends(const struct strings *packages, bool recurse, const struct apt_place *place,
		struct strings *out, struct err *err)
{
	const char *const args[] = {"apt-cache",
				    "depends",
				    "--no-recommends",
				    "--no-suggests",
				    "--no-conflicts",
				    "--no-breaks",
				    "--no-replaces",
				    "--no-enhances",
				    recurse ? "--recurse" : NULL,
				    NULL};

	return add_names(args, packages, place, out, err);
}

int apt_show(const struct strings *packages, const struct apt_place *place, struct controls *out,
	     struct err *err)
{
	AUTO_FREE char *text = NULL;
	int r = apt_run((const char *const[]){"apt-cache", "show", "--no-all-versions", NULL},
			packages, place, NULL, &text, err);

	return r < 0 ? r : controls_parse(out, text, err);
}

/* The heading above the names of packages that APT::Get::AllowUnauthenticated lets through. */
#define UNAUTHENTICATED "packages cannot be authenticated!"

int apt_download(const struct strings *packages, const struct apt_place *place, const char *dir,
		 bool *authentic, struct err *err)
{
	/* apt's own user could not write there; the signatures are checked all the same. */
	const char *const args[] = {"apt-get", "-q", "-oAPT::Sandbox::User=root", "download", NULL};
	AUTO_FREE char *text = NULL;
	int r = apt_run(args, packages, place, dir, &text, err);

	*authentic = r == 0 && !strstr(text, UNAUTHENTICATED);
	return r;
}
