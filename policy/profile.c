#include "policy/profile.h"

#include "base/file.h"
#include "base/paths.h"
#include "policy/filter.h"

#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>

const char *const profile_dirs[] = {PINLIB_PROFILES, PINLIB_DATADIR "/profiles", NULL};

#define RULES_MAX 4096
#define CONDITIONS_ALL_MAX 512 /* of all rules: libseccomp's time grows with their cube */
#define FILES_MAX 64
#define WORD_MAX 64 /* bytes of what is wrong, in a message */

/* What a value may be called. */
static const struct constant {
	const char *name;
	uint64_t value;
} constants[] = {
	{"CLONE_NEWCGROUP", CLONE_NEWCGROUP},
	{"CLONE_NEWIPC", CLONE_NEWIPC},
	{"CLONE_NEWNET", CLONE_NEWNET},
	{"CLONE_NEWNS", CLONE_NEWNS},
	{"CLONE_NEWPID", CLONE_NEWPID},
	{"CLONE_NEWTIME", 0x80},
	{"CLONE_NEWUSER", CLONE_NEWUSER},
	{"CLONE_NEWUTS", CLONE_NEWUTS},
	{"PTRACE_TRACEME", PTRACE_TRACEME},
	{"TIOCLINUX", TIOCLINUX},
	{"TIOCSTI", TIOCSTI},
};

/* What the wrapper does after it has loaded the filter. */
static const char *const needed[] = {"capset", "capget", "execve"};

/* A profile being read, with what it includes. */
struct reading {
	const char *const *dirs;
	struct rules rules;
	bool has_default;
	struct digest_stream *digest;
	struct err *err;
};

/* A line being read. */
struct line {
	struct reading *reading;
	const char *file; /* of rules */
	unsigned number;
	unsigned depth;
	bool *ruled; /* whether the file has said anything but include */
	char *rest;
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

__attribute__((format(printf, 2, 3))) static int wrong(const struct line *l, const char *fmt, ...)
{
	char what[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	return err_set(l->reading->err, EINVAL, "%s:%u: %s", l->file, l->number, what);
}

/* -- words -- */

/* The next word of the line; NULL at its end. */
static char *word(struct line *l)
{
	char *start = l->rest + strspn(l->rest, " \t");
	size_t len = strcspn(start, " \t");

	l->rest = start + len;
	if (len == 0)
		return NULL;
	if (*l->rest)
		*l->rest++ = '\0';
	return start;
}

static int errno_of(const char *name)
{
	/* Second names, which the library does not give. */
	if (strcmp(name, "ENOTSUP") == 0)
		return ENOTSUP;
	if (strcmp(name, "EWOULDBLOCK") == 0)
		return EWOULDBLOCK;
	for (int i = 1; i < 200; i++) {
		const char *known = strerrorname_np(i);

		if (known && strcmp(known, name) == 0)
			return i;
	}
	return 0;
}

/* kind is the word that was read. */
static int read_action(struct line *l, const char *kind, struct action *out)
{
	const char *name;

	if (strcmp(kind, "allow") == 0 || strcmp(kind, "kill") == 0) {
		*out = (struct action){.kind = *kind == 'a' ? ACTION_ALLOW : ACTION_KILL};
		return 0;
	}
	if (strcmp(kind, "errno") != 0)
		return wrong(l, "'%.*s' is not default, include, allow, errno or kill", WORD_MAX,
			     kind);
	name = word(l);
	*out = (struct action){.kind = ACTION_ERRNO, .errnum = name ? errno_of(name) : 0};
	if (!name)
		return wrong(l, "which error? (errno EPERM CALL...)");
	if (!out->errnum)
		return wrong(l, "'%.*s' is no error number's name", WORD_MAX, name);
	return 0;
}

static int read_value(struct line *l, uint64_t *out)
{
	const char *text = word(l);
	char *end;

	if (!text)
		return wrong(l, "a value is missing");
	for (size_t i = 0; i < sizeof constants / sizeof *constants; i++)
		if (strcmp(text, constants[i].name) == 0) {
			*out = constants[i].value;
			return 0;
		}
	errno = 0;
	*out = strtoull(text, &end, 0);
	if (*text < '0' || *text > '9' || *end || errno)
		return wrong(l, "'%.*s' is neither a number of 64 bits nor a known constant",
			     WORD_MAX, text);
	return 0;
}

/* -- conditions: argN OP VALUE, argN & MASK == VALUE -- */

static int read_argument(struct line *l, const struct rule *rule, unsigned *out)
{
	const char *text = word(l);

	if (!text || strncmp(text, "arg", 3) != 0 || text[3] < '0' || text[3] > '5' || text[4])
		return wrong(l, "a condition begins with arg0 to arg5, not '%.*s'", WORD_MAX,
			     text ? text : "");
	*out = (unsigned)(text[3] - '0');
	for (unsigned i = 0; i < rule->nconditions; i++)
		if (rule->conditions[i].arg == *out)
			return wrong(l, "%s is compared twice", text);
	return 0;
}

static int read_masked(struct line *l, struct scmp_arg_cmp *c)
{
	int r = read_value(l, &c->datum_a);
	const char *op;

	if (r < 0)
		return r;
	op = word(l);
	if (!op || strcmp(op, "==") != 0)
		return wrong(l, "a mask is followed by == and a value");
	r = read_value(l, &c->datum_b);
	if (r == 0 && c->datum_b & ~c->datum_a)
		return wrong(l, "this never holds: the value has bits that the mask has not");
	c->op = SCMP_CMP_MASKED_EQ;
	return r;
}

static int read_condition(struct line *l, struct rule *rule)
{
	static const struct {
		const char *text;
		enum scmp_compare op;
	} ops[] = {{"==", SCMP_CMP_EQ}, {"!=", SCMP_CMP_NE}, {"<", SCMP_CMP_LT},
		   {"<=", SCMP_CMP_LE}, {">", SCMP_CMP_GT},  {">=", SCMP_CMP_GE}};
	struct scmp_arg_cmp c = {0};
	const char *op;
	int r = read_argument(l, rule, &c.arg);

	if (r < 0)
		return r;
	op = word(l);
	r = 1;
	if (op && strcmp(op, "&") == 0)
		r = read_masked(l, &c);
	for (size_t i = 0; r == 1 && op && i < sizeof ops / sizeof *ops; i++)
		if (strcmp(op, ops[i].text) == 0) {
			c.op = ops[i].op;
			r = read_value(l, &c.datum_a);
		}
	if (r == 1)
		return wrong(l, "'%.*s' is no comparison (== != < <= > >= &)", WORD_MAX,
			     op ? op : "");
	if (r == 0)
		rule->conditions[rule->nconditions++] = c;
	return r;
}

static int read_conditions(struct line *l, struct rule *rule)
{
	for (;;) {
		const char *next;
		int r = read_condition(l, rule);

		if (r < 0)
			return r;
		next = word(l);
		if (!next)
			return 0;
		if (strcmp(next, "and") != 0)
			return wrong(l, "'%.*s' where 'and' or the end of the line is expected",
				     WORD_MAX, next);
	}
}

/* -- rules -- */

/* What a file says of a call takes the place of what the files that it includes say. */
static void forget(struct rules *rules, const char *call, const char *file)
{
	size_t kept = 0;

	for (size_t i = 0; i < rules->count; i++) {
		struct rule *rule = &rules->items[i];

		if (rule->file != file && strcmp(rule->call, call) == 0)
			free(rule->call);
		else
			rules->items[kept++] = *rule;
	}
	rules->count = kept;
}

/* Two rules of one file for one call are alternatives: with conditions, and with one action. */
static int check_others(const struct line *l, const struct rule *rule, const char *call)
{
	const struct rules *rules = &l->reading->rules;

	for (size_t i = 0; i < rules->count; i++) {
		const struct rule *other = &rules->items[i];

		if (strcmp(other->call, call) != 0)
			continue;
		if (!rule->nconditions || !other->nconditions)
			return wrong(l, "%s has a rule in line %u already", call, other->line);
		if (!action_equal(&rule->action, &other->action))
			return wrong(l, "%s has a rule with another action in line %u", call,
				     other->line);
	}
	return 0;
}

static size_t conditions(const struct rules *rules)
{
	size_t n = 0;

	for (size_t i = 0; i < rules->count; i++)
		n += rules->items[i].nconditions;
	return n;
}

static int add_rule(const struct line *l, const struct rule *rule, const char *call)
{
	struct rules *rules = &l->reading->rules;
	struct rule *items;
	int r;

	if (!filter_knows(call))
		return wrong(l, "there is no system call '%.*s'", WORD_MAX, call);
	if (rule->nconditions && !filter_sees_arguments(call))
		return wrong(l, "the arguments of %s cannot be seen on every architecture", call);
	forget(rules, call, l->file);
	r = check_others(l, rule, call);
	if (r < 0)
		return r;
	if (rules->count == RULES_MAX)
		return wrong(l, "more than %d rules", RULES_MAX);
	if (rule->nconditions && conditions(rules) + rule->nconditions > CONDITIONS_ALL_MAX)
		return wrong(l, "more than %d conditions", CONDITIONS_ALL_MAX);
	items = reallocarray(rules->items, rules->count + 1, sizeof *items);
	if (!items)
		return err_nomem(l->reading->err);
	rules->items = items;
	items[rules->count] = *rule;
	items[rules->count].call = strdup(call);
	return items[rules->count++].call ? 0 : err_nomem(l->reading->err);
}

/* CALL... [if CONDITION [and CONDITION]...]. The calls come first, but the conditions belong to
 * each of them. */
static int read_rule(struct line *l, const char *first)
{
	struct rule rule = {.file = l->file, .line = l->number};
	const char *calls[256], *next;
	size_t count = 0;
	int r = read_action(l, first, &rule.action);

	while (r == 0 && (next = word(l)) && strcmp(next, "if") != 0) {
		if (count == sizeof calls / sizeof *calls)
			return wrong(l, "more than %zu calls in one line", count);
		calls[count++] = next;
	}
	if (r == 0 && count == 0)
		return wrong(l, "which system call?");
	if (r == 0 && next)
		r = read_conditions(l, &rule);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = add_rule(l, &rule, calls[i]);
	return r;
}

static int read_default(struct line *l)
{
	struct reading *reading = l->reading;
	const char *kind = word(l), *more;
	int r;

	if (!kind)
		return wrong(l, "default is followed by allow, errno or kill");
	r = read_action(l, kind, &reading->rules.otherwise);
	if (r < 0)
		return r;
	more = word(l);
	if (more)
		return wrong(l, "'%.*s' is too much", WORD_MAX, more);
	reading->has_default = true;
	return 0;
}

/* -- files -- */

static int read_file(struct reading *reading, const char *name, unsigned depth);

static int read_include(struct line *l)
{
	const char *name = word(l), *more = name ? word(l) : NULL;
	int r;

	if (!name)
		return wrong(l, "include what?");
	if (more)
		return wrong(l, "'%.*s' is too much", WORD_MAX, more);
	if (*l->ruled)
		return wrong(l, "include comes before everything else");
	if (l->depth == PROFILE_DEPTH_MAX)
		return wrong(l, "include goes deeper than %d files (does one include itself?)",
			     PROFILE_DEPTH_MAX);
	r = read_file(l->reading, name, l->depth + 1);
	if (r == -ENOENT) /* not the profile that was asked for */
		r = -EINVAL;
	return r < 0 ? err_wrap(l->reading->err, r, "%s:%u", l->file, l->number) : 0;
}

static int read_line(struct line *l)
{
	const char *first;

	l->rest[strcspn(l->rest, "#")] = '\0';
	for (const unsigned char *p = (unsigned char *)l->rest; *p; p++)
		if ((*p < ' ' && *p != '\t') || *p >= 0x7f)
			return wrong(l, "a character that is not printable ASCII");
	first = word(l);
	if (!first)
		return 0;
	if (strcmp(first, "include") == 0)
		return read_include(l);
	*l->ruled = true;
	return strcmp(first, "default") == 0 ? read_default(l) : read_rule(l, first);
}

static int read_text(struct reading *reading, const char *file, char *text, size_t len,
		     unsigned depth)
{
	bool ruled = false;
	struct line l = {reading, file, 0, depth, &ruled, NULL};
	char *end = text + len;

	while (text < end) {
		char *newline = memchr(text, '\n', (size_t)(end - text));
		char *next = newline ? newline : end; /* file_read ends it with a NUL */
		int r;

		*next = '\0';
		l.rest = text;
		l.number++;
		if (strlen(text) != (size_t)(next - text))
			return wrong(&l, "a NUL byte");
		r = read_line(&l);
		if (r < 0)
			return r;
		text = next + 1;
	}
	return 0;
}

static int check_name(const char *name, struct err *err)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-_.";
	size_t len = strlen(name);

	if (len == 0 || len > PROFILE_NAME_MAX || name[0] == '.' || strspn(name, plain) != len ||
	    strcmp(name, "none") == 0)
		return err_set(err, EINVAL,
			       "'%.*s' is no profile's name (letters, digits, '-', '_' and '.', "
			       "at most %d)",
			       WORD_MAX, name, PROFILE_NAME_MAX);
	return 0;
}

/* Whoever can write the text decides what the program may do. */
static int check_owner(int fd, mode_t type, const char *path, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "cannot stat %s", path);
	if ((st.st_mode & S_IFMT) != type)
		return err_set(err, EPERM, "%s is not a %s", path,
			       type == S_IFDIR ? "directory" : "regular file");
	if (st.st_uid != 0 || st.st_mode & (S_IWGRP | S_IWOTH))
		return err_set(err, EPERM, "%s could have been written by others than root", path);
	return 0;
}

/* -ENOENT if dir has no such profile. */
static int read_from(const char *dir, const char *name, char **path, char **text, size_t *len,
		     struct err *err)
{
	AUTO_FD int dirfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC), fd = -1;
	int r;

	if (dirfd < 0)
		return err_sys(err, errno, "cannot open %s", dir);
	if (asprintf(path, "%s/%s", dir, name) < 0) {
		*path = NULL;
		return err_nomem(err);
	}
	fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, errno, "cannot open %s", *path);
	r = check_owner(dirfd, S_IFDIR, dir, err);
	if (r == 0)
		r = check_owner(fd, S_IFREG, *path, err);
	if (r < 0)
		return r;
	r = file_read(fd, PROFILE_SIZE_MAX, text, len, err);
	return r < 0 ? err_wrap(err, r, "cannot read %s", *path) : 0;
}

/* The rules point to the path, so they keep it. */
static int keep_path(struct rules *rules, char *path)
{
	char **files = reallocarray(rules->files, rules->nfiles + 1, sizeof *files);

	if (!files)
		return -ENOMEM;
	rules->files = files;
	files[rules->nfiles++] = path;
	return 0;
}

static int read_file(struct reading *reading, const char *name, unsigned depth)
{
	AUTO_FREE char *path = NULL, *text = NULL;
	const char *file;
	size_t len = 0;
	int r = check_name(name, reading->err);

	if (r < 0)
		return r;
	if (reading->rules.nfiles == FILES_MAX)
		return err_set(reading->err, EINVAL, "more than %d files", FILES_MAX);
	r = -ENOENT;
	for (size_t i = 0; r == -ENOENT && reading->dirs[i]; i++) {
		free(path);
		path = NULL;
		r = read_from(reading->dirs[i], name, &path, &text, &len, reading->err);
	}
	if (r == -ENOENT)
		return err_set(reading->err, ENOENT, "there is no profile '%s'", name);
	if (r == 0) /* the NUL behind it keeps two texts apart */
		r = digest_update(reading->digest, text, len + 1, reading->err);
	if (r < 0)
		return r;
	if (keep_path(&reading->rules, path) < 0)
		return err_nomem(reading->err);
	file = path;
	path = NULL;
	return read_text(reading, file, text, len, depth);
}

/* -- the whole -- */

static void reading_end(struct reading *reading)
{
	rules_free(&reading->rules);
	digest_abandon(&reading->digest);
}

static int read_whole(struct reading *reading, const char *name, struct digest *source)
{
	int r;

	reading->digest = digest_begin();
	if (!reading->digest)
		return err_nomem(reading->err);
	r = read_file(reading, name, 0);
	if (r < 0)
		return r;
	if (!reading->has_default)
		return err_set(reading->err, EINVAL,
			       "%s: no line says what the default is (default allow)",
			       reading->rules.files[0]);
	r = digest_end(reading->digest, source, reading->err);
	reading->digest = NULL;
	return r;
}

/* Whether the call is allowed whatever its arguments are. */
static bool is_allowed(const struct rules *rules, const char *call)
{
	bool otherwise = rules->otherwise.kind == ACTION_ALLOW;

	for (size_t i = 0; i < rules->count; i++) {
		const struct rule *rule = &rules->items[i];

		if (strcmp(rule->call, call) != 0)
			continue;
		if (rule->action.kind != ACTION_ALLOW)
			return false;
		if (!rule->nconditions)
			return true;
	}
	return otherwise;
}

static int check_needed(const struct rules *rules, struct err *err)
{
	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
		if (!is_allowed(rules, needed[i]))
			return err_set(err, EINVAL,
				       "%s: it has to allow %s, whatever the arguments: the "
				       "wrapper calls it with the filter in force",
				       rules->files[0], needed[i]);
	return 0;
}

int profile_compile(const char *const *dirs, const char *name, struct confinement *out,
		    struct err *err)
{
	CLEANUP(reading_end) struct reading reading = {.dirs = dirs, .err = err};
	AUTO_CONFINEMENT struct confinement made = {0};
	int r = read_whole(&reading, name, &made.source);

	if (r == 0)
		r = check_needed(&reading.rules, err);
	if (r < 0)
		return r;
	r = filter_compile(&reading.rules, &made.filter, &made.size, err);
	if (r < 0)
		return err_wrap(err, r, "%s", reading.rules.files[0]);
	made.profile = strdup(name);
	if (!made.profile)
		return err_nomem(err);
	*out = made;
	made = (struct confinement){0};
	return 0;
}

int profile_source(const char *const *dirs, const char *name, struct digest *out, struct err *err)
{
	CLEANUP(reading_end) struct reading reading = {.dirs = dirs, .err = err};

	return read_whole(&reading, name, out);
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
			 "the text of profile %s has changed since: it counts when it is set again",
			 c->profile);
	else
		snprintf(why, ERR_TEXT_MAX, "profile %s could not be set again: %.900s", c->profile,
			 err.text);
	return true;
}
