/* Vulnerability data on the way that they take, but in one process: what a file is, a zip's members, records and debsecan's
 * lines, with three pinned versions; then the answers, as the parent reads them. The first byte chooses: an answer of
 * the reader, or a file. */
#include "advisory/advice.h"
#include "advisory/collect.h"
#include "advisory/osv.h"
#include "advisory/reader.h"
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <sys/mman.h>

static const struct judged judged[] = {
	{"zlib1g", "1:1.2.11.dfsg-2", "zlib", "1:1.2.11.dfsg-2", "11"},
	{"libssl1.1", "1.1.1n-0+deb11u3", "openssl", "1.1.1n-0+deb11u3", NULL},
	{"libz.so", "1.2", "libz.so", "1.2", "12"},
};
#define JUDGED (sizeof judged / sizeof *judged)

static void check_findings(const struct vulnerabilities *found)
{
	for (size_t i = 0; i < found->count; i++) {
		const struct vulnerability *f = &found->items[i];

		HOLD(f->version < JUDGED && *f->id && !strings_have(&f->names, f->id));
		HOLD(strlen(f->fixed) < 256 && !strchr(f->fixed, ' '));
		HOLD(i == 0 || f[-1].version < f->version ||
		     (f[-1].version == f->version && strcmp(f[-1].id, f->id) != 0));
	}
}

/* The answers in the file, until one is not valid or the file ends. */
static void read_answers(int fd)
{
	struct parser p = PARSER_NONE;
	AUTO_HITS struct hits hits = {0};
	struct vulnerabilities found = {0};
	static char buffer[ADVICE_BUFFER];
	const char *texts[ADVICE_TEXTS];
	struct advice a;
	struct err err;

	p.what = "fuzz";
	p.fd = fd;
	for (size_t i = 0; i < RELEASES_MAX; i++)
		hits.newest[i] = INT64_MIN;
	while (advice_read(&p, &a, buffer, texts, &err) == 0) {
		for (size_t i = 0; i < ADVICE_TEXTS; i++)
			for (const char *c = texts[i]; *c; c++)
				HOLD(*c >= ' ' && *c <= '~');
		if (a.type == ADVICE_RELEASE)
			hits.newest[a.number] = a.time;
		if (a.type == ADVICE_HIT && hits_add(&hits, &a, texts, JUDGED, &err) < 0)
			break;
	}
	free(p.ahead);
	HOLD(hits_merge(&hits, judged, &found, &err) == 0);
	check_findings(&found);
	vulnerabilities_free(&found);
}

static int file_of(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	HOLD(fd >= 0 && write(fd, data, size) == (ssize_t)size && lseek(fd, 0, SEEK_SET) == 0);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_JUDGED_INDEX struct judged_index index = {0};
	AUTO_FD int file = -1, answers = -1;
	struct osv *osv;
	struct err err;

	if (size > 0 && data[0] == 'A') {
		file = file_of(data + 1, size - 1);
		read_answers(file);
		return 0;
	}
	file = file_of(data, size);
	answers = memfd_create("answers", MFD_CLOEXEC);
	HOLD(answers >= 0 && judged_index_make(judged, JUDGED, &index, &err) == 0);
	osv = osv_new(&index);
	HOLD(osv);
	advice_output = answers;
	data_read(osv, &index, file);
	osv_tell_releases(osv);
	advice_flush();
	osv_free(&osv);
	HOLD(lseek(answers, 0, SEEK_SET) == 0);
	read_answers(answers);
	return 0;
}
