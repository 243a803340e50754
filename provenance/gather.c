#include "provenance/gather.h"

#include "base/file.h"
#include "store/text.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define OS_RELEASE_MAX 65536

/* A copy, or -ENOMEM; NULL stays NULL. */
static int copy_to(char **out, const char *value, struct err *err)
{
	*out = value ? strdup(value) : NULL;
	return value && !*out ? err_nomem(err) : 0;
}

/* Debian's policy 5.6.1, with the capitals of a few old packages. */
static bool is_source_name(const char *name)
{
	return isalnum((unsigned char)*name) && !text_label_fault(name) &&
	       name[strspn(name,
			   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.")] ==
		       '\0';
}

int provenance_take_source(struct provenance *out, const char *value, const char *name,
			   const char *version, struct err *err)
{
	AUTO_FREE char *text = strdup(*value ? value : name);
	char *open, *close;
	int r;

	if (!text)
		return err_nomem(err);
	open = strchr(text, '(');
	close = open ? strchr(open, ')') : NULL;
	if (open) {
		if (!close || close[1] || open == text || open[-1] != ' ')
			return 0;
		*close = '\0';
		version = open + 1;
		for (*open = '\0'; open > text && open[-1] == ' ';)
			*--open = '\0';
	}
	if (!is_source_name(text) || text_version_fault(version))
		return 0;
	r = copy_to(&out->source, text, err);
	return r < 0 ? r : copy_to(&out->source_version, version, err);
}

/* -- a release -- */

/* Debian's point releases are one release: "12.15", "12-updates". Another distribution's number stays whole: Ubuntu's
 * 22.04 and 22.10 are two. */
static void cut_release(struct provenance *p)
{
	if (p->release && p->distribution && strcmp(p->distribution, "debian") == 0)
		p->release[strspn(p->release, "0123456789")] = '\0';
	if (p->release && !*p->release) {
		free(p->release);
		p->release = NULL;
	}
}

/* "bullseye-security" is a part of the release bullseye. */
static void cut_codename(char *codename)
{
	static const char *const parts[] = {"security",	 "updates",	     "proposed-updates",
					    "backports", "backports-sloppy", "lts"};
	char *dash = codename ? strchr(codename, '-') : NULL;

	for (size_t i = 0; dash && i < sizeof parts / sizeof *parts; i++)
		if (strcmp(dash + 1, parts[i]) == 0) {
			*dash = '\0';
			return;
		}
}

static void make_lower(char *text)
{
	for (; text && *text; text++)
		*text = (char)tolower((unsigned char)*text);
}

/* The value of NAME=VALUE or NAME="VALUE" (os-release(5)); the caller frees it. */
static char *machine_value(const char *text, const char *name)
{
	size_t len = strlen(name);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		char quote;

		line += *line == '\n';
		if (strncmp(line, name, len) != 0 || line[len] != '=')
			continue;
		line += len + 1;
		quote = *line == '"' || *line == '\'' ? *line++ : '\n';
		len = strcspn(line, (const char[]){quote, '\n', '\0'});
		return len ? strndup(line, len) : NULL;
	}
	return NULL;
}

int provenance_take_machine(struct provenance *out, struct err *err)
{
	AUTO_FREE char *text = NULL;
	struct err ignored;
	size_t len;
	int r = file_read_at(AT_FDCWD, "/etc/os-release", OS_RELEASE_MAX, &text, &len, &ignored);

	if (r < 0)
		return r == -ENOMEM ? err_nomem(err) : 0;
	out->distribution = machine_value(text, "ID");
	out->release = machine_value(text, "VERSION_ID");
	out->codename = machine_value(text, "VERSION_CODENAME");
	cut_release(out);
	return 0;
}

int provenance_take_voucher(struct provenance *out, const struct apt_voucher *v, struct err *err)
{
	int r = copy_to(&out->distribution, v->origin, err);

	if (r == 0)
		r = copy_to(&out->release, v->release, err);
	if (r == 0)
		r = copy_to(&out->codename, v->codename, err);
	if (r == 0)
		r = copy_to(&out->suite, v->suite, err);
	if (r == 0)
		r = copy_to(&out->component, v->component, err);
	if (r == 0)
		r = copy_to(&out->release_date, v->date, err);
	if (r < 0)
		return r;
	make_lower(out->distribution);
	cut_release(out);
	cut_codename(out->codename);
	out->archive = v->archive;
	out->release_file = v->release_file;
	out->has_archive = out->has_release_file = true;
	out->confidence = CONFIDENCE_APT;
	return 0;
}
