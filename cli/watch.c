#include "base/strings.h"
#include "cli/cli.h"
#include "cli/out.h"
#include "upgrade/keep.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct option options[] = {{"remove", no_argument, NULL, 'r'}, {0}};

/* -ENOENT if it is not watched. */
static int take_away(struct strings *paths, const char *app, struct err *err)
{
	for (size_t i = 0; i < paths->count; i++) {
		if (strcmp(paths->items[i], app) != 0)
			continue;
		free(paths->items[i]);
		paths->items[i] = paths->items[--paths->count];
		return 0;
	}
	return err_set(err, ENOENT, "%s is not watched", app);
}

static int change(struct strings *paths, const char *name, bool remove, struct err *err)
{
	char app[PATH_MAX];
	struct stat st;
	int r;

	if (remove && name[0] == '/' && strings_have(paths, name)) /* it may be gone */
		return take_away(paths, name, err);
	r = find_app(name, app, err);
	if (r < 0)
		return r;
	if (remove)
		return take_away(paths, app, err);
	if (stat(app, &st) < 0 || !S_ISREG(st.st_mode) || !(st.st_mode & 0111))
		return err_set(err, EACCES, "%s is no program", app);
	if (strchr(app, '\n'))
		return err_set(err, EINVAL, "%s has a line break in its path", app);
	return strings_add(paths, app, err);
}

static int list(struct err *err)
{
	AUTO_STRINGS struct strings paths = {0};
	int r = watched_read(&paths, err);

	if (r < 0)
		return r;
	if (want_json)
		json_open(NULL, '[');
	for (size_t i = 0; i < paths.count; i++)
		if (want_json)
			json_string(NULL, paths.items[i]);
		else
			printf("%s\n", paths.items[i]);
	if (want_json)
		json_close();
	return 0;
}

static int run(int argc, char **argv)
{
	AUTO_SESSION struct session session = {.lock = -1};
	AUTO_STRINGS struct strings paths = {0};
	bool remove = false;
	struct err err;
	int c, r;

	while ((c = next_option(argc, argv, options)) != -1) {
		if (c != 'r')
			return EXIT_USAGE;
		remove = true;
	}
	if (remove && optind == argc)
		return misused(&command_watch, "which program?");
	r = session_begin(&session, &err);
	if (r == 0)
		r = watched_read(&paths, &err);
	for (int i = optind; r == 0 && i < argc; i++)
		r = change(&paths, argv[i], remove, &err);
	if (r == 0 && optind < argc)
		r = watched_write(&paths, &err);
	if (r == 0)
		r = list(&err);
	return r < 0 ? failed(&err) : EXIT_OK;
}

const struct command command_watch = {
	.name = "watch",
	.synopsis = "[--remove] [APP...] [--json]",
	.summary = "Keep the libraries that programs load, without pinning anything",
	.options = "Lists the watched programs. What an upgrade takes from them is kept, see "
		   "'pinlib keep'.\n"
		   "  --remove  watch them no longer\n",
	.root = true,
	.run = run,
};
