#include "view/glibc.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "view/places.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#define NAMED_FILES_MAX 3 /* a message names so many files */
#define TREE_DEPTH 4	  /* locale/NAME/LC_MESSAGES/ */

/* The libraries of glibc 2.28 to 2.42 (its NEWS; Debian's libc6). */
static const char *const libraries[] = {
	"libc.so.6",	     "libm.so.6",	"libmvec.so.1",		"libpthread.so.0",
	"librt.so.1",	     "libdl.so.2",	"libresolv.so.2",	"libutil.so.1",
	"libanl.so.1",	     "libnsl.so.1",	"libBrokenLocale.so.1", "libthread_db.so.1",
	"libnss_files.so.2", "libnss_dns.so.2", "libnss_compat.so.2",	"libnss_hesiod.so.2",
};

static bool is_glibc_loader(const char *soname)
{
	return strncmp(soname, "ld-linux", 8) == 0 || strncmp(soname, "ld64.so.", 8) == 0 ||
	       strcmp(soname, "ld.so.1") == 0;
}

static bool is_glibc_library(const char *soname)
{
	for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++)
		if (strcmp(soname, libraries[i]) == 0)
			return true;
	return is_glibc_loader(soname);
}

bool glibc_owns(const struct entry *entry)
{
	if (entry->soname && is_glibc_library(entry->soname))
		return true;
	return strstr(entry->path, "/gconv/") || path_below(entry->path, "/usr/lib/locale");
}

bool glibc_dir(const struct program *program, size_t i, char dir[PATH_MAX])
{
	const char *triplet = elf_triplet(program->elf.class, program->elf.machine);

	if (i == 0)
		snprintf(dir, PATH_MAX, "/usr/lib/%s/gconv", triplet);
	else
		snprintf(dir, PATH_MAX, "/usr/lib/locale");
	return i < 2;
}

/* -- one version -- */

/* The first version that has a file of glibc; NULL if none has. */
static const struct version *find_glibc(const struct versions *pinned)
{
	for (size_t i = 0; i < pinned->count; i++) {
		const struct version *v = &pinned->items[i];

		for (size_t k = 0; k < v->nentries; k++)
			if (glibc_owns(&v->entries[k]))
				return v;
	}
	return NULL;
}

static int check_versions(const struct versions *pinned, struct strings *against, struct err *err)
{
	const struct version *first = find_glibc(pinned);
	int r = 0;

	for (size_t i = 0; r == 0 && i < pinned->count; i++) {
		const struct version *v = &pinned->items[i];
		struct versions one = {&pinned->items[i], 1};

		if (v == first || !find_glibc(&one) || strcmp(v->version, first->version) == 0)
			continue;
		r = strings_addf(
			against, err,
			"glibc must be of one version, but %s is version %s and %s version %s",
			first->name, first->version, v->name, v->version);
	}
	return r;
}

/* -- no file of the live system -- */

/* Live files that the view still shows: all counted, the first ones named. */
struct glibc_remains {
	char names[512];
	size_t count;
};

static void count_live_file(struct glibc_remains *remains, const struct sysroot *sysroot,
			    const char *dir, const char *name)
{
	char path[PATH_MAX];
	struct resolved at;
	struct err ignored;
	size_t len = strlen(remains->names);

	if (path_join(dir, name, path, &ignored) < 0 || sysroot_resolve(sysroot, path, &at) < 0 ||
	    at.layer)
		return;
	if (remains->count++ < NAMED_FILES_MAX)
		snprintf(remains->names + len, sizeof remains->names - len, "%s%s", len ? ", " : "",
			 name);
}

static int refuse_remains(const struct glibc_remains *remains, const struct version *pinned,
			  const char *kind, const char *advice, struct strings *against,
			  struct err *err)
{
	if (remains->count == 0)
		return 0;
	return strings_addf(
		against, err,
		"glibc must be of one version, but beside %s %s the live system's %s would remain "
		"(%s%s)%s",
		pinned->name, pinned->version, kind, remains->names,
		remains->count > NAMED_FILES_MAX ? ", ..." : "", advice);
}

static int check_libraries(const struct program *program, const struct version *pinned,
			   const struct sysroot *sysroot, struct strings *against, struct err *err)
{
	char dir[PATH_MAX], place[PATH_MAX];
	struct glibc_remains remains = {0};

	places_default_dir(&program->elf, dir);
	for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++)
		count_live_file(&remains, sysroot, dir, libraries[i]);
	path_dir(program->elf.interp, place);
	count_live_file(&remains, sysroot, place, path_base(program->elf.interp));
	return refuse_remains(&remains, pinned, "libraries", "", against, err);
}

/* The same for all files below dir. In the view directories of layer and live system merge. */
static void count_live_tree(struct glibc_remains *remains, const struct sysroot *sysroot,
			    const char *dir, int depth)
{
	AUTO_DIR DIR *d = depth > 0 ? opendir(dir) : NULL;
	struct dirent *entry;

	while (d && (entry = readdir(d))) {
		const char *name = entry->d_name;
		char path[PATH_MAX];
		struct resolved at;
		struct err ignored;

		/* Every glibc can read the text files of gconv-modules.d. */
		if (name[0] == '.' || strcmp(name, "gconv-modules.d") == 0 ||
		    path_join(dir, name, path, &ignored) < 0 ||
		    sysroot_resolve(sysroot, path, &at) < 0)
			continue;
		if (S_ISDIR(at.st.st_mode))
			count_live_tree(remains, sysroot, path, depth - 1);
		else
			count_live_file(remains, sysroot, dir, name);
	}
}

static int check_tree(const char *dir, const struct version *pinned, const struct sysroot *sysroot,
		      struct strings *against, struct err *err)
{
	struct glibc_remains remains = {0};

	count_live_tree(&remains, sysroot, dir, TREE_DEPTH);
	return refuse_remains(&remains, pinned,
			      strstr(dir, "gconv") ? "gconv modules" : "locale data",
			      "; pin the package that brings them too", against, err);
}

int glibc_check(const struct versions *pinned, const struct program *program,
		const struct sysroot *sysroot, struct strings *against, struct err *err)
{
	const struct version *first = find_glibc(pinned);
	char dir[PATH_MAX];
	int r;

	if (!first || !program->elf.interp)
		return 0;
	r = check_versions(pinned, against, err);
	if (r == 0)
		r = check_libraries(program, first, sysroot, against, err);
	for (size_t i = 0; r == 0 && glibc_dir(program, i, dir); i++)
		r = check_tree(dir, first, sysroot, against, err);
	return r;
}
