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

/* -- all versions -- */

/* Without it a name that apt does not know would be a regular expression: libstdc++ would mean half of the archive. */
#define EXACTLY "-oAPT::Cmd::Pattern-Only=true"

/* apt-cache fails where it knows none of the packages. */
static bool knows_none(const struct err *err)
{
	return strstr(err->text, "No packages found") != NULL;
}

int apt_versions(const struct strings *packages, const struct apt_place *place,
		 struct controls *out, struct err *err)
{
	const char *const args[] = {"apt-cache", "show", "--all-versions", EXACTLY, NULL};
	AUTO_FREE char *text = NULL;
	int r = apt_run(args, packages, place, NULL, &text, err);

	if (r == -EIO && knows_none(err))
		return 0;
	return r < 0 ? r : controls_parse(out, text, err);
}

/* Whether a line such as "  990 file:/srv/debian bullseye/main amd64 Packages" is of the suite: apt gives
 * that priority to the suite of APT::Default-Release, by whichever of its names. */
static bool is_of_suite(const char *line, const char *suite)
{
	static const char *const parts[] = {"/", "-security/", "-updates/"};
	const char *release = strchr(line, ' ');
	size_t len = strlen(suite);

	release = release ? strchr(release + 1, ' ') : NULL;
	if (!release)
		return false;
	if (strncmp(line, "990 ", 4) == 0)
		return true;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (strncmp(release + 1, suite, len) == 0 &&
		    strncmp(release + 1 + len, parts[i], strlen(parts[i])) == 0)
			return true;
	return false;
}

/* A line of apt-cache policy: "zlib1g:i386:", "     1:1.2.13-1 500" (" *** " if it is installed), or the line of a list below
 * a version. */
static int take_policy_line(char *line, const char *suite, char name[256], char version[256],
			    struct strings *out, struct err *err)
{
	size_t blanks = strspn(line, " *");

	if (blanks == 0)
		snprintf(name, 256, "%.*s", (int)strcspn(line, ":"), line);
	else if (blanks == 5)
		snprintf(version, 256, "%.*s", (int)strcspn(line + 5, " "), line + 5);
	else if (blanks > 5 && is_of_suite(line + blanks, suite))
		return strings_addf(out, err, "%s=%s", name, version);
	return 0;
}

int apt_suite_versions(const struct strings *packages, const struct apt_place *place,
		       struct strings *out, struct err *err)
{
	/* Preferences could give the suite another priority. */
	const char *const args[] = {"apt-cache",
				    "policy",
				    EXACTLY,
				    "-oDir::Etc::preferences=/dev/null",
				    "-oDir::Etc::preferencesparts=/dev/null",
				    NULL};
	char name[256] = "", version[256] = "", *rest, *line;
	AUTO_FREE char *text = NULL;
	int r = apt_run(args, packages, place, NULL, &text, err);

	rest = text;
	while (r == 0 && (line = strsep(&rest, "\n")))
		r = take_policy_line(line, place->suite, name, version, out, err);
	return r;
}

int apt_lists(const struct apt_place *place, char out[PATH_MAX], struct err *err)
{
	const char *const args[] = {"apt-config", "shell", "LISTS", "Dir::State::Lists/d", NULL};
	const struct apt_place all = {.config = place->config};
	AUTO_FREE char *text = NULL;
	int r = apt_run(args, NULL, &all, NULL, &text, err);

	if (r == 0 && sscanf(text, "LISTS='%4095[^'\n]'", out) != 1)
		r = err_set(err, EIO, "apt-config names no directory of lists");
	return r;
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
