#include "sbom/licence.h"

#include "base/cleanup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct licence_name {
	const char *debian, *spdx;
};

/* Names whose text is certain. */
static const struct licence_name licence_names[] = {
	{"AFL-2.1", "AFL-2.1"},
	{"AGPL-3", "AGPL-3.0-only"},
	{"AGPL-3+", "AGPL-3.0-or-later"},
	{"Apache-1.0", "Apache-1.0"},
	{"Apache-1.1", "Apache-1.1"},
	{"Apache-2.0", "Apache-2.0"},
	{"Artistic-2.0", "Artistic-2.0"},
	{"BSD-2-clause", "BSD-2-Clause"},
	{"BSD-3-clause", "BSD-3-Clause"},
	{"BSD-4-clause", "BSD-4-Clause"},
	{"BSL-1.0", "BSL-1.0"},
	{"CC0", "CC0-1.0"},
	{"CC0-1.0", "CC0-1.0"},
	{"CC-BY-3.0", "CC-BY-3.0"},
	{"CC-BY-4.0", "CC-BY-4.0"},
	{"CC-BY-SA-3.0", "CC-BY-SA-3.0"},
	{"CC-BY-SA-4.0", "CC-BY-SA-4.0"},
	{"CDDL-1.0", "CDDL-1.0"},
	{"curl", "curl"},
	{"EPL-1.0", "EPL-1.0"},
	{"EPL-2.0", "EPL-2.0"},
	{"Expat", "MIT"},
	{"FSFAP", "FSFAP"},
	{"FSFUL", "FSFUL"},
	{"FSFULLR", "FSFULLR"},
	{"FTL", "FTL"},
	{"GFDL-1.1", "GFDL-1.1-only"},
	{"GFDL-1.1+", "GFDL-1.1-or-later"},
	{"GFDL-1.2", "GFDL-1.2-only"},
	{"GFDL-1.2+", "GFDL-1.2-or-later"},
	{"GFDL-1.3", "GFDL-1.3-only"},
	{"GFDL-1.3+", "GFDL-1.3-or-later"},
	{"GFDL-NIV-1.1", "GFDL-1.1-no-invariants-only"},
	{"GFDL-NIV-1.1+", "GFDL-1.1-no-invariants-or-later"},
	{"GFDL-NIV-1.2", "GFDL-1.2-no-invariants-only"},
	{"GFDL-NIV-1.2+", "GFDL-1.2-no-invariants-or-later"},
	{"GFDL-NIV-1.3", "GFDL-1.3-no-invariants-only"},
	{"GFDL-NIV-1.3+", "GFDL-1.3-no-invariants-or-later"},
	{"GPL-1", "GPL-1.0-only"},
	{"GPL-1+", "GPL-1.0-or-later"},
	{"GPL-2", "GPL-2.0-only"},
	{"GPL-2+", "GPL-2.0-or-later"},
	{"GPL-3", "GPL-3.0-only"},
	{"GPL-3+", "GPL-3.0-or-later"},
	{"IJG", "IJG"},
	{"ISC", "ISC"},
	{"LGPL-2", "LGPL-2.0-only"},
	{"LGPL-2+", "LGPL-2.0-or-later"},
	{"LGPL-2.1", "LGPL-2.1-only"},
	{"LGPL-2.1+", "LGPL-2.1-or-later"},
	{"LGPL-3", "LGPL-3.0-only"},
	{"LGPL-3+", "LGPL-3.0-or-later"},
	{"LPPL-1.3c", "LPPL-1.3c"},
	{"MPL-1.0", "MPL-1.0"},
	{"MPL-1.1", "MPL-1.1"},
	{"MPL-2.0", "MPL-2.0"},
	{"OFL-1.1", "OFL-1.1"},
	{"PostgreSQL", "PostgreSQL"},
	{"QPL-1.0", "QPL-1.0"},
	{"Unlicense", "Unlicense"},
	{"Zlib", "Zlib"},
};

/* In Debian's words, "with Font exception". */
static const struct licence_name exception_names[] = {
	{"Classpath", "Classpath-exception-2.0"},
	{"Font", "Font-exception-2.0"},
	{"Libtool", "Libtool-exception"},
	{"Linux-syscall-note", "Linux-syscall-note"},
	{"LLVM", "LLVM-exception"},
};

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define WORDS_MAX 64

struct licence_words {
	char *items[WORDS_MAX]; /* a comma is a word of its own */
	size_t count, at;
};

static const char *find_name(const struct licence_name *table, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++)
		if (strcasecmp(table[i].debian, word) == 0)
			return table[i].spdx;
	return NULL;
}

/* "GPL-2.0+" is written for "GPL-2+", and SPDX's own names for Debian's. */
static const char *find_licence(const char *word)
{
	const char *found = find_name(licence_names, COUNT(licence_names), word);
	size_t len = strlen(word);
	bool plus = len && word[len - 1] == '+';
	char shorter[32];

	for (size_t i = 0; !found && i < COUNT(licence_names); i++)
		if (strcmp(licence_names[i].spdx, word) == 0 && strcmp(word, "MIT") != 0)
			found = word;
	len -= plus;
	if (found || len < 3 || len >= sizeof shorter || memcmp(word + len - 2, ".0", 2) != 0)
		return found;
	snprintf(shorter, sizeof shorter, "%.*s%s", (int)(len - 2), word, plus ? "+" : "");
	return find_name(licence_names, COUNT(licence_names), shorter);
}

static bool next_is(const struct licence_words *w, const char *word)
{
	return w->at < w->count && strcasecmp(w->items[w->at], word) == 0;
}

static const char *next_operator(const struct licence_words *w)
{
	return next_is(w, "and") ? "AND" : next_is(w, "or") ? "OR" : NULL;
}

/* A licence and its exception. False: not evident. */
static bool read_term(struct licence_words *w, FILE *f)
{
	const char *name = w->at < w->count ? find_licence(w->items[w->at]) : NULL;

	if (!name)
		return false;
	fputs(name, f);
	w->at++;
	if (!next_is(w, "with"))
		return true;
	w->at++;
	name = w->at < w->count
		       ? find_name(exception_names, COUNT(exception_names), w->items[w->at])
		       : NULL;
	w->at++;
	if (!name || !next_is(w, "exception"))
		return false;
	w->at++;
	fprintf(f, " WITH %s", name);
	return true;
}

/* Terms up to a comma or the end; *several: there is more than one. */
static bool read_part(struct licence_words *w, FILE *f, bool *several)
{
	const char *op;

	*several = false;
	while (read_term(w, f)) {
		op = next_operator(w);
		if (!op)
			return w->at == w->count || next_is(w, ",");
		fprintf(f, " %s ", op);
		*several = true;
		w->at++;
	}
	return false;
}

/* The part as text, in parentheses if others follow or precede it; NULL: not evident. */
static char *part_text(struct licence_words *w, bool alone)
{
	AUTO_FREE char *text = NULL;
	char *out = NULL;
	size_t len = 0;
	bool several, evident;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	evident = read_part(w, f, &several);
	alone &= w->at == w->count;
	if (fclose(f) != 0 || !evident)
		return NULL;
	return asprintf(&out, several && !alone ? "(%s)" : "%s", text) < 0 ? NULL : out;
}

/* Parts that one operator joins, after commas. */
static bool read_expression(struct licence_words *w, FILE *f)
{
	const char *joint = NULL;

	for (;;) {
		AUTO_FREE char *part = part_text(w, !joint);
		const char *op;

		if (!part)
			return false;
		fputs(part, f);
		if (w->at == w->count)
			return true;
		w->at++; /* the comma */
		op = next_operator(w);
		if (!op || (joint && strcmp(joint, op) != 0))
			return false;
		joint = op;
		fprintf(f, " %s ", op);
		w->at++;
	}
}

/* Splits text, which it changes; commas is as long, and zero. False: too many words. */
static bool split_words(char *text, struct licence_words *w)
{
	static char comma[] = ",";
	char *rest = NULL;

	for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		size_t len = strlen(word);
		bool ends = len > 1 && word[len - 1] == ',';

		if (w->count + 2 > WORDS_MAX)
			return false;
		if (ends)
			word[len - 1] = '\0';
		w->items[w->count++] = word;
		if (ends)
			w->items[w->count++] = comma;
	}
	return w->count > 0;
}

int licence_expression(const char *debian, char **out, struct err *err)
{
	AUTO_FREE char *copy = strdup(debian), *text = NULL;
	struct licence_words words = {0};
	bool evident = false;
	size_t len = 0;
	FILE *f = copy ? open_memstream(&text, &len) : NULL;

	*out = NULL;
	if (!f)
		return err_nomem(err);
	if (split_words(copy, &words))
		evident = read_expression(&words, f);
	if (fclose(f) != 0)
		return err_nomem(err);
	if (evident) {
		*out = text;
		text = NULL;
	}
	return 0;
}

bool licence_is_single(const char *expression)
{
	return !strchr(expression, ' ');
}
