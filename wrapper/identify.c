#include "wrapper/identify.h"

#include "base/paths.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINKS_MAX 40 /* as the kernel's MAXSYMLINKS */

/* name's directory, canonical, and its last component. False if it has none or is too long. */
static int canonical(const char *name, char out[PATH_MAX])
{
	char dir[PATH_MAX], real[PATH_MAX];
	const char *slash = strrchr(name, '/');
	size_t len = slash ? (size_t)(slash - name) : 0;
	int n;

	if (len >= sizeof dir)
		return -ENAMETOOLONG;
	memcpy(dir, name, len);
	dir[len] = '\0';
	if (!realpath(!slash ? "." : len ? dir : "/", real))
		return -errno;
	n = snprintf(out, PATH_MAX, "%s/%s", strcmp(real, "/") == 0 ? "" : real,
		     slash ? slash + 1 : name);
	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

/* Where a link leads, taken from the link's own directory. */
static int follow(const char *link, char out[2 * PATH_MAX])
{
	char target[PATH_MAX];
	const char *slash = strrchr(link, '/');
	ssize_t n = readlink(link, target, sizeof target - 1);

	if (n < 0)
		return -errno;
	target[n] = '\0';
	if (target[0] == '/')
		snprintf(out, 2 * PATH_MAX, "%s", target);
	else
		snprintf(out, 2 * PATH_MAX, "%.*s/%s", (int)(slash - link), link, target);
	return 0;
}

/* The plan of the first path on the way through name's links that has one. */
static int follow_to_plan(const char *name, uid_t root, struct plan_file *out, struct err *err)
{
	static char at[2 * PATH_MAX];
	char path[PATH_MAX];

	if (!*name || strlen(name) >= PATH_MAX)
		return -ENOENT;
	snprintf(at, sizeof at, "%s", name);
	for (int i = 0; i < LINKS_MAX; i++) {
		int r;

		if (canonical(at, path) < 0)
			return -ENOENT;
		r = plan_load(PINLIB_PLANS, path, root, out, err);
		if (r != -ENOENT)
			return r;
		if (follow(path, at) < 0)
			return -ENOENT;
	}
	return -ENOENT;
}

/* Most programs are started by their canonical path, which is what plans are called by: none has
 * "..", "//" or a link in it. */
static int find_plan(const char *name, uid_t root, struct plan_file *out, struct err *err)
{
	int r = *name == '/' ? plan_load(PINLIB_PLANS, name, root, out, err) : -ENOENT;

	return r == -ENOENT ? follow_to_plan(name, root, out, err) : r;
}

static int accept(struct launch *out, const char *name, char **argv)
{
	out->name = name;
	out->argv = argv;
	return 0;
}

/*
 * The kernel starts us in one of these ways:
 *
 *	/usr/bin/app, or a link to it          AT_EXECFN leads to it
 *	/usr/bin/tool, a wrapped script        argv is our path, the original first line, the
 *	                                       script as AT_EXECFN names it, its arguments
 *	a script with #!/usr/bin/app           AT_EXECFN is the script; argv[0] leads to app
 *	a script with #!/usr/bin/tool          argv is as for tool, then the script
 *
 * A wrapped script whose interpreter is wrapped too comes back with the script as AT_EXECFN: it is
 * the interpreter that was meant, which argv names; else this would never end.
 */
int identify(const char *execfn, int argc, char **argv, uid_t root, struct launch *out,
	     struct err *err)
{
	bool by_shebang = argc >= 3 && strcmp(argv[0], PINLIB_WRAPPER) == 0;
	const struct plan *plan = &out->file.plan;
	int r = find_plan(execfn, root, &out->file, err);

	if (r < 0 && r != -ENOENT)
		return r;
	if (r == 0 && plan->kind == PLAN_ELF)
		return accept(out, execfn, argv);
	if (r == 0 && by_shebang && strcmp(argv[2], execfn) == 0)
		return accept(out, execfn, argv + 2);
	if (by_shebang) {
		r = find_plan(argv[2], root, &out->file, err);
		if (r == 0 && plan->kind == PLAN_SCRIPT)
			return accept(out, argv[2], argv + 2);
	} else if (argc >= 1 && strchr(argv[0], '/')) {
		r = find_plan(argv[0], root, &out->file, err);
		if (r == 0 && plan->kind == PLAN_ELF)
			return accept(out, argv[0], argv);
	}
	if (r < 0 && r != -ENOENT)
		return r;
	return -ENOENT;
}
