#include "cli/out.h"

#include "cli/command.h"
#include "cli/progress.h"
#include "cli/terminal.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- JSON -- */

#define JSON_DEPTH 16

static struct {
	char brackets[JSON_DEPTH];
	bool some[JSON_DEPTH]; /* has a member already */
	int depth;
	FILE *to; /* NULL: nothing is printed yet */
	char *text;
	size_t len;
	bool streams;	/* to is standard output */
	bool elsewhere; /* another process has printed the document */
	char *failure;
} json;

/* The document stays in memory until json_end: half a document and then an error would be no JSON. */
static FILE *document(void)
{
	if (!json.to)
		json.to = json.streams ? stdout : open_memstream(&json.text, &json.len);
	if (!json.to) {
		fputs("pinlib: out of memory\n", stderr);
		exit(1);
	}
	return json.to;
}

static void quoted(const char *text)
{
	const unsigned char *p = (const unsigned char *)text, *end = p + strlen(text);

	putc('"', json.to);
	while (p < end) {
		uint32_t c = 0;
		int n = utf8_at(p, (size_t)(end - p), &c);

		if (n <= 0)
			fputs("\\ufffd", json.to);
		else if (is_command(c) || c == '"' || c == '\\')
			fprintf(json.to, "\\u%04x", c);
		else
			fwrite(p, 1, (size_t)n, json.to);
		p += n > 0 ? n : 1;
	}
	putc('"', json.to);
}

/* false: without --json there is nothing to print. */
static bool begin_member(const char *key)
{
	if (!want_json)
		return false;
	progress_hide();
	document();
	if (json.depth > 0) {
		fputs(json.some[json.depth - 1] ? ",\n" : "\n", json.to);
		json.some[json.depth - 1] = true;
	}
	fprintf(json.to, "%*s", json.depth * 2, "");
	if (key) {
		quoted(key);
		fputs(": ", json.to);
	}
	return true;
}

void json_open(const char *key, char bracket)
{
	if (!begin_member(key))
		return;
	putc(bracket, json.to);
	if (json.depth == JSON_DEPTH)
		abort(); /* our own nesting is fixed */
	json.brackets[json.depth] = bracket;
	json.some[json.depth++] = false;
}

void json_close(void)
{
	if (!want_json)
		return;
	progress_hide();
	json.depth--;
	if (json.some[json.depth])
		fprintf(json.to, "\n%*s", json.depth * 2, "");
	putc(json.brackets[json.depth] == '[' ? ']' : '}', json.to);
	if (json.depth == 0)
		putc('\n', json.to);
}

void json_string(const char *key, const char *value)
{
	if (!begin_member(key))
		return;
	if (value)
		quoted(value);
	else
		fputs("null", json.to);
}

void json_stringf(const char *key, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (want_json && vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	json_string(key, text);
	free(text);
}

void json_digest(const char *key, const struct digest *digest)
{
	char text[DIGEST_HEX + 7] = "sha256:";

	digest_hex(digest, text + 7);
	json_string(key, text);
}

void print_found(void *ctx, const char *what)
{
	(void)ctx;
	json_string(NULL, what);
	if (want_json)
		return;
	progress_hide();
	put_text("%s", what);
	putchar('\n');
}

void json_number(const char *key, int64_t value)
{
	if (begin_member(key))
		fprintf(json.to, "%lld", (long long)value);
}

void json_bool(const char *key, int value)
{
	if (begin_member(key))
		fputs(value ? "true" : "false", json.to);
}

static void put_members(const char *fmt, va_list ap)
{
	char key[32], conversion[8];
	int len;

	for (; sscanf(fmt, "%31s %7s %n", key, conversion, &len) == 2; fmt += len)
		if (strcmp(conversion, "%s") == 0)
			json_string(key, va_arg(ap, const char *));
		else if (strcmp(conversion, "%d") == 0)
			json_bool(key, va_arg(ap, int));
		else
			json_number(key, va_arg(ap, long long));
}

void json_members(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_members(fmt, ap);
	va_end(ap);
}

void json_record(const char *fmt, ...)
{
	va_list ap;

	json_open(NULL, '{');
	va_start(ap, fmt);
	put_members(fmt, ap);
	va_end(ap);
	json_close();
}

void json_strings(const char *key, const struct strings *list)
{
	json_open(key, '[');
	for (size_t i = 0; i < list->count; i++)
		json_string(NULL, list->items[i]);
	json_close();
}

/* -- the end of the document -- */

void json_stream(void)
{
	json.streams = true;
}

char *json_take(size_t *len)
{
	char *text = NULL;

	if (json.to && !json.streams && fclose(json.to) == 0) {
		text = json.text;
		*len = json.len;
	} else {
		free(json.text);
	}
	json.to = NULL;
	json.text = NULL;
	return text;
}

void json_elsewhere(void)
{
	json.elsewhere = true;
}

void json_fail(const char *text)
{
	if (want_json && !json.failure)
		json.failure = strdup(text);
}

const char *json_failure(void)
{
	return json.failure ? json.failure : "";
}

void json_drop(void)
{
	if (json.to && !json.streams)
		fclose(json.to);
	free(json.text);
	json.to = NULL;
	json.text = NULL;
	json.depth = 0;
	json.streams = false;
}

/* Of a document that is printed already only the end can say so: each one that streams is an object. */
static void print_failure(void)
{
	if (!json.streams || json.depth == 0) {
		json_drop();
		json.streams = true;
		json_open(NULL, '{');
	}
	while (json.depth > 1)
		json_close();
	json_string("error", json.failure);
	json_close();
}

void json_end(int status)
{
	char text[64];

	if (!want_json || json.elsewhere)
		return;
	if (status && !json.to && !json.failure) {
		snprintf(text, sizeof text, "failed with exit status %d", status);
		json_fail(text);
	}
	if (status && json.failure)
		print_failure();
	else if (json.to && !json.streams && fflush(json.to) == 0)
		fwrite(json.text, 1, json.len, stdout);
	json_drop();
	free(json.failure);
	json.failure = NULL;
}
