#include "base/array.h"
#include "base/cleanup.h"
#include "freeze/work.h"
#include "intake/intake.h"

#include <stdlib.h>
#include <string.h>

#define TOGETHER 64 /* packages that are staged at the same time: each holds a directory open */

int freeze_machine_begin(struct freeze_machine *m, struct store *store, struct err *err)
{
	int r = inventory_read(&m->inventory, err);

	m->store = store;
	if (r < 0)
		return r;
	m->packages = calloc(m->inventory.packages.count + 1, sizeof *m->packages);
	if (!m->packages)
		return err_nomem(err);
	return ldview_new(NULL, &m->live, err);
}

void freeze_machine_end(struct freeze_machine *m)
{
	for (size_t i = 0; m->packages && i < m->inventory.packages.count; i++) {
		version_free(&m->packages[i].version);
		strings_free(&m->packages[i].left_out);
	}
	for (size_t i = 0; i < m->nmade; i++) {
		version_free(&m->made[i]->version);
		strings_free(&m->made[i]->paths);
		free(m->made[i]->name);
		free(m->made[i]->number);
		free(m->made[i]);
	}
	free(m->packages);
	free(m->made);
	ldview_free(&m->live);
	inventory_free(&m->inventory);
}

/* -- packages -- */

static int take_some(struct freeze_machine *m, const size_t *numbers, size_t n, struct err *err)
{
	struct intake_package packages[TOGETHER] = {0};
	struct version versions[TOGETHER] = {0};
	int r;

	for (size_t i = 0; i < n; i++)
		packages[i] = (struct intake_package){
			.package = &m->inventory.packages.items[numbers[i]],
			.files = &m->inventory.files[numbers[i]],
			.left_out = &m->packages[numbers[i]].left_out,
		};
	r = intake_add_installed(m->store, packages, n, versions, err);
	for (size_t i = 0; i < n; i++) {
		m->packages[numbers[i]].tried = true;
		m->packages[numbers[i]].version = versions[i];
	}
	return r;
}

int freeze_take_packages(struct freeze_machine *m, const bool *wanted, struct err *err)
{
	size_t numbers[TOGETHER], n = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < m->inventory.packages.count; i++) {
		if (!wanted[i] || m->packages[i].tried)
			continue;
		numbers[n++] = i;
		if (n == TOGETHER) {
			r = take_some(m, numbers, n, err);
			n = 0;
		}
	}
	return r == 0 && n ? take_some(m, numbers, n, err) : r;
}

/* -- files -- */

static bool is_made_of(const struct freeze_made *made, const struct intake_file *files, size_t n)
{
	size_t at = 0;

	for (size_t i = 0; i < n; i++) {
		const char *names[] = {files[i].path, files[i].link};

		for (size_t k = 0; k < 2; k++)
			if (names[k] && (at == made->paths.count ||
					 strcmp(made->paths.items[at++], names[k]) != 0))
				return false;
	}
	return at == made->paths.count;
}

static int label_made(struct freeze_made *made, const struct intake_file *files, size_t n,
		      const char *name, const char *number, struct err *err)
{
	int r = 0;

	made->name = strdup(name);
	made->number = strdup(number);
	if (!made->name || !made->number)
		return err_nomem(err);
	for (size_t i = 0; r == 0 && i < n; i++) {
		r = strings_add(&made->paths, files[i].path, err);
		if (r == 0 && files[i].link)
			r = strings_add(&made->paths, files[i].link, err);
	}
	return r;
}

int freeze_take_files(struct freeze_machine *m, const struct intake_file *files, size_t n,
		      const char *name, const char *version, const struct version **out,
		      struct err *err)
{
	const struct intake_options options = {.name = name, .version = version};
	struct freeze_made *made;
	bool known;
	int r;

	for (size_t i = 0; i < m->nmade; i++)
		if (strcmp(m->made[i]->name, name) == 0 &&
		    strcmp(m->made[i]->number, version) == 0 && is_made_of(m->made[i], files, n)) {
			*out = &m->made[i]->version;
			return 0;
		}
	if (ARRAY_GROW(m->made, m->nmade, err) < 0)
		return -ENOMEM;
	made = calloc(1, sizeof *made);
	if (!made)
		return err_nomem(err);
	m->made[m->nmade++] = made;
	r = label_made(made, files, n, name, version, err);
	if (r == 0)
		r = intake_add_files(m->store, files, n, &options, &made->version, &known, err);
	*out = &made->version;
	return r;
}
