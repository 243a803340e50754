/* The files that `pinlib seal` wrote, by their records. */
#include "base/cleanup.h"
#include "doctor/check.h"
#include "doctor/doctor.h"
#include "seal/record.h"
#include "store/layer_verify.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* 0: the set is whole. */
static int check_set(const struct home *home, const char *id)
{
	AUTO_FD int layers = open(home->layers, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err ignored;

	return layers < 0 ? -ENOENT : layer_check(layers, id, NULL, NULL, &ignored);
}

static void check_record(struct checkup *c, const struct seal_record *record)
{
	if (record->replaced)
		return;
	if (record->gone)
		check_note(c,
			   c->home.user ? "'pinlib --user gc' forgets it"
					: "'pinlib gc' forgets it",
			   "%s is no longer the file that was sealed", record->file);
	else if (check_set(&c->home, record->set.id) != 0)
		check_fault(c,
			    c->home.user ? "pinlib --user doctor --repair"
					 : "pinlib doctor --repair",
			    "the set of %s, %s/%s, is missing or damaged", record->file,
			    c->home.layers, record->set.id);
}

int check_sealed(struct checkup *c, struct err *err)
{
	AUTO_SEAL_RECORDS struct seal_records records = {0};
	int faults = c->faults;
	struct err why;
	int r = records_read(&c->home, &records, &why);

	(void)err;
	if (r == -EBADMSG) {
		check_fault(c, NULL, "%s", why.text);
		return 0;
	}
	if (r < 0)
		return r;
	for (size_t i = 0; i < records.count; i++)
		check_record(c, &records.items[i]);
	if (c->faults == faults)
		check_well(c, "the set of each file that 'pinlib seal' wrote is whole");
	return 0;
}

static int repair_record(const struct home *home, struct store *store, struct seal_record *record,
			 const char *objects, report_fn *report, void *ctx, struct err *err)
{
	char text[2 * PATH_MAX], id[LAYER_ID];
	int r;

	if (record->gone || record->replaced || check_set(home, record->set.id) == 0)
		return 0;
	snprintf(id, sizeof id, "%s", record->set.id);
	r = set_build(&record->set, store, home->layers, objects, err);
	if (r < 0)
		return err_wrap(err, r, "the set of %s cannot be repaired", record->file);
	if (strcmp(id, record->set.id) != 0)
		return err_set(err, ESTALE,
			       "the set of %s cannot be repaired: the store was moved; seal the "
			       "program again",
			       record->file);
	snprintf(text, sizeof text, "%s: repaired: its set was missing or damaged", record->file);
	report(ctx, text);
	return 0;
}

int doctor_repair_sealed(const struct home *home, struct store *store, report_fn *report, void *ctx,
			 struct err *err)
{
	AUTO_SEAL_RECORDS struct seal_records records = {0};
	char objects[PATH_MAX];
	int failed = 0, r = records_read(home, &records, err);

	if (r == 0)
		r = home_objects(home, objects, err);
	for (size_t i = 0; r == 0 && i < records.count; i++) {
		struct err why;

		if (repair_record(home, store, &records.items[i], objects, report, ctx, &why) == 0)
			continue;
		report(ctx, why.text);
		failed++;
	}
	return r < 0 ? r : failed;
}
