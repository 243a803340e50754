#include "renewal/upstream.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

struct upstream {
	const char *text;
	size_t len;
};

/* The number of digits and dots before the end. */
static size_t number_at_end(const struct upstream *u)
{
	size_t n = 0;

	while (n < u->len &&
	       (isdigit((unsigned char)u->text[u->len - n - 1]) || u->text[u->len - n - 1] == '.'))
		n++;
	return n;
}

/* Cuts off a word with a separator before it and an optional number behind it. */
static bool cut_word(struct upstream *u, const char *word, const char *separators, bool numbered)
{
	size_t number = number_at_end(u), len = strlen(word);

	if (numbered && number == 0)
		return false;
	if (u->len <= number + len + 1)
		return false;
	if (strncmp(u->text + u->len - number - len, word, len) != 0 ||
	    !strchr(separators, u->text[u->len - number - len - 1]))
		return false;
	u->len -= number + len + 1;
	return true;
}

/* "+deb11u3": two numbers. */
static void cut_update(struct upstream *u)
{
	struct upstream all = *u;
	size_t digits = number_at_end(u);

	if (digits == 0 || u->len <= digits + 1 || u->text[u->len - digits - 1] != 'u')
		return;
	u->len -= digits + 1;
	if (!cut_word(u, "deb", "+~", true))
		*u = all;
}

static void cut_really(struct upstream *u)
{
	static const char word[] = "really";
	const size_t len = sizeof word - 1;

	for (size_t i = 1; i + len < u->len; i++)
		if (strchr("+~.", u->text[i - 1]) && strncmp(u->text + i, word, len) == 0) {
			u->len -= i + len;
			u->text += i + len;
			return;
		}
}

static struct upstream find_upstream(const char *version)
{
	static const char *const repacked[] = {"dfsg", "ds", "repack"};
	const char *colon = strchr(version, ':'), *dash;
	struct upstream u = {.text = colon ? colon + 1 : version};

	dash = strrchr(u.text, '-');
	u.len = dash ? (size_t)(dash - u.text) : strlen(u.text);
	if (!dash) {
		cut_word(&u, "b", "+", true);
		cut_word(&u, "nmu", "+", true);
		cut_update(&u);
	}
	cut_really(&u);
	for (size_t i = 0; i < sizeof repacked / sizeof *repacked; i++)
		if (cut_word(&u, repacked[i], "+.~", false))
			break;
	return u;
}

bool upstream_same(const char *a, const char *b)
{
	struct upstream x = find_upstream(a), y = find_upstream(b);

	return x.len == y.len && strncmp(x.text, y.text, x.len) == 0;
}

bool upstream_is_backport(const char *version)
{
	return strstr(version, "~bpo") != NULL;
}
