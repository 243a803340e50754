#include "dpkg/control.h"

#include "base/array.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void control_free(struct control *c)
{
	free(c->name);
	free(c->version);
	free(c->arch);
	free(c->source);
	free(c->source_version);
	free(c->depends);
	free(c->provides);
	free(c->file);
	*c = (struct control){0};
}

void controls_free(struct controls *controls)
{
	for (size_t i = 0; i < controls->count; i++)
		control_free(&controls->items[i]);
	free(controls->items);
	*controls = (struct controls){0};
}

/* -- fields -- */

static int replace_text(char **to, const char *value, size_t len, struct err *err)
{
	free(*to);
	*to = strndup(value, len);
	return *to ? 0 : err_nomem(err);
}

static int append_relations(char **to, const char *value, struct err *err)
{
	char *all;

	if (asprintf(&all, "%s%s%s", *to ? *to : "", *to ? ", " : "", value) < 0)
		return err_nomem(err);
	free(*to);
	*to = all;
	return 0;
}

/* "perl", "gcc-10 (10.2.1-6)" */
static int set_source(struct control *c, const char *value, struct err *err)
{
	const char *bracket = strchr(value, '(');
	size_t len = strcspn(value, " ("), version = bracket ? strcspn(bracket + 1, ")") : 0;
	int r = len ? replace_text(&c->source, value, len, err) : 0;

	return r == 0 && version ? replace_text(&c->source_version, bracket + 1, version, err) : r;
}

int control_set(struct control *c, const char *field, const char *value, struct err *err)
{
	size_t len = strlen(value);

	if (strcasecmp(field, "Package") == 0)
		return replace_text(&c->name, value, len, err);
	if (strcasecmp(field, "Version") == 0)
		return replace_text(&c->version, value, len, err);
	if (strcasecmp(field, "Architecture") == 0)
		return replace_text(&c->arch, value, len, err);
	if (strcasecmp(field, "Source") == 0)
		return set_source(c, value, err);
	if (strcasecmp(field, "Depends") == 0 || strcasecmp(field, "Pre-Depends") == 0)
		return append_relations(&c->depends, value, err);
	if (strcasecmp(field, "Provides") == 0)
		return append_relations(&c->provides, value, err);
	if (strcasecmp(field, "Essential") == 0)
		c->essential = strcasecmp(value, "yes") == 0;
	return 0;
}

static bool is_known(const struct controls *all, const struct control *c)
{
	for (size_t i = 0; i < all->count; i++)
		if (strcmp(all->items[i].name, c->name) == 0 &&
		    strcmp(all->items[i].version, c->version) == 0 &&
		    strcmp(all->items[i].arch, c->arch) == 0)
			return true;
	return false;
}

int controls_add(struct controls *all, struct control *c, struct err *err)
{
	if (!c->name || !c->version || !c->arch || is_known(all, c)) {
		control_free(c);
		return 0;
	}
	if (!c->source && !(c->source = strdup(c->name)))
		return err_nomem(err);
	if (!c->source_version && !(c->source_version = strdup(c->version)))
		return err_nomem(err);
	if (ARRAY_GROW(all->items, all->count, err) < 0)
		return -ENOMEM;
	all->items[all->count++] = *c;
	*c = (struct control){0};
	return 0;
}

/* A line that begins with a blank continues the field before it. */
static int parse_control_line(struct control *c, char *line, const char **field, struct err *err)
{
	char *colon = strchr(line, ':'), *value = line;

	if (!isspace((unsigned char)line[0])) {
		*field = colon ? line : "";
		if (!colon)
			return 0;
		*colon = '\0';
		value = colon + 1;
	}
	return control_set(c, *field, value + strspn(value, " \t"), err);
}

int controls_parse(struct controls *all, char *text, struct err *err)
{
	AUTO_CONTROL struct control c = {0};
	char *rest = text, *line;
	const char *field = "";
	int r = 0;

	while (r == 0 && (line = strsep(&rest, "\n")))
		r = *line ? parse_control_line(&c, line, &field, err) : controls_add(all, &c, err);
	return r == 0 ? controls_add(all, &c, err) : r;
}

/* -- versions -- */

/* The order of one character: "~" before the end of a part, letters before everything else. */
static int character_rank(char c)
{
	if (c == '~')
		return -1;
	if (!c || isdigit((unsigned char)c))
		return 0;
	return isalpha((unsigned char)c) ? c : (unsigned char)c + 256;
}

static size_t digits(const char *s)
{
	return strspn(s, "0123456789");
}

/* Upstream versions, or Debian revisions. */
static int part_order(const char *a, const char *b)
{
	while (*a || *b) {
		size_t x, y;

		while ((*a && !isdigit((unsigned char)*a)) || (*b && !isdigit((unsigned char)*b))) {
			int order = character_rank(*a) - character_rank(*b);

			if (order)
				return order;
			a += *a != '\0';
			b += *b != '\0';
		}
		a += strspn(a, "0");
		b += strspn(b, "0");
		x = digits(a);
		y = digits(b);
		if (x != y)
			return x < y ? -1 : 1;
		if (x && strncmp(a, b, x) != 0)
			return strncmp(a, b, x);
		a += x;
		b += y;
	}
	return 0;
}

/* Cuts "1:2.3-4" into its parts; a version without revision has the revision "0". */
static void split_version(const char *version, char epoch[256], char upstream[256],
			  char revision[256])
{
	const char *colon = strchr(version, ':'), *dash;

	snprintf(epoch, 256, "%.*s", colon ? (int)(colon - version) : 1, colon ? version : "0");
	if (colon)
		version = colon + 1;
	dash = strrchr(version, '-');
	snprintf(upstream, 256, "%.*s", dash ? (int)(dash - version) : 255, version);
	snprintf(revision, 256, "%s", dash ? dash + 1 : "0");
}

int debian_version_order(const char *a, const char *b)
{
	char x[3][256], y[3][256];
	int order = 0;

	split_version(a, x[0], x[1], x[2]);
	split_version(b, y[0], y[1], y[2]);
	for (size_t i = 0; order == 0 && i < 3; i++)
		order = part_order(x[i], y[i]);
	return order;
}

/* -- relations -- */

/* Copies the characters up to one of stop; NULL if they do not fit or there are none. */
static const char *copy_word(const char *at, const char *stop, char *to, size_t size)
{
	size_t len = strcspn(at, stop);

	if (len == 0 || len >= size)
		return NULL;
	memcpy(to, at, len);
	to[len] = '\0';
	return at + len;
}

static const char *skip_blanks(const char *at)
{
	return at + strspn(at, " \t\r\n");
}

/* "(>= 1.2)". dpkg takes "<" and ">" for "<=" and ">=". */
static const char *read_constraint(const char *at, struct relation *out)
{
	size_t len;

	at = skip_blanks(at + 1);
	len = strspn(at, "<>=");
	if (len == 0 || len > 2)
		return NULL;
	snprintf(out->operator, sizeof out->operator, "%.*s%s", (int)len, at,
		 len == 1 && *at != '=' ? "=" : "");
	at = copy_word(skip_blanks(at + len), " \t\r\n)", out->version, sizeof out->version);
	at = at ? skip_blanks(at) : NULL;
	return at && *at == ')' ? skip_blanks(at + 1) : NULL;
}

bool relation_next(const char **text, struct relation *out)
{
	const char *at = *text + strspn(*text, " \t\r\n,|");

	*out = (struct relation){0};
	/* apt would take "-c" for an option. */
	if (!isalnum((unsigned char)*at))
		return false;
	at = copy_word(at, " \t\r\n,|(:[", out->name, sizeof out->name);
	if (at && *at == ':')
		at = copy_word(at + 1, " \t\r\n,|([", out->arch, sizeof out->arch);
	if (at)
		at = skip_blanks(at);
	if (at && *at == '(')
		at = read_constraint(at, out);
	if (!at || (*at && !strchr(",|", *at)))
		return false;
	out->more = *at == '|';
	*text = at;
	return true;
}

bool relation_holds(const struct relation *r, const char *version)
{
	int order;

	if (!r->operator[0])
		return true;
	order = debian_version_order(version, r->version);
	if (strcmp(r->operator, "<<") == 0)
		return order < 0;
	if (strcmp(r->operator, "<=") == 0)
		return order <= 0;
	if (strcmp(r->operator, ">=") == 0)
		return order >= 0;
	return strcmp(r->operator, ">>") == 0 ? order > 0 : order == 0;
}

bool relation_provided(const struct relation *r, const char *provides)
{
	struct relation p;

	while (provides && relation_next(&provides, &p))
		if (strcmp(p.name, r->name) == 0 &&
		    (p.version[0] ? relation_holds(r, p.version) : !r->operator[0]))
			return true;
	return false;
}
