#include "base/paths.h"
#include "base/reach.h"
#include "cli/apply.h"
#include "cli/cli.h"
#include "cli/progress.h"
#include "elf/elf.h"
#include "intake/oci.h"
#include "policy/description.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const struct option options[] = {
	{"force", no_argument, NULL, 'F'},
	{0},
};

/* What is in it will be for everybody to read. */
static int open_file(const char *path, struct err *err)
{
	AUTO_REACH struct reach at = REACH_NONE;
	int r = reach(path, 0, &at, err);

	if (r == 0 && !S_ISREG(at.st.st_mode))
		r = err_set(err, EINVAL, "%s is not a file", path);
	if (r == 0)
		r = reach_public(&at, true, err);
	return r < 0 ? r : reach_open(&at, O_RDONLY | O_NONBLOCK, err);
}

/* What another machine may say about this one: which programs are pinned to what came with it. */
static int check_pins(const struct description *d, struct err *err)
{
	for (size_t i = 0; i < d->count; i++)
		if (d->items[i].absent || d->items[i].sources.count)
			return err_set(err, EPERM, "%s: an image has no 'absent' and no 'add'",
				       d->items[i].where);
	return 0;
}

static int add_versions(struct session *s, int fd, unsigned int n, struct err *err)
{
	const struct add_options how = {.facts = elf_facts};

	for (unsigned int i = 1; i <= n; i++) {
		AUTO_VERSION struct version v = {0};
		bool known;
		int r = oci_add(s->store, fd, i, &how, &v, &known, err);

		if (r < 0)
			return r;
		if (!known)
			warn("added %s %s (%s)", v.name, v.version, v.arch);
	}
	return 0;
}

static int read_image(struct session *s, const char *file, struct description *d, struct err *err)
{
	AUTO_FREE char *text = NULL;
	AUTO_FD int fd = open_file(file, err);
	unsigned int versions = 0;
	size_t len = 0;
	int r = fd < 0 ? fd : oci_read_pins(fd, &text, &len, &versions, err);

	if (r == 0)
		r = description_parse(text, len, "its pins", d, err);
	if (r == 0)
		r = check_pins(d, err);
	if (r == 0)
		r = add_versions(s, fd, versions, err);
	return r < 0 && fd >= 0 ? err_wrap(err, r, "%s", file) : r;
}

static int run(int argc, char **argv)
{
	AUTO_DESCRIPTION struct description d = {0};
	AUTO_SESSION struct session session = {.lock = -1};
	struct apply_request req = {0};
	char command[1024];
	struct err err;
	int c;

	command_line(argc, argv, command, sizeof command);
	while ((c = next_option(argc, argv, options)) != -1) {
		if (c != 'F')
			return EXIT_USAGE;
		req.force = true;
	}
	if (argc - optind != 1)
		return misused(&command_import, "one file");
	progress_show();
	if (session_begin(&session, &err) < 0 || read_image(&session, argv[optind], &d, &err) < 0)
		return failed(&err);
	return apply_description(&session, &d, &req, command);
}

const struct command command_import = {
	.name = "import",
	.synopsis = "[--force] [--json] FILE",
	.summary = "Take pins and library versions over that 'pinlib export' wrote",
	.options = "All pins or none: the programs are the same paths here, and what they would "
		   "load with\n"
		   "these libraries is tried out first. Pins that they have are replaced.\n"
		   "  --force  set them even if the loader is against it\n",
	.root = true,
	.run = run,
};
