#include "base/file.h"
#include "cli/app.h"
#include "cli/message.h"
#include "cli/now.h"
#include "cli/out.h"
#include "cli/output.h"
#include "commands/commands.h"
#include "commands/sbom_write.h"
#include "sbom/gather.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *format, *file;

static const struct command_option options[] = {
	OPTION(&format, "format", ARG_WORDS, "cyclonedx|spdx",
	       "CycloneDX 1.6 (the default) or SPDX 2.3, as JSON", .letter = 'f'),
	OPTION(&file, "output", ARG_FILE, "FILE",
	       "write to this file; '-', the default, is standard output", .letter = 'o'),
	{0},
};

void sbom_time(int64_t time, char text[SBOM_TIME])
{
	time_t seconds = (time_t)time;
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) || strftime(text, SBOM_TIME, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		snprintf(text, SBOM_TIME, "1970-01-01T00:00:00Z");
}

/* Names the document after its own content, as a UUID of version 8 (RFC 9562): its first SBOM_NO_UUID is its own, since that
 * comes before all foreign text. */
static int name_document(char *text, size_t len, struct err *err)
{
	char *at = strstr(text, SBOM_NO_UUID), hex[DIGEST_HEX], uuid[sizeof SBOM_NO_UUID];
	struct digest digest;
	int r = digest_data(text, len, &digest, err);

	if (r < 0 || !at)
		return r;
	digest.bytes[6] = (unsigned char)(0x80 | (digest.bytes[6] & 0x0f));
	digest.bytes[8] = (unsigned char)(0x80 | (digest.bytes[8] & 0x3f));
	digest_hex(&digest, hex);
	snprintf(uuid, sizeof uuid, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
		 hex + 20);
	memcpy(at, uuid, sizeof uuid - 1);
	return 0;
}

/* The document, which the caller frees; NULL with the reason in err. Its date is that of the pins, so that it changes with
 * them alone. */
static char *write_document(const struct bill *bill, bool spdx, size_t *len, struct err *err)
{
	const int64_t time = getenv("SOURCE_DATE_EPOCH") ? output_time() : bill->time;
	const bool asked = want_json;
	char *text;

	want_json = true;
	if (spdx)
		sbom_write_spdx(bill, time);
	else
		sbom_write_cyclonedx(bill, time);
	text = json_take(len);
	want_json = asked;
	if (!text)
		err_nomem(err);
	else if (name_document(text, *len, err) == 0)
		return text;
	free(text);
	return NULL;
}

/* The programs that the operands name. */
static int find_named(char **operands, size_t count, struct strings *out, struct err *err)
{
	AUTO_POLICY struct policy *policy = NULL;
	AUTO_APPS struct apps apps = {0};
	char path[PATH_MAX];
	int r = policy_open(&policy, err);

	if (r == 0)
		r = policy_apps(policy, POLICY_NOW, &apps, err);
	for (size_t i = 0; r == 0 && i < count; i++) {
		bool pinned = false;

		r = find_pinned(&apps, operands[i], path, err);
		for (size_t k = 0; r == 0 && k < apps.count; k++)
			pinned |= strcmp(apps.items[k].path, path) == 0;
		if (r == 0 && !pinned)
			r = err_set(
				err, ENOENT,
				"%s has no pins; 'pinlib show' lists the programs that have some",
				path);
		if (r == 0)
			r = strings_add_once(out, path, err);
	}
	return r;
}

static void warn_unread(const struct bill *bill)
{
	for (size_t i = 0; i < bill->nprograms; i++)
		if (bill->programs[i].unread)
			warn("the digest of %s is missing: %s", bill->programs[i].app->path,
			     bill->programs[i].unread);
}

static int put_document(const struct bill *bill, const char *text, size_t len, struct err *err)
{
	AUTO_OUTPUT struct output out = OUTPUT_NONE;
	const char *to = file ? file : "-";
	bool standard;

	if (output_begin(to, &out, err) < 0)
		return EXIT_ERR;
	standard = out.standard;
	if (file_write(out.fd, text, len, err) < 0)
		return err_wrap(err, EXIT_ERR, "cannot write %s",
				standard ? "standard output" : file);
	if (output_finish(&out, to, err) < 0)
		return EXIT_ERR;
	if (standard) {
		json_elsewhere();
		return EXIT_OK;
	}
	json_record("file %s programs %lld versions %lld files %lld", file,
		    (long long)bill->nprograms, (long long)bill->nversions,
		    (long long)bill->nfiles);
	print_line("%s: %zu program%s, %zu version%s, %zu file%s", file, bill->nprograms,
		   bill->nprograms == 1 ? "" : "s", bill->nversions,
		   bill->nversions == 1 ? "" : "s", bill->nfiles, bill->nfiles == 1 ? "" : "s");
	return EXIT_OK;
}

static int run_sbom(int count, char **operands, struct err *err)
{
	AUTO_BILL struct bill bill = {0};
	AUTO_STRINGS struct strings paths = {0};
	AUTO_FREE char *text = NULL;
	const bool spdx = format && strcmp(format, "spdx") == 0;
	size_t len = 0;

	if (format && !spdx && strcmp(format, "cyclonedx") != 0)
		return misused("--format is cyclonedx or spdx, not '%s'", format);
	if (find_named(operands, (size_t)count, &paths, err) < 0 ||
	    bill_gather(count ? &paths : NULL, spdx, &bill, err) < 0)
		return EXIT_ERR;
	warn_unread(&bill);
	text = write_document(&bill, spdx, &len, err);
	return text ? put_document(&bill, text, len, err) : EXIT_ERR;
}

const struct command command_sbom = {
	.name = "sbom",
	.group = GROUP_CARE,
	.summary = "Write a bill of materials of pinned programs",
	.text = "The document lists the programs, their pinned versions with licences and origin, "
		"and each file with its SHA-256; not what programs use of the live system. The "
		"same pins give the same bytes.",
	.options = options,
	.operands = {{.name = "APP", .kind = ARG_PINNED, .optional = true, .repeats = true}},
	.json = true,
	.host = true,
	.run = run_sbom,
};
