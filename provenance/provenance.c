#include "provenance/provenance.h"

#include "base/strings.h"
#include "store/checksum.h"
#include "store/note.h"
#include "store/text.h"

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROVENANCE "provenance"

static const char *const confidence_words[] = {
	[CONFIDENCE_GIVEN] = "given",
	[CONFIDENCE_INSTALLED] = "installed",
	[CONFIDENCE_APT] = "apt",
};

/* The texts and their keys. */
static const struct {
	const char *key;
	size_t at;
} fields[] = {
	{"source", offsetof(struct provenance, source)},
	{"source-version", offsetof(struct provenance, source_version)},
	{"distribution", offsetof(struct provenance, distribution)},
	{"release", offsetof(struct provenance, release)},
	{"codename", offsetof(struct provenance, codename)},
	{"suite", offsetof(struct provenance, suite)},
	{"component", offsetof(struct provenance, component)},
	{"release-date", offsetof(struct provenance, release_date)},
};
#define NFIELDS (sizeof fields / sizeof *fields)

static char **field_of(const struct provenance *p, size_t i)
{
	return (char **)((char *)p + fields[i].at);
}

void provenance_free(struct provenance *p)
{
	for (size_t i = 0; i < NFIELDS; i++)
		free(*field_of(p, i));
	*p = (struct provenance){0};
}

/* -- reading -- */

static bool read_digest(const char *text, const char *key, struct digest *out)
{
	AUTO_FREE char *hex = note_value(text, key, NULL);

	return hex && digest_parse(hex, out);
}

static int parse_confidence(const char *text, enum confidence *out)
{
	AUTO_FREE char *word = note_value(text, "confidence", NULL);

	for (size_t i = 0; word && i < sizeof confidence_words / sizeof *confidence_words; i++)
		if (strcmp(word, confidence_words[i]) == 0) {
			*out = (enum confidence)i;
			return 0;
		}
	return -EBADMSG;
}

/* Another note of the same confidence and checksum is no proof: apt's needs the digest of what apt verified. */
static int parse_note(const char *text, struct provenance *out)
{
	int r = parse_confidence(text, &out->confidence);

	for (size_t i = 0; r == 0 && i < NFIELDS; i++)
		*field_of(out, i) = note_value(text, fields[i].key, NULL);
	out->has_archive = read_digest(text, "archive", &out->archive);
	out->has_release_file = read_digest(text, "release-file", &out->release_file);
	if (r == 0 && out->confidence == CONFIDENCE_APT &&
	    !(out->has_archive && out->has_release_file))
		return -EBADMSG;
	return r;
}

/* copy: NULL, or gets the note, which the caller frees. */
static int read_note(struct store *store, const struct digest *digest, struct provenance *out,
		     char **copy, struct err *err)
{
	AUTO_FREE char *text = NULL;
	int r = note_read(store, PROVENANCE, digest, &text, err);

	if (r < 0)
		return r;
	r = parse_note(text, out);
	if (r == 0 && copy) {
		*copy = text;
		text = NULL;
	}
	if (r == 0)
		return 0;
	provenance_free(out);
	return err_set(err, EBADMSG, "a note in %s/" PROVENANCE " lacks what it must have",
		       store->root);
}

/* "1:1.2.11.dfsg-2+deb11u2" is of Debian 11; "2.9.4+dfsg1-2.2+deb9u5" of 9. */
static int guess_release(const char *version, struct provenance *out, struct err *err)
{
	const char *mark = strstr(version, "+deb");
	size_t digits = mark ? strspn(mark + 4, "0123456789") : 0;

	if (out->distribution || out->release || !digits || mark[4 + digits] != 'u')
		return 0;
	out->guessed = true;
	out->distribution = strdup("debian");
	out->release = strndup(mark + 4, digits);
	return out->distribution && out->release ? 0 : err_nomem(err);
}

int provenance_read(struct store *store, const struct digest *digest, const char *name,
		    const char *version, struct provenance *out, struct err *err)
{
	int r;

	*out = (struct provenance){0};
	if (read_note(store, digest, out, NULL, err) == -ENOMEM)
		return err_nomem(err);
	if (!out->source || !out->source_version) {
		free(out->source);
		free(out->source_version);
		out->guessed = out->source_guessed = true;
		out->source = strdup(name);
		out->source_version = strdup(version);
	}
	if (!out->source || !out->source_version)
		return err_nomem(err);
	r = guess_release(version, out, err);
	return r < 0 ? r : guess_release(out->source_version, out, err);
}

/* -- writing -- */

/* The more confidence the better; after that, the more facts (DESIGN.md, provenance-never-less). */
static int knowledge(const struct provenance *p)
{
	int known = (int)p->confidence * 100 + p->has_archive;

	for (size_t i = 0; i < NFIELDS; i++)
		known += *field_of(p, i) != NULL;
	return known;
}

static void write_field(FILE *f, const char *key, const char *value)
{
	if (value && *value && text_fault(value) == NULL)
		fprintf(f, "%s\t%s\n", key, value);
}

static void write_digest(FILE *f, const char *key, const struct digest *digest)
{
	char hex[DIGEST_HEX];

	digest_hex(digest, hex);
	write_field(f, key, hex);
}

/* The lines of a note; the caller frees them. NULL: out of memory. */
static char *note_text(const struct provenance *p, struct err *err)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f) {
		err_nomem(err);
		return NULL;
	}
	write_field(f, "confidence", confidence_words[p->confidence]);
	for (size_t i = 0; i < NFIELDS; i++)
		write_field(f, fields[i].key, *field_of(p, i));
	if (p->has_archive)
		write_digest(f, "archive", &p->archive);
	if (p->has_release_file)
		write_digest(f, "release-file", &p->release_file);
	if (fclose(f) == 0)
		return text;
	free(text);
	err_nomem(err);
	return NULL;
}

int provenance_write(struct store *store, const struct digest *digest, const struct provenance *p,
		     struct err *err)
{
	AUTO_PROVENANCE struct provenance old = {0};
	AUTO_FREE char *text = NULL, *before = NULL;
	struct err ignored;
	int known = knowledge(p);

	if (known == 0)
		return 0;
	if (read_note(store, digest, &old, &before, &ignored) == 0 && knowledge(&old) > known)
		return 0;
	text = note_text(p, err);
	if (!text)
		return -ENOMEM;
	/* A note that is the same up to its checksum need not wait for the disk. */
	if (before && strncmp(before, text, strlen(text)) == 0 &&
	    strlen(before) == strlen(text) + CHECKSUM_LEN)
		return 0;
	return note_write(store, PROVENANCE, digest, text, err);
}

/* -- words -- */

const char *provenance_confidence_name(enum confidence confidence)
{
	return confidence_words[confidence];
}

const char *provenance_confidence_text(enum confidence confidence)
{
	return confidence == CONFIDENCE_APT	    ? "verified by apt"
	       : confidence == CONFIDENCE_INSTALLED ? "installed here"
						    : "a file somebody gave";
}

/* "oldoldstable-security" of bullseye is bullseye-security, which stays its name. */
static void suite_text(const struct provenance *p, char text[PROVENANCE_TEXT])
{
	const char *dash = p->codename && p->suite ? strchr(p->suite, '-') : NULL;
	const char *name = p->codename ? p->codename : p->suite ? p->suite : "";

	snprintf(text, PROVENANCE_TEXT, "%.50s%.50s", name, dash ? dash : "");
}

/* "Debian 12" */
static void machine_text(const struct provenance *p, char text[PROVENANCE_TEXT])
{
	snprintf(text, PROVENANCE_TEXT, "%.50s%s%.50s", p->distribution ? p->distribution : "",
		 p->distribution && p->release ? " " : "", p->release ? p->release : "");
	text[0] = (char)toupper((unsigned char)text[0]);
}

void provenance_text(const struct provenance *p, char text[PROVENANCE_TEXT])
{
	char place[PROVENANCE_TEXT] = "";

	if (p->confidence == CONFIDENCE_APT)
		suite_text(p, place);
	else if (p->confidence == CONFIDENCE_INSTALLED)
		machine_text(p, place);
	snprintf(text, PROVENANCE_TEXT, "%s%s%.100s%s", provenance_confidence_text(p->confidence),
		 *place ? " (" : "", place, *place ? ")" : "");
}
