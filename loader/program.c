#include "loader/program.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "base/paths.h"
#include "base/sysroot.h"
#include "elf/readers.h"
#include "loader/search.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LINKS_MAX 40 /* as the kernel's MAXSYMLINKS */

int program_canonical(const char *name, char out[PATH_MAX], struct err *err)
{
	char at[2 * PATH_MAX], dir[PATH_MAX], target[PATH_MAX];

	if (!*name)
		return err_set(err, ENOENT, "a program's name is empty");
	if (strlen(name) >= PATH_MAX)
		return err_set(err, ENAMETOOLONG, "%.64s...: path too long", name);
	snprintf(at, sizeof at, "%s%s", strchr(name, '/') ? "" : "./", name);
	for (int i = 0; i < LINKS_MAX; i++) {
		ssize_t n;
		int len;

		/* "./" before the name, or a link's long target: path_dir would cut it. */
		if (strlen(at) >= PATH_MAX)
			return err_set(err, ENAMETOOLONG, "%.64s...: path too long", name);
		path_dir(at, target);
		if (!realpath(target, dir))
			return err_sys(err, errno, "%s", name);
		len = snprintf(out, PATH_MAX, "%s/%s", strcmp(dir, "/") == 0 ? "" : dir,
			       path_base(at));
		if (len < 0 || len >= PATH_MAX)
			return err_set(err, ENAMETOOLONG, "%.64s...: path too long", name);
		n = readlink(out, target, sizeof target - 1);
		if (n < 0 && errno == EINVAL) {
			/* No link. "." or "x/.." as the last component need one more look. */
			if (!realpath(out, dir))
				return err_sys(err, errno, "%s", name);
			memcpy(out, dir, sizeof dir);
			return 0;
		}
		if (n < 0)
			return err_sys(err, errno, "%s", name);
		target[n] = '\0';
		if (strcmp(target, PINLIB_WRAPPER) == 0)
			return 0;
		len = target[0] == '/' ? snprintf(at, sizeof at, "%s", target)
				       : snprintf(at, sizeof at, "%s/%s", dir, target);
		if (len < 0 || (size_t)len >= sizeof at)
			return err_set(err, ENAMETOOLONG, "%.64s...: path too long", name);
	}
	return err_sys(err, ELOOP, "%s", name);
}

/* -- scripts -- */

static bool in_standard_path(const char *name, const struct sysroot *sysroot, char out[PATH_MAX])
{
	struct resolved at;

	static const char *const dirs[] = {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
					   "/usr/bin",	      "/sbin",		"/bin"};

	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
		int n = snprintf(out, PATH_MAX, "%s/%s", dirs[i], name);

		if (n > 0 && n < PATH_MAX && sysroot_resolve(sysroot, out, &at) == 0 &&
		    S_ISREG(at.st.st_mode) && at.st.st_mode & 0111)
			return true;
	}
	return false;
}

/* The next word of a shebang, as the kernel takes it; NULL after the last. */
static char *next_word(char **rest)
{
	char *word = *rest + strspn(*rest, " \t"), *end = word + strcspn(word, " \t");

	*rest = *end ? end + 1 : end;
	*end = '\0';
	return *word ? word : NULL;
}

/* The next word as env -S splits them; NULL after the last, and at a comment. Quotes go, and a
 * backslash that keeps what follows it; "\_" is a blank. ${VARIABLES} stay: they are the caller's. */
static char *split_word(char **rest)
{
	char *from = *rest + strspn(*rest, " \t"), *word = from, *to = from, quote = '\0';

	if (!*from || *from == '#')
		return NULL;
	for (; *from && (quote || !strchr(" \t", *from)); from++) {
		char c = *from;

		if (quote ? c == quote : c == '"' || c == '\'') {
			quote = quote ? '\0' : c;
			continue;
		}
		if (c == '\\' && from[1] && (quote != '\'' || strchr("\\'", from[1]))) {
			c = *++from;
			if (c == '_' && !quote)
				break;
			c = c == '_' ? ' ' : c;
		}
		*to++ = c;
	}
	*rest = *from ? from + 1 : from;
	*to = '\0';
	return word;
}

/* Whether an option of env(1) has its argument in the next word: "-u NAME", "-iC DIR". */
static bool takes_next(const char *option)
{
	const char *arg;

	if (option[1] == '-')
		return strcmp(option, "--unset") == 0 || strcmp(option, "--chdir") == 0;
	arg = strpbrk(option, "uC");
	return arg && !arg[1];
}

/* What follows -S in the same word, "-Spython3", "-vSpython3"; NULL if nothing does. */
static char *split_here(char *option)
{
	static const char split[] = "--split-string=";
	char *s;

	if (strncmp(option, split, strlen(split)) == 0)
		return option + strlen(split);
	if (option[1] == '-')
		return NULL;
	s = option + 1 + strspn(option + 1, "i0v");
	return *s == 'S' && s[1] ? s + 1 : NULL;
}

/* The word that env(1) runs: after its options and settings. */
static char *env_program(char **rest)
{
	char *word = split_word(rest);

	while (word && (word[0] == '-' || strchr(word, '='))) {
		char *split = word[0] == '-' ? split_here(word) : NULL;

		if (word[0] == '-' && !split && takes_next(word))
			split_word(rest);
		word = split ? split : split_word(rest);
	}
	return word;
}

/* The program that a shebang names: "/usr/bin/env [-S] [VAR=x] NAME" means NAME, and what wrapping
 * put before a script's own interpreter means that. first is what the kernel starts, env there. */
static int interpreter_of(const char *shebang, const struct sysroot *sysroot, char first[PATH_MAX],
			  char out[PATH_MAX], struct err *err)
{
	char line[256], *rest = line, *word;

	snprintf(line, sizeof line, "%s", shebang);
	word = next_word(&rest);
	if (word && strcmp(word, PINLIB_WRAPPER) == 0)
		word = next_word(&rest);
	if (!word)
		return err_set(err, ENOEXEC, "the first line names no interpreter");
	snprintf(first, PATH_MAX, "%s", word);
	snprintf(out, PATH_MAX, "%s", word);
	if (strcmp(path_base(word), "env") != 0)
		return 0;
	word = env_program(&rest);
	if (!word || !*word)
		return err_set(err, ENOEXEC, "the first line, '%s', names no interpreter", shebang);
	if (strchr(word, '/'))
		snprintf(out, PATH_MAX, "%s", word);
	else if (!in_standard_path(word, sysroot, out))
		return err_set(err, ENOENT, "its interpreter, '%s', is not installed", word);
	return 0;
}

/* One more program on the way; so far it is the interpreter. */
static int go_by(struct program *p, const char *name, struct err *err)
{
	int r = program_canonical(name, p->interpreter, err);

	return r < 0 ? r : strings_add_once(&p->way, p->interpreter, err);
}

static int follow_shebang(struct program *p, const char *shebang, struct err *err)
{
	char first[PATH_MAX], name[PATH_MAX];
	int r = interpreter_of(shebang, NULL, first, name, err);

	if (r == 0)
		r = go_by(p, first, err);
	return r < 0 || strcmp(first, name) == 0 ? r : go_by(p, name, err);
}

/* A wrapped program's own file, as host/wrap.h puts it; else the path itself. */
static void own_file(const char *path, char out[2 * PATH_MAX])
{
	char target[PATH_MAX], dir[PATH_MAX];
	ssize_t n = readlink(path, target, sizeof target - 1);

	path_dir(path, dir);
	if (n > 0 && (target[n] = '\0', strcmp(target, PINLIB_WRAPPER) == 0))
		snprintf(out, 2 * PATH_MAX, "%s/" PINLIB_REAL_DIR "/%s",
			 strcmp(dir, "/") == 0 ? "" : dir, path_base(path));
	else
		snprintf(out, 2 * PATH_MAX, "%s", path);
}

/* One file: ELF, then elf is filled and the return 0; or a script, then 1. */
static int read_one(const char *path, struct elf *elf, char shebang[INFO_SHEBANG], struct err *err)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	AUTO_ELF_INFO struct elf_info f = {0};
	int r;

	if (fd < 0)
		return err_sys(err, errno, "cannot open %s", path);
	r = read_elf_info(fd, &f, err);
	if (r == 0 && f.why)
		r = err_set(err, -f.error, "%s", f.why);
	if (r < 0)
		return err_wrap(err, r, "%s", path);
	if (!f.is_elf && !f.shebang)
		return err_set(err, ENOEXEC,
			       "%s is neither an ELF program nor a script with a #! line", path);
	if (!f.is_elf) {
		snprintf(shebang, INFO_SHEBANG, "%s", f.shebang);
		return 1;
	}
	*elf = f.elf;
	f.elf = (struct elf){0};
	return 0;
}

int program_read(const char *path, struct program *out, struct err *err)
{
	char file[2 * PATH_MAX], shebang[INFO_SHEBANG];
	int r;

	*out = (struct program){0};
	r = read_one(path, &out->elf, out->shebang, err);
	if (r <= 0)
		return r;
	out->kind = PROGRAM_SCRIPT;
	memcpy(shebang, out->shebang, sizeof shebang);
	for (int i = 0; i < PROGRAM_SCRIPTS_MAX; i++) {
		r = follow_shebang(out, shebang, err);
		if (r < 0)
			return err_wrap(err, r, "%s", path);
		own_file(out->interpreter, file);
		r = read_one(file, &out->elf, shebang, err);
		if (r <= 0)
			return r;
	}
	return err_sys(err, ELOOP, "%s: its interpreters", path);
}

int program_interpreter(const char *shebang, const struct sysroot *sysroot, char out[PATH_MAX],
			struct err *err)
{
	char first[PATH_MAX];

	if (!shebang)
		return err_set(err, ENOEXEC, "neither an ELF program nor a script with a #! line");
	return interpreter_of(shebang, sysroot, first, out, err);
}

void program_free(struct program *program)
{
	elf_free(&program->elf);
	strings_free(&program->way);
	search_free(&program->search);
	*program = (struct program){0};
}
