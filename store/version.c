#include "store/version.h"

#include "base/cleanup.h"
#include "store/checksum.h"
#include "store/text.h"

#include <inttypes.h>
#include <string.h>

#define HEADER "pinlib-manifest\t2\n"
#define HEADER_TIMELESS "pinlib-manifest\t1\n"
#define MAX_FIELDS 7
#define MAX_SIZE (UINT64_C(1) << 48) /* of one file, so that sums of sizes do not overflow */

static void entry_free(struct entry *e)
{
	free(e->path);
	free(e->soname);
	free(e->target);
}

void version_free(struct version *v)
{
	for (size_t i = 0; i < v->nentries; i++)
		entry_free(&v->entries[i]);
	free(v->entries);
	free(v->name);
	free(v->version);
	free(v->arch);
	*v = (struct version){0};
}

void versions_free(struct versions *vs)
{
	for (size_t i = 0; i < vs->count; i++)
		version_free(&vs->items[i]);
	free(vs->items);
	*vs = (struct versions){0};
}

uint64_t version_size(const struct version *v)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < v->nentries; i++)
		if (v->entries[i].type == ENTRY_FILE)
			sum += v->entries[i].size;
	return sum;
}

const struct entry *version_entry(const struct version *v, const char *path)
{
	const struct entry key = {.path = (char *)path};

	return bsearch(&key, v->entries, v->nentries, sizeof key, entry_order);
}

bool version_has_soname(const struct version *v, const char *soname)
{
	for (size_t i = 0; i < v->nentries; i++)
		if (v->entries[i].soname && strcmp(v->entries[i].soname, soname) == 0)
			return true;
	return false;
}

bool versions_have(const struct versions *vs, const struct digest *digest)
{
	for (size_t i = 0; i < vs->count; i++)
		if (digest_equal(&vs->items[i].digest, digest))
			return true;
	return false;
}

int entry_order(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->path, ((const struct entry *)b)->path);
}

static const char *entry_fault(const struct entry *e)
{
	const char *fault = text_path_fault(e->path);

	if (fault)
		return fault;
	if (e->type == ENTRY_LINK)
		return e->target ? text_target_fault(e->path, e->target) : "has no target";
	if (e->time < TIME_EARLIEST || e->time > TIME_LATEST)
		return "has a time out of range";
	if (e->mode & ~(mode_t)0777)
		return "has mode bits beyond 0777";
	if (e->type == ENTRY_FILE && e->size > MAX_SIZE)
		return "is too large";
	if (e->type == ENTRY_FILE && e->soname)
		return text_fault(e->soname) ? "has a soname that is not plain text" : NULL;
	return NULL;
}

/* The link or file that has the entry below it: following it, a writer could leave the tree. */
static const struct entry *bad_parent(const struct version *v, const struct entry *e)
{
	char path[PATH_MAX];
	struct entry key = {.path = path};

	snprintf(path, sizeof path, "%s", e->path);
	for (char *slash = strrchr(path, '/'); slash != path; slash = strrchr(path, '/')) {
		const struct entry *found;

		*slash = '\0';
		found = bsearch(&key, v->entries, v->nentries, sizeof key, entry_order);
		if (found && found->type != ENTRY_DIR)
			return found;
	}
	return NULL;
}

static int check_entries(const struct version *v, struct err *err)
{
	char buf[TEXT_SHOWN], other[TEXT_SHOWN];

	for (size_t i = 0; i < v->nentries; i++) {
		const struct entry *e = &v->entries[i], *parent;
		const char *fault = entry_fault(e);

		if (fault)
			return err_set(err, EPERM, "%s %s", text_shown(e->path, buf), fault);
		if (i > 0 && entry_order(e - 1, e) >= 0)
			return err_set(err, EPERM, "%s is repeated or out of order",
				       text_shown(e->path, buf));
		parent = bad_parent(v, e);
		if (parent)
			return err_set(err, EPERM, "%s is below %s, which is not a directory",
				       text_shown(e->path, buf), text_shown(parent->path, other));
	}
	return 0;
}

static int check_version(const struct version *v, struct err *err)
{
	const char *fault;
	char buf[TEXT_SHOWN];

	if (!v->name || !v->version || !v->arch)
		return err_set(err, EINVAL, "a name, version or architecture is missing");
	fault = text_label_fault(v->name);
	if (fault)
		return err_set(err, EINVAL, "the name \"%s\" %s", text_shown(v->name, buf), fault);
	fault = text_version_fault(v->version);
	if (fault)
		return err_set(err, EINVAL, "the version \"%s\" %s", text_shown(v->version, buf),
			       fault);
	fault = text_arch_fault(v->arch);
	if (fault)
		return err_set(err, EINVAL, "the architecture \"%s\" %s", text_shown(v->arch, buf),
			       fault);
	return check_entries(v, err);
}

static void print_entry(FILE *f, const struct entry *e, bool times)
{
	char hex[DIGEST_HEX], time[24] = "";

	if (times)
		snprintf(time, sizeof time, "%" PRId64 "\t", e->time);
	switch (e->type) {
	case ENTRY_DIR:
		fprintf(f, "dir\t%04o\t%s%s\n", (unsigned int)e->mode, time, e->path);
		break;
	case ENTRY_FILE:
		digest_hex(&e->content, hex);
		fprintf(f, "file\t%04o\t%s%s\t%" PRIu64 "\t%s%s%s\n", (unsigned int)e->mode, time,
			hex, e->size, e->path, e->soname ? "\t" : "", e->soname ? e->soname : "");
		break;
	case ENTRY_LINK:
		fprintf(f, "link\t%s\t%s\n", e->target, e->path);
		break;
	}
}

/* Without the checksum. */
static int print_version(const struct version *v, bool times, char **text, size_t *len,
			 struct err *err)
{
	FILE *f = open_memstream(text, len);
	int failed;

	if (!f)
		return err_nomem(err);
	fprintf(f, "%sname\t%s\nversion\t%s\narch\t%s\n", times ? HEADER : HEADER_TIMELESS, v->name,
		v->version, v->arch);
	for (size_t i = 0; i < v->nentries; i++)
		print_entry(f, &v->entries[i], times);
	failed = ferror(f);
	if (fclose(f) != 0 || failed) {
		free(*text);
		*text = NULL;
		return err_nomem(err);
	}
	return 0;
}

static int set_digest(struct version *v, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t len = 0;
	int r = print_version(v, false, &text, &len, err);

	return r < 0 ? r : digest_data(text, len, &v->digest, err);
}

int version_encode(struct version *v, char **text, size_t *len, struct err *err)
{
	AUTO_FREE char *unsealed = NULL;
	int r;

	*text = NULL;
	if (v->nentries > 1)
		qsort(v->entries, v->nentries, sizeof *v->entries, entry_order);
	r = check_version(v, err);
	if (r == 0)
		r = set_digest(v, err);
	if (r == 0)
		r = print_version(v, true, &unsealed, len, err);
	if (r < 0)
		return r;
	*text = checksum_added(unsealed, len, err);
	return *text ? 0 : -ENOMEM;
}

/* Cuts line at its tabs. Returns how many fields there are, 0 if more than MAX_FIELDS. */
static size_t split(char *line, char *field[MAX_FIELDS])
{
	size_t n = 0;

	while (line) {
		if (n == MAX_FIELDS)
			return 0;
		field[n++] = strsep(&line, "\t");
	}
	return n;
}

static bool parse_mode(const char *s, mode_t *out)
{
	if (strlen(s) != 4 || strspn(s, "01234567") != 4)
		return false;
	*out = (mode_t)strtoul(s, NULL, 8);
	return true;
}

static bool parse_size(const char *s, uint64_t *out)
{
	size_t len = strlen(s);

	if (len == 0 || len > 18 || strspn(s, "0123456789") != len)
		return false;
	*out = strtoull(s, NULL, 10);
	return true;
}

/* Fills e with copies of a line's fields. False: the line is not an entry. */
static bool parse_entry(char *const *field, size_t n, struct entry *e, bool *nomem)
{
	const char *path, *soname = NULL, *target = NULL;

	if (n == 4 && strcmp(field[0], "dir") == 0 && parse_mode(field[1], &e->mode) &&
	    text_time(field[2], &e->time)) {
		e->type = ENTRY_DIR;
		path = field[3];
	} else if (n == 3 && strcmp(field[0], "link") == 0) {
		e->type = ENTRY_LINK;
		target = field[1];
		path = field[2];
	} else if ((n == 6 || n == 7) && strcmp(field[0], "file") == 0 &&
		   parse_mode(field[1], &e->mode) && text_time(field[2], &e->time) &&
		   digest_parse(field[3], &e->content) && parse_size(field[4], &e->size)) {
		e->type = ENTRY_FILE;
		path = field[5];
		soname = n == 7 ? field[6] : NULL;
	} else {
		return false;
	}
	e->path = strdup(path);
	e->soname = soname ? strdup(soname) : NULL;
	e->target = target ? strdup(target) : NULL;
	*nomem = !e->path || (soname && !e->soname) || (target && !e->target);
	return true;
}

static int parse_entries(char *lines, struct version *v, struct err *err)
{
	size_t room = 0;
	char *line;

	for (const char *p = lines; (p = strchr(p, '\n')); p++)
		room++;
	v->entries = calloc(room + 1, sizeof *v->entries);
	if (!v->entries)
		return err_nomem(err);
	while ((line = strsep(&lines, "\n")) && lines) {
		char *field[MAX_FIELDS];
		bool nomem = false;
		size_t n = split(line, field);

		if (!parse_entry(field, n, &v->entries[v->nentries], &nomem))
			return err_set(err, EBADMSG, "has the malformed entry %zu",
				       v->nentries + 1);
		v->nentries++;
		if (nomem)
			return err_nomem(err);
	}
	return 0;
}

/* Cuts "KEY\tVALUE\n" off *text. */
static int take_field(char **text, const char *key, char **value, struct err *err)
{
	char *line = strsep(text, "\n");
	size_t len = strlen(key);

	if (!*text || strncmp(line, key, len) != 0 || line[len] != '\t')
		return err_set(err, EBADMSG, "lacks its line \"%s\", or has it elsewhere", key);
	*value = strdup(line + len + 1);
	return *value ? 0 : err_nomem(err);
}

static int parse_text(char *text, struct version *v, struct err *err)
{
	int r;

	if (strncmp(text, HEADER, strlen(HEADER)) != 0)
		return err_set(err, EBADMSG, "does not begin with the line \"%.*s\"",
			       (int)strlen(HEADER) - 1, HEADER);
	text += strlen(HEADER);
	r = take_field(&text, "name", &v->name, err);
	if (r == 0)
		r = take_field(&text, "version", &v->version, err);
	if (r == 0)
		r = take_field(&text, "arch", &v->arch, err);
	if (r == 0)
		r = parse_entries(text, v, err);
	return r;
}

/* The text must be the one that version_encode writes: one version has one text, and so one
 * digest. */
static int check_canonical(const struct version *v, const char *text, size_t len, struct err *err)
{
	AUTO_FREE char *again = NULL;
	size_t again_len = 0;
	int r = check_version(v, err);

	if (r < 0)
		return err_wrap(err, r == -ENOMEM ? r : -EBADMSG, "is invalid");
	r = print_version(v, true, &again, &again_len, err);
	if (r < 0)
		return r;
	if (again_len != len || memcmp(again, text, len) != 0)
		return err_set(err, EBADMSG, "is not in canonical form");
	return 0;
}

static int check_seal(const char *text, size_t len, struct err *err)
{
	if (len > strlen(HEADER_TIMELESS) &&
	    strncmp(text, HEADER_TIMELESS, strlen(HEADER_TIMELESS)) == 0)
		return err_set(err, EBADMSG,
			       "was written by an older pinlib, and lacks the times of files");
	if (!checksum_holds(text, len))
		return err_set(err, EBADMSG, "does not match its last line, a checksum");
	return 0;
}

int version_parse(const char *text, size_t len, struct version *out, struct err *err)
{
	AUTO_FREE char *copy = NULL;
	AUTO_VERSION struct version v = {0};
	int r;

	*out = (struct version){0};
	if (memchr(text, '\0', len))
		return err_set(err, EBADMSG, "has a NUL");
	r = check_seal(text, len, err);
	if (r < 0)
		return r;
	len -= CHECKSUM_LEN;
	copy = strndup(text, len);
	if (!copy)
		return err_nomem(err);
	r = parse_text(copy, &v, err);
	if (r == 0)
		r = check_canonical(&v, text, len, err);
	if (r == 0)
		r = set_digest(&v, err);
	if (r < 0)
		return r;
	*out = v;
	v = (struct version){0};
	return 0;
}
