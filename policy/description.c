#include "policy/description.h"

#include "base/array.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/path.h"
#include "base/trust.h"
#include "policy/due.h"
#include "policy/policy.h"
#include "store/text.h"

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>

#define BLANKS " \t"

/* The text that is read. */
struct description_reader {
	struct description *out;
	struct described *app; /* the lines are about this app; NULL before the first */
	const char *file;
	unsigned line;
	struct err *err;
};

static void described_free(struct described *d)
{
	strings_free(&d->sources);
	free(d->pins);
	strings_free(&d->places);
	free(d->profile);
	free(d->program);
	free(d->reason);
	free(d->path);
}

void description_free(struct description *d)
{
	for (size_t i = 0; i < d->count; i++)
		described_free(&d->items[i]);
	free(d->items);
	*d = (struct description){0};
}

__attribute__((format(printf, 2, 3))) static int refuse_text(const struct description_reader *r,
							     const char *fmt, ...)
{
	char what[ERR_TEXT_MAX / 2];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	return err_set(r->err, EINVAL, "%s:%u: %s", r->file, r->line, what);
}

/* -- the lines; value is the word after the keyword, or NULL -- */

static int read_app(struct description_reader *r, const char *value)
{
	struct description *d = r->out;
	struct described *app;
	char path[PATH_MAX], buf[TEXT_SHOWN];

	if (path_normalise(value, path, r->err) < 0)
		return refuse_text(r, "'%s' is not the full path of a program",
				   text_shown(value, buf));
	for (size_t i = 0; i < d->count; i++)
		if (strcmp(d->items[i].path, path) == 0)
			return refuse_text(r, "%s already describes %s", d->items[i].where,
					   text_shown(path, buf));
	if (d->count == DESCRIBE_APPS_MAX)
		return refuse_text(r, "more than %d programs", DESCRIBE_APPS_MAX);
	if (ARRAY_GROW(d->items, d->count, r->err) < 0)
		return -ENOMEM;
	app = &d->items[d->count];
	*app = (struct described){.path = strdup(path), .on_failure = PLAN_REFUSE};
	if (!app->path)
		return err_nomem(r->err);
	snprintf(app->where, sizeof app->where, "%s:%u", r->file, r->line);
	d->count++;
	r->app = app;
	return 0;
}

static int read_pin(struct description_reader *r, const char *value)
{
	struct described *app = r->app;
	struct err why;

	if (app->npins == DESCRIBE_WORDS_MAX)
		return refuse_text(r, "more than %d pins for one program", DESCRIBE_WORDS_MAX);
	if (ARRAY_GROW(app->pins, app->npins, r->err) < 0)
		return -ENOMEM;
	if (spec_parse(value, &app->pins[app->npins], &why) < 0)
		return refuse_text(r, "%s", why.text);
	if (strings_add(&app->places, "", r->err) < 0)
		return -ENOMEM;
	app->npins++;
	return 0;
}

static int read_place(struct description_reader *r, const char *value)
{
	struct described *app = r->app;
	char **last = app->npins ? &app->places.items[app->npins - 1] : NULL;
	char path[PATH_MAX], buf[TEXT_SHOWN], *copy;

	if (!last || **last)
		return refuse_text(r, "'in' does not come after a 'pin' line");
	if (path_normalise(value, path, r->err) < 0)
		return refuse_text(r, "'%s' is not the full path of a directory",
				   text_shown(value, buf));
	copy = strdup(path);
	if (!copy)
		return err_nomem(r->err);
	free(*last);
	*last = copy;
	return 0;
}

/* Whether it means the same in every working directory. */
static bool is_full_source(const char *value)
{
	static const char *const beginnings[] = {
		"/", "apt:", "dpkg:", "oci:/", "oci-archive:/", "docker-archive:/"};

	for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++)
		if (strncmp(value, beginnings[i], strlen(beginnings[i])) == 0)
			return true;
	return false;
}

static int read_source(struct description_reader *r, const char *value)
{
	struct described *app = r->app;
	char buf[TEXT_SHOWN];

	if (!is_full_source(value))
		return refuse_text(r,
				   "'%s' is not a full path, and does not begin with apt:, dpkg:, "
				   "oci:/ or docker-archive:/",
				   text_shown(value, buf));
	if (text_fault(value))
		return refuse_text(r, "'%s' %s", text_shown(value, buf), text_fault(value));
	if (app->sources.count == DESCRIBE_WORDS_MAX)
		return refuse_text(r, "more than %d sources for one program", DESCRIBE_WORDS_MAX);
	return strings_add(&app->sources, value, r->err);
}

static int read_on_failure(struct description_reader *r, const char *value)
{
	char buf[TEXT_SHOWN];

	if (strcmp(value, "refuse") != 0 && strcmp(value, "unpinned") != 0)
		return refuse_text(r, "on-failure takes refuse or unpinned, not '%s'",
				   text_shown(value, buf));
	r->app->on_failure = *value == 'r' ? PLAN_REFUSE : PLAN_UNPINNED;
	return 0;
}

/* profile_compile checks the name. */
static int read_confine(struct description_reader *r, const char *value)
{
	char buf[TEXT_SHOWN];

	if (r->app->profile)
		return refuse_text(r, "the program already has the profile %s",
				   text_shown(r->app->profile, buf));
	if (strcmp(value, "none") == 0)
		return 0;
	r->app->profile = strdup(value);
	return r->app->profile ? 0 : err_nomem(r->err);
}

static int read_program(struct description_reader *r, const char *value)
{
	char path[PATH_MAX];
	struct err why;

	if (r->app->program)
		return refuse_text(r, "the program already has an 'as' line");
	if (value[0] != '/' || path_normalise(value, path, &why) < 0)
		return refuse_text(r, "as takes the full path of a program in a pinned version");
	r->app->program = strdup(path);
	return r->app->program ? 0 : err_nomem(r->err);
}

static int read_reason(struct description_reader *r, const char *value)
{
	char buf[TEXT_SHOWN];

	if (r->app->reason)
		return refuse_text(r, "the program already has a 'reason' line");
	if (reason_fault(value))
		return refuse_text(r, "the reason '%s' %s", text_shown(value, buf),
				   reason_fault(value));
	r->app->reason = strdup(value);
	return r->app->reason ? 0 : err_nomem(r->err);
}

/* A past date is none of the file's faults: it has only become due. */
static int read_until(struct description_reader *r, const char *value)
{
	struct err why;

	if (r->app->until)
		return refuse_text(r, "the program already has an 'until' line");
	return until_read_date(value, &r->app->until, &why) < 0 ? refuse_text(r, "%s", why.text)
								: 0;
}

static int read_with_deps(struct description_reader *r, const char *value)
{
	(void)value;
	r->app->with_deps = true;
	return 0;
}

static int read_sealed(struct description_reader *r, const char *value)
{
	(void)value;
	r->app->sealed = true;
	return 0;
}

static int read_force(struct description_reader *r, const char *value)
{
	(void)value;
	r->app->force = true;
	return 0;
}

static int read_host(struct description_reader *r, const char *value)
{
	(void)value;
	r->app->host = true;
	return 0;
}

static int read_absent(struct description_reader *r, const char *value)
{
	(void)value;
	r->app->absent = true;
	return 0;
}

static const struct description_keyword {
	const char *name;
	bool valued; /* takes a word */
	int (*read)(struct description_reader *r, const char *value);
} keywords[] = {
	{"app", true, read_app},	 {"pin", true, read_pin},
	{"in", true, read_place},	 {"as", true, read_program},
	{"add", true, read_source},	 {"on-failure", true, read_on_failure},
	{"confine", true, read_confine}, {"with-deps", false, read_with_deps},
	{"force", false, read_force},	 {"host", false, read_host},
	{"absent", false, read_absent},	 {"sealed", false, read_sealed},
	{"reason", true, read_reason},	 {"until", true, read_until},
};

static const struct description_keyword *keyword_find(const char *name)
{
	for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
		if (strcmp(keywords[i].name, name) == 0)
			return &keywords[i];
	return NULL;
}

/* -- the text -- */

/* Whether the lines about an app go together. */
static int check_app(struct description_reader *r)
{
	const struct described *app = r->app;
	bool settings = app && (app->profile || app->program || app->force || app->sealed ||
				app->reason || app->until || app->on_failure != PLAN_REFUSE);

	if (!app)
		return 0;
	if (app->absent &&
	    (app->npins || app->host || app->sources.count || app->with_deps || settings))
		return refuse_text(r, "%s is absent and cannot have other lines", app->path);
	if (app->sealed && (app->profile || app->program))
		return refuse_text(r, "%s is sealed and cannot have an 'as' or 'confine' line",
				   app->path);
	for (size_t i = 0; app->sealed && i < app->places.count; i++)
		if (*app->places.items[i])
			return refuse_text(r, "%s is sealed and cannot have an 'in' line",
					   app->path);
	if (app->host &&
	    (app->npins || app->sources.count || app->with_deps || app->program || app->sealed))
		return refuse_text(r, "%s has a 'host' line and cannot have pins", app->path);
	if (!app->absent && !app->host && !app->npins)
		return refuse_text(r, "%s needs a 'pin', 'host' or 'absent' line", app->path);
	return 0;
}

static int read_words(struct description_reader *r, char *first, char *value, const char *more)
{
	const struct description_keyword *k = keyword_find(first);
	char buf[TEXT_SHOWN];

	if (!k)
		return refuse_text(
			r,
			"unknown keyword '%s'; a line begins with app, pin, in, as, add, "
			"on-failure, confine, with-deps, sealed, force, reason, until, host or "
			"absent "
			"(pinlib.conf(5))",
			text_shown(first, buf));
	if (k->valued && !value)
		return refuse_text(r, "%s needs a value", k->name);
	if (more || (!k->valued && value))
		return refuse_text(r, "unexpected '%s'", text_shown(more ? more : value, buf));
	if (k->read != read_app && !r->app)
		return refuse_text(r, "'%s' comes before the first 'app' line", k->name);
	if (k->read == read_app && check_app(r) < 0)
		return -EINVAL;
	return k->read(r, value);
}

/* Unquotes, in place, the word whose quotation mark is at *at. A backslash before a mark or a
 * backslash quotes it. */
static int read_quoted(struct description_reader *r, char **at)
{
	char *in = *at + 1, *out = *at;

	for (; *in != '"'; in++) {
		if (*in == '\\' && in[1] && strchr("\\\"", in[1]))
			in++;
		if (!*in)
			return refuse_text(r, "a quotation mark is never closed");
		*out++ = *in;
	}
	in++;
	if (!strchr(BLANKS, *in)) /* also finds the NUL at the end */
		return refuse_text(r, "a blank is missing after a quotation mark");
	*out = '\0';
	*at = in;
	return 0;
}

/* Cuts off the next word; NULL after the last. */
static int cut_word(struct description_reader *r, char **rest, char **word)
{
	char *at = *rest + strspn(*rest, BLANKS);
	int n = 0;

	*word = *at && *at != '#' ? at : NULL;
	if (*word && *at == '"')
		n = read_quoted(r, &at);
	else
		at += *word ? strcspn(at, BLANKS) : strlen(at);
	if (n == 0 && *at)
		*at++ = '\0';
	*rest = at;
	return n;
}

static int read_text_line(struct description_reader *r, char *line)
{
	char *words[3] = {NULL}, *word;
	size_t n = 0;

	while (n < 3) {
		int failed = cut_word(r, &line, &word);

		if (failed < 0)
			return failed;
		if (!word)
			break;
		words[n++] = word;
	}
	return n ? read_words(r, words[0], words[1], words[2]) : 0;
}

int description_parse(const char *text, size_t len, const char *file, struct description *out,
		      struct err *err)
{
	AUTO_FREE char *copy = malloc(len + 1);
	struct description_reader r = {.out = out, .file = file, .err = err};
	char *rest = copy, *line;

	if (!copy)
		return err_nomem(err);
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (strlen(copy) != len)
		return err_set(err, EINVAL, "%s has a NUL byte", file);
	while ((line = strsep(&rest, "\n"))) {
		int n;

		r.line++;
		n = read_text_line(&r, line);
		if (n < 0)
			return n;
	}
	return check_app(&r);
}

void description_write_word(FILE *f, const char *word)
{
	if (!strpbrk(word, BLANKS "#\"\\")) {
		fputs(word, f);
		return;
	}
	putc('"', f);
	for (; *word; word++) {
		if (*word == '"' || *word == '\\')
			putc('\\', f);
		putc(*word, f);
	}
	putc('"', f);
}

static void write_explanation(FILE *f, const struct app *app)
{
	char day[UNTIL_TEXT], buf[TEXT_SHOWN];

	if (app->reason) { /* a newline, which no command stores, would begin another line here */
		fputs("\treason ", f);
		description_write_word(f, reason_fault(app->reason) ? text_shown(app->reason, buf)
								    : app->reason);
		putc('\n', f);
	}
	if (app->until) {
		until_text(app->until, day);
		fprintf(f, "\tuntil %s\n", day);
	}
}

void description_write_app(FILE *f, const struct app *app)
{
	fputs("app ", f);
	description_write_word(f, app->path);
	putc('\n', f);
	for (size_t i = 0; i < app->npins; i++) {
		const struct pin *pin = &app->pins[i];
		char hex[DIGEST_HEX];

		digest_hex(&pin->digest, hex);
		fprintf(f, "\tpin %s:%s=sha256:%s # %s\n", pin->name, pin->arch, hex, pin->version);
		if (pin->place) {
			fputs("\tin ", f);
			description_write_word(f, pin->place);
			putc('\n', f);
		}
	}
	if (app->program) {
		fputs("\tas ", f);
		description_write_word(f, app->program);
		putc('\n', f);
	}
	if (app->sealed)
		fputs("\tsealed\n", f);
	if (app->npins == 0)
		fputs("\thost\n", f);
	if (app->on_failure == PLAN_UNPINNED)
		fputs("\ton-failure unpinned\n", f);
	if (app->confined.profile)
		fprintf(f, "\tconfine %s\n", app->confined.profile);
	write_explanation(f, app);
}

/* -- files -- */

int description_read_file(const char *path, struct description *out, struct err *err)
{
	AUTO_FREE char *text = NULL;
	size_t len = 0;
	bool input = strcmp(path, "-") == 0;
	int r = input ? file_read(STDIN_FILENO, DESCRIBE_SIZE_MAX, &text, &len, err)
		      : file_read_at(AT_FDCWD, path, DESCRIBE_SIZE_MAX, &text, &len, err);

	if (r < 0)
		return err_wrap(err, r, "cannot read %s", input ? "standard input" : path);
	return description_parse(text, len, input ? "standard input" : path, out, err);
}

int description_read_dir(const char *dir, struct description *out, struct err *err)
{
	AUTO_STRINGS struct strings paths = {0};
	int r = file_list_conf(dir, &paths, err);

	for (size_t i = 0; r == 0 && i < paths.count; i++)
		r = trust_file(paths.items[i], err)
			    ? description_read_file(paths.items[i], out, err)
			    : -EPERM;
	return r;
}
