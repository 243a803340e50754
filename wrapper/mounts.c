#include "wrapper/mounts.h"

#include "base/kernel.h"
#include "base/mountinfo.h"
#include "base/paths.h"

#include <string.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>

#define MOUNTS_MAX 512
#define TEXT_MAX (256 * 1024)
#define LAYER_DIGITS 32 /* hexadecimal, of the name of a layer (store/layer_spec.h) */

/* A mount of pinlib's, unless a later line of the table shows another mount on top of it. Only root and the wrapper can
 * make such mounts. The arrays are static and large; pages that are never used are never allocated. */
struct inherited_mount {
	uint64_t id;
	const char *point; /* NULL: another mount is on top */
};

static struct inherited_mount candidates[MOUNTS_MAX];
static size_t ncandidates;
static char text[TEXT_MAX];
static size_t text_used;
static const char *inherited[MOUNTS_MAX];

static const char *base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(path, dir, len) == 0 && path[len] == '/';
}

static bool is_digit(char c, char last_letter)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= last_letter);
}

/* Whether the text before end, not before start, is that of a tree in a layer: ".../LAYER/NUMBER". */
static bool ends_in_tree(const char *start, const char *end)
{
	const char *number = end, *layer;

	while (number > start && is_digit(number[-1], '\0'))
		number--;
	if (number == end || number == start || number[-1] != '/')
		return false;
	for (layer = number - 1; layer > start && is_digit(layer[-1], 'f'); layer--)
		;
	return number - 1 - layer == LAYER_DIGITS && layer > start && layer[-1] == '/';
}

static bool ends_in_originals(const char *start, const char *end)
{
	static const char dir[] = "/" PINLIB_REAL_DIR;

	return end - start >= (ptrdiff_t)strlen(dir) &&
	       strncmp(end - strlen(dir), dir, strlen(dir)) == 0;
}

/* An overlay of a view, or its program: an original, or a file in a layer, on a mount point of the same name. */
static bool is_of_view(const struct mountinfo *m)
{
	const char *cut;

	if (strcmp(m->type, "overlay") == 0 &&
	    strncmp(m->source, PINLIB_SOURCE, strlen(PINLIB_SOURCE)) == 0)
		return true;
	cut = strrchr(m->root, '/');
	return cut && strcmp(base(m->point), cut + 1) == 0 &&
	       (ends_in_originals(m->root, cut) || ends_in_tree(m->root, cut));
}

/* If another mount is on top of one of the candidates, the caller sees that other mount, and it stays. */
static void drop_covered(const struct mountinfo *m)
{
	for (size_t i = 0; i < ncandidates; i++)
		if (candidates[i].point && candidates[i].id == m->parent &&
		    strcmp(candidates[i].point, m->point) == 0)
			candidates[i].point = NULL;
}

static int add_candidate(const struct mountinfo *m, void *ctx, struct err *err)
{
	size_t len = strlen(m->point) + 1;

	(void)ctx;
	if (below(m->point, PINLIB_UNITS)) /* prepared for a service, and no process's view */
		return 0;
	drop_covered(m);
	if (!is_of_view(m))
		return 0;
	if (ncandidates == MOUNTS_MAX || len > sizeof text - text_used)
		return err_set(err, E2BIG, "too many mounts of views");
	memcpy(text + text_used, m->point, len);
	candidates[ncandidates++] = (struct inherited_mount){m->id, text + text_used};
	text_used += len;
	return 0;
}

bool mounts_in_view(void)
{
	struct statfs root = {0};

	/* A filter of the caller's could have faked the call: then ST_VALID is missing. */
	if (statfs("/", &root) < 0 || !(root.f_flags & ST_VALID))
		return true;
	return root.f_flags & ST_NOSUID;
}

int mounts_read(struct mounts *out, struct err *err)
{
	int r;

	ncandidates = text_used = 0;
	*out = (struct mounts){.inherited = inherited};
	r = mountinfo_each(add_candidate, NULL, err);
	for (size_t i = 0; r == 0 && i < ncandidates; i++)
		if (candidates[i].point)
			out->inherited[out->ninherited++] = candidates[i].point;
	return r;
}
