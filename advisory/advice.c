#include "advisory/advice.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* -- the child -- */

int advice_output = STDOUT_FILENO;

static char pending[64 * 1024];
static size_t npending;

void advice_flush(void)
{
	for (size_t at = 0; at < npending;) {
		ssize_t n = write(advice_output, pending + at, npending - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			_exit(1);
		at += (size_t)n;
	}
	npending = 0;
}

static void put_advice(const void *data, size_t len)
{
	if (len > sizeof pending - npending)
		advice_flush();
	memcpy(pending + npending, data, len);
	npending += len;
}

void advice_emit(struct advice a, const char *const texts[ADVICE_TEXTS])
{
	for (size_t i = 0; i < ADVICE_TEXTS; i++)
		a.len[i] = texts && texts[i] ? (uint32_t)strnlen(texts[i], ADVICE_TEXT_MAX) : 0;
	put_advice(&a, sizeof a);
	for (size_t i = 0; i < ADVICE_TEXTS; i++)
		if (texts && a.len[i])
			put_advice(texts[i], a.len[i]);
}

void advice_problem(const char *member, const char *why)
{
	advice_emit((struct advice){.type = ADVICE_PROBLEM},
		    (const char *[ADVICE_TEXTS]){[TEXT_MEMBER] = member, [TEXT_WHY] = why});
}

void advice_still(int64_t bytes)
{
	advice_emit((struct advice){.type = ADVICE_STILL, .time = bytes}, NULL);
	advice_flush();
}

/* -- the parent -- */

static int refuse_advice(const struct parser *p, struct err *err)
{
	return err_set(err, EBADMSG, "the %s parser sent an invalid answer", p->what);
}

static int read_advice_text(struct parser *p, char *to, size_t len, struct err *err)
{
	int r = parser_read(p, to, len, err);

	if (r < 0)
		return r;
	to[len] = '\0';
	for (size_t i = 0; i < len; i++)
		if (to[i] < ' ' || to[i] > '~')
			to[i] = '?';
	return 0;
}

int advice_read(struct parser *p, struct advice *out, char buffer[ADVICE_BUFFER],
		const char *texts[ADVICE_TEXTS], struct err *err)
{
	int r = parser_read(p, out, sizeof *out, err);

	if (r == 0 && (out->type < ADVICE_HIT || out->type > ADVICE_DONE ||
		       out->basis > BASIS_OWN || out->number >= RELEASES_MAX))
		r = refuse_advice(p, err);
	for (size_t i = 0; r == 0 && i < ADVICE_TEXTS; i++) {
		texts[i] = buffer + i * (ADVICE_TEXT_MAX + 1);
		r = out->len[i] > ADVICE_TEXT_MAX
			    ? refuse_advice(p, err)
			    : read_advice_text(p, buffer + i * (ADVICE_TEXT_MAX + 1), out->len[i],
					       err);
	}
	return r;
}
