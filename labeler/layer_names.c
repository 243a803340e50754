#include "labeler/layer_names.h"

#include "base/array.h"
#include "base/path.h"

#include <dirent.h>
#include <limits.h>
#include <string.h>

#define LAYER_DEPTH_MAX 16

struct layer_libraries {
	char *layer;
	struct strings names; /* sorted */
};

void layer_names_free(struct layer_names *all)
{
	for (size_t i = 0; i < all->count; i++) {
		free(all->items[i].layer);
		strings_free(&all->items[i].names);
	}
	free(all->items);
	*all = (struct layer_names){0};
}

static bool is_library_name(const char *name)
{
	return strncmp(name, "lib", 3) == 0 && strstr(name, ".so.");
}

/* A whiteout is a character device. */
static int read_layer(const char *dir, int depth, struct strings *out, struct err *err)
{
	AUTO_DIR DIR *d = depth > 0 ? opendir(dir) : NULL;
	struct dirent *entry;
	int r = 0;

	while (r == 0 && d && (entry = readdir(d))) {
		const char *name = entry->d_name;
		char path[PATH_MAX];
		struct err ignored;

		if (entry->d_type == DT_DIR && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
		    path_join(dir, name, path, &ignored) == 0)
			r = read_layer(path, depth - 1, out, err);
		else if ((entry->d_type == DT_REG || entry->d_type == DT_LNK) &&
			 is_library_name(name))
			r = strings_add(out, name, err);
	}
	return r;
}

static int find_layer(struct layer_names *all, const char *layer, const struct strings **out,
		      struct err *err)
{
	struct layer_libraries *new;
	int r;

	for (size_t i = 0; i < all->count; i++)
		if (strcmp(all->items[i].layer, layer) == 0) {
			*out = &all->items[i].names;
			return 0;
		}
	if (ARRAY_GROW(all->items, all->count, err) < 0)
		return -ENOMEM;
	new = &all->items[all->count++];
	*new = (struct layer_libraries){.layer = strdup(layer)};
	if (!new->layer)
		return err_nomem(err);
	r = read_layer(layer, LAYER_DEPTH_MAX, &new->names, err);
	strings_sort(&new->names);
	*out = &new->names;
	return r;
}

static int name_order(const void *a, const void *b)
{
	return strcmp(a, *(const char *const *)b);
}

static bool has_name(const struct strings *names, const char *name)
{
	return names->count &&
	       bsearch(name, names->items, names->count, sizeof *names->items, name_order);
}

int layer_has_library(struct layer_names *all, const char *layer, const char *name, bool *out,
		      struct err *err)
{
	const struct strings *names = NULL;
	char shorter[NAME_MAX + 1];
	int r = 0;

	*out = false;
	if (!is_library_name(name) || strlen(name) > NAME_MAX)
		return 0;
	r = find_layer(all, layer, &names, err);
	/* "libz.so.1.2.8", then "libz.so.1.2" and "libz.so.1". */
	snprintf(shorter, sizeof shorter, "%s", name);
	while (r == 0 && !*out && is_library_name(shorter)) {
		*out = has_name(names, shorter);
		*strrchr(shorter, '.') = '\0';
	}
	return r;
}
