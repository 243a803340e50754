#include "labeler/label.h"

#include "base/cleanup.h"
#include "base/paths.h"
#include "plan/write.h"
#include "policy/policy.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static int hex_digit(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decodes the path as plan_label encoded it. */
static bool decode_app(const char *text, char app[PATH_MAX])
{
	size_t n = 0;

	for (; *text && n + 1 < PATH_MAX; text++) {
		int c = (unsigned char)*text;

		if (c == '%') {
			int high = hex_digit(text[1]), low = high < 0 ? -1 : hex_digit(text[2]);

			if (low < 0)
				return false;
			c = high << 4 | low;
			text += 2;
		}
		if (c == '\0')
			return false;
		app[n++] = (char)c;
	}
	app[n] = '\0';
	return *text == '\0' && app[0] == '/';
}

static bool parse_label(const char *label, char layer[PLAN_LABEL_MAX], struct label_state *out)
{
	size_t len = strcspn(label, ":");
	unsigned long long generation;
	char *end;

	if (len == 0 || len >= PLAN_LABEL_MAX || label[len] != ':' ||
	    !isdigit((unsigned char)label[len + 1]))
		return false;
	errno = 0;
	generation = strtoull(label + len + 1, &end, 10);
	if (errno || *end != ':' || generation > INT64_MAX)
		return false;
	snprintf(layer, PLAN_LABEL_MAX, "%.*s", (int)len, label);
	out->generation = (int64_t)generation;
	return decode_app(end + 1, out->app);
}

/* A label that plan_label cut is at most three bytes shorter than the longest. Then this looks for a wrapped app that
 * would get the same label. */
static int find_cut_app(const char *label, const char *layer, struct label_state *out,
			struct err *err)
{
	AUTO_POLICY struct policy *policy = NULL;
	AUTO_APPS struct apps apps = {0};
	char again[PLAN_LABEL_MAX];
	int r;

	if (strlen(label) + strlen("%00") < PLAN_LABEL_MAX)
		return 0;
	r = policy_open(&policy, err);
	if (r == 0)
		r = policy_apps(policy, POLICY_NOW, &apps, err);
	for (size_t i = 0; i < apps.count; i++) {
		plan_label(again, layer, (uint64_t)out->generation, apps.items[i].path);
		if (strcmp(again, label) == 0) {
			snprintf(out->app, sizeof out->app, "%s", apps.items[i].path);
			return r;
		}
	}
	out->cut = true;
	return r;
}

/* Whether the app's plan has that layer now. */
static int compare_layer(const char *layer, struct label_state *out, struct err *err)
{
	AUTO_FREE struct plan_file *file = malloc(sizeof *file);
	size_t len = strlen(layer);
	int r;

	if (!file)
		return err_nomem(err);
	r = plan_load(PINLIB_PLANS, out->app, 0, file, err);
	if (r == -ENOENT || r == -ENAMETOOLONG)
		return 0;
	if (r < 0)
		return r;
	out->superseded =
		strncmp(file->plan.label, layer, len) != 0 || file->plan.label[len] != ':';
	return 0;
}

int label_read(const char *label, struct label_state *out, struct err *err)
{
	char layer[PLAN_LABEL_MAX];
	int r;

	*out = (struct label_state){.superseded = true};
	if (!parse_label(label, layer, out))
		return err_set(err, EINVAL, "'%.64s' is not a label of a view", label);
	r = find_cut_app(label, layer, out, err);
	if (r < 0 || out->cut)
		return r;
	return compare_layer(layer, out, err);
}
