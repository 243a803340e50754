#include "change/select.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "host/app_file.h"
#include "view/view.h"

#include <sys/stat.h>

int select_program(struct store *store, const struct app *app, char *file, struct program *out,
		   struct err *err)
{
	int r = app_program_find(store, app, file, out, err);

	if (r == 0 && (!out->elf.dynamic || !out->elf.interp))
		return err_set(err, EINVAL, "%s is statically linked and loads no libraries",
			       app->path);
	return r;
}

int select_arch(struct store *store, const struct app *app, const char **arch, struct err *err)
{
	AUTO_PROGRAM struct program program = {0};
	char file[PATH_MAX];
	int r = select_program(store, app, file, &program, err);

	*arch = NULL;
	if (r == -ENOENT) /* the versions are to bring the interpreter of the script */
		return 0;
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

	if (r == -ENOENT && arch && store_find(store, spec, NULL, &other, &ignored) == 0)
		return err_set(err, ENOEXEC, "%s %s is for %s, but %s loads libraries for %s",
			       other.name, other.version, other.arch, app, arch);
	return r;
}

static const char *first_soname(const struct version *v)
{
	for (size_t i = 0; i < v->nentries; i++)
		if (v->entries[i].soname)
			return v->entries[i].soname;
	return NULL;
}

int select_place(const char *place, const struct version *v, char out[PATH_MAX], struct err *err)
{
	char path[PATH_MAX];
	struct err why;
	struct stat st;
	int r;

	*out = '\0';
	if (!*place)
		return 0;
	if (!first_soname(v))
		return err_set(err, EINVAL, "%s %s has no library to show in %s", v->name,
			       v->version, place);
	r = path_resolve(place, out, NULL, err);
	if (r < 0)
		return r;
	if (stat(out, &st) < 0)
		return err_sys(err, errno, "cannot show a library in %s", out);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ENOTDIR, "%s is not a directory", out);
	r = path_join(out, first_soname(v), path, err);
	if (r == 0 && view_may_show(path, &why) < 0)
		return err_set(err, EPERM, "%s %s", path, why.text);
	return r;
}
