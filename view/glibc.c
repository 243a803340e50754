#include "view/glibc.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "view/places.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#define NAMED_MAX 3  /* files, in a sentence */
#define TREE_DEPTH 4 /* locale/NAME/LC_MESSAGES/ */

/* What glibc 2.28 to 2.42 install for programs to load (its NEWS; Debian's libc6). */
static const char *const libraries[] = {
	"libc.so.6",	     "libm.so.6",	"libmvec.so.1",		"libpthread.so.0",
	"librt.so.1",	     "libdl.so.2",	"libresolv.so.2",	"libutil.so.1",
	"libanl.so.1",	     "libnsl.so.1",	"libBrokenLocale.so.1", "libthread_db.so.1",
	"libnss_files.so.2", "libnss_dns.so.2", "libnss_compat.so.2",	"libnss_hesiod.so.2",
};

static bool is_loader(const char *soname)
{
	return strncmp(soname, "ld-linux", 8) == 0 || strncmp(soname, "ld64.so.", 8) == 0 ||
	       strcmp(soname, "ld.so.1") == 0;
}

static bool is_library(const char *soname)
{
	for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++)
		if (strcmp(soname, libraries[i]) == 0)
			return true;
	return is_loader(soname);
}

bool glibc_owns(const struct entry *entry)
{
	if (entry->soname && is_library(entry->soname))
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

/* The first version that has something of glibc's; NULL if none has. */
static const struct version *owner(const struct versions *pinned)
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
	const struct version *first = owner(pinned);
	int r = 0;

	for (size_t i = 0; r == 0 && i < pinned->count; i++) {
		const struct version *v = &pinned->items[i];
		struct versions one = {&pinned->items[i], 1};

		if (v == first || !owner(&one) || strcmp(v->version, first->version) == 0)
			continue;
		r = strings_addf(against, err, "glibc is one piece, but %s is of %s and %s of %s",
				 first->name, first->version, v->name, v->version);
	}
	return r;
}

/* -- nothing of the live system's -- */

/* Files that stay the live system's: some by name, all counted. */
struct stays {
	char names[512];
	size_t count;
};

static void note(struct stays *s, const struct sysroot *sysroot, const char *dir, const char *name)
{
	char path[PATH_MAX];
	struct resolved at;
	size_t len = strlen(s->names);
	int n = snprintf(path, sizeof path, "%s/%s", dir, name);

	if (n < 0 || (size_t)n >= sizeof path || sysroot_resolve(sysroot, path, &at) < 0 ||
	    at.layer)
		return;
	if (s->count++ < NAMED_MAX)
		snprintf(s->names + len, sizeof s->names - len, "%s%s", len ? ", " : "", name);
}

static int say_stays(const struct stays *s, const struct version *pinned, const char *what,
		     const char *advice, struct strings *against, struct err *err)
{
	if (s->count == 0)
		return 0;
	return strings_addf(against, err,
			    "glibc is one piece, but beside %s %s the live system's %s would stay "
			    "(%s%s)%s",
			    pinned->name, pinned->version, what, s->names,
			    s->count > NAMED_MAX ? ", ..." : "", advice);
}

static int check_libraries(const struct program *program, const struct version *pinned,
			   const struct sysroot *sysroot, struct strings *against, struct err *err)
{
	char dir[PATH_MAX], place[PATH_MAX];
	struct stays stays = {0};

	places_default_dir(&program->elf, dir);
	for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++)
		note(&stays, sysroot, dir, libraries[i]);
	path_dir(program->elf.interp, place);
	note(&stays, sysroot, place, path_base(program->elf.interp));
	return say_stays(&stays, pinned, "libraries", "", against, err);
}

/* Files that a view shows in dir, and below: directories of both merge. */
static void note_tree(struct stays *s, const struct sysroot *sysroot, const char *dir, int depth)
{
	AUTO_DIR DIR *d = opendir(dir);
	struct dirent *entry;

	while (d && depth > 0 && (entry = readdir(d))) {
		const char *name = entry->d_name;
		char path[PATH_MAX];
		struct resolved at;
		int n = snprintf(path, sizeof path, "%s/%s", dir, name);

		/* gconv-modules.d holds text that each glibc reads. */
		if (name[0] == '.' || strcmp(name, "gconv-modules.d") == 0 || n < 0 ||
		    (size_t)n >= sizeof path || sysroot_resolve(sysroot, path, &at) < 0)
			continue;
		if (S_ISDIR(at.st.st_mode))
			note_tree(s, sysroot, path, depth - 1);
		else
			note(s, sysroot, dir, name);
	}
}

static int check_dir(const char *dir, const struct version *pinned, const struct sysroot *sysroot,
		     struct strings *against, struct err *err)
{
	struct stays stays = {0};

	note_tree(&stays, sysroot, dir, TREE_DEPTH);
	return say_stays(&stays, pinned, strstr(dir, "gconv") ? "gconv modules" : "locale data",
			 "; pin the package that has them too", against, err);
}

int glibc_check(const struct versions *pinned, const struct program *program,
		const struct sysroot *sysroot, struct strings *against, struct err *err)
{
	const struct version *first = owner(pinned);
	char dir[PATH_MAX];
	int r;

	if (!first || !program->elf.interp)
		return 0;
	r = check_versions(pinned, against, err);
	if (r == 0)
		r = check_libraries(program, first, sysroot, against, err);
	for (size_t i = 0; r == 0 && glibc_dir(program, i, dir); i++)
		r = check_dir(dir, first, sysroot, against, err);
	return r;
}
