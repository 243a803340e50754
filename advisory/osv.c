#include "advisory/osv.h"

#include "advisory/range.h"
#include "advisory/scan.h"
#include "dpkg/control.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 8   /* of what is read; what is deeper is only parsed */
#define CVES_MAX 1000 /* of one record */
#define ID_MAX 100    /* characters of an id */

struct osv_texts {
	const char **items;
	size_t count, room;
};

/* What a record says about one version. */
struct osv_verdict {
	bool touched, has_own, own, other;
	char fixed[256], release[16];
	const char *urgency, *severity;
};

/* An element of "affected". */
struct osv_entry {
	const char *ecosystem, *name, *urgency, *severity;
	size_t ranges;	 /* that are there */
	bool comparable; /* the last range has a type that can be compared */
	bool any_comparable, strange;
};

struct osv {
	const struct judged_index *index;
	sqlite3 *db;
	sqlite3_stmt *walk;
	int64_t newest[RELEASES_MAX]; /* publication of the newest record that tells of a release */
	struct osv_verdict *verdicts; /* one for each version */
	uint32_t *touched;	      /* numbers of those that the record tells of */
	size_t ntouched;
	/* of the record that is read */
	char *text; /* copies of its strings */
	size_t used, room;
	const char *id, *urgency, *severity;
	bool withdrawn, has_entries, failed;
	int64_t published;
	struct osv_texts aliases, upstream, related, versions;
	struct range_event *events;
	size_t nevents, events_room;
	struct osv_entry entry;
	bool in_entry;
};

static void *osv_grow(void *items, size_t *room, size_t count, size_t size)
{
	if (count < *room)
		return items;
	*room = *room ? 2 * *room : 64;
	items = reallocarray(items, *room, size);
	if (!items)
		_exit(1); /* the parent reports the end */
	return items;
}

static void add_text(struct osv_texts *list, const char *text)
{
	list->items = osv_grow(list->items, &list->room, list->count, sizeof *list->items);
	list->items[list->count++] = text;
}

/* -- one entry -- */

/* Where ranges are there, the list repeats them for programs without an order of versions. Alone it counts "0:1.2" and
 * "1.2" as one. */
static bool is_in_versions(const struct osv *o, const char *version)
{
	for (size_t i = 0; i < o->versions.count; i++)
		if (strcmp(o->versions.items[i], version) == 0 ||
		    (o->nevents == 0 && version_is_ordered(o->versions.items[i]) &&
		     debian_version_order(o->versions.items[i], version) == 0))
			return true;
	return false;
}

/* Events of one range follow one another. */
static bool is_in_ranges(const struct osv *o, const char *version, const char **fixed)
{
	bool affected = false;

	for (size_t at = 0, n; at < o->nevents; at += n) {
		const char *this_fixed;

		for (n = 1; at + n < o->nevents && o->events[at + n].range == o->events[at].range;)
			n++;
		if (!range_affects(o->events + at, n, version, &this_fixed))
			continue;
		affected = true;
		if (this_fixed && (!*fixed || debian_version_order(this_fixed, *fixed) > 0))
			*fixed = this_fixed;
	}
	return affected;
}

/* A version in the list only, and in no range: the fix is the first one of a range after it. */
static void find_fix(const struct osv *o, const char *version, const char **fixed)
{
	for (size_t i = 0; i < o->nevents; i++)
		if (o->events[i].kind == EVENT_FIXED &&
		    debian_version_order(o->events[i].version, version) > 0 &&
		    (!*fixed || debian_version_order(o->events[i].version, *fixed) < 0))
			*fixed = o->events[i].version;
}

static struct osv_verdict *touch_verdict(struct osv *o, uint32_t number)
{
	struct osv_verdict *v = &o->verdicts[number];

	if (!v->touched) {
		*v = (struct osv_verdict){.touched = true};
		o->touched[o->ntouched++] = number;
	}
	return v;
}

/* Whether this entry's fix replaces the one that is noted. Of the version's own release the last fix counts. Other
 * releases have other upstream versions: the first one after the version is the likely one. */
static bool is_better_fix(const struct osv_verdict *v, bool own, const char *fixed)
{
	int order;

	if (own != v->own)
		return own;
	if (!v->other && !v->own)
		return true;
	order = fixed && *v->fixed ? debian_version_order(fixed, v->fixed)
		: fixed		   ? own ? 1 : -1
				   : 0;
	return own ? order > 0 : order < 0;
}

static void judge_version(struct osv *o, uint32_t number, int release)
{
	const struct judged *j = &o->index->items[number];
	struct osv_verdict *v = touch_verdict(o, number);
	const char *ecosystem = o->entry.ecosystem, *fixed = NULL;
	bool own = strcmp(ecosystem, "Debian") == 0 ||
		   (j->release && release > 0 && atoi(j->release) == release);
	bool affected = is_in_ranges(o, j->source_version, &fixed);

	if (!affected && is_in_versions(o, j->source_version)) {
		affected = true;
		find_fix(o, j->source_version, &fixed);
	}
	v->has_own |= own;
	if (!affected)
		return;
	if (is_better_fix(v, own, fixed)) {
		snprintf(v->fixed, sizeof v->fixed, "%s", fixed ? fixed : "");
		snprintf(v->release, sizeof v->release, "%s",
			 strchr(ecosystem, ':') ? ecosystem + 7 : "");
		v->urgency = o->entry.urgency;
		v->severity = o->entry.severity;
	}
	v->own |= own;
	v->other |= !own;
}

/* The versions of the package, unless it is of another ecosystem. */
static void end_entry(struct osv *o)
{
	const struct osv_entry *e = &o->entry;
	int release = e->ecosystem ? scan_ecosystem(e->ecosystem, strlen(e->ecosystem)) : -1;
	const uint32_t *first;
	size_t n;

	if (!o->in_entry)
		return;
	o->in_entry = false;
	if (!e->name || !e->ecosystem) {
		o->failed = true;
		return;
	}
	n = release < 0 ? 0 : judged_by_source(o->index, e->name, strlen(e->name), &first);
	if (n && (e->strange || (!e->any_comparable && o->versions.count == 0)))
		o->failed = true;
	for (size_t i = 0; i < n; i++)
		judge_version(o, first[i], release);
}

/* -- the members of a record; each function gets a string of it -- */

static void take_id(struct osv *o, const char *text)
{
	o->id = text;
}

static void take_published(struct osv *o, const char *text)
{
	int64_t time = scan_time(text, strlen(text));

	o->published = time == INT64_MIN ? INT64_MAX : time;
}

/* Only a date counts: a record must not vanish by a damaged one. */
static void take_withdrawn(struct osv *o, const char *text)
{
	o->withdrawn = scan_time(text, strlen(text)) != INT64_MIN;
}

static void take_alias(struct osv *o, const char *text)
{
	add_text(&o->aliases, text);
}

static void take_upstream(struct osv *o, const char *text)
{
	add_text(&o->upstream, text);
}

static void take_related(struct osv *o, const char *text)
{
	add_text(&o->related, text);
}

static void take_record_severity(struct osv *o, const char *text)
{
	if (!o->severity)
		o->severity = text;
}

static void take_record_urgency(struct osv *o, const char *text)
{
	o->urgency = text;
}

static void take_ecosystem(struct osv *o, const char *text)
{
	o->entry.ecosystem = text;
}

static void take_name(struct osv *o, const char *text)
{
	o->entry.name = text;
}

static void take_severity(struct osv *o, const char *text)
{
	if (!o->entry.severity)
		o->entry.severity = text;
}

static void take_urgency(struct osv *o, const char *text)
{
	o->entry.urgency = text;
}

static void take_version(struct osv *o, const char *text)
{
	add_text(&o->versions, text);
}

/* Events may come before the type of their range, so end_range drops them. */
static void take_range_type(struct osv *o, const char *text)
{
	o->entry.comparable = strcmp(text, "ECOSYSTEM") == 0;
}

static void take_event(struct osv *o, enum event_kind kind, const char *text)
{
	bool special = kind == EVENT_LIMIT && strchr(text, '*');

	o->events = osv_grow(o->events, &o->events_room, o->nevents, sizeof *o->events);
	o->events[o->nevents++] = (struct range_event){kind, text, o->entry.ranges};
	if (!special && !version_is_ordered(text))
		o->events[o->nevents - 1].version = NULL;
}

static void take_introduced(struct osv *o, const char *text)
{
	take_event(o, EVENT_INTRODUCED, text);
}

static void take_last_affected(struct osv *o, const char *text)
{
	take_event(o, EVENT_LAST_AFFECTED, text);
}

static void take_fixed(struct osv *o, const char *text)
{
	take_event(o, EVENT_FIXED, text);
}

static void take_limit(struct osv *o, const char *text)
{
	take_event(o, EVENT_LIMIT, text);
}

/* -- ranges -- */

/* Drops the events of a range that cannot be compared (SEMVER, GIT), or has versions that are none. */
static void end_range(struct osv *o)
{
	size_t first = o->nevents;
	bool introduced = false, strange = false;

	while (first > 0 && o->events[first - 1].range == o->entry.ranges)
		first--;
	for (size_t i = first; i < o->nevents; i++) {
		introduced |= o->events[i].kind == EVENT_INTRODUCED;
		strange |= o->events[i].version == NULL;
	}
	strange |= !introduced;
	if (o->entry.ranges && o->entry.comparable) {
		o->entry.strange |= strange;
		o->entry.any_comparable |= !strange;
	}
	if (!o->entry.comparable || strange)
		o->nevents = first;
	o->entry.comparable = false;
}

static void begin_range(struct osv *o)
{
	end_range(o);
	o->entry.ranges++;
}

static void begin_entry(struct osv *o)
{
	end_range(o);
	end_entry(o);
	o->entry = (struct osv_entry){0};
	o->in_entry = o->has_entries = true;
	o->versions.count = o->nevents = 0;
}

/* -- the walk through the JSON -- */

/* The way to a value: a letter for each key that is read here, '*' for an element of an array, '?' for others. */
static const struct {
	char letter;
	const char *key;
} keys[] = {
	{'i', "id"},
	{'p', "published"},
	{'w', "withdrawn"},
	{'a', "aliases"},
	{'u', "upstream"},
	{'r', "related"},
	{'S', "severity"},
	{'s', "score"},
	{'A', "affected"},
	{'P', "package"},
	{'e', "ecosystem"},
	{'n', "name"},
	{'R', "ranges"},
	{'t', "type"},
	{'E', "events"},
	{'I', "introduced"},
	{'L', "last_affected"},
	{'F', "fixed"},
	{'X', "limit"},
	{'V', "versions"},
	{'O', "ecosystem_specific"},
	{'D', "database_specific"},
	{'U', "urgency"},
};

static const struct {
	const char *way;
	void (*take)(struct osv *o, const char *text);
} members[] = {
	{"A*V*", take_version},		 {"A*R*E*I", take_introduced},
	{"A*R*E*L", take_last_affected}, {"A*R*E*F", take_fixed},
	{"A*R*E*X", take_limit},	 {"A*R*t", take_range_type},
	{"A*Pe", take_ecosystem},	 {"A*Pn", take_name},
	{"A*S*s", take_severity},	 {"A*OU", take_urgency},
	{"A*DU", take_urgency},		 {"A*OS", take_urgency},
	{"A*DS", take_urgency},		 {"a*", take_alias},
	{"u*", take_upstream},		 {"r*", take_related},
	{"S*s", take_record_severity},	 {"DS", take_record_urgency},
	{"DU", take_record_urgency},	 {"i", take_id},
	{"p", take_published},		 {"w", take_withdrawn},
};

static char letter_of(sqlite3_stmt *walk)
{
	const char *key;

	if (sqlite3_column_type(walk, 0) != SQLITE_TEXT)
		return '*';
	key = (const char *)sqlite3_column_text(walk, 0);
	for (size_t i = 0; key && i < sizeof keys / sizeof *keys; i++)
		if (strcmp(keys[i].key, key) == 0)
			return keys[i].letter;
	return '?';
}

/* Strings are copied: SQLite's last until the next row. They are never longer than the record. */
static const char *copy_text(struct osv *o, const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = o->text + o->used;

	if (size > o->room - o->used)
		return NULL;
	memcpy(copy, text, size);
	o->used += size;
	return copy;
}

static void take_member(struct osv *o, const char *way, sqlite3_stmt *walk)
{
	const char *text;

	if (strcmp(way, "A*") == 0)
		begin_entry(o);
	else if (strcmp(way, "A*R*") == 0)
		begin_range(o);
	if (sqlite3_column_type(walk, 1) != SQLITE_TEXT)
		return;
	for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
		if (strcmp(members[i].way, way) != 0)
			continue;
		text = copy_text(o, (const char *)sqlite3_column_text(walk, 1));
		if (text)
			members[i].take(o, text);
		return;
	}
}

/* False: it is not JSON. Rows come in the order of the text, parents first; depth counts the open containers. */
static bool walk_record(struct osv *o, const char *text, size_t len)
{
	int64_t open[DEPTH_MAX + 1];
	char way[DEPTH_MAX + 1];
	size_t depth = 0;
	int r;

	sqlite3_reset(o->walk);
	if (sqlite3_bind_text64(o->walk, 1, text, len, SQLITE_STATIC, SQLITE_UTF8) != SQLITE_OK)
		return false;
	while ((r = sqlite3_step(o->walk)) == SQLITE_ROW) {
		int64_t parent = sqlite3_column_int64(o->walk, 3);
		size_t at = depth;

		if (sqlite3_column_type(o->walk, 3) == SQLITE_NULL) { /* the record itself */
			open[0] = sqlite3_column_int64(o->walk, 2);
			depth = 1;
			continue;
		}
		while (at > 0 && open[at - 1] != parent)
			at--;
		if (at == 0 || at == DEPTH_MAX)
			continue; /* it is below a value that is too deep to be read */
		depth = at;
		way[depth - 1] = letter_of(o->walk);
		way[depth] = '\0';
		open[depth++] = sqlite3_column_int64(o->walk, 2);
		take_member(o, way, o->walk);
	}
	sqlite3_reset(o->walk);
	return r == SQLITE_DONE;
}

/* -- names -- */

static bool is_id(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && len <= ID_MAX &&
	       strspn(text,
		      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:+/-") ==
		       len;
}

static bool is_cve(const char *text)
{
	return strncmp(text, "CVE-", 4) == 0 && is_id(text);
}

static bool is_debian_advisory(const char *id)
{
	return strncmp(id, "DSA-", 4) == 0 || strncmp(id, "DLA-", 4) == 0 ||
	       strncmp(id, "ELA-", 4) == 0;
}

static void add_cves(struct osv_texts *cves, const struct osv_texts *from)
{
	for (size_t i = 0; i < from->count && cves->count < CVES_MAX; i++)
		if (is_cve(from->items[i]))
			add_text(cves, from->items[i]);
}

/* The vulnerabilities that the record is about: itself, or the CVEs that an advisory names. */
static void find_cves(const struct osv *o, struct osv_texts *cves)
{
	static const char prefix[] = "DEBIAN-";

	if (is_cve(o->id)) {
		add_text(cves, o->id);
		return;
	}
	add_cves(cves, &o->upstream);
	if (cves->count == 0)
		add_cves(cves, &o->aliases);
	if (cves->count == 0 && is_debian_advisory(o->id))
		add_cves(cves, &o->related);
	if (cves->count == 0 && strncmp(o->id, prefix, 7) == 0 && is_cve(o->id + 7))
		add_text(cves, o->id + 7);
	if (cves->count == 0)
		add_text(cves, o->id);
}

/* The other ids of a vulnerability: the record's, and if the record is about this one alone, its aliases. */
static void other_ids(const struct osv *o, const char *id, bool alone, char out[ADVICE_TEXT_MAX])
{
	size_t used = 0;

	out[0] = '\0';
	if (strcmp(id, o->id) != 0)
		used = (size_t)snprintf(out, ADVICE_TEXT_MAX, "%s", o->id);
	for (size_t i = 0; alone && i < o->aliases.count; i++) {
		const char *alias = o->aliases.items[i];

		if (is_id(alias) && strcmp(alias, id) != 0 &&
		    used + strlen(alias) + 2 < ADVICE_TEXT_MAX)
			used += (size_t)snprintf(out + used, ADVICE_TEXT_MAX - used, "%s%s",
						 used ? " " : "", alias);
	}
}

static void send_verdict(const struct osv *o, uint32_t number, const char *id, const char *others)
{
	const struct osv_verdict *v = &o->verdicts[number];
	struct advice advice = {
		.type = ADVICE_HIT,
		.version = number,
		.basis = v->own ? BASIS_OWN : BASIS_OTHER,
		.time = o->published,
	};

	advice_emit(advice, (const char *[ADVICE_TEXTS]){
				    [TEXT_ID] = id,
				    [TEXT_NAMES] = others,
				    [TEXT_URGENCY] = v->urgency ? v->urgency : o->urgency,
				    [TEXT_SEVERITY] = v->severity ? v->severity : o->severity,
				    [TEXT_FIXED] = v->fixed,
				    [TEXT_RELEASE] = v->release,
			    });
}

static bool has_hits(const struct osv *o)
{
	for (size_t i = 0; i < o->ntouched; i++) {
		const struct osv_verdict *v = &o->verdicts[o->touched[i]];

		if (v->own || (v->other && !v->has_own))
			return true;
	}
	return false;
}

static void send_hits(const struct osv *o)
{
	struct osv_texts cves = {0};
	char others[ADVICE_TEXT_MAX];

	find_cves(o, &cves);
	for (size_t c = 0; c < cves.count; c++) {
		other_ids(o, cves.items[c], cves.count == 1, others);
		for (size_t i = 0; i < o->ntouched; i++) {
			const struct osv_verdict *v = &o->verdicts[o->touched[i]];

			if (v->own || (v->other && !v->has_own))
				send_verdict(o, o->touched[i], cves.items[c], others);
		}
	}
	free(cves.items);
}

/* -- records -- */

static void begin_record(struct osv *o, size_t len)
{
	if (len + 1 > o->room) {
		free(o->text);
		o->room = len + 1;
		o->text = malloc(o->room);
		if (!o->text)
			_exit(1);
	}
	o->used = 0;
	o->id = o->urgency = o->severity = NULL;
	o->withdrawn = o->has_entries = o->failed = o->in_entry = false;
	o->published = INT64_MAX;
	o->aliases.count = o->upstream.count = o->related.count = o->versions.count = 0;
	o->nevents = 0;
	o->entry = (struct osv_entry){0};
	for (size_t i = 0; i < o->ntouched; i++)
		o->verdicts[o->touched[i]].touched = false;
	o->ntouched = 0;
}

static void judge_record(struct osv *o, const char *text, size_t len, const char *member)
{
	begin_record(o, len);
	if (!walk_record(o, text, len)) {
		advice_problem(member, "it is not valid JSON");
		return;
	}
	if (o->withdrawn)
		return;
	end_range(o);
	end_entry(o);
	if (!o->id || !is_id(o->id)) {
		advice_problem(member, "it has no valid id");
		return;
	}
	if (o->failed)
		advice_problem(o->id,
			       "it names a pinned package without versions that can be compared");
	if (has_hits(o))
		send_hits(o);
}

int64_t osv_judge(struct osv *o, const char *text, size_t len, const char *member)
{
	struct scanned scanned;

	scan_record(text, len, o->index, o->newest, &scanned);
	if (!scanned.is_record)
		advice_problem(member, "it is not a whole record of the OSV schema");
	else if (scanned.is_wanted)
		judge_record(o, text, len, member);
	return scanned.modified;
}

void osv_tell_releases(const struct osv *o)
{
	for (uint32_t i = 0; i < RELEASES_MAX; i++)
		if (o->newest[i] != INT64_MIN)
			advice_emit((struct advice){.type = ADVICE_RELEASE,
						    .number = i,
						    .time = o->newest[i]},
				    NULL);
}

struct osv *osv_new(const struct judged_index *index)
{
	static const char sql[] = "SELECT key, atom, id, parent FROM json_tree(?1)";
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX; /* there is one thread */
	struct osv *o = calloc(1, sizeof *o);

	if (!o)
		return NULL;
	o->index = index;
	o->verdicts = calloc(index->count + 1, sizeof *o->verdicts);
	o->touched = calloc(index->count + 1, sizeof *o->touched);
	for (size_t i = 0; i < RELEASES_MAX; i++)
		o->newest[i] = INT64_MIN;
	if (!o->verdicts || !o->touched ||
	    sqlite3_open_v2(":memory:", &o->db, flags, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(o->db, sql, -1, &o->walk, NULL) != SQLITE_OK)
		osv_free(&o);
	return o;
}

void osv_free(struct osv **osv)
{
	struct osv *o = *osv;

	if (!o)
		return;
	sqlite3_finalize(o->walk);
	sqlite3_close(o->db);
	free(o->verdicts);
	free(o->touched);
	free(o->text);
	free(o->events);
	free(o->aliases.items);
	free(o->upstream.items);
	free(o->related.items);
	free(o->versions.items);
	free(o);
	*osv = NULL;
}
