#include "advisory/accepted.h"
#include "advisory/advisory.h"
#include "cli/app.h"
#include "cli/message.h"
#include "cli/now.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/session.h"
#include "commands/commands.h"
#include "dpkg/control.h"
#include "dpkg/package.h"
#include "policy/policy.h"
#include "provenance/provenance.h"
#include "renewal/renewal.h"
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *db = PINLIB_ADVISORIES, *accept_id, *reason;
static bool removing, show_accepted;

static const struct command_option options[] = {
	OPTION(&db, "db", ARG_FILE, "PATH",
	       "the data: a file, or a directory of any number of them (default " PINLIB_ADVISORIES
	       ")"),
	OPTION(&accept_id, "accept", ARG_TEXT, "ID",
	       "as root: accept this vulnerability, by any of its ids, for APP or for all "
	       "programs"),
	OPTION(&reason, "reason", ARG_TEXT, "TEXT", "with --accept: why it is accepted"),
	FLAG(&removing, "remove", "with --accept: no longer accept it"),
	FLAG(&show_accepted, "accepted", "also list the vulnerabilities that are accepted"),
	{0},
};

#define EXIT_UNKNOWN 3 /* no answer, or not the whole */
#define DAY INT64_C(86400)
#define OLD_DAYS 30

/* -- what is compared -- */

struct audited {
	const struct pin *pin;
	struct provenance provenance;
	bool compared;
	bool guessed;	     /* its source package is */
	size_t first, count; /* its findings */
};

struct audit {
	struct apps apps;
	struct store *store;
	struct audited *versions; /* each pinned version once, by digest */
	struct judged *judged;	  /* the same, in the same order */
	size_t nversions;
	struct advisories advisories;
	struct acceptances accepted;
	struct renewals renewals;
	struct strings chosen; /* apps */
	size_t open, covered;  /* findings of an app that are not accepted, and that are */
	size_t apps_open;
};

static void audit_free(struct audit *a)
{
	for (size_t i = 0; i < a->nversions; i++)
		provenance_free(&a->versions[i].provenance);
	free(a->versions);
	free(a->judged);
	advisories_free(&a->advisories);
	acceptances_free(&a->accepted);
	strings_free(&a->chosen);
	renewals_free(&a->renewals);
	store_close(&a->store);
	apps_free(&a->apps);
}

static bool is_chosen(const struct audit *a, const struct app *app)
{
	return a->chosen.count == 0 || strings_have(&a->chosen, app->path);
}

static int audited_order(const void *a, const void *b)
{
	const struct audited *x = a, *y = b;

	return digest_compare(&x->pin->digest, &y->pin->digest);
}

static struct audited *find_audited(const struct audit *a, const struct pin *pin)
{
	const struct audited key = {.pin = pin};

	return bsearch(&key, a->versions, a->nversions, sizeof *a->versions, audited_order);
}

/* The versions that the chosen apps have pinned, each once. */
static int list_versions(struct audit *a, struct err *err)
{
	size_t pins = 0, n = 0;

	for (size_t i = 0; i < a->apps.count; i++)
		pins += is_chosen(a, &a->apps.items[i]) ? a->apps.items[i].npins : 0;
	a->versions = calloc(pins + 1, sizeof *a->versions);
	a->judged = calloc(pins + 1, sizeof *a->judged);
	if (!a->versions || !a->judged)
		return err_nomem(err);
	for (size_t i = 0; i < a->apps.count; i++)
		for (size_t k = 0; is_chosen(a, &a->apps.items[i]) && k < a->apps.items[i].npins;
		     k++)
			a->versions[n++].pin = &a->apps.items[i].pins[k];
	if (n)
		qsort(a->versions, n, sizeof *a->versions, audited_order);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || audited_order(&a->versions[a->nversions - 1], &a->versions[i]) != 0)
			a->versions[a->nversions++] = a->versions[i];
	return 0;
}

/* Debian's lists know no other distribution's versions. */
static bool is_comparable(const struct provenance *p)
{
	return !p->distribution || strcmp(p->distribution, "debian") == 0;
}

static int read_provenances(struct audit *a, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < a->nversions; i++) {
		struct audited *v = &a->versions[i];

		r = provenance_read(a->store, &v->pin->digest, v->pin->name, v->pin->version,
				    &v->provenance, err);
		v->compared = r == 0 && is_comparable(&v->provenance);
		v->guessed = v->compared && v->provenance.source_guessed;
	}
	return r;
}

/* A file that somebody called zlib1g is likely to be of zlib, from which the installed zlib1g is built. */
static int improve_guess(struct audited *v, const struct packages *installed, struct err *err)
{
	struct provenance *p = &v->provenance;

	for (size_t i = 0; i < installed->count; i++) {
		const struct package *package = &installed->items[i];

		if (strcmp(package->name, v->pin->name) != 0 || !*package->source)
			continue;
		free(p->source);
		p->source = strdup(package->source);
		return p->source ? 0 : err_nomem(err);
	}
	return 0;
}

static int improve_guesses(struct audit *a, struct err *err)
{
	AUTO_PACKAGES struct packages installed = {0};
	AUTO_FREE const char **names = calloc(a->nversions + 1, sizeof *names);
	struct err ignored;
	size_t n = 0;
	int r = names ? 0 : err_nomem(err);

	for (size_t i = 0; r == 0 && i < a->nversions; i++)
		if (a->versions[i].guessed)
			names[n++] = a->versions[i].pin->name;
	if (n && packages_installed(names, n, &installed, &ignored) < 0)
		return 0;
	for (size_t i = 0; r == 0 && n && i < a->nversions; i++)
		if (a->versions[i].guessed)
			r = improve_guess(&a->versions[i], &installed, err);
	return r;
}

/* A version that is not compared gets a name that no source package has. */
static void list_judged(struct audit *a)
{
	for (size_t i = 0; i < a->nversions; i++) {
		const struct audited *v = &a->versions[i];

		a->judged[i] = (struct judged){
			.name = v->compared ? v->pin->name : "",
			.version = v->pin->version,
			.source = v->compared ? v->provenance.source : "",
			.source_version = v->provenance.source_version,
			.release = v->provenance.release,
		};
	}
}

static int choose_apps(struct audit *a, int count, char **names, struct err *err)
{
	char app[PATH_MAX];
	int r = 0;

	for (int i = 0; r == 0 && i < count; i++) {
		r = find_pinned(&a->apps, names[i], app, err);
		if (r == 0)
			r = strings_add_once(&a->chosen, app, err);
	}
	return r;
}

static int gather_pins(struct audit *a, int count, char **names, struct err *err)
{
	AUTO_POLICY struct policy *policy = NULL;
	int r = policy_open(&policy, err);

	if (r == 0)
		r = policy_apps(policy, POLICY_NOW, &a->apps, err);
	if (r == 0)
		r = choose_apps(a, count, names, err);
	if (r == 0)
		r = list_versions(a, err);
	if (r == 0 && a->nversions)
		r = store_open(PINLIB_STORE, false, &a->store, err);
	return r < 0 ? r : read_provenances(a, err);
}

static int read_data(struct audit *a, struct err *err)
{
	const bool usual = strcmp(db, PINLIB_ADVISORIES) == 0;
	int r;

	list_judged(a);
	r = advisories_read(db, a->judged, a->nversions, &a->advisories, err);

	if (usual && (r == -ENOENT || r == -ENODATA))
		return err_set(err, -r,
			       "%s has no vulnerability data: copy a file of OSV or of debsecan "
			       "there; pinlib(1) has the commands, under audit",
			       db);
	for (size_t i = 0; r == 0 && i < a->advisories.found.count; i++) {
		struct audited *v = &a->versions[a->advisories.found.items[i].version];

		v->first = v->count ? v->first : i;
		v->count++;
	}
	return r;
}

/* -- findings -- */

/* Asks dpkg and apt once, for the apps that have findings. Without an answer no version is available. */
static void find_renewals(struct audit *a)
{
	AUTO_FREE struct app *items = calloc(a->apps.count + 1, sizeof *items);
	struct apps affected = {.items = items};
	struct err ignored;

	for (size_t i = 0; items && i < a->apps.count; i++) {
		const struct app *app = &a->apps.items[i];
		bool found = false;

		for (size_t k = 0; is_chosen(a, app) && !found && k < app->npins; k++)
			found = find_audited(a, &app->pins[k])->count > 0;
		if (found)
			items[affected.count++] = *app;
	}
	if (affected.count && renewals_find(a->store, &affected, &a->renewals, &ignored) < 0)
		renewals_free(&a->renewals);
}

/* The newest version that `pinlib outdated` has and that has the fix, of the same upstream if there is one; NULL:
 * there is none. */
static const char *available_fix(const struct audit *a, const struct audited *v,
				 const struct vulnerability *f)
{
	const struct renewal *r = renewals_get(&a->renewals, &v->pin->digest);
	const char *other = NULL;

	for (size_t i = 0; r && *f->fixed && i < r->ncandidates; i++) {
		const struct renewal_candidate *c = &r->candidates[i];

		if (debian_version_order(c->source_version, f->fixed) < 0)
			continue;
		if (c->same_upstream)
			return c->version;
		other = other ? other : c->version;
	}
	return other;
}

struct shown {
	const struct app *app;
	const struct audited *version;
	const struct vulnerability *finding;
	const struct acceptance *accepted; /* NULL: it is not */
};

typedef void show_fn(const struct audit *a, const struct shown *s, void *ctx);

static void each_finding_of(const struct audit *a, const struct app *app, show_fn *show, void *ctx)
{
	for (size_t k = 0; k < app->npins; k++) {
		const struct audited *v = find_audited(a, &app->pins[k]);

		for (size_t i = 0; v && i < v->count; i++) {
			const struct vulnerability *f = &a->advisories.found.items[v->first + i];
			const struct shown s = {app, v, f,
						acceptances_find(&a->accepted, f, app->path)};

			show(a, &s, ctx);
		}
	}
}

static void each_finding(const struct audit *a, show_fn *show, void *ctx)
{
	for (size_t i = 0; i < a->apps.count; i++)
		if (is_chosen(a, &a->apps.items[i]))
			each_finding_of(a, &a->apps.items[i], show, ctx);
}

static void count_finding(const struct audit *a, const struct shown *s, void *ctx)
{
	struct audit *counts = ctx;

	(void)a;
	counts->covered += s->accepted != NULL;
	counts->open += s->accepted == NULL;
}

static void count_findings(struct audit *a)
{
	for (size_t i = 0; i < a->apps.count; i++) {
		size_t before = a->open;

		if (is_chosen(a, &a->apps.items[i]))
			each_finding_of(a, &a->apps.items[i], count_finding, a);
		a->apps_open += a->open > before;
	}
}

/* -- for people -- */

/* "CVE-2018-25032, DSA-5111-1": without ids that only repeat the first, as DEBIAN-CVE-2018-25032 does. */
static void ids_text(const struct vulnerability *f, char *text, size_t size)
{
	size_t used = (size_t)snprintf(text, size, "%s", f->id);

	for (size_t i = 0; i < f->names.count && used < size; i++)
		if (!strstr(f->names.items[i], f->id))
			used += (size_t)snprintf(text + used, size - used, ", %s",
						 f->names.items[i]);
}

static void fixed_text(const struct vulnerability *f, char *text, size_t size)
{
	const char *fixed = *f->fixed ? f->fixed : "-";

	if (f->another_release && *f->release)
		snprintf(text, size, "%s (Debian %s)", fixed, f->release);
	else
		snprintf(text, size, "%s", fixed);
}

static const char *severity_text(const struct vulnerability *f)
{
	return *f->urgency ? f->urgency : *f->severity ? f->severity : "-";
}

static void add_finding_row(const struct audit *a, const struct shown *s, void *ctx)
{
	char ids[512], fixed[300], origin[PROVENANCE_TEXT];
	const char *available = available_fix(a, s->version, s->finding);

	if (s->accepted)
		return;
	ids_text(s->finding, ids, sizeof ids);
	fixed_text(s->finding, fixed, sizeof fixed);
	provenance_text(&s->version->provenance, origin);
	table_row(ctx, (const char *[]){s->app->path, ids, severity_text(s->finding),
					s->version->pin->name, s->version->pin->version, fixed,
					available ? available : "-", origin});
}

static void print_findings(const struct audit *a)
{
	struct table *t;

	if (!a->open)
		return;
	t = table_new(8);
	table_row(t, (const char *[]){"APP", "ID", "SEVERITY", "LIBRARY", "VERSION", "FIXED IN",
				      "AVAILABLE", "ORIGIN"});
	each_finding(a, add_finding_row, t);
	table_print(t);
}

static void add_accepted_row(const struct audit *a, const struct shown *s, void *ctx)
{
	char ids[512];

	(void)a;
	if (!s->accepted)
		return;
	ids_text(s->finding, ids, sizeof ids);
	table_row(ctx, (const char *[]){s->app->path, ids, s->version->pin->name,
					s->version->pin->version, s->accepted->date,
					s->accepted->reason});
}

static void print_accepted(const struct audit *a)
{
	struct table *t;

	if (!show_accepted || !a->covered)
		return;
	t = table_new(6);
	table_row(t, (const char *[]){"APP", "ACCEPTED", "LIBRARY", "VERSION", "SINCE", "REASON"});
	each_finding(a, add_accepted_row, t);
	table_print(t);
}

static const char *plural(size_t n, const char *one, const char *many)
{
	return n == 1 ? one : many;
}

static void print_counts(const struct audit *a)
{
	char accepted[64] = "";

	if (a->covered)
		snprintf(accepted, sizeof accepted, "; %zu accepted", a->covered);
	if (a->open)
		print_line("%zu known %s in %zu %s%s", a->open,
			   plural(a->open, "vulnerability", "vulnerabilities"), a->apps_open,
			   plural(a->apps_open, "program", "programs"), accepted);
	else
		print_line("no known vulnerabilities in %zu pinned %s%s", a->nversions,
			   plural(a->nversions, "version", "versions"), accepted);
}

static const char *kind_text(enum data_kind kind)
{
	return kind == DATA_DEBSECAN ? "debsecan" : "OSV";
}

static void print_sets(const struct audit *a)
{
	for (size_t i = 0; i < a->advisories.nsets; i++) {
		const struct data_set *set = &a->advisories.sets[i];
		char date[DATE_TEXT];

		date_text(set->time, date);
		print_line("%s data of %s: %s, %llu %s", kind_text(set->kind), date, set->path,
			   (unsigned long long)set->records,
			   set->records == 1 ? "record" : "records");
	}
}

/* -- JSON -- */

static void json_finding(const struct audit *a, const struct shown *s, void *ctx)
{
	const struct vulnerability *f = s->finding;
	const struct provenance *p = &s->version->provenance;

	(void)ctx;
	json_open(NULL, '{');
	json_string("id", f->id);
	json_strings("aliases", &f->names);
	json_members("name %s version %s arch %s source %s source_version %s source_guessed %d",
		     s->version->pin->name, s->version->pin->version, s->version->pin->arch,
		     p->source, p->source_version, s->version->guessed);
	json_digest("digest", &s->version->pin->digest);
	json_members("release %s confidence %s urgency %s severity %s", p->release,
		     provenance_confidence_name(p->confidence), *f->urgency ? f->urgency : NULL,
		     *f->severity ? f->severity : NULL);
	json_members("fixed %s compared_release %s another_release %d", *f->fixed ? f->fixed : NULL,
		     *f->release ? f->release : NULL, f->another_release);
	json_string("available", available_fix(a, s->version, f));
	if (s->accepted) {
		json_open("accepted", '{');
		json_members("id %s app %s date %s reason %s", s->accepted->id, s->accepted->app,
			     s->accepted->date, s->accepted->reason);
		json_close();
	} else {
		json_string("accepted", NULL);
	}
	json_close();
}

static void json_apps(const struct audit *a)
{
	json_open("apps", '[');
	for (size_t i = 0; i < a->apps.count; i++) {
		if (!is_chosen(a, &a->apps.items[i]))
			continue;
		json_open(NULL, '{');
		json_string("app", a->apps.items[i].path);
		json_open("findings", '[');
		each_finding_of(a, &a->apps.items[i], json_finding, NULL);
		json_close();
		json_close();
	}
	json_close();
}

static void json_data(const struct audit *a, int64_t now)
{
	json_open("data", '[');
	for (size_t i = 0; i < a->advisories.nsets; i++) {
		const struct data_set *set = &a->advisories.sets[i];
		char date[DATE_TEXT];

		date_text(set->time, date);
		json_record("path %s kind %s records %lld date %s age_days %lld", set->path,
			    set->kind == DATA_DEBSECAN ? "debsecan" : "osv",
			    (long long)set->records, date, (long long)((now - set->time) / DAY));
	}
	json_close();
}

static void json_versions(const struct audit *a, const char *key, bool compared)
{
	json_open(key, '[');
	for (size_t i = 0; i < a->nversions; i++) {
		const struct audited *v = &a->versions[i];

		if (v->compared != compared || (compared && !v->guessed))
			continue;
		json_record("name %s version %s arch %s distribution %s", v->pin->name,
			    v->pin->version, v->pin->arch, v->provenance.distribution);
	}
	json_close();
}

static void json_audit(const struct audit *a, int64_t now)
{
	json_open(NULL, '{');
	json_apps(a);
	json_data(a, now);
	json_versions(a, "source_guessed", true);
	json_versions(a, "not_compared", false);
	json_strings("problems", &a->advisories.problems);
	json_members("open %lld accepted %lld versions %lld unread %lld", (long long)a->open,
		     (long long)a->covered, (long long)a->nversions,
		     (long long)a->advisories.nproblems);
	json_close();
}

/* -- warnings -- */

static void warn_age(const struct audit *a, int64_t now)
{
	for (size_t i = 0; i < a->advisories.nsets; i++) {
		const struct data_set *set = &a->advisories.sets[i];
		int64_t days = (now - set->time) / DAY;
		char date[DATE_TEXT];

		date_text(set->time, date);
		if (days > OLD_DAYS)
			warn("%s is %lld days old: newer vulnerabilities are not in it", set->path,
			     (long long)days);
		else if (now < set->time - DAY)
			warn("%s is of %s, which is in the future: its age is unknown; is the "
			     "clock right?",
			     set->path, date);
	}
}

static void warn_versions(const struct audit *a, bool compared, const char *what)
{
	const struct audited *example = NULL;
	size_t n = 0;

	for (size_t i = 0; i < a->nversions; i++) {
		const struct audited *v = &a->versions[i];

		if (v->compared != compared || (compared && !v->guessed))
			continue;
		example = example ? example : v;
		n++;
	}
	if (!example)
		return;
	if (n == 1)
		warn("%s %s %s", example->pin->name, example->pin->version, what);
	else
		warn("%s %s and %zu more %s", example->pin->name, example->pin->version, n - 1,
		     what);
}

static void warn_other_releases(const struct audit *a)
{
	size_t n = 0;

	for (size_t i = 0; i < a->advisories.found.count; i++)
		n += a->advisories.found.items[i].another_release;
	if (n)
		warn("%zu %s found by comparing with other releases of Debian: the version's "
		     "release is unknown, or the data do not follow it",
		     n, plural(n, "vulnerability was", "vulnerabilities were"));
}

static void warn_problems(const struct audit *a)
{
	const struct advisories *d = &a->advisories;

	for (size_t i = 0; i < d->problems.count; i++)
		warn("not compared: %s", d->problems.items[i]);
	if (d->nproblems > d->problems.count)
		warn("not compared: %zu more files and records", d->nproblems - d->problems.count);
}

static void warn_audit(const struct audit *a, int64_t now)
{
	warn_versions(a, false, "not compared: Debian's lists do not tell of other distributions");
	warn_versions(a, true,
		      "compared by the package's name: the source package is not known, so a "
		      "vulnerability may be missed");
	warn_other_releases(a);
	warn_age(a, now);
	warn_problems(a);
}

/* -- the command -- */

static int print_audit(struct audit *a)
{
	int64_t now = output_time();

	count_findings(a);
	print_findings(a);
	print_accepted(a);
	print_counts(a);
	print_sets(a);
	if (want_json)
		json_audit(a, now);
	warn_audit(a, now);
	if (a->open)
		return EXIT_FAIL;
	return a->advisories.nproblems ? EXIT_UNKNOWN : EXIT_OK;
}

static int audit_pins(int count, char **names, struct err *err)
{
	CLEANUP(audit_free) struct audit a = {0};
	int r;

	progress_show();
	r = gather_pins(&a, count, names, err);
	if (r == 0)
		r = improve_guesses(&a, err);
	if (r == 0)
		r = acceptances_read(&a.accepted, err);
	if (r == 0)
		r = read_data(&a, err);
	if (r == 0)
		find_renewals(&a);
	return r < 0 ? EXIT_ERR : print_audit(&a);
}

static int change_accepted(struct acceptances *list, const char *app, struct err *err)
{
	char date[DATE_TEXT];

	date_text(output_time(), date);
	return removing ? acceptances_remove(list, accept_id, app, err)
			: acceptances_add(list, accept_id, app, date, reason, err);
}

/* A program may be gone, or not be pinned any more, when its acceptance is taken back. */
static int name_accepted(const struct apps *apps, const char *name, char app[PATH_MAX],
			 struct err *err)
{
	if (removing && name[0] == '/' && strlen(name) < PATH_MAX) {
		strcpy(app, name);
		return 0;
	}
	return find_pinned(apps, name, app, err);
}

static int accept_finding(int count, char **names, struct err *err)
{
	AUTO_SESSION struct session session = {.lock = -1};
	CLEANUP(acceptances_free) struct acceptances list = {0};
	AUTO_APPS struct apps apps = {0};
	char app[PATH_MAX];
	int r = session_begin(&session, err);

	if (r == 0)
		r = policy_apps(session.policy, POLICY_NOW, &apps, err);
	if (r == 0)
		r = acceptances_read(&list, err);
	if (r == 0 && count == 0)
		r = change_accepted(&list, "*", err);
	for (int i = 0; r == 0 && i < count; i++) {
		r = name_accepted(&apps, names[i], app, err);
		if (r == 0)
			r = change_accepted(&list, app, err);
	}
	if (r == 0)
		r = acceptances_write(&list, err);
	return r < 0 ? EXIT_ERR : EXIT_OK;
}

static int run_audit(int count, char **operands, struct err *err)
{
	if (!accept_id && (reason || removing))
		return misused("--%s goes only with --accept", reason ? "reason" : "remove");
	if (!accept_id)
		return audit_pins(count, operands, err);
	if (removing && reason)
		return misused("--remove and --reason exclude each other");
	if (!removing && (!reason || !*reason))
		return misused("missing --reason TEXT");
	if (geteuid() != 0) {
		err_set(err, EPERM, "'pinlib audit --accept' must be run as root");
		return EXIT_ERR;
	}
	return accept_finding(count, operands, err);
}

const struct command command_audit = {
	.name = "audit",
	.group = GROUP_CARE,
	.summary = "List the known vulnerabilities of pinned versions",
	.text = "Compares the versions that APP, or any program, has pinned with local files of "
		"vulnerabilities: records of the OSV schema (osv.dev), single or in a zip, and "
		"debsecan's data. Nothing is downloaded.\n"
		"The exit status is 1 if there are vulnerabilities that nobody accepted, and 3 if "
		"data are missing or could not be read as a whole.",
	.options = options,
	.operands = {{.name = "APP", .kind = ARG_PINNED, .optional = true, .repeats = true}},
	.json = true,
	.failure = EXIT_UNKNOWN,
	.run = run_audit,
};
