#include "upgrade/keep_conf.h"

#include "base/cleanup.h"
#include "base/file.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define CONF_MAX (1u << 20)

static bool read_number(const char *text, bool units, uint64_t *out)
{
	static const char letters[] = "KMG";
	char *end;
	const char *unit;

	errno = 0;
	*out = strtoull(text, &end, 10);
	if (errno || end == text || !isdigit((unsigned char)text[0]))
		return false;
	unit = units && *end ? strchr(letters, *end) : NULL;
	if (!unit)
		return *end == '\0' && *out <= INT32_MAX * (units ? UINT64_C(1) << 30 : 1);
	if (*out > UINT64_MAX >> 40)
		return false;
	*out <<= 10 * (unit - letters + 1);
	return end[1] == '\0';
}

static bool read_choice(const char *value, const char *no, const char *yes, bool *out)
{
	*out = strcmp(value, yes) == 0;
	return *out || strcmp(value, no) == 0;
}

static bool read_pair(const char *key, const char *value, struct keep_conf *c)
{
	uint64_t days;

	if (strcmp(key, "keep") == 0)
		return read_choice(value, "apps", "all", &c->all);
	if (strcmp(key, "keep-strict") == 0)
		return read_choice(value, "no", "yes", &c->strict);
	if (strcmp(key, "keep-size") == 0)
		return read_number(value, true, &c->bytes);
	if (strcmp(key, "keep-days") != 0 || !read_number(value, false, &days))
		return false;
	c->days = c->added_days = (int64_t)days;
	return true;
}

/* Cuts the blanks off both ends, in place. */
static char *strip_blanks(char *text)
{
	char *end;

	text += strspn(text, " \t");
	end = text + strlen(text);
	while (end > text && strchr(" \t", end[-1]))
		end--;
	*end = '\0';
	return text;
}

static bool read_setting(char *line, struct keep_conf *c)
{
	char *equals;

	line = strip_blanks(line);
	if (*line == '\0' || *line == '#')
		return true;
	equals = strchr(line, '=');
	if (!equals)
		return false;
	*equals = '\0';
	return read_pair(strip_blanks(line), strip_blanks(equals + 1), c);
}

int keep_conf_read(const char *path, struct keep_conf *out, struct err *err)
{
	struct keep_conf c = {.days = 90, .added_days = 1};
	AUTO_FREE char *text = NULL;
	size_t len;
	int number = 0, r = file_read_at(AT_FDCWD, path, CONF_MAX, &text, &len, err);

	*out = c;
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	for (char *rest = text, *line; (line = strsep(&rest, "\n"));) {
		number++;
		if (!read_setting(line, &c)) /* it ended the line behind the key */
			return err_set(
				err, EINVAL,
				"%s, line %d: '%s' is not a setting, or its value is not valid; "
				"see pinlib.conf(5)",
				path, number, strip_blanks(line));
	}
	*out = c;
	return 0;
}
