#include "loader/symbols.h"

#include "base/cleanup.h"
#include "base/sysroot.h"
#include "elf/linkage.h"
#include "elf/reader.h"
#include "elf/readers.h"

#include <stdlib.h>
#include <string.h>

/* A file whose symbols were read, by its number where they were. Open addressing. */
struct read_file {
	const struct elf_info *facts; /* NULL: free */
	uint32_t number;
};

/* Where symbols are read and looked up: here, or by a process. */
struct place {
	struct linkage *here; /* NULL: by the parser */
	struct parser parser;
	struct read_file *files;
	size_t count, room;
};

struct symbols {
	struct place place;
	struct file_owners origins;
};

static void place_clear(struct place *p)
{
	struct err ignored;

	linkage_free(&p->here);
	parser_end(&p->parser, 0, &ignored);
	free(p->files);
	*p = (struct place){.parser = PARSER_NONE};
}

int symbols_new(struct symbols **out, struct err *err)
{
	*out = calloc(1, sizeof **out);
	if (!*out)
		return err_nomem(err);
	(*out)->place.parser = PARSER_NONE;
	return 0;
}

void symbols_free(struct symbols **symbols)
{
	if (!*symbols)
		return;
	place_clear(&(*symbols)->place);
	file_owners_clear(&(*symbols)->origins);
	free(*symbols);
	*symbols = NULL;
}

/* -- files -- */

static struct read_file *file_of(const struct place *p, const struct elf_info *f)
{
	size_t i = (size_t)((uintptr_t)f * 0x9e3779b97f4a7c15u >> 20) & (p->room - 1);

	while (p->files[i].facts && p->files[i].facts != f)
		i = (i + 1) & (p->room - 1);
	return &p->files[i];
}

static int grow(struct place *p, struct err *err)
{
	struct place more = {.room = p->room ? 2 * p->room : 64};

	if (2 * (p->count + 1) <= p->room)
		return 0;
	more.files = calloc(more.room, sizeof *more.files);
	if (!more.files)
		return err_nomem(err);
	for (size_t i = 0; i < p->room; i++)
		if (p->files[i].facts)
			*file_of(&more, p->files[i].facts) = p->files[i];
	free(p->files);
	p->files = more.files;
	p->room = more.room;
	return 0;
}

static int answered(struct place *p, struct answer *head, char **data, struct err *err)
{
	int r = reader_take(&p->parser, head, data, err);

	/* What it had read went with it. */
	if (r == -EPROTO || r == -EPERM)
		place_clear(p);
	return r == -EPROTO ? -EBADMSG : r;
}

static int begin(struct place *p, struct err *err)
{
	if (p->here || p->parser.pid >= 0)
		return 0;
	return readers_confine() ? reader_start(&p->parser, err) : linkage_new(&p->here, err);
}

static int read_tables(struct place *p, int fd, struct err *err)
{
	AUTO_FREE char *data = NULL;
	struct answer head;
	int r = begin(p, err);

	if (r < 0 || p->here)
		return r < 0 ? r : linkage_add(p->here, fd, err);
	r = parser_ask(&p->parser, ASK_TABLE, &fd, 1, err);
	return r < 0 ? r : answered(p, &head, &data, err);
}

/* The number of an object's file, which is read now if it is new. */
static int number_of(struct place *p, const struct object *o, int fd, uint32_t *number,
		     struct err *err)
{
	struct read_file *f;
	int r = grow(p, err);

	if (r < 0)
		return r;
	f = o->facts ? file_of(p, o->facts) : NULL;
	if (!f || !f->facts) {
		r = read_tables(p, fd, err);
		if (r < 0)
			return err_wrap(err, r, "%s", o->path);
		if (f)
			*f = (struct read_file){o->facts, (uint32_t)p->count};
		*number = (uint32_t)p->count++;
		return 0;
	}
	*number = f->number;
	return 0;
}

/* -- a closure -- */

/* A loader that nothing wanted comes last, and is no part of the scope. */
static size_t scope_of(const struct closure *c)
{
	size_t n = 0;

	while (n < c->count && c->objects[n].wanted)
		n++;
	return n;
}

static int open_object(const struct object *o, struct stat *st, struct err *err)
{
	int fd = sysroot_open(NULL, o->file, st, NULL);

	return fd < 0 ? err_sys(err, -fd, "cannot open %s", o->file) : fd;
}

/* The question's words (answer.h). 1: with origins, which is for root's files and the store's: there
 * is another. */
static int words_of(struct place *p, struct file_owners *origins, const struct closure *c,
		    size_t count, uint32_t *words, struct err *err)
{
	size_t at = 0;

	for (size_t i = 0; i < count; i++) {
		const struct object *o = &c->objects[i];
		struct stat st;
		AUTO_FD int fd = -1;
		int r;

		if (!o->facts || p->room == 0 || !file_of(p, o->facts)->facts)
			fd = open_object(o, &st, err);
		if (fd < -1)
			return fd;
		if (fd >= 0 && origins && file_owner_of(origins, fd, &st) == ORIGIN_OTHER)
			return 1;
		r = number_of(p, o, fd, &words[at], err);
		if (r < 0)
			return r;
		words[at + 1] = (uint32_t)o->nneeds;
		for (size_t k = 0; k < o->nneeds; k++)
			words[at + 2 + k] = (uint32_t)o->needs[k].object;
		at += 2 + o->nneeds;
	}
	return 0;
}

static int ask_here(struct place *p, const uint32_t *words, size_t count, bool versions,
		    struct undefineds *out, size_t *object, struct err *err)
{
	AUTO_FREE struct linked *scope = calloc(count + 1, sizeof *scope);

	if (!scope)
		return err_nomem(err);
	for (size_t i = 0; i < count; i++, words += 2 + words[1])
		scope[i] = (struct linked){words[0], words + 2, words[1]};
	return linkage_undefined(p->here, scope, count, versions, out, object, err);
}

/* All that was answered is looked at. */
static int take_missing(const char *data, size_t len, size_t count, struct undefineds *out,
			struct err *err)
{
	int r = 0;

	while (r == 0 && len > 0) {
		struct symbols_missing m;
		const char *name, *version;

		if (len < sizeof m || out->count == UNDEFINED_MAX)
			return -EPROTO;
		memcpy(&m, data, sizeof m);
		data += sizeof m;
		len -= sizeof m;
		if (m.object >= count || m.name == 0 || m.name > len || m.version > len - m.name)
			return -EPROTO;
		name = data;
		version = m.version ? data + m.name : NULL;
		if (name[m.name - 1] || (version && version[m.version - 1]))
			return -EPROTO;
		r = undefineds_add(out, m.object, name, version, err);
		data += m.name + m.version;
		len -= m.name + m.version;
	}
	return r;
}

static int ask_parser(struct place *p, const uint32_t *words, size_t nwords, size_t count,
		      bool versions, struct undefineds *out, size_t *object, struct err *err)
{
	const struct symbols_question q = {(uint32_t)count, (uint32_t)nwords, versions};
	AUTO_FREE char *data = NULL;
	struct answer head = {0};
	int r = parser_ask(&p->parser, ASK_UNDEFINED, NULL, 0, err);

	if (r == 0)
		r = parser_tell(&p->parser, &q, sizeof q, err);
	if (r == 0)
		r = parser_tell(&p->parser, words, nwords * sizeof *words, err);
	if (r < 0)
		return r;
	r = answered(p, &head, &data, err);
	*object = r < 0 && head.object < count ? head.object : 0;
	if (r == 0)
		r = take_missing(data, head.len, count, out, err);
	if (r != -EPROTO)
		return r;
	place_clear(p);
	return err_set(err, EBADMSG, "the ELF parser sent nonsense");
}

static int ask(struct place *p, struct file_owners *origins, const struct closure *c, size_t count,
	       struct undefineds *out, struct err *err)
{
	AUTO_FREE uint32_t *words = NULL;
	const bool versions = c->loader == LOADER_GLIBC;
	size_t nwords = 0, object = 0;
	int r;

	for (size_t i = 0; i < count; i++)
		nwords += 2 + c->objects[i].nneeds;
	words = calloc(nwords + 1, sizeof *words);
	if (!words)
		return err_nomem(err);
	r = words_of(p, origins, c, count, words, err);
	if (r != 0)
		return r;
	r = p->here ? ask_here(p, words, count, versions, out, &object, err)
		    : ask_parser(p, words, nwords, count, versions, out, &object, err);
	return r < 0 ? err_wrap(err, r, "%s", c->objects[object].path) : 0;
}

int symbols_undefined(struct symbols *symbols, const struct closure *c, struct undefineds *out,
		      struct err *err)
{
	struct place alone = {.parser = PARSER_NONE};
	size_t count = scope_of(c);
	int r = 1;

	*out = (struct undefineds){0};
	if (c->loader == LOADER_NONE || count == 0)
		return 0;
	if (symbols)
		r = ask(&symbols->place, readers_confine() ? &symbols->origins : NULL, c, count,
			out, err);
	if (r == 1)
		r = ask(&alone, NULL, c, count, out, err);
	place_clear(&alone);
	if (r < 0)
		undefineds_free(out);
	return r;
}
