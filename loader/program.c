#include "loader/program.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "base/paths.h"
#include "base/sysroot.h"
#include "elf/readers.h"
#include "elf/shebang.h"
#include "loader/libdirs.h"
#include "plan/stub.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int program_canonical(const char *name, char out[PATH_MAX], struct err *err)
{
	if (!*name)
		return err_set(err, ENOENT, "the name of the program is empty");
	if (strlen(name) >= PATH_MAX)
		return err_set(err, ENAMETOOLONG, "%.64s...: path too long", name);
	return realpath(name, out) ? 0 : err_sys(err, errno, "%s", name);
}

/* -- scripts -- */

/* The file of a wrapped program, which host/wrap.h keeps beside it; else the path itself. */
static void own_file(const char *path, char out[PATH_MAX])
{
	if (!stub_wraps(path, out))
		snprintf(out, PATH_MAX, "%s", path);
}

/* The next program on the way becomes the interpreter. */
static int start_program(struct program *p, const struct program_source *source, const char *name,
			 struct err *err)
{
	int r;

	p->shown = source && source->find(source->ctx, name, p->interpreter, p->file);
	if (p->shown)
		return 0;
	r = program_canonical(name, p->interpreter, err);
	if (r < 0)
		return r;
	own_file(p->interpreter, p->file);
	return strings_add_once(&p->way, p->interpreter, err);
}

static bool has_program(const void *ctx, const char *path)
{
	const struct program_source *source = ctx;
	char canonical[PATH_MAX], file[PATH_MAX];

	return (source && source->find(source->ctx, path, canonical, file)) ||
	       shebang_has(NULL, path);
}

static int follow_shebang(struct program *p, const struct program_source *source,
			  const char *shebang, struct err *err)
{
	char first[PATH_MAX], name[PATH_MAX];
	int r = shebang_interpreter(shebang, has_program, source, first, name, err);

	if (r == 0)
		r = start_program(p, source, first, err);
	return r < 0 || strcmp(first, name) == 0 ? r : start_program(p, source, name, err);
}

/* 0: an ELF file, and *elf is filled; 1: a script. */
static int read_program_file(const char *path, struct elf *elf, char shebang[INFO_SHEBANG],
			     struct err *err)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	AUTO_ELF_INFO struct elf_info info = {0};
	int r;

	if (fd < 0)
		return err_sys(err, errno, "cannot open %s", path);
	r = readers_read_info(fd, &info, err);
	if (r == 0 && info.why)
		r = err_set(err, -info.error, "%s", info.why);
	if (r < 0)
		return err_wrap(err, r, "%s", path);
	if (!info.is_elf && !info.shebang)
		return err_set(err, ENOEXEC,
			       "%s is neither an ELF program nor a script with a #! line", path);
	if (!info.is_elf) {
		snprintf(shebang, INFO_SHEBANG, "%s", info.shebang);
		return 1;
	}
	*elf = info.elf;
	info.elf = (struct elf){0};
	return 0;
}

int program_read(const char *path, struct program *out, struct err *err)
{
	return program_read_from(path, NULL, out, err);
}

int program_read_from(const char *path, const struct program_source *source, struct program *out,
		      struct err *err)
{
	char shebang[INFO_SHEBANG];
	int r;

	*out = (struct program){0};
	snprintf(out->file, sizeof out->file, "%s", path);
	r = read_program_file(path, &out->elf, out->shebang, err);
	if (r <= 0)
		return r;
	out->kind = PROGRAM_SCRIPT;
	memcpy(shebang, out->shebang, sizeof shebang);
	for (int i = 0; i < SHEBANG_DEPTH_MAX; i++) {
		r = follow_shebang(out, source, shebang, err);
		if (r < 0)
			return err_wrap(err, r, "%s", path);
		r = read_program_file(out->file, &out->elf, shebang, err);
		if (r <= 0)
			return r;
	}
	return err_sys(err, ELOOP, "cannot follow the interpreters of %s", path);
}

void program_free(struct program *program)
{
	elf_free(&program->elf);
	strings_free(&program->way);
	libdirs_free(&program->libdirs);
	*program = (struct program){0};
}

static int find_libdirs(struct program *program, const char *path, struct err *err)
{
	return program->libdirs ? 0
				: libdirs_new(path, program->shown ? program->file : NULL,
					      &program->libdirs, err);
}

int program_places(struct program *program, const char *path, const char *soname, const char *also,
		   struct strings *out, struct err *err)
{
	int r = find_libdirs(program, path, err);

	return r < 0 ? r : libdirs_find(program->libdirs, soname, also, out, err);
}

int program_closure(struct program *program, const char *path, const struct strings **out,
		    struct err *err)
{
	int r = find_libdirs(program, path, err);

	if (r == 0)
		*out = libdirs_libraries(program->libdirs);
	return r;
}
