#include "advisory/accepted.h"

#include "base/array.h"
#include "base/file.h"
#include "base/lines.h"
#include "store/text.h"

#include <stdlib.h>
#include <string.h>

#define ACCEPTED_MAX (16u << 20)

static void acceptance_free(struct acceptance *a)
{
	free(a->id);
	free(a->app);
	free(a->date);
	free(a->reason);
}

void acceptances_free(struct acceptances *list)
{
	for (size_t i = 0; i < list->count; i++)
		acceptance_free(&list->items[i]);
	free(list->items);
	*list = (struct acceptances){0};
}

static bool is_accepted_id(const char *id)
{
	return *id && *id != '#' && strlen(id) <= 100 &&
	       id[strspn(id,
			 "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:+/-")] ==
		       '\0';
}

static char *copy_of(const char *text)
{
	return text ? strdup(text) : NULL;
}

static int append(struct acceptances *list, const char *id, const char *app, const char *date,
		  const char *reason, struct err *err)
{
	struct acceptance *a;

	if (ARRAY_GROW(list->items, list->count, err) < 0)
		return -ENOMEM;
	a = &list->items[list->count++];
	*a = (struct acceptance){copy_of(id), copy_of(app), copy_of(date), copy_of(reason)};
	if ((id && (!a->id || !a->app || !a->date)) || !a->reason)
		return err_nomem(err);
	return 0;
}

static int read_acceptance(struct acceptances *list, char *line, struct err *err)
{
	char *rest = line, *id, *app, *date;

	if (*line == '#')
		return append(list, NULL, NULL, NULL, line, err);
	id = strsep(&rest, "\t");
	app = strsep(&rest, "\t");
	date = strsep(&rest, "\t");
	if (!rest || !is_accepted_id(id) || (*app != '/' && strcmp(app, "*") != 0) || !*rest ||
	    text_fault(rest) || text_fault(date))
		return err_set(err, EINVAL,
			       PINLIB_ACCEPTED ", line '%s': it is not an id, an app or '*', a "
					       "date and a reason, with tabs between them",
			       id);
	return append(list, id, app, date, rest, err);
}

int acceptances_read(struct acceptances *out, struct err *err)
{
	AUTO_STRINGS struct strings lines = {0};
	int r;

	*out = (struct acceptances){0};
	r = lines_read(PINLIB_ACCEPTED, ACCEPTED_MAX, &lines, err);
	for (size_t i = 0; r == 0 && i < lines.count; i++)
		r = read_acceptance(out, lines.items[i], err);
	return r;
}

static struct acceptance *find_same(const struct acceptances *list, const char *id, const char *app)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].id && strcmp(list->items[i].id, id) == 0 &&
		    strcmp(list->items[i].app, app) == 0)
			return &list->items[i];
	return NULL;
}

static void drop_acceptance(struct acceptances *list, struct acceptance *a)
{
	size_t at = (size_t)(a - list->items);

	acceptance_free(a);
	memmove(a, a + 1, (list->count - at - 1) * sizeof *a);
	list->count--;
}

int acceptances_add(struct acceptances *list, const char *id, const char *app, const char *date,
		    const char *reason, struct err *err)
{
	struct acceptance *same = find_same(list, id, app);

	if (!is_accepted_id(id))
		return err_set(err, EINVAL, "'%s' is not the id of a vulnerability", id);
	if (text_fault(reason))
		return err_set(err, EINVAL, "the reason %s", text_fault(reason));
	if (text_fault(app))
		return err_set(err, EINVAL, "the path of the app %s", text_fault(app));
	if (same)
		drop_acceptance(list, same);
	return append(list, id, app, date, reason, err);
}

int acceptances_remove(struct acceptances *list, const char *id, const char *app, struct err *err)
{
	struct acceptance *same = find_same(list, id, app);

	if (!same)
		return err_set(err, ENOENT,
			       "%s is not accepted for %s; 'pinlib audit --accepted' lists what is",
			       id, strcmp(app, "*") == 0 ? "all programs" : app);
	drop_acceptance(list, same);
	return 0;
}

int acceptances_write(const struct acceptances *list, struct err *err)
{
	AUTO_STRINGS struct strings lines = {0};
	int r = 0;

	for (size_t i = 0; r == 0 && i < list->count; i++) {
		const struct acceptance *a = &list->items[i];

		r = a->id ? strings_addf(&lines, err, "%s\t%s\t%s\t%s", a->id, a->app, a->date,
					 a->reason)
			  : strings_add(&lines, a->reason, err);
	}
	if (r == 0)
		r = file_mkdirs("/etc/pinlib", err);
	return r < 0 ? r : lines_publish(PINLIB_ACCEPTED, &lines, 0644, err);
}

const struct acceptance *acceptances_find(const struct acceptances *list,
					  const struct vulnerability *finding, const char *app)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct acceptance *a = &list->items[i];

		if (a->id && (strcmp(a->app, "*") == 0 || strcmp(a->app, app) == 0) &&
		    vulnerability_has_id(finding, a->id))
			return a;
	}
	return NULL;
}
