#include "dpkg/apt.h"

#include "base/cleanup.h"
#include "base/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MAX ((size_t)16 << 20)

/* Runs a program of apt's with this configuration; it must succeed. more: further arguments. */
static int run_apt(const char *const args[], const struct strings *more, const char *config,
		   const char *dir, char **text, struct err *err)
{
	AUTO_FREE const char **argv = NULL;
	AUTO_FREE char *setting = NULL;
	size_t n = 2, nargs = 0;
	int r;

	if (config && asprintf(&setting, "APT_CONFIG=%s", config) < 0) {
		setting = NULL;
		return err_nomem(err);
	}
	while (args[nargs])
		nargs++;
	argv = calloc(n + nargs + (more ? more->count : 0) + 1, sizeof *argv);
	if (!argv)
		return err_nomem(err);
	argv[0] = "env";
	argv[1] = setting ? setting : "--";
	for (size_t i = 0; i < nargs; i++)
		argv[n++] = args[i];
	for (size_t i = 0; more && i < more->count; i++)
		argv[n++] = more->items[i];
	r = run_read(argv, dir, ANSWER_MAX, text, err);
	if (r <= 0)
		return r;
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
static int add_names(const char *const args[], const struct strings *packages, const char *config,
		     struct strings *out, struct err *err)
{
	AUTO_FREE char *text = NULL;
	char *rest, *line;
	int r = run_apt(args, packages, config, NULL, &text, err);

	rest = text;
	while (r == 0 && (line = strsep(&rest, "\n"))) {
		const char *blank = strrchr(line, ' '), *name = blank ? blank + 1 : line;

		if (is_name(name))
			r = strings_add(out, name, err);
	}
	return r;
}

int apt_names(const char *config, struct strings *out, struct err *err)
{
	return add_names((const char *const[]){"apt-cache", "pkgnames", NULL}, NULL, config, out,
			 err);
}

int apt_depends(const struct strings *packages, const char *config, struct strings *out,
		struct err *err)
{
	const char *const args[] = {"apt-cache",     "depends",	       "--no-recommends",
				    "--no-suggests", "--no-conflicts", "--no-breaks",
				    "--no-replaces", "--no-enhances",  NULL};

	return add_names(args, packages, config, out, err);
}

int apt_download(const char *package, const char *config, const char *dir, struct err *err)
{
	/* apt's own user could not write there; the signatures are checked all the same. */
	const char *const args[] = {"apt-get",	"-q",	 "-o", "APT::Sandbox::User=root",
				    "download", package, NULL};
	AUTO_FREE char *text = NULL;

	return run_apt(args, NULL, config, dir, &text, err);
}
