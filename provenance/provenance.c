#include "provenance/provenance.h"

#include "base/strings.h"
#include "store/note.h"
#include "store/text.h"

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

const char *provenance_confidence_text(enum confidence confidence)
{
	return confidence == CONFIDENCE_APT	    ? "verified by apt"
	       : confidence == CONFIDENCE_INSTALLED ? "installed here"
						    : "a file somebody gave";
}

static bool read_digest(const char *text, const char *key, struct digest *out)
{
	AUTO_FREE char *hex = note_value(text, key, NULL);

	return hex && digest_parse(hex, out);
}

/* -EBADMSG: the note has no confidence, or no source. */
static int parse_note(const char *text, struct provenance *out)
{
	AUTO_FREE char *confidence = note_value(text, "confidence", NULL);

	for (size_t i = 0; i < NFIELDS; i++)
		*field_of(out, i) = note_value(text, fields[i].key, NULL);
	out->has_archive = read_digest(text, "archive", &out->archive);
	out->has_release_file = read_digest(text, "release-file", &out->release_file);
	for (size_t i = 0; confidence && i < sizeof confidence_words / sizeof *confidence_words;
	     i++)
		if (strcmp(confidence, confidence_words[i]) == 0) {
			out->confidence = (enum confidence)i;
			return out->source && out->source_version ? 0 : -EBADMSG;
		}
	return -EBADMSG;
}

static int read_note(struct store *store, const struct digest *digest, struct provenance *out)
{
	AUTO_FREE char *text = NULL;
	struct err ignored;
	int r = note_read(store, PROVENANCE, digest, &text, &ignored);

	if (r == 0)
		r = parse_note(text, out);
	if (r < 0)
		provenance_free(out);
	return r;
}

/* "1:1.2.11.dfsg-2+deb11u2" is of Debian 11; "2.9.4+dfsg1-2.2+deb9u5" of 9. */
static int guess_release(const char *version, struct provenance *out, struct err *err)
{
	const char *mark = strstr(version, "+deb");
	size_t digits = mark ? strspn(mark + 4, "0123456789") : 0;

	if (!digits || mark[4 + digits] != 'u')
		return 0;
	out->distribution = strdup("debian");
	out->release = strndup(mark + 4, digits);
	return out->distribution && out->release ? 0 : err_nomem(err);
}

int provenance_read(struct store *store, const struct digest *digest, const char *name,
		    const char *version, struct provenance *out, struct err *err)
{
	*out = (struct provenance){0};
	if (read_note(store, digest, out) == 0)
		return 0;
	out->guessed = true;
	out->source = strdup(name);
	out->source_version = strdup(version);
	if (!out->source || !out->source_version)
		return err_nomem(err);
	return guess_release(version, out, err);
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

int provenance_write(struct store *store, const struct digest *digest, const struct provenance *p,
		     struct err *err)
{
	AUTO_PROVENANCE struct provenance old = {0};
	AUTO_FREE char *text = NULL;
	size_t len = 0;
	FILE *f;

	if (read_note(store, digest, &old) == 0 && old.confidence > p->confidence)
		return 0;
	f = open_memstream(&text, &len);
	if (!f)
		return err_nomem(err);
	write_field(f, "confidence", confidence_words[p->confidence]);
	for (size_t i = 0; i < NFIELDS; i++)
		write_field(f, fields[i].key, *field_of(p, i));
	if (p->has_archive)
		write_digest(f, "archive", &p->archive);
	if (p->has_release_file)
		write_digest(f, "release-file", &p->release_file);
	if (fclose(f) != 0)
		return err_nomem(err);
	return note_write(store, PROVENANCE, digest, text, err);
}
