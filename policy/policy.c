#include "policy/policy.h"

#include "base/caller.h"
#include "base/file.h"
#include "base/paths.h"
#include "policy/database.h"
#include "policy/schema.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define POLICY_BEFORE PINLIB_POLICY ".before" /* the old file, until the change is settled */
#define POLICY_SIZE_MAX ((size_t)4 << 30)

void policy_close(struct policy **policy)
{
	if (!*policy)
		return;
	sqlite3_close_v2((*policy)->db);
	free(*policy);
	*policy = NULL;
}

static int open_db(struct policy **out, const char *uri, int flags, struct err *err)
{
	struct policy *p = calloc(1, sizeof *p);

	if (!p)
		return err_nomem(err);
	if (sqlite3_open_v2(uri, &p->db, flags | SQLITE_OPEN_URI, NULL) != SQLITE_OK) {
		int r = p->db ? database_fail(p, err, "open") : err_nomem(err);

		policy_close(&p);
		return r;
	}
	sqlite3_extended_result_codes(p->db, 0);
	*out = p;
	return 0;
}

/* Loads the file into memory. -ENOENT: there is no file. */
static int load_file(struct policy *p, struct err *err)
{
	AUTO_FREE char *data = NULL;
	unsigned char *copy;
	size_t len;
	int r = file_read_at(AT_FDCWD, PINLIB_POLICY, POLICY_SIZE_MAX, &data, &len, err);

	if (r < 0)
		return r;
	if (len == 0)
		return err_set(err, EBADMSG, "%s is empty: restore it from a backup",
			       PINLIB_POLICY);
	copy = sqlite3_malloc64(len);
	if (!copy)
		return err_nomem(err);
	memcpy(copy, data, len);
	/* FREEONCLOSE frees copy on failure too. */
	if (sqlite3_deserialize(p->db, "main", copy, (sqlite3_int64)len, (sqlite3_int64)len,
				SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE) !=
	    SQLITE_OK)
		return database_fail(p, err, "load");
	return 0;
}

int policy_check(struct policy *p, struct err *err)
{
	AUTO_STATEMENT sqlite3_stmt *s = NULL;
	const char *says, *last;

	if (sqlite3_prepare_v2(p->db, "PRAGMA quick_check(1)", -1, &s, NULL) != SQLITE_OK ||
	    sqlite3_step(s) != SQLITE_ROW)
		return database_damaged(err, sqlite3_errmsg(p->db));
	says = (const char *)sqlite3_column_text(s, 0);
	if (!says)
		says = "?";
	if (strcmp(says, "ok") == 0)
		return 0;
	/* The lines before the last name the database, and there is only one. */
	last = strrchr(says, '\n');
	return database_damaged(err, last ? last + 1 : says);
}

/* -ENOENT: there is no policy yet. A dangling link is an error: the file system that holds the
 * policy may not be mounted. SQLite would wait for the writer of a FIFO. */
static int check_file(struct err *err)
{
	struct stat st;

	if (lstat(PINLIB_POLICY, &st) < 0)
		return err_sys(err, errno, "cannot read %s", PINLIB_POLICY);
	if (S_ISLNK(st.st_mode) && stat(PINLIB_POLICY, &st) < 0)
		return err_set(err, EBADMSG,
			       "%s is a dangling symbolic link: mount or restore its target",
			       PINLIB_POLICY);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EBADMSG, "%s is not a regular file: restore it from a backup",
			       PINLIB_POLICY);
	if (access(PINLIB_POLICY, R_OK) < 0)
		return err_sys(err, errno, "cannot read %s", PINLIB_POLICY);
	return 0;
}

/* Loads the whole policy into memory and checks it. Without a file the policy is empty. */
static int load_policy(struct policy **out, struct err *err)
{
	AUTO_POLICY struct policy *p = NULL;
	bool older = false;
	int r = open_db(&p, ":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, err);

	if (r < 0)
		return r;
	r = check_file(err);
	if (r == 0)
		r = load_file(p, err);
	if (r == 0)
		r = policy_check(p, err);
	if (r == 0)
		r = schema_recognise(p, &older, err);
	else if (r == -ENOENT)
		r = schema_create(p, err);
	if (r == 0 && older)
		r = schema_convert(p, err);
	if (r < 0)
		return r;
	*out = p;
	p = NULL;
	return 0;
}

int policy_open(struct policy **out, struct err *err)
{
	AUTO_POLICY struct policy *p = NULL;
	bool older = false;
	int r;

	*out = NULL;
	r = check_file(err);
	if (r == -ENOENT)
		return load_policy(out, err);
	if (r < 0)
		return r;
	r = open_db(&p, "file:" PINLIB_POLICY "?immutable=1", SQLITE_OPEN_READONLY, err);
	if (r == 0)
		r = schema_recognise(p, &older, err);
	if (r < 0)
		return r;
	if (older)
		return load_policy(out, err);
	*out = p;
	p = NULL;
	return 0;
}

int policy_begin(struct policy **out, struct err *err)
{
	AUTO_POLICY struct policy *p = NULL;
	int r = load_policy(&p, err);

	*out = NULL;
	if (r == 0)
		r = database_execute(p, "PRAGMA foreign_keys = ON; BEGIN", err);
	if (r == 0) /* the new generation; policy_commit fills in its row, or takes it back */
		r = database_execute(
			p,
			"INSERT INTO generation SELECT max(id) + 1, 0, 0, '', '' FROM generation",
			err);
	if (r < 0)
		return r;
	p->changing = true;
	*out = p;
	p = NULL;
	return 0;
}

int64_t policy_current(struct policy *p)
{
	return database_number(p, "SELECT max(id) FROM generation", 0);
}

int64_t policy_committed(struct policy *p)
{
	return policy_current(p) - p->changing;
}

int64_t policy_previous(struct policy *p)
{
	return policy_committed(p) - 1;
}

/* The user behind sudo or a similar program. A wrong variable in the environment must not stop a
 * change, since apt's hooks make changes too: root is the author then. */
static void find_author(struct caller *out)
{
	struct err ignored;
	const struct passwd *user;
	int r = caller_find(out, &ignored);

	if (r < 0 && r != -ENOENT)
		*out = (struct caller){.uid = getuid()};
	if (out->other)
		return;
	user = getpwuid(out->uid);
	if (user)
		snprintf(out->name, sizeof out->name, "%s", user->pw_name);
	else
		snprintf(out->name, sizeof out->name, "%lu", (unsigned long)out->uid);
}

static int sign_generation(struct policy *p, const char *command, struct err *err)
{
	struct caller author;

	find_author(&author);
	return database_change(p, err,
			       "UPDATE generation SET time = ?1, uid = ?2, user = ?3, command = ?4"
			       " WHERE id = (SELECT max(id) FROM generation)",
			       "llss", (int64_t)time(NULL), (int64_t)author.uid, author.name,
			       command);
}

/* The old file keeps a second name until the change is settled, so that policy_revert needs no disk
 * space. */
static int keep_old_file(struct policy *p, struct err *err)
{
	if (unlink(POLICY_BEFORE) < 0 && errno != ENOENT)
		return err_sys(err, errno, "cannot remove %s", POLICY_BEFORE);
	p->kept = link(PINLIB_POLICY, POLICY_BEFORE) == 0;
	if (!p->kept && errno != ENOENT)
		return err_sys(err, errno, "cannot link %s to %s", PINLIB_POLICY, POLICY_BEFORE);
	p->published = true;
	return 0;
}

static int publish_file(struct policy *p, struct err *err)
{
	sqlite3_int64 len = 0;
	unsigned char *data = sqlite3_serialize(p->db, "main", &len, 0);
	int r;

	if (!data)
		return err_nomem(err);
	r = keep_old_file(p, err);
	if (r == 0)
		r = file_publish(AT_FDCWD, PINLIB_POLICY, data, (size_t)len, 0644, err);
	sqlite3_free(data);
	return r;
}

int policy_commit(struct policy *p, const char *command, int64_t *generation, struct err *err)
{
	int r;

	if (!p->changed && !p->pruned) {
		*generation = policy_committed(p);
		return database_execute(p, "ROLLBACK", err);
	}
	if (p->changed)
		r = sign_generation(p, command, err);
	else
		r = database_execute(
			p, "DELETE FROM generation WHERE id = (SELECT max(id) FROM generation)",
			err);
	if (r == 0)
		r = database_execute(p, "COMMIT", err);
	if (r < 0)
		return r;
	p->changing = false;
	*generation = policy_current(p);
	return publish_file(p, err);
}

int policy_revert(struct policy *p, struct err *err)
{
	if (!p->published)
		return 0;
	if (p->kept && rename(POLICY_BEFORE, PINLIB_POLICY) < 0)
		return err_sys(err, errno, "cannot rename %s to %s", POLICY_BEFORE, PINLIB_POLICY);
	if (!p->kept && unlink(PINLIB_POLICY) < 0 && errno != ENOENT)
		return err_sys(err, errno, "cannot remove %s", PINLIB_POLICY);
	return file_sync_parent(AT_FDCWD, PINLIB_POLICY, err);
}

void policy_settle(struct policy *p)
{
	(void)p;
	unlink(POLICY_BEFORE);
}
