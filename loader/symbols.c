#include "loader/symbols.h"

#include "base/cleanup.h"
#include "base/sysroot.h"
#include "elf/file_owner.h"
#include "elf/linkage.h"
#include "elf/reader.h"
#include "elf/readers.h"

#include <stdlib.h>
#include <string.h>

/* A file whose symbols were read, and its number in the linkage that has them. */
struct numbered_file {
	const struct cached_file *file; /* NULL: free */
	uint32_t number;
};

/* What reads and looks up symbols: a linkage in this process, or one in a confined process. */
struct symbol_reader {
	struct linkage *here; /* NULL: the parser has it */
	struct parser parser;
	struct numbered_file *files;
	size_t count, room; /* open addressing */
};

struct symbols {
	struct symbol_reader reader;
	struct file_owners owners;
};

static void reader_clear(struct symbol_reader *p)
{
	struct err ignored;

	linkage_free(&p->here);
	parser_end(&p->parser, 0, &ignored);
	free(p->files);
	*p = (struct symbol_reader){.parser = PARSER_NONE};
}

int symbols_new(struct symbols **out, struct err *err)
{
	*out = calloc(1, sizeof **out);
	if (!*out)
		return err_nomem(err);
	(*out)->reader.parser = PARSER_NONE;
	return 0;
}

void symbols_free(struct symbols **symbols)
{
	if (!*symbols)
		return;
	reader_clear(&(*symbols)->reader);
	file_owners_clear(&(*symbols)->owners);
	free(*symbols);
	*symbols = NULL;
}

/* -- files -- */

static struct numbered_file *file_of(const struct symbol_reader *p, const struct cached_file *f)
{
	size_t i = (size_t)((uintptr_t)f * 0x9e3779b97f4a7c15u >> 20) & (p->room - 1);

	while (p->files[i].file && p->files[i].file != f)
		i = (i + 1) & (p->room - 1);
	return &p->files[i];
}

static int grow_files(struct symbol_reader *p, struct err *err)
{
	struct symbol_reader more = {.room = p->room ? 2 * p->room : 64};

	if (2 * (p->count + 1) <= p->room)
		return 0;
	more.files = calloc(more.room, sizeof *more.files);
	if (!more.files)
		return err_nomem(err);
	for (size_t i = 0; i < p->room; i++)
		if (p->files[i].file)
			*file_of(&more, p->files[i].file) = p->files[i];
	free(p->files);
	p->files = more.files;
	p->room = more.room;
	return 0;
}

static int receive_answer(struct symbol_reader *p, struct reader_answer *head, char **data,
			  struct err *err)
{
	int r = reader_receive(&p->parser, head, data, err);

	/* The process has ended, and the symbols that it had read are lost. */
	if (r == -EPROTO || r == -EPERM)
		reader_clear(p);
	return r == -EPROTO ? -EBADMSG : r;
}

static int start_reader(struct symbol_reader *p, struct err *err)
{
	if (p->here || p->parser.pid >= 0)
		return 0;
	return readers_confine() ? reader_start(&p->parser, err) : linkage_new(&p->here, err);
}

static int read_tables(struct symbol_reader *p, int fd, struct err *err)
{
	AUTO_FREE char *data = NULL;
	struct reader_answer head;
	int r = start_reader(p, err);

	if (r < 0 || p->here)
		return r < 0 ? r : linkage_add(p->here, fd, err);
	r = parser_ask(&p->parser, READER_TABLE, &fd, 1, err);
	return r < 0 ? r : receive_answer(p, &head, &data, err);
}

/* The number of an object's file; a new file is read. */
static int number_of(struct symbol_reader *p, const struct object *o, int fd, uint32_t *number,
		     struct err *err)
{
	struct numbered_file *f;
	int r = grow_files(p, err);

	if (r < 0)
		return r;
	f = o->cached ? file_of(p, o->cached) : NULL;
	if (!f || !f->file) {
		r = read_tables(p, fd, err);
		if (r < 0)
			return err_wrap(err, r, "%s", o->path);
		if (f)
			*f = (struct numbered_file){o->cached, (uint32_t)p->count};
		*number = (uint32_t)p->count++;
		return 0;
	}
	*number = f->number;
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

static int open_object(const struct object *o, struct stat *st, struct err *err)
{
	int fd = sysroot_open(NULL, o->file, st, NULL);

	return fd < 0 ? err_sys(err, -fd, "cannot open %s", o->file) : fd;
}

/* The words of a scope_question (elf/reader.h). With owners only files of root and of the store are
 * read: 1 means that there is another one. */
static int fill_words(struct symbol_reader *p, struct file_owners *owners, const struct closure *c,
		      size_t count, uint32_t *words, struct err *err)
{
	size_t at = 0;

	for (size_t i = 0; i < count; i++) {
		const struct object *o = &c->objects[i];
		struct stat st;
		AUTO_FD int fd = -1;
		int r;

		if (!o->cached || p->room == 0 || !file_of(p, o->cached)->file)
			fd = open_object(o, &st, err);
		if (fd < -1)
			return fd;
		if (fd >= 0 && owners && file_owner_of(owners, fd, &st) == FILE_OF_OTHERS)
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

static int find_here(struct symbol_reader *p, const uint32_t *words, size_t count, bool versions,
		     struct undefineds *out, size_t *object, struct err *err)
{
	AUTO_FREE struct linked *scope = calloc(count + 1, sizeof *scope);

	if (!scope)
		return err_nomem(err);
	for (size_t i = 0; i < count; i++, words += 2 + words[1])
		scope[i] = (struct linked){words[0], words + 2, words[1]};
	return linkage_undefined(p->here, scope, count, versions, out, object, err);
}

/* Every length and number in the answer is checked. */
static int decode_undefined(const char *data, size_t len, size_t count, struct undefineds *out,
			    struct err *err)
{
	int r = 0;

	while (r == 0 && len > 0) {
		struct undefined_reply m;
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

static int ask_reader(struct symbol_reader *p, const uint32_t *words, size_t nwords, size_t count,
		      bool versions, struct undefineds *out, size_t *object, struct err *err)
{
	const struct scope_question q = {(uint32_t)count, (uint32_t)nwords, versions};
	AUTO_FREE char *data = NULL;
	struct reader_answer head = {0};
	int r = parser_ask(&p->parser, READER_UNDEFINED, NULL, 0, err);

	if (r == 0)
		r = parser_tell(&p->parser, &q, sizeof q, err);
	if (r == 0)
		r = parser_tell(&p->parser, words, nwords * sizeof *words, err);
	if (r < 0)
		return r;
	r = receive_answer(p, &head, &data, err);
	*object = r < 0 && head.object < count ? head.object : 0;
	if (r == 0)
		r = decode_undefined(data, head.len, count, out, err);
	if (r != -EPROTO)
		return r;
	reader_clear(p);
	return err_set(err, EBADMSG, "the ELF parser sent nonsense");
}

static int find_undefined(struct symbol_reader *p, struct file_owners *owners,
			  const struct closure *c, size_t count, struct undefineds *out,
			  struct err *err)
{
	AUTO_FREE uint32_t *words = NULL;
	const bool versions = c->kind == LOADER_GLIBC;
	size_t nwords = 0, object = 0;
	int r;

	for (size_t i = 0; i < count; i++)
		nwords += 2 + c->objects[i].nneeds;
	words = calloc(nwords + 1, sizeof *words);
	if (!words)
		return err_nomem(err);
	r = fill_words(p, owners, c, count, words, err);
	if (r != 0)
		return r;
	r = p->here ? find_here(p, words, count, versions, out, &object, err)
		    : ask_reader(p, words, nwords, count, versions, out, &object, err);
	return r < 0 ? err_wrap(err, r, "%s", c->objects[object].path) : 0;
}

int symbols_undefined(struct symbols *symbols, const struct closure *c, struct undefineds *out,
		      struct err *err)
{
	struct symbol_reader alone = {.parser = PARSER_NONE};
	size_t count = scope_size(c);
	int r = 1;

	*out = (struct undefineds){0};
	if (c->kind == LOADER_NONE || count == 0)
		return 0;
	if (symbols)
		r = find_undefined(&symbols->reader, readers_confine() ? &symbols->owners : NULL, c,
				   count, out, err);
	if (r == 1)
		r = find_undefined(&alone, NULL, c, count, out, err);
	reader_clear(&alone);
	if (r < 0)
		undefineds_free(out);
	return r;
}
