#include "host/unit_file.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/path.h"
#include "base/paths.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define UNIT_MAX (1u << 20) /* bytes of one file */
#define SUFFIX ".service"

/* systemd.unit(5), "System Unit Search Path": an earlier one wins. */
static const char *const search[] = {
	"/etc/systemd/system.control",
	"/run/systemd/system.control",
	"/run/systemd/transient",
	"/run/systemd/generator.early",
	PINLIB_UNIT_FILES,
	"/run/systemd/system",
	"/run/systemd/generator",
	"/usr/local/lib/systemd/system",
	"/usr/lib/systemd/system",
	"/lib/systemd/system",
	"/run/systemd/generator.late",
};
#define SEARCHED (sizeof search / sizeof *search)

void unit_free(struct unit_file *unit)
{
	strings_free(&unit->programs);
}

/* -- names -- */

static bool ends_with(const char *s, const char *end)
{
	size_t a = strlen(s), b = strlen(end);

	return a > b && strcmp(s + a - b, end) == 0;
}

static bool has_other_suffix(const char *name)
{
	static const char *const others[] = {".socket", ".timer",     ".target", ".path", ".mount",
					     ".slice",	".automount", ".device", ".swap", ".scope"};

	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (ends_with(name, others[i]))
			return true;
	return false;
}

int unit_name(const char *name, char out[NAME_MAX + 1], struct err *err)
{
	static const char odd[] = ":-_.@\\";
	const char *suffix = ends_with(name, SUFFIX) ? "" : SUFFIX;

	for (const char *p = name; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr(odd, *p))
			return err_set(err, EINVAL, "'%s' is not the name of a unit", name);
	if (!*name || strchr(".@-", *name) || has_other_suffix(name)) /* "-": stage's options */
		return err_set(err, EINVAL, "'%s' is not a service", name);
	/* There has to be room for what host/unit_view.h makes of it, too. */
	if (snprintf(out, NAME_MAX + 1, "%s%s", name, suffix) > NAME_MAX - (int)strlen("..seat"))
		return err_sys(err, ENAMETOOLONG, "'%s'", name);
	return 0;
}

/* "foo@.service" of "foo@bar.service"; false if it has no template. */
static bool template_of(const char *name, char out[NAME_MAX + 1])
{
	const char *at = strchr(name, '@');

	if (!at || strcmp(at + 1, SUFFIX) == 0 || at[1] == '\0')
		return false;
	snprintf(out, NAME_MAX + 1, "%.*s@" SUFFIX, (int)(at - name), name);
	return true;
}

/* -- files -- */

static bool exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

/* Where the unit's own file is. */
static bool find(const char *name, char path[PATH_MAX])
{
	for (size_t i = 0; i < SEARCHED; i++) {
		snprintf(path, PATH_MAX, "%s/%s", search[i], name);
		if (exists(path))
			return true;
	}
	return false;
}

/* A link to a file of another name: the unit is called by that one. */
static void follow_alias(const char *path, char name[NAME_MAX + 1])
{
	char real[PATH_MAX];
	struct err ignored;
	const char *to;

	if (!realpath(path, real))
		return;
	to = path_base(real);
	if (ends_with(to, SUFFIX) && !strchr(to, '@') && strlen(to) <= NAME_MAX)
		unit_name(to, name, &ignored);
}

static int is_masked(const char *path)
{
	struct stat st;

	/* Empty, or a link to /dev/null. */
	return stat(path, &st) == 0 && (!S_ISREG(st.st_mode) || st.st_size == 0);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(path_base(*(char *const *)a), path_base(*(char *const *)b));
}

static bool have_name(const struct strings *files, const char *name)
{
	for (size_t i = 0; i < files->count; i++)
		if (strcmp(path_base(files->items[i]), name) == 0)
			return true;
	return false;
}

static int add_drop_ins(struct strings *files, const char *unit, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < SEARCHED; i++) {
		char dir[PATH_MAX], path[PATH_MAX];
		AUTO_DIR DIR *d = NULL;
		struct dirent *e;

		snprintf(dir, sizeof dir, "%s/%s.d", search[i], unit);
		d = opendir(dir);
		while (r == 0 && d && (e = readdir(d))) {
			if (!ends_with(e->d_name, ".conf") || have_name(files, e->d_name) ||
			    snprintf(path, sizeof path, "%s/%s", dir, e->d_name) >=
				    (int)sizeof path)
				continue;
			r = strings_add(files, path, err);
		}
	}
	return r;
}

/* The more a directory's name says of the unit, the sooner it wins: "a-b.service.d", of its
 * template, "a-.service.d", "service.d". */
static int find_drop_ins(const char *name, struct strings *files, struct err *err)
{
	char shorter[NAME_MAX + 1], *dash;
	int r = add_drop_ins(files, name, err);

	if (r == 0 && template_of(name, shorter))
		r = add_drop_ins(files, shorter, err);
	snprintf(shorter, sizeof shorter, "%.*s", (int)strcspn(name, "@"), name);
	if (ends_with(shorter, SUFFIX))
		shorter[strlen(shorter) - strlen(SUFFIX)] = '\0';
	while (r == 0 && (dash = strrchr(shorter, '-'))) {
		char dir[NAME_MAX + 16];

		*dash = '\0';
		if (!shorter[0])
			break;
		snprintf(dir, sizeof dir, "%s-" SUFFIX, shorter);
		r = add_drop_ins(files, dir, err);
	}
	if (r == 0)
		r = add_drop_ins(files, "service", err);
	if (r == 0 && files->count)
		qsort(files->items, files->count, sizeof *files->items, compare_names);
	return r;
}

/* -- lines -- */

/* The program of a command line: its first word, without the prefixes that say how it is started,
 * quotes and backslashes taken as they are meant. -EINVAL if it cannot be known here. */
static int first_word(const char *value, char out[PATH_MAX], bool *privileged, struct err *err)
{
	const char *p = value;
	size_t used = 0;
	char quote = 0;

	for (; *p && strchr("@-:+!|", *p); p++)
		*privileged |= *p == '+';
	for (; *p && (quote || !isspace((unsigned char)*p)); p++) {
		if (used + 1 == PATH_MAX)
			return err_sys(err, ENAMETOOLONG, "ExecStart=");
		if (quote ? *p == quote : *p == '"' || *p == '\'') {
			quote = quote ? 0 : *p;
			continue;
		}
		if (*p == '\\' && strncmp(p, "\\x20", 4) == 0) {
			out[used++] = ' ';
			p += 3;
			continue;
		}
		if (*p == '%' && p[1] == '%')
			p++;
		else if (*p == '%' || *p == '\\')
			return err_set(err, EINVAL,
				       "ExecStart=%s: which program this is only systemd knows",
				       value);
		out[used++] = *p;
	}
	out[used] = '\0';
	return 0;
}

static int take_exec(struct unit_file *unit, const char *value, struct err *err)
{
	char program[PATH_MAX];
	int r;

	if (!*value) { /* all that came before is void */
		strings_free(&unit->programs);
		unit->programs = (struct strings){0};
		unit->privileged = false;
		return 0;
	}
	r = first_word(value, program, &unit->privileged, err);
	return r < 0 || !program[0] ? r : strings_add(&unit->programs, program, err);
}

static int take(struct unit_file *unit, const char *key, const char *value, struct err *err)
{
	if (strcmp(key, "ExecStart") == 0)
		return take_exec(unit, value, err);
	if (strcmp(key, "RootDirectory") == 0)
		unit->root_directory = *value && strcmp(value, "/") != 0;
	if (strcmp(key, "RootImage") == 0)
		unit->root_image = *value;
	return 0;
}

static char *trim(char *s)
{
	size_t len;

	while (isspace((unsigned char)*s))
		s++;
	len = strlen(s);
	while (len && isspace((unsigned char)s[len - 1]))
		s[--len] = '\0';
	return s;
}

/* One line, what it is continued by included. */
static int take_line(struct unit_file *unit, char *line, bool *in_service, struct err *err)
{
	char *equals;

	line = trim(line);
	if (*line == '[') {
		*in_service = strcmp(line, "[Service]") == 0;
		return 0;
	}
	equals = strchr(line, '=');
	if (!*in_service || !equals)
		return 0;
	*equals = '\0';
	return take(unit, trim(line), trim(equals + 1), err);
}

/* Joins the line that begins at text with those that continue it (a backslash at the end; comments
 * between are passed over), in place; *rest is what follows. */
static void join(char *text, char **rest)
{
	char *out = text, *at = text;

	for (;;) {
		size_t len = strcspn(at, "\n");
		bool more = len && at[len - 1] == '\\', comment = *at == '#' || *at == ';';
		bool last = !at[len];

		if (!comment || at == text) {
			memmove(out, at, len);
			out += len;
			if (more)
				out[-1] = ' ';
		}
		at += len + !last;
		if (last || (!more && !(comment && out != text)) || !*at)
			break;
	}
	*rest = at;
	*out = '\0';
}

static int read_one(struct unit_file *unit, const char *path, struct err *err)
{
	AUTO_FREE char *text = NULL;
	bool in_service = false;
	size_t len;
	char *rest;
	int r = file_read_at(AT_FDCWD, path, UNIT_MAX, &text, &len, err);

	if (r == 0 && strlen(text) != len)
		return err_set(err, EINVAL, "%s holds a NUL", path);
	for (char *line = text; r == 0 && *line; line = rest) {
		char *first = line + strspn(line, " \t");

		if (*first == '#' || *first == ';') {
			rest = line + strcspn(line, "\n");
			rest += *rest == '\n';
			continue;
		}
		join(line, &rest);
		r = take_line(unit, line, &in_service, err);
	}
	return r < 0 ? err_wrap(err, r, "%s", path) : 0;
}

int unit_read(const char *name, struct unit_file *out, struct err *err)
{
	AUTO_STRINGS struct strings files = {0};
	char path[PATH_MAX], template[NAME_MAX + 1];
	int r;

	*out = (struct unit_file){0};
	r = unit_name(name, out->name, err);
	if (r < 0)
		return r;
	if (!find(out->name, path) && !(template_of(out->name, template) && find(template, path)))
		return err_set(err, ENOENT, "systemd has no unit %s", out->name);
	if (is_masked(path))
		return err_set(err, EPERM, "%s is masked by %s", out->name, path);
	follow_alias(path, out->name);
	r = read_one(out, path, err);
	if (r == 0)
		r = find_drop_ins(out->name, &files, err);
	for (size_t i = 0; r == 0 && i < files.count; i++)
		if (!is_masked(files.items[i]))
			r = read_one(out, files.items[i], err);
	if (r < 0)
		unit_free(out);
	return r;
}
