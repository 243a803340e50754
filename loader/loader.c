#include "loader/loader.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/path.h"
#include "base/sysroot.h"
#include "loader/hwcaps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MUSL_PATH_MAX 65536 /* bytes of musl's path file */
#define MUSL_DIRS_MAX 1024
#define MUSL_DEFAULT "/lib:/usr/local/lib:/usr/lib"

/* The usual loader of each architecture, and the flags of its entries in ld.so.cache (glibc's
 * ldconfig.h and dl-cache.h: FLAG_ELF_LIBC6 and the required architecture). */
struct usual_loader {
	const char *arch, *path;
	int flags;
	const char *musl; /* musl's name of the architecture */
};

static const struct usual_loader *usual_of(int class, int machine)
{
	static const struct usual_loader usual[] = {
		{"amd64", "/lib64/ld-linux-x86-64.so.2", 0x303, "x86_64"},
		{"i386", "/lib/ld-linux.so.2", 0x003, "i386"},
		{"x32", "/libx32/ld-linux-x32.so.2", 0x803, "x32"},
		{"arm64", "/lib/ld-linux-aarch64.so.1", 0xa03, "aarch64"},
		{"armhf", "/lib/ld-linux-armhf.so.3", 0x903, "armhf"},
		{"s390x", "/lib/ld64.so.1", 0x403, "s390x"},
		{"ppc64el", "/lib64/ld64.so.2", 0x503, "powerpc64le"},
		{"riscv64", "/lib/ld-linux-riscv64-lp64d.so.1", 0x1003, "riscv64"},
	};
	static const struct usual_loader none = {"", "", -1, ""};
	const char *arch = elf_arch(class, machine);

	for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
		if (strcmp(usual[i].arch, arch) == 0)
			return &usual[i];
	return &none;
}

static bool has_prefix(const char *s, const char *with)
{
	return s && strncmp(s, with, strlen(with)) == 0;
}

static bool is_glibc_name(const char *name)
{
	return has_prefix(name, "ld-linux") || has_prefix(name, "ld64.so.") ||
	       has_prefix(name, "ld.so.");
}

/* A library names no loader, but one of musl needs musl's libc and not glibc's. */
static bool needs_musl(const struct elf *e)
{
	bool yes = false;

	for (size_t i = 0; i < e->nneeded; i++) {
		if (strcmp(e->needed[i].name, "libc.so.6") == 0)
			return false;
		yes |= strcmp(e->needed[i].name, "libc.so") == 0 ||
		       has_prefix(e->needed[i].name, "libc.musl-");
	}
	return yes;
}

/* The default directories of Debian's loaders. */
static int usual_defaults(struct loader *l, struct err *err)
{
	const char *triplet = elf_triplet(l->class, l->machine);
	int r = strings_addf(&l->defaults, err, "/lib/%s", triplet);

	if (r == 0)
		r = strings_addf(&l->defaults, err, "/usr/lib/%s", triplet);
	if (r == 0)
		r = strings_add(&l->defaults, "/lib", err);
	return r == 0 ? strings_add(&l->defaults, "/usr/lib", err) : r;
}

/* Reads a small file of the view. A negative errno has no text. */
static int read_whole(const struct sysroot *sysroot, const char *path, size_t max, char **data,
		      size_t *len)
{
	struct err ignored;
	struct stat st;
	AUTO_FD int fd = sysroot_open(sysroot, path, &st, NULL);

	if (fd < 0)
		return fd;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	return file_read(fd, max, data, len, &ignored);
}

static int read_ldso(const struct sysroot *sysroot, struct readers *readers, struct loader *l,
		     struct err *err)
{
	struct stat st;
	AUTO_FD int fd = sysroot_open(sysroot, l->path, &st, NULL);
	bool known = false;
	int r = 0;

	if (fd >= 0 && S_ISREG(st.st_mode))
		r = readers_ldso(readers, fd, &st, &l->ldso, &known, err);
	if (!known)
		l->ldso.hwcaps = l->ldso.isa = true;
	for (size_t i = 0; r == 0 && i < l->ldso.dirs.count; i++)
		r = strings_add(&l->defaults, l->ldso.dirs.items[i], err);
	return r;
}

static int read_glibc(const struct sysroot *sysroot, struct readers *readers, struct loader *l,
		      struct err *err)
{
	int r = read_ldso(sysroot, readers, l, err);

	if (r == 0 && l->defaults.count == 0)
		r = usual_defaults(l, err);
	if (r == 0)
		r = hwcaps_subdirs(l->class, l->machine, &l->ldso, &l->subdirs, err);
	for (size_t i = 0; r == 0 && i < l->subdirs.count; i++)
		if (has_prefix(l->subdirs.items[i], "glibc-hwcaps/"))
			r = strings_add_once(&l->hwcaps, path_base(l->subdirs.items[i]), err);
	if (r < 0)
		return r;
	snprintf(l->lib, sizeof l->lib, "%s", l->defaults.items[0] + 1);
	l->platform = hwcaps_platform(l->class, l->machine);
	l->wish = (struct ldcache_wish){
		.flags = usual_of(l->class, l->machine)->flags,
		.bits = hwcaps_bits(l->class, l->machine, &l->ldso),
		.hwcaps = (const char *const *)l->hwcaps.items,
		.nhwcaps = l->hwcaps.count,
	};
	return 0;
}

/* musl's sys_path: from a file in an etc beside the loader's directory, or its built-in default. */
static int read_musl(const struct sysroot *sysroot, struct loader *l, struct err *err)
{
	AUTO_FREE char *data = NULL;
	char path[PATH_MAX], dir[PATH_MAX], up[PATH_MAX], all[] = MUSL_DEFAULT, *save = NULL;
	size_t len;
	int r = 0, e;

	path_dir(l->path, dir);
	path_dir(dir, up);
	if (snprintf(path, sizeof path, "%s/etc/ld-musl-%s.path", strcmp(up, "/") == 0 ? "" : up,
		     usual_of(l->class, l->machine)->musl) >= (int)sizeof path)
		return 0;
	e = read_whole(sysroot, path, MUSL_PATH_MAX, &data, &len);
	if (e < 0 && e != -ENOENT)
		return 0; /* musl takes an unreadable file for an empty path */
	for (char *d = strtok_r(e < 0 ? all : data, ":\n", &save);
	     r == 0 && d && l->defaults.count < MUSL_DIRS_MAX; d = strtok_r(NULL, ":\n", &save))
		r = strings_add_once(&l->defaults, d, err);
	return r;
}

static enum loader_kind kind_of(const struct elf *program, const char *path,
				const struct elf *loader)
{
	const char *name = path_base(path);

	if (has_prefix(name, "ld-musl-") || (!program->interp && needs_musl(program)))
		return LOADER_MUSL;
	if (is_glibc_name(name) || (loader && is_glibc_name(loader->soname)))
		return LOADER_GLIBC;
	return LOADER_OTHER;
}

/* A static program that is position-independent has a dynamic section, but needs nothing. */
bool loader_is_static(const struct elf *e)
{
	return !e->interp && (!e->dynamic || (e->pie && e->nneeded == 0));
}

void loader_path(const struct sysroot *sysroot, const struct elf *program, char out[PATH_MAX])
{
	const struct usual_loader *usual = usual_of(program->class, program->machine);
	struct resolved at;

	if (program->interp) {
		snprintf(out, PATH_MAX, "%s", program->interp);
		return;
	}
	if (needs_musl(program)) {
		snprintf(out, PATH_MAX, "/lib/ld-musl-%s.so.1", usual->musl);
		if (sysroot_resolve(sysroot, out, &at) == 0)
			return;
	}
	snprintf(out, PATH_MAX, "%s", usual->path);
}

static int fill_loader(const struct sysroot *sysroot, struct readers *readers,
		       const struct elf *program, const char *path, const struct elf *loader,
		       struct loader *l, struct err *err)
{
	l->class = program->class;
	l->machine = program->machine;
	l->platform = "";
	l->there = loader != NULL;
	l->path = strdup(path);
	if (!l->path)
		return err_nomem(err);
	/* A static program can still call dlopen(3), by the rules of the usual loader. */
	l->kind = loader_is_static(program) ? LOADER_NONE : kind_of(program, path, loader);
	return l->kind == LOADER_MUSL ? read_musl(sysroot, l, err)
				      : read_glibc(sysroot, readers, l, err);
}

int loader_make(const struct sysroot *sysroot, struct readers *readers, const struct elf *program,
		const char *path, const struct elf *loader, struct loader **out, struct err *err)
{
	struct loader *l = calloc(1, sizeof *l);
	int r;

	if (!l)
		return err_nomem(err);
	r = fill_loader(sysroot, readers, program, path, loader, l, err);
	if (r < 0) {
		loader_free(l);
		return r;
	}
	*out = l;
	return 0;
}

void loader_free(struct loader *l)
{
	ldso_clear(&l->ldso);
	strings_free(&l->defaults);
	strings_free(&l->subdirs);
	strings_free(&l->hwcaps);
	free(l->path);
	free(l);
}
