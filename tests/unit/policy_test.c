/* The policy in a private mount namespace, with a tmpfs where pinlib keeps its state. */
#include "base/file.h"
#include "base/paths.h"
#include "policy/due.h"
#include "policy/lock.h"
#include "policy/policy.h"
#include "tests/unit/child.h"
#include "tests/unit/policy_schema6.h"

#include <fcntl.h>
#include <sched.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

static struct err err;

static struct version version(const char *name, const char *number)
{
	struct version v = {
		.name = (char *)name,
		.version = (char *)number,
		.arch = (char *)"amd64",
	};
	char both[256];

	snprintf(both, sizeof both, "%s %s", name, number);
	digest_data(both, strlen(both), &v.digest, &err);
	return v;
}

static struct policy *begin(void)
{
	struct policy *p = NULL;

	CHECK(policy_begin(&p, &err) == 0);
	return p;
}

/* Commits, settles and closes. The generation. */
static int64_t commit(struct policy **p, const char *command)
{
	int64_t generation = -1;

	CHECK(policy_commit(*p, command, &generation, &err) == 0);
	policy_settle(*p);
	policy_close(p);
	return generation;
}

static int64_t pin_as(const char *app, const char *name, const char *number, bool forced,
		      enum pin_origin origin)
{
	AUTO_POLICY struct policy *p = begin();
	struct version v = version(name, number);

	CHECK(policy_wrap(p, app, PLAN_REFUSE, forced, &err) == 0);
	CHECK(policy_pin(p, app, &v, origin, NULL, &err) == 0);
	return commit(&p, "set");
}

static int64_t pin(const char *app, const char *name, const char *number)
{
	return pin_as(app, name, number, false, PIN_BY_HAND);
}

static int read_app(const char *path, int64_t generation, struct app *out)
{
	AUTO_POLICY struct policy *p = NULL;
	int r = policy_open(&p, &err);

	return r < 0 ? r : policy_app(p, path, generation, out, &err);
}

/* "name=version ..." of an app at a generation, "-" if it is not wrapped. */
static const char *pins(const char *app, int64_t generation)
{
	static char text[1024];
	AUTO_APP struct app a = {0};
	size_t used = 0;
	int r = read_app(app, generation, &a);

	if (r < 0)
		return r == -ENOENT ? "-" : err.text;
	text[0] = '\0';
	for (size_t i = 0; i < a.npins; i++)
		used += (size_t)snprintf(text + used, sizeof text - used, "%s%s=%s", i ? " " : "",
					 a.pins[i].name, a.pins[i].version);
	return text;
}

static void empty_policy(void)
{
	AUTO_POLICY struct policy *p = NULL;
	AUTO_APPS struct apps apps = {0};

	CHECK(policy_open(&p, &err) == 0);
	CHECK(policy_apps(p, POLICY_NOW, &apps, &err) == 0 && apps.count == 0);
	CHECK(policy_current(p) == 0);
	CHECK(access(PINLIB_POLICY, F_OK) < 0);
}

static void pins_and_generations(void)
{
	CHECK(pin("/usr/bin/a", "libx", "1") == 1);
	CHECK(pin("/usr/bin/a", "liby", "1") == 2);
	CHECK(pin("/usr/bin/a", "libx", "2") == 3);
	CHECK(pin("/usr/bin/b", "libx", "1") == 4);
	CHECK(pin("/usr/bin/b", "libx", "1") == 4); /* nothing changed: no generation */
	CHECK_STR(pins("/usr/bin/a", POLICY_NOW), "libx=2 liby=1");
	CHECK_STR(pins("/usr/bin/a", 1), "libx=1");
	CHECK_STR(pins("/usr/bin/a", 2), "libx=1 liby=1");
	CHECK_STR(pins("/usr/bin/b", 3), "-");
	CHECK_STR(pins("/usr/bin/b", 4), "libx=1");
}

static void rollback(void)
{
	AUTO_POLICY struct policy *p = NULL;
	AUTO_STRINGS struct strings changed = {0}, none = {0};
	int64_t generation;

	CHECK(policy_begin(&p, &err) == 0);
	CHECK(policy_current(p) == 5 && policy_committed(p) == 4 && policy_previous(p) == 3);
	CHECK(policy_restore(p, 99, &none, &err) == -ENOENT);
	CHECK(policy_restore(p, 5, &none, &err) == -ENOENT); /* the one being made */
	CHECK(policy_restore(p, 2, &changed, &err) == 0);
	CHECK(changed.count == 2 && strcmp(changed.items[0], "/usr/bin/a") == 0 &&
	      strcmp(changed.items[1], "/usr/bin/b") == 0);
	CHECK(policy_commit(p, "rollback 2", &generation, &err) == 0 && generation == 5);
	CHECK(policy_current(p) == 5 && policy_committed(p) == 5 && policy_previous(p) == 4);
	CHECK_STR(pins("/usr/bin/a", POLICY_NOW), "libx=1 liby=1");
	CHECK_STR(pins("/usr/bin/b", POLICY_NOW), "-");
	CHECK_STR(pins("/usr/bin/a", 4), "libx=2 liby=1");
	CHECK(policy_revert(p, &err) == 0);
	CHECK_STR(pins("/usr/bin/a", POLICY_NOW), "libx=2 liby=1");
	CHECK_STR(pins("/usr/bin/b", POLICY_NOW), "libx=1");
	/* A change that failed before anything was published has nothing to take back. */
	policy_close(&p);
	CHECK(policy_begin(&p, &err) == 0);
	CHECK(policy_revert(p, &err) == 0);
	CHECK_STR(pins("/usr/bin/b", POLICY_NOW), "libx=1");
}

static void unpin_and_unwrap(void)
{
	AUTO_POLICY struct policy *p = begin();
	struct version v = version("libx", "2");

	CHECK(policy_unpin(p, "/usr/bin/a", &v.digest, &err) == 0);
	CHECK(policy_unwrap(p, "/usr/bin/b", &err) == 0);
	CHECK(commit(&p, "unset") == 5);
	CHECK_STR(pins("/usr/bin/a", POLICY_NOW), "liby=1");
	CHECK_STR(pins("/usr/bin/b", POLICY_NOW), "-");
	CHECK_STR(pins("/usr/bin/b", 4), "libx=1");
}

static void nothing_without_commit(void)
{
	AUTO_POLICY struct policy *p = begin();

	CHECK(policy_unwrap(p, "/usr/bin/a", &err) == 0);
	policy_close(&p);
	CHECK_STR(pins("/usr/bin/a", POLICY_NOW), "liby=1");
}

static void prune(void)
{
	AUTO_POLICY struct policy *p = NULL;
	AUTO_GENERATIONS struct generations gens = {0};
	struct digests needed = {0};
	int64_t generation;

	CHECK(policy_begin(&p, &err) == 0);
	CHECK(policy_digests(p, &needed, &err) == 0 && needed.count == 3);
	free(needed.items);
	CHECK(policy_prune(p, 5, &err) == 0);
	CHECK(policy_digests(p, &needed, &err) == 0 && needed.count == 1);
	free(needed.items);
	CHECK(policy_commit(p, "gc", &generation, &err) == 0 && generation == 5);
	policy_settle(p);
	CHECK(policy_generations(p, &gens, &err) == 0 && gens.count == 1);
	CHECK_STR(gens.items[0].command, "unset");
	CHECK_STR(pins("/usr/bin/a", POLICY_NOW), "liby=1");
	CHECK_STR(pins("/usr/bin/a", 4), "-");
}

/* A reader in the middle of a query, and another process that holds every lock it can get, must
 * not keep a writer from its work. */
static void readers_hold_nothing_up(void)
{
	struct flock whole = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
	int fd = open(PINLIB_POLICY, O_RDONLY);
	sqlite3 *db = NULL;
	sqlite3_stmt *s = NULL;

	CHECK(fd >= 0 && fcntl(fd, F_OFD_SETLK, &whole) == 0);
	CHECK(sqlite3_open_v2(PINLIB_POLICY, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK);
	CHECK(sqlite3_prepare_v2(db, "SELECT * FROM generation", -1, &s, NULL) == SQLITE_OK);
	CHECK(sqlite3_step(s) == SQLITE_ROW);
	CHECK(pin("/usr/bin/c", "libx", "1") == 6);
	sqlite3_finalize(s);
	sqlite3_close(db);
	close(fd);
}

static void damaged(void)
{
	AUTO_POLICY struct policy *p = NULL;
	char *data = NULL, *other;
	size_t len;
	int refused = 0, tried = 0;

	CHECK(file_read_at(AT_FDCWD, PINLIB_POLICY, 1 << 24, &data, &len, &err) == 0);
	CHECK(file_publish(AT_FDCWD, PINLIB_POLICY, "not a database at all, but text", 31, 0644,
			   &err) == 0);
	CHECK(policy_begin(&p, &err) < 0 && strstr(err.text, PINLIB_POLICY));
	CHECK(policy_open(&p, &err) < 0 && !p);
	CHECK(file_publish(AT_FDCWD, PINLIB_POLICY, "", 0, 0644, &err) == 0);
	CHECK(policy_begin(&p, &err) == -EBADMSG);
	/* A page of zeros anywhere, and the file cut anywhere: found, or harmless, never a crash.
	 */
	other = malloc(len);
	for (size_t at = 0; other && at < len; at += 4096, tried++) {
		memcpy(other, data, len);
		memset(other + at, 0, len - at < 4096 ? len - at : 4096);
		file_publish(AT_FDCWD, PINLIB_POLICY, other, len, 0644, &err);
		refused += policy_begin(&p, &err) < 0;
		policy_close(&p);
	}
	CHECK(refused > tried / 2);
	file_publish(AT_FDCWD, PINLIB_POLICY, data, len / 2, 0644, &err);
	CHECK(policy_begin(&p, &err) < 0);
	file_publish(AT_FDCWD, PINLIB_POLICY, data, len, 0644, &err);
	CHECK_STR(pins("/usr/bin/a", POLICY_NOW), "liby=1");
	free(other);
	free(data);
}

/* Executes statements in the database at the policy's path. */
static void execute(const char *sql)
{
	sqlite3 *db = NULL;

	CHECK(sqlite3_open(PINLIB_POLICY, &db) == SQLITE_OK);
	CHECK(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK);
	sqlite3_close(db);
}

/* The further directory of an app's first pin at a generation, "-" without one. */
static const char *place(const char *app, int64_t generation)
{
	static char text[PATH_MAX];
	AUTO_APP struct app a = {0};
	int r = read_app(app, generation, &a);

	snprintf(text, sizeof text, "%s",
		 r < 0 || !a.npins || !a.pins[0].place ? "-" : a.pins[0].place);
	return text;
}

static int64_t pin_in(const char *app, const char *dir)
{
	AUTO_POLICY struct policy *p = begin();
	struct version v = version("libp", "1");

	CHECK(policy_wrap(p, app, PLAN_REFUSE, false, &err) == 0);
	CHECK(policy_pin(p, app, &v, PIN_BY_HAND, dir, &err) == 0);
	return commit(&p, "set");
}

/* The directory belongs to the pin: a pin with another one is another pin, and rollback restores it. */
static void places(void)
{
	int64_t plain = pin_in("/usr/bin/p", NULL), in_a = pin_in("/usr/bin/p", "/opt/a");
	AUTO_STRINGS struct strings changed = {0};
	AUTO_POLICY struct policy *p = NULL;

	CHECK(in_a == plain + 1);
	CHECK(pin_in("/usr/bin/p", "/opt/a") == in_a);
	CHECK(pin_in("/usr/bin/p", "/opt/b") == in_a + 1);
	CHECK_STR(place("/usr/bin/p", plain), "-");
	CHECK_STR(place("/usr/bin/p", in_a), "/opt/a");
	CHECK_STR(place("/usr/bin/p", POLICY_NOW), "/opt/b");
	p = begin();
	CHECK(policy_restore(p, in_a, &changed, &err) == 0 && changed.count == 1);
	commit(&p, "rollback");
	CHECK_STR(place("/usr/bin/p", POLICY_NOW), "/opt/a");
	CHECK(pin_in("/usr/bin/p", NULL) == in_a + 3);
	CHECK_STR(place("/usr/bin/p", POLICY_NOW), "-");
}

static void newer_schema(void)
{
	AUTO_POLICY struct policy *p = NULL;

	execute("PRAGMA user_version = 99");
	CHECK(policy_open(&p, &err) == -EPROTO && strstr(err.text, "newer pinlib"));
	CHECK(policy_begin(&p, &err) == -EPROTO);
}

/* forced and the pin's origin of /usr/bin/a at a generation, as "forced 2". */
static const char *forced_and_origin_of(int64_t generation)
{
	static char text[64];
	AUTO_APP struct app a = {0};

	if (read_app("/usr/bin/a", generation, &a) < 0)
		return err.text;
	snprintf(text, sizeof text, "%s %d", a.forced ? "forced" : "proven",
		 a.npins == 1 ? (int)a.pins[0].origin : -1);
	return text;
}

static void forced_and_origin(void)
{
	AUTO_POLICY struct policy *p = NULL;
	AUTO_STRINGS struct strings changed = {0}, more = {0};

	CHECK(unlink(PINLIB_POLICY) == 0);
	CHECK(pin_as("/usr/bin/a", "libx", "1", false, PIN_BY_HAND) == 1);
	CHECK(pin_as("/usr/bin/a", "libx", "1", true, PIN_BY_HAND) == 2);
	CHECK(pin_as("/usr/bin/a", "libx", "1", true, PIN_FREEZE) == 3);
	CHECK(pin_as("/usr/bin/a", "libx", "1", true, PIN_FREEZE) == 3); /* nothing changed */
	CHECK(pin_as("/usr/bin/a", "libx", "1", false, PIN_WITH_DEPS) == 4);
	CHECK_STR(forced_and_origin_of(1), "proven 0");
	CHECK_STR(forced_and_origin_of(2), "forced 0");
	CHECK_STR(forced_and_origin_of(3), "forced 2");
	CHECK_STR(forced_and_origin_of(POLICY_NOW), "proven 1");
	/* Either of them is a difference by itself. */
	p = begin();
	CHECK(policy_restore(p, 3, &changed, &err) == 0 && changed.count == 1);
	CHECK(policy_restore(p, 2, &more, &err) == 0 && more.count == 1);
	CHECK(commit(&p, "rollback 2") == 5);
	CHECK_STR(forced_and_origin_of(5), "forced 0");
}

static struct confinement filter(const char *profile, char byte)
{
	static char bytes[16];
	struct confinement c = {.profile = (char *)profile, .filter = bytes, .size = sizeof bytes};

	memset(bytes, byte, sizeof bytes);
	digest_data(&byte, 1, &c.source, &err);
	return c;
}

static int64_t confine(const char *app, const struct confinement *c)
{
	AUTO_POLICY struct policy *p = begin();

	CHECK(policy_confine(p, app, c, &err) == 0);
	return commit(&p, "set");
}

/* The profile's name and the filter's first byte and size, "x 1 16"; "none". */
static const char *confined(const char *app, int64_t generation)
{
	static char text[64];
	AUTO_APP struct app a = {0};

	if (read_app(app, generation, &a) < 0)
		return err.text;
	if (!a.confined.profile)
		return a.confined.filter || a.confined.size ? "no profile, but a filter" : "none";
	snprintf(text, sizeof text, "%s %d %zu", a.confined.profile, *(char *)a.confined.filter,
		 a.confined.size);
	return text;
}

static void filters(void)
{
	AUTO_POLICY struct policy *p = begin();
	AUTO_STRINGS struct strings changed = {0};
	struct confinement one = filter("x", 1), none = {0};
	int64_t generation;

	CHECK(policy_confine(p, "/usr/bin/not-there", &one, &err) == -ENOENT);
	policy_close(&p);
	generation = pin("/usr/bin/d", "libx", "1");
	CHECK_STR(confined("/usr/bin/d", generation), "none");
	CHECK(confine("/usr/bin/d", &one) == generation + 1);
	CHECK(confine("/usr/bin/d", &one) == generation + 1); /* nothing changed */
	CHECK_STR(confined("/usr/bin/d", POLICY_NOW), "x 1 16");
	/* Other changes leave it. */
	CHECK(pin("/usr/bin/d", "libx", "2") == generation + 2);
	p = begin();
	CHECK(policy_wrap(p, "/usr/bin/d", PLAN_UNPINNED, true, &err) == 0);
	generation = commit(&p, "set");
	CHECK_STR(confined("/usr/bin/d", POLICY_NOW), "x 1 16");
	/* The same name with other bytes is a change. */
	one = filter("x", 2);
	CHECK(confine("/usr/bin/d", &one) == generation + 1);
	CHECK_STR(confined("/usr/bin/d", POLICY_NOW), "x 2 16");
	CHECK(confine("/usr/bin/d", &none) == generation + 2);
	CHECK_STR(confined("/usr/bin/d", POLICY_NOW), "none");
	CHECK_STR(confined("/usr/bin/d", generation), "x 1 16");
	CHECK_STR(pins("/usr/bin/d", POLICY_NOW), "libx=2");
	/* A filter is a difference by itself, and is restored with its bytes. */
	p = begin();
	CHECK(policy_restore(p, generation, &changed, &err) == 0 && changed.count == 1);
	generation = commit(&p, "rollback");
	CHECK_STR(confined("/usr/bin/d", POLICY_NOW), "x 1 16");
	/* A filter that no generation needs is removed. */
	p = begin();
	CHECK(policy_prune(p, generation, &err) == 0);
	CHECK(commit(&p, "gc") == generation);
	CHECK_STR(confined("/usr/bin/d", POLICY_NOW), "x 1 16");
}

static int64_t count(const char *sql)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *s = NULL;
	int64_t n = -1;

	if (sqlite3_open_v2(PINLIB_POLICY, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
	    sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
		n = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	sqlite3_close(db);
	return n;
}

/* A damaged filter is reported, not given to a program. */
static void damaged_filter(void)
{
	CHECK(count("SELECT count(*) FROM confinement") == 1);
	execute("UPDATE confinement SET filter = x'010203'");
	CHECK(strstr(confined("/usr/bin/d", POLICY_NOW), "invalid filter"));
}

static void refused(int error)
{
	AUTO_POLICY struct policy *p = NULL;

	CHECK(policy_open(&p, &err) == error && !p && strstr(err.text, PINLIB_POLICY));
	CHECK(policy_begin(&p, &err) == error && !p && strstr(err.text, PINLIB_POLICY));
}

/* A database of these statements at the policy's path. */
static void database(const char *one, const char *two)
{
	unlink(PINLIB_POLICY);
	execute(one);
	execute(two);
	CHECK(chmod(PINLIB_POLICY, 0644) == 0);
}

/* A foreign file at the policy's path is not taken over. */
static void foreign(void)
{
	database("CREATE TABLE t (a)", "");
	refused(-EBADMSG);
	database("CREATE TABLE t (a); PRAGMA user_version = 3", "PRAGMA application_id = 1");
	refused(-EBADMSG);
	database("PRAGMA application_id = 0x706e6c62", "PRAGMA user_version = -1");
	refused(-EBADMSG);
	database("PRAGMA application_id = 0x706e6c62", "PRAGMA user_version = 2");
	refused(-EBADMSG);
	CHECK(file_publish(AT_FDCWD, PINLIB_POLICY, "", 0, 0644, &err) == 0);
	refused(-EBADMSG);
}

/* -- reason and date -- */

#define DAY_1 INT64_C(1814399999) /* 2027-06-30 */
#define DAY_2 INT64_C(1814486399)

/* "REASON UNTIL", "- 0" without. */
static const char *explained(const char *app, int64_t generation)
{
	static char text[REASON_MAX + 64];
	AUTO_APP struct app a = {0};

	if (read_app(app, generation, &a) < 0)
		return err.text;
	snprintf(text, sizeof text, "%s %lld", a.reason ? a.reason : "-", (long long)a.until);
	return text;
}

static int64_t explain(const char *app, const char *reason, int64_t until)
{
	AUTO_POLICY struct policy *p = begin();

	CHECK(policy_explain(p, app, reason, until, &err) == 0);
	return commit(&p, "set");
}

/* The generation since which the app has its first pin. */
static int64_t pinned_since(const char *app)
{
	AUTO_APP struct app a = {0};

	return read_app(app, POLICY_NOW, &a) < 0 || !a.npins ? -1 : a.pins[0].added;
}

static void reasons(void)
{
	AUTO_POLICY struct policy *p = NULL;
	AUTO_STRINGS struct strings changed = {0}, more = {0};
	struct confinement one = filter("x", 1);

	CHECK(unlink(PINLIB_POLICY) == 0);
	p = begin();
	CHECK(policy_explain(p, "/usr/bin/not-there", "x", 0, &err) == -ENOENT);
	policy_close(&p);
	CHECK(pin("/usr/bin/a", "libx", "1") == 1);
	CHECK_STR(explained("/usr/bin/a", POLICY_NOW), "- 0");
	CHECK(explain("/usr/bin/a", "ticket 1", DAY_1) == 2);
	CHECK(explain("/usr/bin/a", "ticket 1", DAY_1) == 2); /* nothing changed */
	CHECK(explain("/usr/bin/a", "ticket 2", DAY_1) == 3);
	CHECK(explain("/usr/bin/a", "ticket 2", DAY_2) == 4);
	/* Other changes leave both. */
	CHECK(confine("/usr/bin/a", &one) == 5);
	CHECK(pin_as("/usr/bin/a", "libx", "1", true, PIN_BY_HAND) == 6);
	p = begin();
	CHECK(policy_seal(p, "/usr/bin/a", true, &err) == 0 &&
	      policy_show_as(p, "/usr/bin/a", "/usr/bin/b", &err) == 0);
	CHECK(commit(&p, "set") == 7);
	CHECK_STR(explained("/usr/bin/a", POLICY_NOW), "ticket 2 1814486399");
	CHECK_STR(explained("/usr/bin/a", 2), "ticket 1 1814399999");
	CHECK_STR(explained("/usr/bin/a", 1), "- 0");
	/* A rollback brings back the whole app ... */
	p = begin();
	CHECK(policy_restore(p, 4, &changed, &err) == 0 && changed.count == 1);
	CHECK(commit(&p, "rollback 4") == 8);
	CHECK_STR(explained("/usr/bin/a", POLICY_NOW), "ticket 2 1814486399");
	/* ... or, where nothing else differs, reason and date alone: no view changes, and no pin's age. */
	CHECK(pinned_since("/usr/bin/a") == 8);
	p = begin();
	CHECK(policy_restore(p, 1, &more, &err) == 0 && more.count == 0);
	CHECK(commit(&p, "rollback 1") == 9);
	CHECK_STR(explained("/usr/bin/a", POLICY_NOW), "- 0");
	CHECK(pinned_since("/usr/bin/a") == 8);
	p = begin();
	CHECK(policy_restore(p, 1, &more, &err) == 0 && more.count == 0);
	CHECK(commit(&p, "rollback 1") == 9); /* nothing differs */
	/* They go with the app. */
	CHECK(explain("/usr/bin/a", "ticket 3", DAY_1) == 10);
	p = begin();
	CHECK(policy_unwrap(p, "/usr/bin/a", &err) == 0);
	CHECK(commit(&p, "unset") == 11);
	CHECK(pin("/usr/bin/a", "libx", "1") == 12);
	CHECK_STR(explained("/usr/bin/a", POLICY_NOW), "- 0");
}

/* SQLite refuses dates beyond the calendar; a file that another program wrote is not believed. */
static void damaged_dates(void)
{
	static const char *const dates[] = {"-1", "253402300800", "9223372036854775807",
					    "-9223372036854775808"};

	for (size_t i = 0; i < sizeof dates / sizeof *dates; i++) {
		char sql[128];

		snprintf(sql, sizeof sql,
			 "PRAGMA ignore_check_constraints = 1; UPDATE wrapping SET until = %s",
			 dates[i]);
		execute(sql);
		CHECK(strstr(explained("/usr/bin/a", POLICY_NOW), "is damaged: invalid date"));
	}
}

/* Bytes that are not UTF-8 are read as they are; the printing functions take care of them. */
static void foreign_reason(void)
{
	execute("PRAGMA ignore_check_constraints = 1; UPDATE wrapping SET until = 0, reason = "
		"CAST(x'611bff62' AS TEXT)");
	CHECK_STR(explained("/usr/bin/a", POLICY_NOW), "a\033\377b 0");
}

static void older_schema(void)
{
	AUTO_POLICY struct policy *p = NULL;

	database(schema6_tables,
		 "INSERT INTO generation VALUES (1, 1700000000, 0, 'root', 'set a libx=1');"
		 "INSERT INTO generation VALUES (2, 1700000001, 0, 'root', 'set a --confine');"
		 "INSERT INTO app VALUES (1, '/usr/bin/a');"
		 "INSERT INTO version SELECT 1, printf('%.64c', 'a'), 'libx', '1', 'amd64';"
		 "INSERT INTO wrapping VALUES (1, 1, 1, 2, 0, NULL, NULL, 0);"
		 "INSERT INTO wrapping VALUES (1, 2, 2, NULL, 1, NULL, NULL, 0);"
		 "INSERT INTO pin VALUES (1, 1, 1, NULL, 0, NULL);");
	/* Readers see it whole, and leave the file as it is. */
	CHECK_STR(pins("/usr/bin/a", POLICY_NOW), "libx=1");
	CHECK_STR(forced_and_origin_of(1), "proven 0");
	CHECK_STR(forced_and_origin_of(POLICY_NOW), "forced 0");
	CHECK_STR(explained("/usr/bin/a", POLICY_NOW), "- 0");
	CHECK(count("PRAGMA user_version") == 6);
	/* So do changes that change nothing, and changes that are not committed. */
	p = begin();
	CHECK(policy_current(p) == 3 && commit(&p, "set") == 2);
	p = begin();
	CHECK(policy_explain(p, "/usr/bin/a", "x", DAY_1, &err) == 0);
	policy_close(&p);
	CHECK(count("PRAGMA user_version") == 6);
	/* The next change makes it one of this schema, with its history. */
	CHECK(explain("/usr/bin/a", "ticket 1", DAY_1) == 3);
	CHECK(count("PRAGMA user_version") == 7);
	CHECK_STR(explained("/usr/bin/a", POLICY_NOW), "ticket 1 1814399999");
	CHECK_STR(explained("/usr/bin/a", 2), "- 0");
	CHECK_STR(forced_and_origin_of(1), "proven 0");
	CHECK(count("SELECT count(*) FROM generation") == 4);
	/* A policy of that number without its tables is damaged. */
	database("PRAGMA application_id = 0x706e6c62", "PRAGMA user_version = 6");
	CHECK(policy_open(&p, &err) < 0 && !p && strstr(err.text, PINLIB_POLICY));
	CHECK(policy_begin(&p, &err) < 0 && !p);
}

static void lock(void)
{
	struct stat st;
	int fd = -1;

	CHECK(policy_lock(&fd, NULL, &err) == 0 && fd >= 0);
	CHECK(fstat(fd, &st) == 0 && (st.st_mode & 0777) == 0600);
	close(fd);
}

int main(void)
{
	if (!has_private_mounts("a mount namespace"))
		return test_end();
	MUST(private_state() && mkdir(PINLIB_STATE, 0755) == 0);
	empty_policy();
	pins_and_generations();
	rollback();
	unpin_and_unwrap();
	nothing_without_commit();
	prune();
	readers_hold_nothing_up();
	damaged();
	places();
	newer_schema();
	forced_and_origin();
	filters();
	damaged_filter();
	foreign();
	reasons();
	damaged_dates();
	foreign_reason();
	older_schema();
	lock();
	return test_end();
}
