#include "base/digest.h"
#include "base/path.h"
#include "host/app_file.h"
#include "host/original.h"
#include "host/sealed.h"
#include "host/wrap.h"
#include "plan/write.h"
#include "policy/supply.h"
#include "seal/seal.h"
#include "view/compose.h"
#include "view/glibc.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sealed_free(struct sealed *sealed)
{
	strings_free(&sealed->remarks);
}

/* -- what cannot be sealed -- */

static int refuse(const struct app *app, const char *why, struct err *err)
{
	char text[ERR_TEXT_MAX];

	snprintf(text, sizeof text, "%s", why);
	return err_set(err, EINVAL,
		       "%s cannot be sealed: %s; 'pinlib set --view %s' gives it a view", app->path,
		       text, app->path);
}

static int refuse_settings(const struct app *app, struct err *err)
{
	if (app->program && strcmp(app->program, app->path) != 0)
		return refuse(app, "the program that --as brought needs the files of its version",
			      err);
	if (app->confined.profile)
		return refuse(app, "only the wrapper of a view loads a filter (--confine)", err);
	for (size_t i = 0; i < app->npins; i++)
		if (app->pins[i].place)
			return refuse(app, "only a view shows libraries in a directory (--in)",
				      err);
	return 0;
}

static bool has_glibc(const struct version *v)
{
	for (size_t i = 0; i < v->nentries; i++)
		if (glibc_owns(&v->entries[i]))
			return true;
	return false;
}

/* The files that a view would show and a sealed program does not see; first gets one of them. */
static size_t count_others(const struct version *v, const struct entry **first, bool *libraries)
{
	size_t count = 0;

	*libraries = false;
	for (size_t i = 0; i < v->nentries; i++) {
		const struct entry *e = &v->entries[i];

		if (e->type != ENTRY_FILE)
			continue;
		*libraries |= e->soname != NULL;
		if (!e->soname && compose_shows(e->path) && count++ == 0)
			*first = e;
	}
	return count;
}

static int check_version(const struct app *app, const struct pin *pin, const struct version *v,
			 struct strings *remarks, struct err *err)
{
	const struct entry *first = NULL;
	char why[ERR_TEXT_MAX / 2];
	bool libraries;
	size_t others = count_others(v, &first, &libraries);

	if (has_glibc(v)) {
		snprintf(why, sizeof why,
			 "%s %s is glibc, of which the program also needs the data and modules",
			 v->name, v->version);
		return refuse(app, why, err);
	}
	if (!libraries && pin->origin == PIN_BY_HAND) {
		snprintf(why, sizeof why,
			 "%s %s has no library, and a sealed program finds no other "
			 "files of a version",
			 v->name, v->version);
		return refuse(app, why, err);
	}
	if (!others)
		return 0;
	return strings_addf(remarks, err,
			    "%s %s has %zu file%s that %s no librar%s (%s): a sealed program finds "
			    "those of the live system; a view shows them ('pinlib set --view %s')",
			    v->name, v->version, others, others == 1 ? "" : "s",
			    others == 1 ? "is" : "are", others == 1 ? "y" : "ies", first->path,
			    app->path);
}

/* -- the request -- */

struct app_seal {
	struct seal_set set;
	struct versions pinned;
	struct program program;
	char file[PATH_MAX]; /* of the program */
	bool supplied;
};

static void app_seal_end(struct app_seal *s)
{
	set_free(&s->set);
	versions_free(&s->pinned);
	program_free(&s->program);
}

static int read_app(struct app_seal *s, struct store *store, const struct app *app,
		    struct strings *remarks, struct err *err)
{
	const struct entry *supplied = NULL;
	struct supply_way way = {.pinned = &s->pinned};
	const char *triplet;
	int r = refuse_settings(app, err);

	if (r == 0)
		r = supply_load(store, app, &s->pinned, err);
	if (r == 0)
		r = app_file_of(app, &s->pinned, s->file, &supplied, err);
	if (r == 0)
		r = app_program_read(s->file, &way, &s->program, err);
	if (r < 0)
		return r;
	s->supplied = supplied;
	triplet = elf_triplet(s->program.elf.class, s->program.elf.machine);
	for (size_t i = 0; r == 0 && i < s->pinned.count; i++) {
		r = check_version(app, &app->pins[i], &s->pinned.items[i], remarks, err);
		if (r == 0)
			r = set_add_version(&s->set, &s->pinned.items[i], triplet, err);
	}
	return r;
}

static struct seal_request request_of(const struct app_seal *s, struct store *store,
				      const struct app *app, const struct sealed *sealed)
{
	return (struct seal_request){.program = s->file,
				     .at = app->path,
				     .image = sealed->image,
				     .app = app->path,
				     .unpinned = app->on_failure == PLAN_UNPINNED,
				     .store = store,
				     .layers = PINLIB_LAYERS,
				     .objects = view_objects()};
}

/* -- the plan -- */

static int digest_file(const char *path, unsigned char out[DIGEST_SIZE], struct err *err)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct digest digest;
	int r = fd < 0 ? err_sys(err, errno, "cannot open %s", path) : digest_fd(fd, &digest, err);

	if (r == 0)
		memcpy(out, digest.bytes, DIGEST_SIZE);
	return r;
}

static int fill_digests(const struct app_seal *s, struct sealed *out, struct err *err)
{
	int r = digest_file(out->image, out->digests.file, err);

	return r < 0 ? r : digest_file(s->file, out->digests.source, err);
}

static void fill_plan(const struct app_seal *s, const struct app *app, int64_t generation,
		      struct view_plan *plan, const struct sealed *sealed)
{
	snprintf(plan->id, sizeof plan->id, "%s", s->set.id);
	snprintf(plan->view.at, sizeof plan->view.at, "%s", app->path);
	view_plan_fill(plan, app, plan->real, PINLIB_LAYERS, generation);
	plan->plan.kind = PLAN_ELF;
	plan->plan.seal = &sealed->digests;
	plan->view.supplied = s->supplied;
	if (s->supplied) {
		snprintf(plan->program, sizeof plan->program, "%.300s", s->file);
		plan->plan.program = plan->program;
	}
}

int seal_build(struct store *store, const struct app *app, int64_t generation,
	       struct view_plan *plan, struct sealed *out, struct err *err)
{
	CLEANUP(app_seal_end) struct app_seal s = {.supplied = false};
	struct seal_request request;
	int r = read_app(&s, store, app, &out->remarks, err);

	if (r == 0)
		r = original_path(app->path, plan->real, err);
	if (r == 0)
		r = original_make_dir(plan->real, err);
	if (r == 0)
		r = sealed_waiting(app->path, out->image, err);
	if (r < 0)
		return r;
	request = request_of(&s, store, app, out);
	r = seal_make(&request, &s.set, err);
	if (r == -EINVAL) {
		struct err why = *err;

		return refuse(app, why.text, err);
	}
	if (r == 0)
		r = fill_digests(&s, out, err);
	if (r == 0)
		fill_plan(&s, app, generation, plan, out);
	return r;
}

int seal_id(struct store *store, const struct app *app, char id[LAYER_ID], struct err *err)
{
	CLEANUP(app_seal_end) struct app_seal s = {.supplied = false};
	AUTO_SEALED struct sealed sealed = {.image = ""};
	struct seal_request request;
	int r = read_app(&s, store, app, &sealed.remarks, err);

	if (r < 0)
		return r;
	request = request_of(&s, store, app, &sealed);
	r = seal_name(&request, &s.set, err);
	snprintf(id, LAYER_ID, "%s", s.set.id);
	return r;
}
