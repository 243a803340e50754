#include "wrapper/identify.h"

#include "base/path.h"
#include "base/paths.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Resolves the directory of name and appends its last component. */
static int resolve_dir(const char *name, char out[PATH_MAX])
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

/* The target of a link; a relative one is taken from the link's directory. */
static int follow_link(const char *link, char out[2 * PATH_MAX])
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

/* Follows name's links to the first path that has a plan. */
static int follow_to_plan(const char *name, uid_t root, struct plan_file *out, struct err *err)
{
	static char at[2 * PATH_MAX];
	char path[PATH_MAX];

	if (!*name || strlen(name) >= PATH_MAX)
		return -ENOENT;
	snprintf(at, sizeof at, "%s", name);
	for (int i = 0; i < PATH_LINKS_MAX; i++) {
		int r;

		if (resolve_dir(at, path) < 0)
			return -ENOENT;
		r = plan_load(PINLIB_PLANS, path, root, out, err);
		if (r != -ENOENT)
			return r;
		if (follow_link(path, at) < 0)
			return -ENOENT;
	}
	return -ENOENT;
}

/* Most programs are started by their canonical path, for which the plan's file is named: such a path contains no link,
 * no ".." and no "//", so it needs no resolving. */
static int find_plan(const char *name, uid_t root, struct plan_file *out, struct err *err)
{
	int r = *name == '/' ? plan_load(PINLIB_PLANS, name, root, out, err) : -ENOENT;

	return r == -ENOENT ? follow_to_plan(name, root, out, err) : r;
}

static int accept_app(struct launch *out, const char *name, char **argv)
{
	out->name = name;
	out->argv = argv;
	return 0;
}

/*
 * The kernel starts the wrapper in one of these ways:
 *
 *	/usr/bin/app, or a link to it          AT_EXECFN leads to it
 *	/usr/bin/tool, a wrapped script        argv is our path, the original first line, the
 *	                                       script as AT_EXECFN names it, its arguments
 *	a script with #!/usr/bin/app           AT_EXECFN is the script; argv[0] leads to app
 *	a script with #!/usr/bin/tool          argv is as for tool, then the script
 *
 * If a wrapped script has a wrapped interpreter, the wrapper is started a second time with the script as AT_EXECFN. Then
 * the interpreter is meant, which argv names; to take the script again would never end.
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
		return accept_app(out, execfn, argv);
	if (r == 0 && by_shebang && strcmp(argv[2], execfn) == 0)
		return accept_app(out, execfn, argv + 2);
	if (by_shebang) {
		r = find_plan(argv[2], root, &out->file, err);
		if (r == 0 && plan->kind == PLAN_SCRIPT)
			return accept_app(out, argv[2], argv + 2);
	} else if (argc >= 1 && strchr(argv[0], '/')) {
		r = find_plan(argv[0], root, &out->file, err);
		if (r == 0 && plan->kind == PLAN_ELF)
			return accept_app(out, argv[0], argv);
	}
	if (r < 0 && r != -ENOENT)
		return r;
	return -ENOENT;
}
