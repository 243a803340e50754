#include "change/select.h"

#include "base/cleanup.h"
#include "host/wrap.h"

int select_program(const char *app, char *file, struct program *out, struct err *err)
{
	int r = wrap_program(app, file, err);

	if (r == 0)
		r = program_read(file, out, err);
	if (r == 0 && (!out->elf.dynamic || !out->elf.interp))
		return err_set(err, EINVAL, "%s is statically linked and loads no libraries", app);
	return r;
}

int select_arch(const char *app, const char **arch, struct err *err)
{
	AUTO_PROGRAM struct program program = {0};
	char file[PATH_MAX];
	int r = select_program(app, file, &program, err);

	if (r == 0)
		*arch = elf_arch(program.elf.class, program.elf.machine);
	return r;
}

int select_version(struct store *store, const struct spec *spec, const char *app, const char *arch,
		   struct version *out, struct err *err)
{
	AUTO_VERSION struct version other = {0};
	struct err ignored;
	int r = store_find(store, spec, arch, out, err);

	if (r == -ENOENT && store_find(store, spec, NULL, &other, &ignored) == 0)
		return err_set(err, ENOEXEC, "%s %s is for %s, but %s loads libraries for %s",
			       other.name, other.version, other.arch, app, arch);
	return r;
}
