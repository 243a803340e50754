#include "cli/suggest.h"

#include "cli/command.h"

#include <string.h>

#define WORD_MAX 32

/* Words that users know from other programs: apt, git, docker, ls. */
static const struct {
	const char *word, *command;
} synonyms[] = {
	{"ls", "show"},
	{"list", "show"},
	{"status", "show"},
	{"info", "show"},
	{"pins", "show --pins"},
	{"pin", "set"},
	{"wrap", "set"},
	{"downgrade", "set"},
	{"hold", "freeze"},
	{"unhold", "thaw"},
	{"unpin", "unset"},
	{"remove", "unset"},
	{"rm", "unset"},
	{"delete", "unset"},
	{"unwrap", "unset"},
	{"uninstall", "unset"},
	{"install", "add"},
	{"download", "add"},
	{"search", "libs"},
	{"versions", "libs"},
	{"store", "libs"},
	{"verify", "doctor"},
	{"repair", "doctor --repair"},
	{"fix", "doctor --repair"},
	{"label", "ps"},
	{"watch", "keep watch"},
	{"update", "upgrade"},
	{"undo", "rollback"},
	{"revert", "rollback"},
	{"log", "history"},
	{"run", "try"},
	{"test", "check"},
	{"ldd", "deps"},
	{"clean", "gc"},
	{"prune", "gc"},
	{"autoremove", "gc"},
	{"service", "unit"},
	{"systemd", "unit"},
	{"load", "import"},
	{"save", "export"},
};

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* How many letters to insert, delete, replace or swap with their neighbour make b of a: the "optimal string
 * alignment" distance. WORD_MAX if a word is longer than that. */
static size_t distance(const char *a, const char *b)
{
	size_t d[WORD_MAX + 1][WORD_MAX + 1], la = strlen(a), lb = strlen(b);

	if (la > WORD_MAX || lb > WORD_MAX)
		return WORD_MAX;
	for (size_t i = 0; i <= la; i++)
		for (size_t k = 0; k <= lb; k++) {
			if (i == 0 || k == 0) {
				d[i][k] = i + k;
				continue;
			}
			d[i][k] = least(least(d[i - 1][k], d[i][k - 1]) + 1,
					d[i - 1][k - 1] + (a[i - 1] != b[k - 1]));
			if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
				d[i][k] = least(d[i][k], d[i - 2][k - 2] + 1);
		}
	return d[la][lb];
}

const char *suggest(const char *word)
{
	size_t least_away = strlen(word) > 3 ? 3 : 2; /* one or two letters may be wrong */
	const char *found = NULL;

	for (size_t i = 0; command_table[i]; i++) {
		const struct command *c = command_table[i];
		size_t away = distance(word, c->name);

		if (c->group == GROUP_HIDDEN || away >= least_away || away >= strlen(c->name))
			continue;
		least_away = away;
		found = c->name;
	}
	for (size_t i = 0; i < sizeof synonyms / sizeof *synonyms; i++) {
		size_t away = distance(word, synonyms[i].word);

		if (away >= least_away || away >= strlen(synonyms[i].word))
			continue;
		least_away = away;
		found = synonyms[i].command;
	}
	return found;
}
