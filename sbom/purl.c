#include "sbom/purl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_~:";

static void put_encoded(FILE *f, const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++)
		if (strchr(plain, *p))
			putc(*p, f);
		else
			fprintf(f, "%%%02X", *p);
}

static void put_qualifiers(FILE *f, const struct purl_qualifier *q)
{
	char mark = '?';

	for (; q && q->key; q++) {
		if (!q->value || !*q->value)
			continue;
		fprintf(f, "%c%s=", mark, q->key);
		put_encoded(f, q->value);
		mark = '&';
	}
}

char *purl_text(const struct purl *purl)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return NULL;
	fprintf(f, "pkg:%s/", purl->type);
	if (purl->nspace) {
		put_encoded(f, purl->nspace);
		putc('/', f);
	}
	put_encoded(f, purl->name);
	if (purl->version && *purl->version) {
		putc('@', f);
		put_encoded(f, purl->version);
	}
	put_qualifiers(f, purl->qualifiers);
	if (fclose(f) == 0)
		return text;
	free(text);
	return NULL;
}
