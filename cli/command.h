/*
 * A command as a table: its options and operands are declared once, in the file of the command. getopt_long(3), the
 * usage line, the help, the completion of shells and the check of the man page all read this table.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum { EXIT_OK = 0, EXIT_FAIL = 1, EXIT_USAGE = 2 };
#define EXIT_ERR (-1) /* what run returns with an error in err */

/* The kind of an argument: what a shell may complete it to, see commands/complete.c. */
enum argument {
	ARG_NONE,    /* the option takes no argument */
	ARG_TEXT,    /* not completed */
	ARG_WORDS,   /* one of the words in its name, "refuse|unpinned" */
	ARG_APP,     /* a program */
	ARG_PINNED,  /* a program that has pins */
	ARG_PROCESS, /* a process number, or a program that has pins */
	ARG_PIN,     /* the name of one of the program's pins */
	ARG_NAME,    /* the name of a library in the store */
	ARG_SPEC,    /* NAME=VERSION */
	ARG_TRIED,   /* NAME=VERSION or SONAME=./FILE */
	ARG_GENERATION,
	ARG_PROFILE, /* a profile of system calls, or "none" */
	ARG_CHECK,   /* of 'pinlib doctor' */
	ARG_COMMAND, /* a program that a shell finds */
	ARG_FILE,
	ARG_DIRECTORY,
};

/* The command's own variables take the options: a bool, or the text of the argument. */
struct command_option {
	const char *name;   /* without its dashes; NULL ends the table */
	char letter;	    /* 0: it has none */
	enum argument kind; /* of its argument */
	bool *flag;	    /* becomes true; for ARG_NONE */
	const char **value;
	const char *argument; /* the argument's name */
	const char *help;     /* one sentence, without a full stop */
	bool needed;	      /* the command does not work without it */
	bool instead;	      /* takes the place of the first operand */
	bool last; /* follows the operands, and all that follows it is for another program */
};

/* Rows of such a table; further members may follow. */
/* Versions of clang-format differ about braces in a macro. */
/* clang-format off */
#define FLAG(TARGET, NAME, ...) {.flag = TARGET, .name = NAME, .help = __VA_ARGS__}
#define OPTION(TARGET, NAME, KIND, ARGUMENT, ...) \
	{.value = TARGET, .name = NAME, .kind = KIND, .argument = ARGUMENT, .help = __VA_ARGS__}
/* clang-format on */

struct command_operand {
	const char *name; /* NULL ends the list */
	enum argument kind;
	bool optional, repeats;
	bool behind_dashes; /* after "--", for another program */
};

/* The groups of 'pinlib help', in its order. */
enum command_group {
	GROUP_HIDDEN, /* called by other programs */
	GROUP_PIN,
	GROUP_LOOK,
	GROUP_BACK,
	GROUP_UPGRADES,
	GROUP_CARE,
	GROUP_RUN,
};

#define OPERANDS_MAX 4

struct command {
	const char *name;
	enum command_group group;
	const char *summary;		      /* at most 54 characters, without a full stop */
	const char *text;		      /* for its help: paragraphs, one a line; or NULL */
	const struct command_option *options; /* or NULL */
	struct command_operand operands[OPERANDS_MAX];
	bool json;     /* --json changes what it prints */
	bool in_order; /* options end at the first operand: the others are another program's */
	bool root;     /* changes things: for root, and never from inside a view */
	bool user;     /* --user: for the user's own store, and then for everybody */
	bool host;     /* compares with the live system: never from inside a view */
	int misuse;    /* the exit status of misuse; 0: EXIT_USAGE */
	int failure;   /* the exit status of an error; 0: EXIT_FAIL */
	/* As many operands as the table allows; operands[count] is NULL, unless arguments for another program follow
	 * (arguments_rest). Returns an exit status, or a negative number with the error in err, which is then printed. */
	int (*run)(int count, char **operands, struct err *err);
};

/* Whether the argument is written as "--confine=PROFILE", which shells complete as one word. */
bool option_is_joined(const struct command_option *option);

extern bool want_json; /* --json, before or after the command's name */
extern bool want_user; /* --user, likewise */

/* The command that runs, and the table that it is in, which ends in NULL. */
extern const struct command *command_current;
extern const struct command *const *command_table;

/* NULL if there is none of that name. */
const struct command *command_find(const char *name);
const char *command_group_name(enum command_group group);
