/*
 * The front door: one file per command, each ending in its struct command; main.c has the table.
 * Only cli/ prints: data on standard output, everything else on standard error.
 */
#pragma once

#include "base/err.h"
#include "base/path.h"
#include "base/strings.h"
#include "policy/policy.h"
#include "store/store.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

enum { EXIT_OK = 0, EXIT_FAIL = 1, EXIT_USAGE = 2 };

struct command {
	const char *name;
	const char *synopsis; /* after "pinlib NAME "; shells complete by it, see cli/complete.c */
	const char *summary;  /* one line */
	const char *options;  /* lines for the help, or NULL */
	const char *letters;  /* options of one letter, as getopt_long(3) has them, or NULL */
	bool root;	      /* changes things: root only, never from inside a view */
	bool host;	      /* compares with the live system: never from inside one */
	bool wrapped;	      /* its APP is one that is wrapped already */
	bool hidden;	      /* for programs, not for people: no help lists it */
	int (*run)(int argc, char **argv); /* argv[0] is the command's name; an exit status */
};

extern const struct command command_add, command_apply, command_check, command_complete,
	command_deps, command_doctor, command_exec, command_export, command_forecast,
	command_freeze, command_gc, command_history, command_import, command_keep, command_label,
	command_libs, command_list, command_ps, command_refresh, command_rollback, command_set,
	command_show, command_stage, command_thaw, command_try, command_unit, command_unset,
	command_verify, command_watch, command_why;

const struct command *command_at(size_t i); /* NULL after the last */

extern bool want_json; /* --json, before or after the command's name */

/* The next option of a command, as getopt_long(3) finds it: --json is taken care of here.
 * Returns the option's val, -1 at the end, '?' after having said what is wrong (the
 * command then returns EXIT_USAGE). optind is the first operand after -1. */
struct option;
int next_option(int argc, char **argv, const struct option *options);

/* "pinlib: TEXT" on standard error; returns EXIT_FAIL. */
int failed(const struct err *err);
/* The same for misuse, with a pointer to the help; returns EXIT_USAGE. */
int misused(const struct command *command, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The canonical path of the app that the user named: a path, or a command in PATH. */
int find_app(const char *name, char app[PATH_MAX], struct err *err);

/* policy_lock; while it is held nothing is printed, see terminal_hold. */
int take_lock(int *lock, void (*waited)(void), struct err *err);
void drop_lock(int *lock);
#define AUTO_LOCK CLEANUP(drop_lock)

/* What a command that changes things holds: lock, store, and the policy between begin and
 * commit. What an interrupted command left is repaired on the way in. */
struct session {
	int lock;
	struct store *store;
	struct policy *policy;
};
int session_begin(struct session *session, struct err *err);
/* The same without the policy, for a command that does not change it. */
int session_begin_store(struct session *session, struct err *err);
void session_end(struct session *session);
#define AUTO_SESSION CLEANUP(session_end)

/* activate for a session, with everything that is to be said about the apps' views said on standard
 * error. Returns an exit status. */
int session_activate(struct session *session, const struct strings *paths, const char *command,
		     bool force, int64_t *generation);

/* The command as it was typed, for the history. */
void command_line(int argc, char **argv, char *text, size_t size);
