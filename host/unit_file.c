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
/* Bytes that a unit's name leaves for the longer names made from it: ".UNIT", "UNIT.d". */
#define NAME_SPARE 6

/* systemd.unit(5), "System Unit Search Path": an earlier one wins. */
static const char *const search_path[] = {
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
#define SEARCHED (sizeof search_path / sizeof *search_path)

void unit_file_free(struct unit_file *unit)
{
	strings_free(&unit->programs);
}

/* -- names -- */

static bool has_other_suffix(const char *name)
{
	static const char *const others[] = {".socket", ".timer",     ".target", ".path", ".mount",
					     ".slice",	".automount", ".device", ".swap", ".scope"};

	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (path_ends(name, others[i]))
			return true;
	return false;
}

int unit_file_name(const char *name, char out[NAME_MAX + 1], struct err *err)
{
	static const char odd[] = ":-_.@\\";
	const char *suffix = path_ends(name, SUFFIX) ? "" : SUFFIX;

	for (const char *p = name; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr(odd, *p))
			return err_set(err, EINVAL, "'%s' is not a valid unit name", name);
	if (!*name || strchr(".@-", *name) || has_other_suffix(name)) /* "-": stage's options */
		return err_set(err, EINVAL, "'%s' is not a service", name);
	if (snprintf(out, NAME_MAX + 1, "%s%s", name, suffix) > NAME_MAX - NAME_SPARE)
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

static bool file_exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

/* The path of the unit's own file. */
static bool find_unit(const char *name, char path[PATH_MAX])
{
	for (size_t i = 0; i < SEARCHED; i++) {
		snprintf(path, PATH_MAX, "%s/%s", search_path[i], name);
		if (file_exists(path))
			return true;
	}
	return false;
}

int unit_file_names(struct strings *out, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < SEARCHED; i++) {
		AUTO_DIR DIR *d = opendir(search_path[i]);
		struct dirent *e;

		while (r == 0 && d && (e = readdir(d)))
			if (path_ends(e->d_name, SUFFIX))
				r = strings_add_once(out, e->d_name, err);
	}
	return r;
}

/* A link to a file of another name is an alias of the unit of that name. */
static void follow_alias(const char *path, char name[NAME_MAX + 1])
{
	char real[PATH_MAX];
	struct err ignored;
	const char *to;

	if (!realpath(path, real))
		return;
	to = path_base(real);
	if (path_ends(to, SUFFIX) && !strchr(to, '@') && strlen(to) <= NAME_MAX)
		unit_file_name(to, name, &ignored);
}

static int is_masked(const char *path)
{
	struct stat st;

	/* An empty file, or a link to /dev/null. */
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
		struct err too_long;
		struct dirent *e;

		snprintf(dir, sizeof dir, "%s/%s.d", search_path[i], unit);
		d = opendir(dir);
		while (r == 0 && d && (e = readdir(d))) {
			if (path_ends(e->d_name, ".conf") && !have_name(files, e->d_name) &&
			    path_join(dir, e->d_name, path, &too_long) == 0)
				r = strings_add(files, path, err);
		}
	}
	return r;
}

/* The more of the unit's name a directory has in its name, the sooner it wins: "a-b.service.d", of
 * its template, "a-.service.d", "service.d". */
static int find_drop_ins(const char *name, struct strings *files, struct err *err)
{
	char shorter[NAME_MAX + 1], *dash;
	int r = add_drop_ins(files, name, err);

	if (r == 0 && template_of(name, shorter))
		r = add_drop_ins(files, shorter, err);
	snprintf(shorter, sizeof shorter, "%.*s", (int)strcspn(name, "@"), name);
	if (path_ends(shorter, SUFFIX))
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

/* The program of a command line: its first word without prefixes, quotes and backslashes. -EINVAL:
 * only systemd can expand it. */
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
				       "only systemd can expand the program of ExecStart=%s",
				       value);
		out[used++] = *p;
	}
	out[used] = '\0';
	return 0;
}

static int take_exec_start(struct unit_file *unit, const char *value, struct err *err)
{
	char program[PATH_MAX];
	int r;

	if (!*value) { /* an empty value resets the list */
		strings_free(&unit->programs);
		unit->programs = (struct strings){0};
		unit->privileged = false;
		return 0;
	}
	r = first_word(value, program, &unit->privileged, err);
	return r < 0 || !program[0] ? r : strings_add(&unit->programs, program, err);
}

static bool has_word(const char *value, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = value + (*value == '~'); *at;
	     at += strcspn(at, " "), at += strspn(at, " "))
		if (strncmp(at, word, len) == 0 && strchr(" :", at[len]))
			return true;
	return false;
}

/* Whether the setting takes from the service what the wrapper needs. Of several lines each is taken alone, and so may
 * say so in vain. */
static bool confines(const char *key, const char *value)
{
	bool except = *value == '~';

	if (strcmp(key, "NoNewPrivileges") == 0)
		return strcmp(value, "yes") == 0 || strcmp(value, "true") == 0 ||
		       strcmp(value, "on") == 0 || strcmp(value, "1") == 0;
	if (strcmp(key, "CapabilityBoundingSet") == 0)
		return has_word(value, "CAP_SYS_ADMIN") == except;
	if (strcmp(key, "SystemCallFilter") == 0 && *value)
		return (has_word(value, "@mount") || has_word(value, "mount")) == except;
	return false;
}

static int take_setting(struct unit_file *unit, const char *key, const char *value, struct err *err)
{
	if (strcmp(key, "ExecStart") == 0)
		return take_exec_start(unit, value, err);
	unit->confined |= confines(key, value);
	if (strcmp(key, "RootDirectory") == 0)
		unit->root_directory = *value && strcmp(value, "/") != 0;
	if (strcmp(key, "RootImage") == 0)
		unit->root_image = *value;
	return 0;
}

static char *strip_spaces(char *s)
{
	size_t len;

	while (isspace((unsigned char)*s))
		s++;
	len = strlen(s);
	while (len && isspace((unsigned char)s[len - 1]))
		s[--len] = '\0';
	return s;
}

/* A line, with the lines that continue it. */
static int take_line(struct unit_file *unit, char *line, bool *in_service, struct err *err)
{
	char *equals;

	line = strip_spaces(line);
	if (*line == '[') {
		*in_service = strcmp(line, "[Service]") == 0;
		return 0;
	}
	equals = strchr(line, '=');
	if (!*in_service || !equals)
		return 0;
	*equals = '\0';
	return take_setting(unit, strip_spaces(line), strip_spaces(equals + 1), err);
}

/* Joins the line at text with those that continue it (a backslash at the end; comments between are
 * skipped), in place; *rest is the text after them. */
static void join_lines(char *text, char **rest)
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

static int read_unit_text(struct unit_file *unit, const char *path, struct err *err)
{
	AUTO_FREE char *text = NULL;
	bool in_service = false;
	size_t len;
	char *rest;
	int r = file_read_at(AT_FDCWD, path, UNIT_MAX, &text, &len, err);

	if (r == 0 && strlen(text) != len)
		return err_set(err, EINVAL, "%s has a NUL in it", path);
	for (char *line = text; r == 0 && *line; line = rest) {
		char *first = line + strspn(line, " \t");

		if (*first == '#' || *first == ';') {
			rest = line + strcspn(line, "\n");
			rest += *rest == '\n';
			continue;
		}
		join_lines(line, &rest);
		r = take_line(unit, line, &in_service, err);
	}
	return r < 0 ? err_wrap(err, r, "%s", path) : 0;
}

int unit_file_read(const char *name, struct unit_file *out, struct err *err)
{
	AUTO_STRINGS struct strings files = {0};
	char path[PATH_MAX], template[NAME_MAX + 1];
	int r;

	*out = (struct unit_file){0};
	r = unit_file_name(name, out->name, err);
	if (r < 0)
		return r;
	if (!find_unit(out->name, path) &&
	    !(template_of(out->name, template) && find_unit(template, path)))
		return err_set(err, ENOENT, "there is no unit %s", out->name);
	if (is_masked(path))
		return err_set(err, EPERM, "%s is masked by %s", out->name, path);
	follow_alias(path, out->name);
	r = read_unit_text(out, path, err);
	if (r == 0)
		r = find_drop_ins(out->name, &files, err);
	for (size_t i = 0; r == 0 && i < files.count; i++)
		if (!is_masked(files.items[i]))
			r = read_unit_text(out, files.items[i], err);
	if (r < 0)
		unit_file_free(out);
	return r;
}
