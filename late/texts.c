#include "late/texts.h"

#include "base/sysroot.h"

#include <fnmatch.h>
#include <stdlib.h>

void texts_free(struct texts *t)
{
	for (size_t i = 0; i < t->count; i++)
		mentions_free(&t->items[i].mentions);
	free(t->items);
	*t = (struct texts){0};
}

/* glibc calls these functions itself, but only for a caller of its other ones. */
static bool is_libc(const struct closure *c, size_t object)
{
	static const char *const sonames[] = {"libc.so.*",    "libm.so.*",	 "libdl.so.*",
					      "librt.so.*",   "libpthread.so.*", "libresolv.so.*",
					      "libutil.so.*", "libanl.so.*"};
	const char *soname = c->objects[object].elf->soname;

	if (object > 0 && c->objects[object].by == CLOSURE_NONE)
		return true; /* the loader; musl's is libc */
	for (size_t i = 0; soname && i < sizeof sonames / sizeof *sonames; i++)
		if (fnmatch(sonames[i], soname, 0) == 0)
			return true;
	return false;
}

/* Whether it may load libraries or start programs, which inherit the view. Go's and Free Pascal's
 * programs make system calls without libc. */
static bool may_go_on(const struct mentions *m)
{
	static const char *const functions[] = {"dlopen",	"dlmopen",  "__libc_dlopen_mode",
						"execl",	"execle",   "execlp",
						"execv",	"execve",   "execvp",
						"execvpe",	"execveat", "fexecve",
						"system",	"popen",    "posix_spawn",
						"posix_spawnp", "wordexp"};

	for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
		if (mentions_symbol(m, functions[i]))
			return true;
	return mentions_find(m, "Go buildinf:", NULL) || mentions_find(m, "FPC ", NULL);
}

static int read_text(struct texts *t, const char *path, const char *file, bool open,
		     struct err *err)
{
	struct program_text *text = &t->items[t->count++];
	struct err why;
	int r;

	text->path = path;
	r = mentions_read(file, &text->mentions, &why);
	t->unread |= r < 0;
	t->open = t->open || (open && may_go_on(&text->mentions));
	return r == -ENOMEM ? err_nomem(err) : 0;
}

int texts_read_program(struct texts *t, const struct closure *c, const char *script,
		       const struct sysroot *sysroot, struct err *err)
{
	struct resolved at;

	t->items = calloc(c->count + 1, sizeof *t->items);
	if (!t->items)
		return err_nomem(err);
	if (!script)
		return read_text(t, c->objects[0].path, c->objects[0].file, true, err);
	t->open = true;
	return read_text(t, script, sysroot_resolve(sysroot, script, &at) == 0 ? at.file : script,
			 true, err);
}

int texts_read_objects(struct texts *t, const struct closure *c, struct err *err)
{
	bool script = t->items[0].path != c->objects[0].path;
	int r = 0;

	for (size_t i = script ? 0 : 1; r == 0 && !t->whole && i < c->count; i++)
		r = read_text(t, c->objects[i].path, c->objects[i].file, !is_libc(c, i), err);
	t->whole = true;
	return r;
}
