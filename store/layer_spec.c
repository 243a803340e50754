#include "store/layer_spec.h"

#include "base/cleanup.h"
#include "store/text.h"

#include <inttypes.h>
#include <string.h>

int layer_order(const void *a, const void *b)
{
	const struct layer_entry *x = a, *y = b;

	if (x->cover != y->cover)
		return x->cover < y->cover ? -1 : 1;
	return strcmp(x->path, y->path);
}

size_t layer_covers(const struct layer_entry *entries, size_t n)
{
	return n ? entries[n - 1].cover + 1 : 0;
}

/* The kernel cuts a time to the file system's range. XFS without bigtime and ext4 with small inodes end
 * in 2038, and some begin in 1970. */
bool layer_has_time(const struct stat *st, int64_t time)
{
	if (st->st_mtim.tv_nsec != 0)
		return false;
	return st->st_mtim.tv_sec == time ||
	       (time > INT32_MAX && st->st_mtim.tv_sec == INT32_MAX) ||
	       (time < 0 && st->st_mtim.tv_sec == 0);
}

static bool same_layer_entry(const struct layer_entry *a, const struct layer_entry *b)
{
	if (a->type != b->type)
		return false;
	switch (a->type) {
	case LAYER_FILE:
		return a->mode == b->mode && a->time == b->time &&
		       digest_equal(&a->content, &b->content);
	case LAYER_DIR:
		return a->time == b->time;
	case LAYER_LINK:
		return strcmp(a->target, b->target) == 0;
	default:
		return true;
	}
}

static int check_layer_entry(const struct layer_entry *e, struct err *err)
{
	char absolute[PATH_MAX + 1], buf[TEXT_SHOWN];
	const char *fault;

	if (!e->path || strlen(e->path) >= PATH_MAX - 1)
		return err_set(err, EINVAL, "a layer's path is missing or too long");
	snprintf(absolute, sizeof absolute, "/%s", e->path);
	fault = text_path_fault(absolute);
	if (!fault && e->type == LAYER_FILE && e->mode != 0644 && e->mode != 0755)
		fault = "has a mode that is neither 0644 nor 0755";
	if (!fault && e->type == LAYER_LINK)
		fault = !e->target ? "has no target" : text_fault(e->target);
	if (!fault && (e->time < TIME_EARLIEST || e->time > TIME_LATEST))
		fault = "has a time out of range";
	if (!fault && (unsigned int)e->type > LAYER_WHITEOUT)
		fault = "has an unknown type";
	if (fault)
		return err_set(err, EINVAL, "the layer's path %s %s", text_shown(e->path, buf),
			       fault);
	return 0;
}

/* A directory's entries follow it, but "a.b" sorts between "a" and "a/b". */
static int check_parents(const struct layer_entry *entries, size_t n, const struct layer_entry *e,
			 struct err *err)
{
	char path[PATH_MAX], buf[TEXT_SHOWN], other[TEXT_SHOWN];
	struct layer_entry key = {.cover = e->cover, .path = path};

	snprintf(path, sizeof path, "%s", e->path);
	for (char *slash = strrchr(path, '/'); slash; slash = strrchr(path, '/')) {
		const struct layer_entry *found;

		*slash = '\0';
		found = bsearch(&key, entries, n, sizeof key, layer_order);
		if (found && found->type != LAYER_DIR)
			return err_set(err, EEXIST, "%s is below %s, which is not a directory",
				       text_shown(e->path, buf), text_shown(path, other));
	}
	return 0;
}

static int drop_repeated(struct layer_entry *entries, size_t *n, struct err *err)
{
	size_t kept = 0;
	char buf[TEXT_SHOWN];

	for (size_t i = 0; i < *n; i++) {
		const struct layer_entry *last = kept ? &entries[kept - 1] : NULL;

		if (last && layer_order(last, &entries[i]) == 0) {
			if (!same_layer_entry(last, &entries[i]))
				return err_set(err, EEXIST,
					       "two versions have different files at %s",
					       text_shown(last->path, buf));
			continue;
		}
		if (entries[i].cover > (last ? last->cover + 1 : 0))
			return err_set(err, EINVAL, "the numbers of the layer's trees have a gap");
		entries[kept++] = entries[i];
	}
	*n = kept;
	return 0;
}

static int sort_entries(struct layer_entry *entries, size_t *n, struct err *err)
{
	int r;

	for (size_t i = 0; i < *n; i++) {
		r = check_layer_entry(&entries[i], err);
		if (r < 0)
			return r;
	}
	if (*n > 1)
		qsort(entries, *n, sizeof *entries, layer_order);
	r = drop_repeated(entries, n, err);
	for (size_t i = 0; r == 0 && i < *n; i++)
		r = check_parents(entries, *n, &entries[i], err);
	return r;
}

static void print_entry(FILE *f, const struct layer_entry *e)
{
	char hex[DIGEST_HEX];

	switch (e->type) {
	case LAYER_DIR:
		fprintf(f, "%zu\tdir\t%" PRId64 "\t%s\n", e->cover, e->time, e->path);
		break;
	case LAYER_FILE:
		digest_hex(&e->content, hex);
		fprintf(f, "%zu\tfile\t%04o\t%" PRId64 "\t%s\t%s\n", e->cover,
			(unsigned int)e->mode, e->time, hex, e->path);
		break;
	case LAYER_LINK:
		fprintf(f, "%zu\tlink\t%s\t%s\n", e->cover, e->target, e->path);
		break;
	case LAYER_WHITEOUT:
		fprintf(f, "%zu\twhiteout\t%s\n", e->cover, e->path);
		break;
	}
}

static int print_entries(const struct layer_entry *entries, size_t n, char **text, size_t *len,
			 struct err *err)
{
	FILE *f = open_memstream(text, len);
	int failed;

	if (!f)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++)
		print_entry(f, &entries[i]);
	failed = ferror(f);
	if (fclose(f) != 0 || failed) {
		free(*text);
		*text = NULL;
		return err_nomem(err);
	}
	return 0;
}

int layer_id(const char *text, size_t len, char id[LAYER_ID], struct err *err)
{
	struct digest digest;
	char hex[DIGEST_HEX];
	int r = digest_data(text, len, &digest, err);

	if (r < 0)
		return r;
	digest_hex(&digest, hex);
	snprintf(id, LAYER_ID, "%.*s", LAYER_ID - 1, hex);
	return 0;
}

int layer_describe(struct layer_entry *entries, size_t *n, char **text, size_t *len,
		   char id[LAYER_ID], struct err *err)
{
	int r = sort_entries(entries, n, err);

	if (r == 0)
		r = print_entries(entries, *n, text, len, err);
	return r < 0 ? r : layer_id(*text, *len, id, err);
}

bool layer_is_id(const char *name)
{
	return strlen(name) == LAYER_ID - 1 && strspn(name, "0123456789abcdef") == LAYER_ID - 1;
}

static bool parse_number(const char *s, size_t *out)
{
	size_t len = s ? strlen(s) : 0;

	if (len == 0 || len > 9 || strspn(s, "0123456789") != len)
		return false;
	*out = strtoul(s, NULL, 10);
	return true;
}

static bool parse_file(char **rest, struct layer_entry *e)
{
	const char *mode = strsep(rest, "\t"), *time = strsep(rest, "\t"),
		   *hex = strsep(rest, "\t");

	if (!mode || !time || !text_time(time, &e->time) || !hex || !digest_parse(hex, &e->content))
		return false;
	e->mode = strcmp(mode, "0755") == 0 ? 0755 : 0644;
	return strcmp(mode, "0755") == 0 || strcmp(mode, "0644") == 0;
}

static bool parse_line(char *line, struct layer_entry *e)
{
	const char *type, *time;

	*e = (struct layer_entry){0};
	if (!parse_number(strsep(&line, "\t"), &e->cover))
		return false;
	type = strsep(&line, "\t");
	if (!type)
		return false;
	if (strcmp(type, "dir") == 0) {
		e->type = LAYER_DIR;
		time = strsep(&line, "\t");
		if (!time || !text_time(time, &e->time))
			return false;
	} else if (strcmp(type, "whiteout") == 0) {
		e->type = LAYER_WHITEOUT;
	} else if (strcmp(type, "link") == 0) {
		e->type = LAYER_LINK;
		e->target = strsep(&line, "\t");
	} else if (strcmp(type, "file") != 0 || !parse_file(&line, e)) {
		return false;
	} else {
		e->type = LAYER_FILE;
	}
	e->path = line;
	return line != NULL;
}

int layer_parse(char *text, size_t len, struct layer_entry **out, size_t *n, struct err *err)
{
	AUTO_FREE struct layer_entry *entries = NULL;
	size_t lines = 0, count = 0;
	char *line;
	int r;

	for (const char *p = text; (p = strchr(p, '\n')); p++)
		lines++;
	entries = calloc(lines + 1, sizeof *entries);
	if (!entries)
		return err_nomem(err);
	if (strlen(text) != len || (len > 0 && text[len - 1] != '\n'))
		return err_set(err, EBADMSG, "its .spec is malformed");
	while ((line = strsep(&text, "\n")) && text)
		if (!parse_line(line, &entries[count++]))
			return err_set(err, EBADMSG, "its .spec is malformed at line %zu", count);
	r = sort_entries(entries, &count, err);
	if (r < 0)
		return err_wrap(err, -EBADMSG, "its .spec is malformed");
	*out = entries;
	*n = count;
	entries = NULL;
	return 0;
}
