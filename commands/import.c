#include "base/paths.h"
#include "base/reach.h"
#include "cli/message.h"
#include "cli/progress.h"
#include "cli/session.h"
#include "commands/apply.h"
#include "commands/commands.h"
#include "intake/intake.h"
#include "intake/oci.h"
#include "policy/description.h"
#include "store/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

static struct apply_request given;

static const struct command_option options[] = {
	FLAG(&given.force, "force",
	     "even if the loader finds that a program would not work, or a program should not be "
	     "pinned"),
	{0},
};

/* Everybody can read the store, so everybody must be allowed to read the file. */
static int open_image(const char *path, struct err *err)
{
	AUTO_REACH struct reach at = REACH_NONE;
	int r = reach(path, 0, &at, err);

	if (r == 0 && !S_ISREG(at.st.st_mode))
		r = err_set(err, EINVAL, "%s is not a file", path);
	if (r == 0)
		r = reach_public(&at, true, err);
	return r < 0 ? r : reach_open(&at, O_RDONLY | O_NONBLOCK, err);
}

/* Another machine may pin programs to the versions in the image, and nothing else. */
static int check_pins(const struct description *d, struct err *err)
{
	for (size_t i = 0; i < d->count; i++)
		if (d->items[i].absent || d->items[i].sources.count)
			return err_set(err, EPERM,
				       "%s: 'absent' and 'add' are not allowed in an image",
				       d->items[i].where);
		else if (d->items[i].force)
			return err_set(err, EPERM, "%s: 'force' is not allowed in an image",
				       d->items[i].where);
	return 0;
}

static int add_versions(struct session *s, int fd, unsigned int n, struct err *err)
{
	const struct intake_options how = {0};

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

static int take_image(struct session *s, const char *file, struct description *d, struct err *err)
{
	AUTO_FREE char *text = NULL;
	AUTO_FD int fd = open_image(file, err);
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

static int run_import(int count, char **operands, struct err *err)
{
	AUTO_DESCRIPTION struct description d = {0};
	AUTO_SESSION struct session session = {.lock = -1};

	(void)count;
	progress_show();
	if (session_begin(&session, err) < 0 || take_image(&session, operands[0], &d, err) < 0)
		return EXIT_ERR;
	return apply_description(&session, &d, &given, err);
}

const struct command command_import = {
	.name = "import",
	.group = GROUP_UPGRADES,
	.summary = "Set the pins of an exported file",
	.text = "FILE was written by 'pinlib export'. All of its pins are set, or none: its "
		"programs have the same paths here, and are tested first. Pins that these programs "
		"have are replaced.",
	.options = options,
	.operands = {{.name = "FILE", .kind = ARG_FILE}},
	.json = true,
	.root = true,
	.run = run_import,
};
