#include "dpkg/apt.h"

#include "base/cleanup.h"
#include "base/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MAX ((size_t)16 << 20)
#define ARGS_MAX 16

/* Runs a program of apt's with this configuration; it must succeed. */
static int run_apt(const char *const args[], const char *config, const char *dir, char **text,
		   struct err *err)
{
	const char *argv[ARGS_MAX + 3] = {"env", "--"};
	AUTO_FREE char *setting = NULL;
	int r;

	if (config && asprintf(&setting, "APT_CONFIG=%s", config) < 0) {
		setting = NULL;
		return err_nomem(err);
	}
	if (setting)
		argv[1] = setting;
	for (size_t i = 0; i < ARGS_MAX && args[i]; i++)
		argv[2 + i] = args[i];
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
static int add_names(const char *const args[], const char *config, struct strings *out,
		     struct err *err)
{
	AUTO_FREE char *text = NULL;
	char *rest, *line;
	int r = run_apt(args, config, NULL, &text, err);

	rest = text;
	while (r == 0 && (line = strsep(&rest, "\n"))) {
		const char *blank = strrchr(line, ' '), *name = blank ? blank + 1 : line;

		if (is_name(name))
			r = strings_add(out, name, err);
	}
	return r;
}

int apt_names(const char *prefix, const char *config, struct strings *out, struct err *err)
{
	return add_names((const char *const[]){"apt-cache", "pkgnames", prefix, NULL}, config, out,
			 err);
}

int apt_depends(const char *package, const char *config, struct strings *out, struct err *err)
{
	const char *const args[] = {
		"apt-cache",	  "depends",	 "--no-recommends", "--no-suggests",
		"--no-conflicts", "--no-breaks", "--no-replaces",   "--no-enhances",
		package,	  NULL};

	return add_names(args, config, out, err);
}

int apt_download(const char *package, const char *config, const char *dir, struct err *err)
{
	/* apt's own user could not write there; the signatures are checked all the same. */
	const char *const args[] = {"apt-get",	"-q",	 "-o", "APT::Sandbox::User=root",
				    "download", package, NULL};
	AUTO_FREE char *text = NULL;

	return run_apt(args, config, dir, &text, err);
}
