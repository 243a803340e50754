#include "policy/profile.h"

#include "base/array.h"
#include "base/file.h"
#include "base/path.h"
#include "base/paths.h"
#include "policy/filter.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>

const char *const profile_dirs[] = {PINLIB_PROFILES, PINLIB_DATADIR "/profiles", NULL};

#define BLANKS " \t"

/* A profile that is read, with the profiles that it includes. */
struct profile_reader {
	const char *const *dirs;
	struct filter_rules rules;
	bool has_default;
	struct digest_stream *digest;
	struct err *err;
};

/* The line that is read. */
struct profile_line {
	struct profile_reader *reader;
	const char *file;
	unsigned number, depth;
	bool after_rules; /* a line other than include came before */
	char *rest;	  /* what strtok_r(3) has not read yet */
};

void confinement_free(struct confinement *c)
{
	free(c->profile);
	free(c->filter);
	*c = (struct confinement){0};
}

bool confinement_equal(const struct confinement *a, const struct confinement *b)
{
	if (!a->profile || !b->profile)
		return !a->profile && !b->profile;
	return strcmp(a->profile, b->profile) == 0 && digest_equal(&a->source, &b->source) &&
	       a->size == b->size && memcmp(a->filter, b->filter, a->size) == 0;
}

__attribute__((format(printf, 2, 3))) static int refuse_line(const struct profile_line *l,
							     const char *fmt, ...)
{
	char why[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof why, fmt, ap);
	va_end(ap);
	return err_set(l->reader->err, EINVAL, "%s:%u: %s", l->file, l->number, why);
}

/* -- words -- */

/* NULL at the end of the line. */
static char *read_word(struct profile_line *l)
{
	return strtok_r(NULL, BLANKS, &l->rest);
}

static int find_errno(const char *name)
{
	for (int i = 1; i < 200; i++) {
		const char *known = strerrorname_np(i);

		if (known && strcmp(known, name) == 0)
			return i;
	}
	return 0;
}

/* kind is the word that was read. */
static int read_action(struct profile_line *l, const char *kind, uint32_t *out)
{
	const char *name;
	int errnum;

	if (kind && strcmp(kind, "allow") == 0) {
		*out = SCMP_ACT_ALLOW;
		return 0;
	}
	if (kind && strcmp(kind, "kill") == 0) {
		*out = SCMP_ACT_KILL_PROCESS;
		return 0;
	}
	if (!kind || strcmp(kind, "errno") != 0)
		return refuse_line(l, "an action is allow, errno NAME or kill, not '%.64s'",
				   kind ? kind : "");
	name = read_word(l);
	errnum = name ? find_errno(name) : 0;
	if (!errnum)
		return refuse_line(l, "'%.64s' is not the name of an error (EPERM, ...)",
				   name ? name : "");
	*out = SCMP_ACT_ERRNO((uint32_t)errnum);
	return 0;
}

static int parse_value(struct profile_line *l, const char *text, uint64_t *out)
{
	static const struct {
		const char *name;
		uint64_t value;
	} constants[] = {
		{"CLONE_NEWUSER", CLONE_NEWUSER},
		{"PTRACE_TRACEME", PTRACE_TRACEME},
		{"TIOCSTI", TIOCSTI},
	};
	char *end;

	for (size_t i = 0; i < sizeof constants / sizeof *constants; i++)
		if (strcmp(text, constants[i].name) == 0) {
			*out = constants[i].value;
			return 0;
		}
	errno = 0;
	*out = strtoull(text, &end, 0);
	if (*text < '0' || *text > '9' || *end || errno)
		return refuse_line(l, "'%.64s' is neither a number of 64 bits nor a known constant",
				   text);
	return 0;
}

/* argN == VALUE, argN != VALUE, argN & MASK == VALUE. */
static int read_condition(struct profile_line *l, struct scmp_arg_cmp *out)
{
	char *words[5] = {0}, *word;
	size_t n = 0;
	int r = 0;

	while ((word = read_word(l)) && n < 5)
		words[n++] = word;
	if (word || (n != 3 && n != 5) || strncmp(words[0], "arg", 3) != 0 || words[0][3] < '0' ||
	    words[0][3] > '5' || words[0][4] || (n == 5 && strcmp(words[1], "&") != 0) ||
	    (strcmp(words[n - 2], "==") != 0 && (n == 5 || strcmp(words[1], "!=") != 0)))
		return refuse_line(l, "a condition is argN == VALUE, argN != VALUE or "
				      "argN & MASK == VALUE, with N from 0 to 5");
	*out = (struct scmp_arg_cmp){.arg = (unsigned)(words[0][3] - '0'),
				     .op = *words[1] == '!' ? SCMP_CMP_NE : SCMP_CMP_MASKED_EQ,
				     .datum_a = UINT64_MAX};
	if (out->op == SCMP_CMP_NE)
		return parse_value(l, words[2], &out->datum_a);
	if (n == 5)
		r = parse_value(l, words[2], &out->datum_a);
	if (r == 0)
		r = parse_value(l, words[n - 1], &out->datum_b);
	if (r == 0 && out->datum_b & ~out->datum_a)
		return refuse_line(l, "the condition never holds: the value has bits outside the "
				      "mask");
	return r;
}

/* -- lines -- */

static struct filter_rule *find_rule(const struct filter_rules *rules, const char *call)
{
	for (size_t i = 0; i < rules->count; i++)
		if (strcmp(rules->items[i].call, call) == 0)
			return &rules->items[i];
	return NULL;
}

/* Takes the place of a rule for the same call in an included file, which was deeper. */
static int add_rule(const struct profile_line *l, const struct filter_rule *rule, const char *call)
{
	struct filter_rules *rules = &l->reader->rules;
	struct filter_rule *known = find_rule(rules, call);
	char *name;

	if (!filter_has_call(call))
		return refuse_line(l, "there is no system call '%.64s'", call);
	if (rule->conditional && !filter_sees_arguments(call))
		return refuse_line(l, "a filter cannot see the arguments of %s on i386", call);
	if (known && known->depth == l->depth)
		return refuse_line(l, "line %u already has a rule for %s", known->line, call);
	if (!known) {
		if (ARRAY_GROW(rules->items, rules->count, l->reader->err) < 0)
			return -ENOMEM;
		known = &rules->items[rules->count];
		*known = (struct filter_rule){.call = strdup(call)};
		if (!known->call)
			return err_nomem(l->reader->err);
		rules->count++;
	}
	name = known->call;
	*known = *rule;
	known->call = name;
	return 0;
}

/* ACTION CALL... [if CONDITION]. The condition follows the calls and applies to each. */
static int read_rule(struct profile_line *l, const char *first)
{
	struct filter_rule rule = {.depth = l->depth, .line = l->number};
	char *calls, *call, *condition;
	int r = read_action(l, first, &rule.action);

	if (r < 0)
		return r;
	calls = l->rest + strspn(l->rest, BLANKS);
	condition = strstr(calls, " if ");
	rule.conditional = condition != NULL;
	if (condition) {
		*condition = '\0';
		l->rest = condition + strlen(" if ");
		r = read_condition(l, &rule.condition);
		l->rest = calls;
	}
	if (r == 0 && !*calls)
		return refuse_line(l, "the rule names no system call");
	while (r == 0 && (call = read_word(l)))
		r = add_rule(l, &rule, call);
	return r;
}

static int refuse_rest(struct profile_line *l)
{
	const char *word = read_word(l);

	return word ? refuse_line(l, "unexpected '%.64s'", word) : 0;
}

static int read_default(struct profile_line *l)
{
	int r = read_action(l, read_word(l), &l->reader->rules.otherwise);

	l->reader->has_default = true;
	return r < 0 ? r : refuse_rest(l);
}

static int read_profile(struct profile_reader *reader, const char *name, unsigned depth);

static int read_include(struct profile_line *l)
{
	const char *name = read_word(l);
	int r = refuse_rest(l);

	if (r < 0)
		return r;
	if (!name || l->after_rules)
		return refuse_line(l, "'include NAME' is the first line of a profile");
	if (l->depth == PROFILE_DEPTH_MAX)
		return refuse_line(l, "more than %d profiles include one another",
				   PROFILE_DEPTH_MAX);
	r = read_profile(l->reader, name, l->depth + 1);
	if (r == -ENOENT) /* the profile that was asked for does exist */
		r = -EINVAL;
	return r < 0 ? err_wrap(l->reader->err, r, "%s:%u", l->file, l->number) : 0;
}

static int read_line(struct profile_line *l, char *text)
{
	const char *first;
	int r;

	text[strcspn(text, "#")] = '\0';
	for (char *tab = text; (tab = strchr(tab, '\t'));)
		*tab = ' ';
	first = strtok_r(text, BLANKS, &l->rest);
	if (!first)
		return 0;
	if (strcmp(first, "include") == 0)
		r = read_include(l);
	else
		r = strcmp(first, "default") == 0 ? read_default(l) : read_rule(l, first);
	l->after_rules = true;
	return r;
}

/* -- files -- */

static int check_profile_name(const char *name, struct err *err)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-_.";
	size_t len = strlen(name);

	if (len == 0 || len > PROFILE_NAME_MAX || name[0] == '.' || strspn(name, plain) != len ||
	    strcmp(name, "none") == 0)
		return err_set(err, EINVAL,
			       "'%.64s' is not a valid profile name (at most %d letters, digits, "
			       "'-', '_' and '.')",
			       name, PROFILE_NAME_MAX);
	return 0;
}

/* Whoever can write the text decides which calls the program may make. */
static int check_owner(int fd, mode_t type, const char *path, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "cannot stat %s", path);
	if ((st.st_mode & S_IFMT) != type)
		return err_set(err, EPERM, "%s is not a %s", path,
			       type == S_IFDIR ? "directory" : "regular file");
	if (st.st_uid != 0 || st.st_mode & (S_IWGRP | S_IWOTH))
		return err_set(err, EPERM,
			       "users other than root can write %s: run 'chown root %s' and "
			       "'chmod go-w %s'",
			       path, path, path);
	return 0;
}

/* -ENOENT if dir has no such profile. */
static int load_text(const char *dir, const char *name, char path[PATH_MAX], char **text,
		     size_t *len, struct err *err)
{
	AUTO_FD int dirfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC), fd = -1;
	int r;

	if (dirfd < 0)
		return err_sys(err, errno, "cannot open %s", dir);
	r = path_join(dir, name, path, err);
	if (r < 0)
		return r;
	fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, errno, "cannot open %s", path);
	r = check_owner(dirfd, S_IFDIR, dir, err);
	if (r == 0)
		r = check_owner(fd, S_IFREG, path, err);
	if (r < 0)
		return r;
	r = file_read(fd, PROFILE_SIZE_MAX, text, len, err);
	if (r < 0)
		return err_wrap(err, r, "cannot read %s", path);
	return strlen(*text) == *len ? 0 : err_set(err, EINVAL, "%s has a NUL byte", path);
}

static int read_profile(struct profile_reader *reader, const char *name, unsigned depth)
{
	AUTO_FREE char *text = NULL;
	char path[PATH_MAX];
	struct profile_line l = {.reader = reader, .file = path, .depth = depth};
	size_t len = 0;
	int r = check_profile_name(name, reader->err);

	if (r < 0)
		return r;
	r = -ENOENT;
	for (size_t i = 0; r == -ENOENT && reader->dirs[i]; i++)
		r = load_text(reader->dirs[i], name, path, &text, &len, reader->err);
	if (r == -ENOENT)
		return err_set(reader->err, ENOENT, "there is no profile '%s'", name);
	if (r == 0) /* with the NUL, which keeps two texts apart */
		r = digest_update(reader->digest, text, len + 1, reader->err);
	for (char *rest = text, *line; r == 0 && (line = strsep(&rest, "\n"));) {
		l.number++;
		r = read_line(&l, line);
	}
	if (r == 0 && depth == 0 && !reader->has_default)
		return err_set(reader->err, EINVAL,
			       "%s: missing a line for all other calls, such as 'default allow'",
			       path);
	return r;
}

/* -- the whole -- */

static void profile_reader_end(struct profile_reader *reader)
{
	filter_rules_free(&reader->rules);
	digest_abandon(&reader->digest);
}

static int read_whole(struct profile_reader *reader, const char *name, struct digest *source)
{
	int r;

	reader->digest = digest_begin();
	if (!reader->digest)
		return err_nomem(reader->err);
	r = read_profile(reader, name, 0);
	return r < 0 ? r : digest_end(&reader->digest, source, reader->err);
}

/* The wrapper makes these calls after it has loaded the filter. */
static int check_needed_calls(const struct filter_rules *rules, const char *name, struct err *err)
{
	static const char *const needed[] = {"capset", "capget", "execve"};

	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++) {
		const struct filter_rule *rule = find_rule(rules, needed[i]);

		if (rule ? rule->action != SCMP_ACT_ALLOW || rule->conditional
			 : rules->otherwise != SCMP_ACT_ALLOW)
			return err_set(err, EINVAL,
				       "profile %s must allow %s without a condition: the "
				       "wrapper calls it after it has loaded the filter",
				       name, needed[i]);
	}
	return 0;
}

int profile_compile(const char *const *dirs, const char *name, struct confinement *out,
		    struct err *err)
{
	CLEANUP(profile_reader_end) struct profile_reader reader = {.dirs = dirs, .err = err};
	AUTO_CONFINEMENT struct confinement made = {0};
	int r = read_whole(&reader, name, &made.source);

	if (r == 0)
		r = check_needed_calls(&reader.rules, name, err);
	if (r < 0)
		return r;
	r = filter_compile(&reader.rules, &made.filter, &made.size, err);
	if (r < 0)
		return err_wrap(err, r, "profile %s", name);
	made.profile = strdup(name);
	if (!made.profile)
		return err_nomem(err);
	*out = made;
	made = (struct confinement){0};
	return 0;
}

int profile_source(const char *const *dirs, const char *name, struct digest *out, struct err *err)
{
	CLEANUP(profile_reader_end) struct profile_reader reader = {.dirs = dirs, .err = err};

	return read_whole(&reader, name, out);
}

bool profile_changed(const struct confinement *c, char why[ERR_TEXT_MAX])
{
	struct digest now;
	struct err err;
	int r;

	if (!c->profile)
		return false;
	r = profile_source(profile_dirs, c->profile, &now, &err);
	if (r == 0 && digest_equal(&now, &c->source))
		return false;
	if (r == 0)
		snprintf(why, ERR_TEXT_MAX,
			 "the text of profile %s has changed; 'pinlib set --confine %s APP' "
			 "applies it",
			 c->profile, c->profile);
	else
		snprintf(why, ERR_TEXT_MAX, "profile %s can no longer be compiled: %.900s",
			 c->profile, err.text);
	return true;
}
