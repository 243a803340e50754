/* The policy's database, for the modules that read and change its rows: SQLite's calls with the
 * errors of pinlib. */
#pragma once

#include "base/cleanup.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/strings.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

struct policy {
	sqlite3 *db;
	bool changing;	/* policy_begin has opened a generation */
	bool changed;	/* since policy_begin: an app or a pin */
	bool pruned;	/* since policy_begin: generations were forgotten */
	bool published; /* the file may be the new one */
	bool kept;	/* the old file has its second name */
};

/* Sets err: cannot DOING the policy, and SQLite's reason for its last error. -EBADMSG: the database
 * is damaged; -ENOMEM; else -EIO. */
int database_fail(struct policy *policy, struct err *err, const char *doing);
/* Sets err: the policy is damaged, and why. Returns -EBADMSG. */
int database_damaged(struct err *err, const char *why);

void statement_free(sqlite3_stmt **statement);
#define AUTO_STATEMENT CLEANUP(statement_free)

int database_execute(struct policy *policy, const char *sql, struct err *err);
/* Prepares a statement. Its parameters follow, of the types that the letters of types say: s a string,
 * d a struct digest *, i an int, l an int64_t, b a blob: const void * and size_t. NULL binds NULL. */
int database_query(struct policy *policy, sqlite3_stmt **out, struct err *err, const char *sql,
		   const char *types, ...);
/* Runs such a statement, which returns no rows, and notes whether it changed one. */
int database_change(struct policy *policy, struct err *err, const char *sql, const char *types,
		    ...);
/* Steps to the next row: 1 if there is one, 0 after the last. */
int database_next(struct policy *policy, sqlite3_stmt *statement, struct err *err);
/* The first column of the first row; otherwise, if there is no row or the query fails. */
int64_t database_number(struct policy *policy, const char *sql, int64_t otherwise);

/* A copy, the caller's to free. NULL: the column is NULL, or there is no memory. */
char *statement_text(sqlite3_stmt *statement, int column);
/* False: the column is no digest. */
bool statement_digest(sqlite3_stmt *statement, int column, struct digest *out);
/* Reads the first column of all rows into out, in their order. */
int statement_paths(struct policy *policy, sqlite3_stmt *statement, struct strings *out,
		    struct err *err);
