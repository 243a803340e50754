#include "loader/searchpath.h"

#include "base/array.h"
#include "base/path.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DIRS_MAX 4096

int search_spend(struct search_context *context, uint64_t work, struct err *err)
{
	return budget_spend(&context->budget, work)
		       ? 0
		       : err_set(err, E2BIG, "finding the libraries that it loads takes too long");
}

/* The length of a token "NAME" or "{NAME}" that s, after a '$', begins with; 0 if it begins with
 * another. "$ORIGINAL" is not $ORIGIN. */
static size_t token_length(const char *s, size_t len, const char *name)
{
	size_t n = strlen(name), curly = len > 0 && s[0] == '{';

	if (len < n + 2 * curly || strncmp(s + curly, name, n) != 0)
		return 0;
	if (curly)
		return s[n + 1] == '}' ? n + 2 : 0;
	return n < len && (isalnum((unsigned char)s[n]) || s[n] == '_') ? 0 : n;
}

/* $ORIGIN: of the program the directory of /proc/self/exe, of a library that of the path by which it
 * was loaded. */
static bool origin_of(const struct token_owner *owner, char out[PATH_MAX])
{
	const char *path = owner->program ? owner->object->canonical : owner->object->path;
	char cwd[PATH_MAX], whole[PATH_MAX];
	struct err ignored;

	if (path[0] == '/') {
		path_dir(path, out);
		return true;
	}
	if (!getcwd(cwd, sizeof cwd) || path_join(cwd, path, whole, &ignored) < 0)
		return false;
	path_dir(whole, out);
	return true;
}

bool searchpath_expand(const struct loader *loader, const struct token_owner *owner,
		       const char *text, size_t len, char out[PATH_MAX])
{
	static const char *const names[3] = {"ORIGIN", "LIB", "PLATFORM"};
	char origin[PATH_MAX] = "";
	const char *values[3] = {origin, loader->lib, loader->platform};
	size_t used = 0, ntokens = loader->kind == LOADER_MUSL ? 1 : 3;

	if (memchr(text, '$', len) && !origin_of(owner, origin))
		return false;
	for (size_t i = 0; i < len;) {
		const char *value = text + i;
		size_t value_len = 1, skip = 1;

		for (size_t t = 0; text[i] == '$' && t < ntokens; t++) {
			size_t n = token_length(text + i + 1, len - i - 1, names[t]);

			if (n > 0) {
				value = values[t];
				value_len = strlen(value);
				skip = n + 1;
				break;
			}
		}
		if (used + value_len >= PATH_MAX)
			return false;
		memcpy(out + used, value, value_len);
		used += value_len;
		i += skip;
	}
	out[used] = '\0';
	return true;
}

static int add_dir(struct searchpath *path, struct search_context *context, const char *dir,
		   struct err *err)
{
	int r;

	if (path->count == DIRS_MAX || (context->no_cwd && dir[0] != '/'))
		return 0;
	r = ARRAY_GROW(path->dirs, path->count, err);
	if (r == 0)
		r = filecache_text(context->files, dir, &path->dirs[path->count], err);
	path->count += r == 0;
	return r;
}

/* An empty element is the working directory; one that is empty only when expanded does not count. */
static int add_element(struct searchpath *path, struct search_context *context, const char *text,
		       size_t len, const struct token_owner *owner, struct err *err)
{
	char dir[PATH_MAX];

	if (len == 0)
		return context->loader->kind == LOADER_MUSL ? 0 : add_dir(path, context, "", err);
	if (!searchpath_expand(context->loader, owner, text, len, dir) || !*dir)
		return 0;
	for (size_t n = strlen(dir); n > 1 && dir[n - 1] == '/'; n--)
		dir[n - 1] = '\0';
	return add_dir(path, context, dir, err);
}

int searchpath_split(struct searchpath *path, struct search_context *context, const char *text,
		     const char *separators, const struct token_owner *owner, struct err *err)
{
	path->known = true;
	if (!text || !*text)
		return 0;
	for (const char *p = text;; p++) {
		size_t len = strcspn(p, separators);
		int r = search_spend(context, WALK_COST_DIR, err);

		if (r == 0)
			r = add_element(path, context, p, len, owner, err);
		p += len;
		if (r < 0 || !*p)
			return r;
	}
}

const char *searchpath_separators(const struct loader *loader)
{
	return loader->kind == LOADER_MUSL ? ":\n" : ":";
}

void searchpath_clear(struct searchpath *path)
{
	free(path->dirs);
	*path = (struct searchpath){0};
}
