#include "elf/linker.h"

#include "base/cleanup.h"
#include "elf/reader.h"
#include "elf/readers.h"

#include <stdlib.h>
#include <string.h>

bool linker_is_empty(const struct linker *l)
{
	return !l->here && l->process.pid < 0;
}

void linker_clear(struct linker *l)
{
	struct err ignored;

	linkage_free(&l->here);
	parser_end(&l->process, 0, &ignored);
	*l = LINKER_NONE;
}

static int start_linker(struct linker *l, struct err *err)
{
	if (!linker_is_empty(l))
		return 0;
	return readers_confine() ? reader_start(&l->process, err) : linkage_new(&l->here, err);
}

static int receive_answer(struct linker *l, struct reader_answer *head, char **data,
			  struct err *err)
{
	int r = reader_receive(&l->process, head, data, err);

	/* The process has ended, and the symbols that it had read are lost. */
	if (r == -EPROTO || r == -EPERM)
		linker_clear(l);
	return r == -EPROTO ? -EBADMSG : r;
}

int linker_add(struct linker *l, int fd, struct err *err)
{
	AUTO_FREE char *data = NULL;
	struct reader_answer head;
	int r = start_linker(l, err);

	if (r < 0 || l->here)
		return r < 0 ? r : linkage_add(l->here, fd, err);
	r = parser_ask(&l->process, READER_TABLE, &fd, 1, err);
	return r < 0 ? r : receive_answer(l, &head, &data, err);
}

/* Every length and number in the answer is checked. */
static int decode_undefined(const char *data, size_t len, size_t objects, struct undefineds *out,
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
		if (m.object >= objects || m.name == 0 || m.name > len || m.version > len - m.name)
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

static int ask_process(struct linker *l, const struct scope_words *scope, struct undefineds *out,
		       size_t *object, struct err *err)
{
	const struct scope_question q = {(uint32_t)scope->objects, (uint32_t)scope->nwords,
					 scope->versions};
	AUTO_FREE char *data = NULL;
	struct reader_answer head = {0};
	int r = parser_ask(&l->process, READER_UNDEFINED, NULL, 0, err);

	if (r == 0)
		r = parser_tell(&l->process, &q, sizeof q, err);
	if (r == 0)
		r = parser_tell(&l->process, scope->words, scope->nwords * sizeof *scope->words,
				err);
	if (r < 0)
		return r;
	r = receive_answer(l, &head, &data, err);
	*object = r < 0 && head.object < scope->objects ? head.object : 0;
	if (r == 0)
		r = decode_undefined(data, head.len, scope->objects, out, err);
	if (r != -EPROTO)
		return r;
	linker_clear(l);
	return err_set(err, EBADMSG, "the ELF parser sent an invalid answer");
}

int linker_undefined(struct linker *l, const struct scope_words *scope, struct undefineds *out,
		     size_t *object, struct err *err)
{
	*object = 0;
	return l->here ? linkage_undefined(l->here, scope, out, object, err)
		       : ask_process(l, scope, out, object, err);
}
