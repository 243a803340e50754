#include "loader/symbols.h"

#include "base/cleanup.h"
#include "base/sysroot.h"
#include "elf/file_owner.h"
#include "elf/linker.h"
#include "elf/readers.h"

#include <stdlib.h>

/* A file whose symbols were read, and its number in the linker. */
struct numbered_file {
	const struct cached_file *file; /* NULL: free */
	uint32_t number;
};

struct symbol_files {
	struct linker linker;
	struct numbered_file *items; /* open addressing; room is 0 or a power of two */
	size_t count, room;
};
#define SYMBOL_FILES_NONE ((struct symbol_files){.linker = LINKER_NONE})

struct symbols {
	struct symbol_files files;
	struct file_owners owners;
};

static void files_clear(struct symbol_files *s)
{
	linker_clear(&s->linker);
	free(s->items);
	*s = SYMBOL_FILES_NONE;
}

int symbols_new(struct symbols **out, struct err *err)
{
	*out = calloc(1, sizeof **out);
	if (!*out)
		return err_nomem(err);
	(*out)->files = SYMBOL_FILES_NONE;
	return 0;
}

void symbols_free(struct symbols **symbols)
{
	if (!*symbols)
		return;
	files_clear(&(*symbols)->files);
	file_owners_clear(&(*symbols)->owners);
	free(*symbols);
	*symbols = NULL;
}

/* -- files -- */

static struct numbered_file *file_place(const struct symbol_files *s,
					const struct cached_file *file)
{
	size_t i = (size_t)((uintptr_t)file * 0x9e3779b97f4a7c15u >> 20) & (s->room - 1);

	while (s->items[i].file && s->items[i].file != file)
		i = (i + 1) & (s->room - 1);
	return &s->items[i];
}

static int grow_files(struct symbol_files *s, struct err *err)
{
	struct symbol_files more = {.room = s->room ? 2 * s->room : 64};

	if (2 * (s->count + 1) <= s->room)
		return 0;
	more.items = calloc(more.room, sizeof *more.items);
	if (!more.items)
		return err_nomem(err);
	for (size_t i = 0; i < s->room; i++)
		if (s->items[i].file)
			*file_place(&more, s->items[i].file) = s->items[i];
	free(s->items);
	s->items = more.items;
	s->room = more.room;
	return 0;
}

/* Reads an object's file unless it was read before. 1: owners is given, and the file is neither root's
 * nor the store's. */
static int add_file(struct symbol_files *s, struct file_owners *owners, const struct object *o,
		    uint32_t *number, struct err *err)
{
	struct numbered_file *f;
	struct stat st;
	AUTO_FD int fd = -1;
	int r = grow_files(s, err);

	if (r < 0)
		return r;
	f = file_place(s, o->cached);
	if (f->file) {
		*number = f->number;
		return 0;
	}
	fd = sysroot_open(NULL, o->file, &st, NULL);
	if (fd < 0)
		return err_sys(err, -fd, "cannot open %s", o->file);
	if (owners && file_owner_of(owners, fd, &st) == FILE_OF_OTHERS)
		return 1;
	r = linker_add(&s->linker, fd, err);
	if (r < 0) {
		if (linker_is_empty(&s->linker))
			files_clear(s);
		return err_wrap(err, r, "%s", o->path);
	}
	*number = (uint32_t)s->count++;
	*f = (struct numbered_file){o->cached, *number};
	return 0;
}

/* -- a closure -- */

/* The loader comes last and is outside the scope if nothing needs it. */
static size_t scope_size(const struct closure *c)
{
	size_t n = 0;

	while (n < c->count && c->objects[n].wanted)
		n++;
	return n;
}

static int fill_words(struct symbol_files *s, struct file_owners *owners, const struct closure *c,
		      size_t count, uint32_t *words, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		const struct object *o = &c->objects[i];
		int r = add_file(s, owners, o, words++, err);

		if (r != 0)
			return r;
		*words++ = (uint32_t)o->nneeds;
		for (size_t k = 0; k < o->nneeds; k++)
			*words++ = (uint32_t)o->needs[k].object;
	}
	return 0;
}

static int find_undefined(struct symbol_files *s, struct file_owners *owners,
			  const struct closure *c, size_t count, struct undefineds *out,
			  struct err *err)
{
	struct scope_words scope = {.objects = count, .versions = c->kind == LOADER_GLIBC};
	AUTO_FREE uint32_t *words = NULL;
	size_t object = 0;
	int r;

	for (size_t i = 0; i < count; i++)
		scope.nwords += 2 + c->objects[i].nneeds;
	scope.words = words = calloc(scope.nwords + 1, sizeof *words);
	if (!words)
		return err_nomem(err);
	r = fill_words(s, owners, c, count, words, err);
	if (r != 0)
		return r;
	r = linker_undefined(&s->linker, &scope, out, &object, err);
	if (linker_is_empty(&s->linker))
		files_clear(s);
	return r < 0 ? err_wrap(err, r, "%s", c->objects[object].path) : 0;
}

int symbols_undefined(struct symbols *symbols, const struct closure *c, struct undefineds *out,
		      struct err *err)
{
	CLEANUP(files_clear) struct symbol_files alone = SYMBOL_FILES_NONE;
	size_t count = scope_size(c);
	int r = 1;

	*out = (struct undefineds){0};
	if (c->kind == LOADER_NONE || count == 0)
		return 0;
	if (symbols)
		r = find_undefined(&symbols->files, readers_confine() ? &symbols->owners : NULL, c,
				   count, out, err);
	if (r == 1)
		r = find_undefined(&alone, NULL, c, count, out, err);
	if (r < 0)
		undefineds_free(out);
	return r;
}
