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
} json;

static void quoted(const char *text)
{
	const unsigned char *p = (const unsigned char *)text, *end = p + strlen(text);

	putchar('"');
	while (p < end) {
		uint32_t c = 0;
		int n = utf8_at(p, (size_t)(end - p), &c);

		if (n <= 0)
			fputs("\\ufffd", stdout);
		else if (is_command(c) || c == '"' || c == '\\')
			printf("\\u%04x", c);
		else
			fwrite(p, 1, (size_t)n, stdout);
		p += n > 0 ? n : 1;
	}
	putchar('"');
}

/* false: without --json there is nothing to print. */
static bool begin_member(const char *key)
{
	if (!want_json)
		return false;
	progress_hide();
	if (json.depth > 0) {
		fputs(json.some[json.depth - 1] ? ",\n" : "\n", stdout);
		json.some[json.depth - 1] = true;
	}
	printf("%*s", json.depth * 2, "");
	if (key) {
		quoted(key);
		fputs(": ", stdout);
	}
	return true;
}

void json_open(const char *key, char bracket)
{
	if (!begin_member(key))
		return;
	putchar(bracket);
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
		printf("\n%*s", json.depth * 2, "");
	putchar(json.brackets[json.depth] == '[' ? ']' : '}');
	if (json.depth == 0)
		putchar('\n');
}

void json_string(const char *key, const char *value)
{
	if (!begin_member(key))
		return;
	if (value)
		quoted(value);
	else
		fputs("null", stdout);
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
		printf("%lld", (long long)value);
}

void json_bool(const char *key, int value)
{
	if (begin_member(key))
		fputs(value ? "true" : "false", stdout);
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
