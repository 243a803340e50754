#include "seal/seal.h"

#include "base/file.h"
#include "base/path.h"
#include "host/sealed.h"
#include "late/texts.h"
#include "loader/closure.h"
#include "loader/program.h"
#include "seal/edit.h"
#include "seal/order.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROUNDS_MAX 32 /* each adds a name that a library brings; three are usual */

struct sealing {
	const struct seal_request *request;
	struct seal_set *set;
	struct program program;
	struct closure original, sealed;
	struct sysroot live, view; /* of original and sealed */
	struct strings added;	   /* DT_NEEDED, by name */
	char *path;		   /* the search path */
};

static void sealing_end(struct sealing *s)
{
	closure_free(&s->original);
	closure_free(&s->sealed);
	program_free(&s->program);
	strings_free(&s->added);
	free(s->path);
}

/* -- the original -- */

static int read_original(struct sealing *s, struct err *err)
{
	const struct seal_request *q = s->request;
	char app[PATH_MAX];
	int r = program_read(q->program, &s->program, err);

	if (r < 0)
		return r;
	if (s->program.kind == PROGRAM_SCRIPT)
		return err_set(err, EINVAL,
			       "it is a script, and other scripts share its interpreter, %s",
			       s->program.interpreter);
	if (!s->program.elf.dynamic || !s->program.elf.interp)
		return err_set(err, EINVAL, "it is statically linked and loads no libraries");
	if (sealed_read(q->program, app))
		return err_set(err, EINVAL, "it is a sealed copy itself; seal the original");
	if (strcmp(q->program, q->at) != 0)
		s->live = (struct sysroot){.app = q->at, .real = q->program};
	return closure_read(q->at, &s->live, NULL, CLOSURE_NO_CWD, &s->original, err);
}

/* Something may need a library of the set by another name than its soname. */
static int add_names(struct sealing *s, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->original.count; i++) {
		const struct object *o = &s->original.objects[i];

		for (size_t k = 0; r == 0 && k < o->nneeds; k++) {
			const struct need *n = &o->needs[k];
			const char *soname = n->object == CLOSURE_NONE
						     ? NULL
						     : s->original.objects[n->object].elf->soname;

			if (soname && !strchr(n->name, '/'))
				r = set_add_name(s->set, n->name, soname, err);
		}
	}
	return r;
}

/* -- the copy -- */

/* A file that moves takes its search path along: $ORIGIN is then the original's directory. */
static void write_expanded(FILE *f, const char *path, const char *origin)
{
	while (*path) {
		size_t token = strncmp(path, "$ORIGIN", 7) == 0	    ? 7
			       : strncmp(path, "${ORIGIN}", 9) == 0 ? 9
								    : 0;

		if (token)
			fputs(origin, f);
		else
			fputc(*path, f);
		path += token ? token : 1;
	}
}

static int make_path(struct sealing *s, struct err *err)
{
	const struct elf *elf = &s->program.elf;
	const char *old = elf->runpath ? elf->runpath : elf->rpath;
	char dir[PATH_MAX];
	size_t len;
	FILE *f = open_memstream(&s->path, &len);

	if (!f)
		return err_nomem(err);
	path_dir(s->request->at, dir);
	if (strpbrk(s->set->dir, ":;$")) { /* the loader's own characters in a search path */
		fclose(f);
		return err_set(err, EINVAL, "the path of the store, %s, has a ':', ';' or '$'",
			       s->set->dir);
	}
	fputs(s->set->dir, f);
	if (old && *old) {
		fputc(':', f);
		write_expanded(f, old, *s->request->app ? "$ORIGIN" : dir);
	}
	return fclose(f) == 0 ? 0 : err_nomem(err);
}

/* The name by which the copy needs a library. */
static int name_need(const struct sealing *s, const char *name, char out[PATH_MAX], struct err *err)
{
	if (!s->request->unpinned && set_has(s->set, name))
		return path_join(s->set->dir, name, out, err);
	snprintf(out, PATH_MAX, "%s", name);
	return 0;
}

static int make_names(const struct sealing *s, struct strings *from, struct strings *to,
		      struct strings *added, struct err *err)
{
	const struct elf *elf = &s->program.elf;
	char name[PATH_MAX];
	int r = 0;

	for (size_t i = 0; r == 0 && i < elf->nneeded && !s->request->unpinned; i++) {
		const struct elf_need *n = &elf->needed[i];

		if (n->kind != ELF_NEEDED || !set_has(s->set, n->name) ||
		    strings_have(from, n->name))
			continue;
		r = name_need(s, n->name, name, err);
		if (r == 0)
			r = strings_add(from, n->name, err);
		if (r == 0)
			r = strings_add(to, name, err);
	}
	for (size_t i = 0; r == 0 && i < s->added.count; i++) {
		r = name_need(s, s->added.items[i], name, err);
		if (r == 0)
			r = strings_add(added, name, err);
	}
	return r;
}

static int write_edited(const struct sealing *s, const struct edit *edit, struct err *err)
{
	const struct seal_request *q = s->request;
	AUTO_FD int from = open(q->program, O_RDONLY | O_CLOEXEC);
	AUTO_FD int to = -1;
	int r;

	if (from < 0)
		return err_sys(err, errno, "cannot open %s", q->program);
	unlink(q->image); /* of the round before */
	to = open(q->image, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (to < 0)
		return err_sys(err, errno, "cannot create %s", q->image);
	r = edit_write(from, to, edit, err);
	if (r == -EINVAL) {
		struct err why = *err;

		return err_set(err, EINVAL, "it %s", why.text);
	}
	if (r < 0 && r != -EBADMSG)
		return err_wrap(err, r, "%s", q->image);
	if (r == 0 && fchmod(to, 0755) < 0)
		r = err_sys(err, errno, "cannot set the mode of %s", q->image);
	return r;
}

static bool needs_by_name(const struct sealing *s, const char *name)
{
	const struct elf *elf = &s->program.elf;

	for (size_t i = 0; i < elf->nneeded; i++)
		if (elf->needed[i].kind == ELF_NEEDED && strcmp(elf->needed[i].name, name) == 0)
			return true;
	return strings_have(&s->added, name);
}

/* To glibc a library that is loaded answers to its soname, so if the copy needs all of the set, the search path is of no use. It
 * costs something: for the first library, glibc 2.36 also looks into 18 subdirectories, which do not exist. A file that moves
 * needs its $ORIGIN expanded. */
static bool path_matters(const struct sealing *s)
{
	if (s->request->unpinned || !*s->request->app || s->original.kind != LOADER_GLIBC)
		return true;
	for (size_t i = 0; i < s->set->count; i++)
		if (set_has(s->set, s->set->items[i].name) &&
		    !needs_by_name(s, s->set->items[i].name))
			return true;
	return false;
}

static int write_image(struct sealing *s, struct err *err)
{
	AUTO_STRINGS struct strings from = {0}, to = {0}, added = {0};
	AUTO_FREE struct edit_rename *renames = NULL;
	char mark[SEALED_MARK_MAX];
	struct edit edit = {.path = path_matters(s) ? s->path : NULL, .mark = mark};
	int r = make_names(s, &from, &to, &added, err);

	snprintf(mark, sizeof mark, "%s%s", SEALED_MARK, s->request->app);
	renames = calloc(from.count + 1, sizeof *renames);
	if (r == 0 && !renames)
		r = err_nomem(err);
	for (size_t i = 0; r == 0 && i < from.count; i++)
		renames[i] = (struct edit_rename){from.items[i], to.items[i]};
	edit.renames = renames;
	edit.nrenames = from.count;
	edit.added = (const char *const *)added.items;
	edit.nadded = added.count;
	return r < 0 ? r : write_edited(s, &edit, err);
}

static int read_sealed(struct sealing *s, struct err *err)
{
	const struct seal_request *q = s->request;

	closure_free(&s->sealed);
	s->sealed = (struct closure){0};
	s->view = (struct sysroot){.objects = q->objects};
	if (*q->app) {
		s->view.app = q->app;
		s->view.real = q->image;
	}
	return closure_read(*q->app ? q->app : q->image, &s->view, NULL, CLOSURE_NO_CWD, &s->sealed,
			    err);
}

/* -- names to add -- */

static const char *object_soname(const struct object *o)
{
	return o->elf && o->elf->soname ? o->elf->soname : "";
}

static int add_name(struct sealing *s, const char *name, bool *grew, struct err *err)
{
	if (needs_by_name(s, name))
		return 0;
	*grew = true;
	return strings_add(&s->added, name, err);
}

/* A live library that the set has, too: a DT_RUNPATH on the way to it made the search path useless. And, where the store
 * must be there, every library of the set. */
static int add_loaded(struct sealing *s, bool *grew, struct err *err)
{
	int r = 0;

	for (size_t i = 1; r == 0 && i < s->sealed.count; i++) {
		const struct object *o = &s->sealed.objects[i];
		const char *soname = o->elf->soname;

		if (soname && set_has(s->set, soname) && (!o->layer || !s->request->unpinned))
			r = add_name(s, soname, grew, err);
	}
	return r;
}

/* Whether what this object opens by its name is searched for without the program's search path. */
static bool escapes_path(const struct sealing *s, const char *object)
{
	for (size_t i = 1; i < s->sealed.count; i++)
		if (strcmp(s->sealed.objects[i].path, object) == 0)
			return s->program.elf.runpath || s->sealed.objects[i].elf->runpath;
	return false;
}

static bool is_loaded(const struct sealing *s, const char *soname)
{
	for (size_t i = 1; i < s->sealed.count; i++)
		if (string_equal(s->sealed.objects[i].elf->soname, soname))
			return true;
	return false;
}

static bool escapes_any(const struct sealing *s)
{
	for (size_t i = 1; i < s->sealed.count; i++)
		if (escapes_path(s, s->sealed.objects[i].path))
			return true;
	return false;
}

static bool set_is_loaded(const struct sealing *s)
{
	for (size_t i = 0; i < s->set->count; i++)
		if (!is_loaded(s, s->set->items[i].name))
			return false;
	return true;
}

/* Libraries of the set that a library may open later, where only a loaded one answers. */
static int add_late(struct sealing *s, bool *grew, struct err *err)
{
	AUTO_TEXTS struct texts texts = {0};
	int r;

	if (!escapes_any(s) || set_is_loaded(s)) /* to read all texts takes long */
		return 0;
	r = texts_read_program(&texts, &s->sealed, NULL, &s->view, err);

	if (r == 0)
		r = texts_read_objects(&texts, &s->sealed, err);
	for (size_t i = 0; r == 0 && i < texts.count; i++) {
		if (!escapes_path(s, texts.items[i].path))
			continue;
		for (size_t k = 0; r == 0 && k < s->set->count; k++) {
			const char *name = s->set->items[k].name;

			if (set_has(s->set, name) && !is_loaded(s, name) &&
			    mentions_find(&texts.items[i].mentions, name, NULL))
				r = add_name(s, name, grew, err);
		}
	}
	return r;
}

/* -- the whole -- */

static int write_round(struct sealing *s, struct err *err)
{
	int r = write_image(s, err);

	return r < 0 ? r : read_sealed(s, err);
}

static int write_rounds(struct sealing *s, struct err *err)
{
	bool grew = false;
	int r = write_round(s, err);

	if (r == 0)
		r = add_late(s, &grew, err);
	for (int round = 0; r == 0; round++) {
		r = add_loaded(s, &grew, err);
		if (r < 0 || !grew)
			break;
		if (round == ROUNDS_MAX)
			return err_set(err, EINVAL, "its libraries need one another without end");
		grew = false;
		r = write_round(s, err);
	}
	return r;
}

static int check_loaded(const struct sealing *s, struct err *err)
{
	for (size_t i = 1; i < s->sealed.count; i++) {
		const struct object *o = &s->sealed.objects[i];

		if (o->elf->soname && set_has(s->set, o->elf->soname) && !o->layer)
			return err_set(err, EINVAL, "it would load %s in spite of its pin",
				       o->path);
	}
	return order_check(&s->original, &s->sealed, s->set, err);
}

/* Whether the copy finds a library by its name, as the library did that needs it. */
static bool is_found_by_name(const struct sealing *s, size_t object)
{
	const struct object *o = &s->original.objects[object];
	const struct need *n =
		o->by == CLOSURE_NONE ? NULL : &s->original.objects[o->by].needs[o->by_need];

	return *object_soname(o) && n &&
	       (set_has(s->set, object_soname(o)) || n->owner == 0 || n->rule == RULE_CACHE ||
		n->rule == RULE_DEFAULT);
}

/* An added library comes before those that only libraries need. So the copy needs these, too, up to the last added one: all
 * in the original's order, which the loader keeps. Later than that nothing moved. */
static int add_in_order(struct sealing *s, struct err *err)
{
	AUTO_STRINGS struct strings late = s->added;
	size_t last = 0;
	bool grew;
	int r = 0;

	s->added = (struct strings){0};
	for (size_t i = 1; i < s->original.count; i++)
		if (strings_have(&late, object_soname(&s->original.objects[i])))
			last = i;
	for (size_t i = 1; r == 0 && i <= last; i++)
		if (is_found_by_name(s, i))
			r = add_name(s, object_soname(&s->original.objects[i]), &grew, err);
	for (size_t i = 0; r == 0 && i < late.count; i++)
		r = add_name(s, late.items[i], &grew, err);
	return r;
}

static int keep_order(struct sealing *s, struct err *err)
{
	int r = 0;

	if (s->added.count && !order_is_kept(&s->original, &s->sealed, s->set)) {
		r = add_in_order(s, err);
		if (r == 0)
			r = write_round(s, err);
	}
	return r < 0 ? r : check_loaded(s, err);
}

static int make(struct sealing *s, struct err *err)
{
	const struct seal_request *q = s->request;
	int r = read_original(s, err);

	if (r == 0)
		r = add_names(s, err);
	if (r == 0)
		r = set_build(s->set, q->store, q->layers, q->objects, err);
	if (r == 0)
		r = make_path(s, err);
	if (r == 0)
		r = write_rounds(s, err);
	return r < 0 ? r : keep_order(s, err);
}

int seal_make(const struct seal_request *request, struct seal_set *set, struct err *err)
{
	CLEANUP(sealing_end) struct sealing s = {.request = request, .set = set};
	int r = make(&s, err);

	if (r < 0)
		unlink(request->image);
	return r;
}

int seal_name(const struct seal_request *request, struct seal_set *set, struct err *err)
{
	CLEANUP(sealing_end) struct sealing s = {.request = request, .set = set};
	int r = read_original(&s, err);

	if (r == 0)
		r = add_names(&s, err);
	return r < 0 ? r : set_name(set, request->layers, request->objects, err);
}
