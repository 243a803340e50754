#include "seal/file.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "base/reach.h"
#include "cli/app.h"
#include "cli/message.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/session.h"
#include "commands/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
	const char *output, *on_failure;
} given;

static const struct command_option options[] = {
	OPTION(&given.output, "output", ARG_FILE, "FILE", "the file to write", .letter = 'o',
	       .needed = true),
	OPTION(&given.on_failure, "on-failure", ARG_WORDS, "refuse|unpinned",
	       "without the store FILE does not start (default), or starts with the live "
	       "libraries"),
	{0},
};

static int print_sealed(const struct file_seal *seal)
{
	struct table *t = table_new(3);

	json_open(NULL, '{');
	json_members("file %s program %s store %s", seal->file, seal->program, seal->home->store);
	json_open("versions", '[');
	for (size_t i = 0; i < seal->nitems; i++) {
		const struct version *v = &seal->items[i].version;

		table_row(t, (const char *[]){seal->file, v->name, v->version});
		json_open(NULL, '{');
		json_members("name %s version %s arch %s", v->name, v->version, v->arch);
		json_digest("digest", &v->digest);
		json_close();
	}
	json_close();
	json_close();
	table_print(t);
	return EXIT_OK;
}

static int seal_program(const char *name, char **texts, int count, const char *file, bool unpinned,
			struct err *err)
{
	AUTO_SESSION struct session session = {.lock = -1};
	CLEANUP(file_seal_end) struct file_seal seal = {.file = file, .unpinned = unpinned};
	char program[PATH_MAX];
	struct home home;
	int r = find_app(name, program, err);

	if (r == 0)
		r = session_begin_home(&session, &home, err);
	if (r < 0)
		return r;
	seal.home = &home;
	seal.store = session.store;
	seal.items = calloc((size_t)count + 1, sizeof *seal.items);
	if (!seal.items)
		return err_nomem(err);
	r = file_seal_begin(&seal, program, err);
	for (int i = 0; r == 0 && i < count; i++)
		r = file_seal_add(&seal, texts[i], err);
	if (r == 0)
		r = file_seal_write(&seal, warn_report, NULL, err);
	return r < 0 ? r : print_sealed(&seal);
}

static int place_output(char file[PATH_MAX], struct err *err)
{
	char here[PATH_MAX] = "", path[PATH_MAX];
	int n, r;

	if (given.output[0] != '/' && !getcwd(here, sizeof here))
		return err_sys(err, errno, "cannot find the working directory");
	n = snprintf(path, sizeof path, "%s/%s", here, given.output);
	if (n < 0 || (size_t)n >= sizeof path)
		return err_set(err, ENAMETOOLONG, "%.64s...: path too long", given.output);
	r = reach_allowed(path, err);
	return r < 0 ? r : path_place(path, file, err);
}

static int run_seal(int count, char **operands, struct err *err)
{
	bool unpinned = given.on_failure && strcmp(given.on_failure, "unpinned") == 0;
	char file[PATH_MAX];
	int r;

	if (given.on_failure && !unpinned && strcmp(given.on_failure, "refuse") != 0)
		return misused("--on-failure takes 'refuse' or 'unpinned', not '%s'",
			       given.on_failure);
	if (!*given.output || path_ends(given.output, "/"))
		return misused("--output takes the name of a file, not '%s'", given.output);
	want_user |= geteuid() != 0; /* the machine's store is root's */
	r = place_output(file, err);
	if (r < 0)
		return r;
	progress_show();
	return seal_program(operands[0], operands + 1, count - 1, file, unpinned, err);
}

const struct command command_seal = {
	.name = "seal",
	.group = GROUP_RUN,
	.summary = "Write a sealed copy of a program to a file",
	.text = "The copy names its libraries by their content, and needs no view, privilege or "
		"namespace. Versions come from your own store and the machine's; root uses the "
		"machine's store alone, unless --user is given. PROGRAM itself stays as it is.",
	.options = options,
	.operands = {{.name = "PROGRAM", .kind = ARG_COMMAND},
		     {.name = "NAME=VERSION|SONAME=FILE", .kind = ARG_TRIED, .repeats = true}},
	.json = true,
	.user = true,
	.run = run_seal,
};
