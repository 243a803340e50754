#include "elf/shebang.h"

#include "base/path.h"
#include "base/paths.h"

#include <stdio.h>
#include <string.h>

bool shebang_has(const void *sysroot, const char *path)
{
	struct resolved at;

	return sysroot_resolve(sysroot, path, &at) == 0 && S_ISREG(at.st.st_mode) &&
	       at.st.st_mode & 0111;
}

static bool find_in_path(const char *name, shebang_has_fn *has, const void *ctx, char out[PATH_MAX])
{
	static const char *const dirs[] = {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
					   "/usr/bin",	      "/sbin",		"/bin"};
	struct err ignored;

	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++)
		if (path_join(dirs[i], name, out, &ignored) == 0 && has(ctx, out))
			return true;
	return false;
}

/* The next word as the kernel splits the line; NULL after the last. */
static char *next_word(char **rest)
{
	char *word = *rest + strspn(*rest, " \t"), *end = word + strcspn(word, " \t");

	*rest = *end ? end + 1 : end;
	*end = '\0';
	return *word ? word : NULL;
}

/* The next word as env -S splits it; NULL after the last, and at a comment. Quotes go, and so does a
 * backslash before another character; "\_" is a blank. ${VARIABLES} stay: the caller has them. */
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
static bool has_argument(const char *option)
{
	const char *arg;

	if (option[1] == '-')
		return strcmp(option, "--unset") == 0 || strcmp(option, "--chdir") == 0;
	arg = strpbrk(option, "uC");
	return arg && !arg[1];
}

/* The text that follows -S in the same word, "-Spython3", "-vSpython3"; NULL without one. */
static char *split_string(char *option)
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
		char *split = word[0] == '-' ? split_string(word) : NULL;

		if (word[0] == '-' && !split && has_argument(word))
			split_word(rest);
		word = split ? split : split_word(rest);
	}
	return word;
}

int shebang_interpreter(const char *shebang, shebang_has_fn *has, const void *ctx,
			char started[PATH_MAX], char out[PATH_MAX], struct err *err)
{
	char line[256], *rest = line, *word;

	if (!shebang)
		return err_set(err, ENOEXEC, "neither an ELF program nor a script with a #! line");
	snprintf(line, sizeof line, "%s", shebang);
	word = next_word(&rest);
	if (word && strcmp(word, PINLIB_STUB) ==
			    0) { /* a stub: then come its own word and the script's line */
		next_word(&rest);
		word = next_word(&rest);
	}
	if (!word)
		return err_set(err, ENOEXEC, "the #! line names no interpreter");
	if (started)
		snprintf(started, PATH_MAX, "%s", word);
	snprintf(out, PATH_MAX, "%s", word);
	if (strcmp(path_base(word), "env") != 0)
		return 0;
	word = env_program(&rest);
	if (!word || !*word)
		return err_set(err, ENOEXEC, "the #! line, '%s', names no interpreter", shebang);
	if (strchr(word, '/'))
		snprintf(out, PATH_MAX, "%s", word);
	else if (!find_in_path(word, has, ctx, out))
		return err_set(err, ENOENT, "its interpreter, '%s', is not installed", word);
	return 0;
}
