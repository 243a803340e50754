#include "advisory/reader.h"

#include "advisory/advice.h"
#include "advisory/debsecan.h"
#include "advisory/osv.h"
#include "base/confine.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ZIP_MAX (INT64_C(32) << 30) /* bytes of all records of a zip */
#define STILL_BYTES (1 << 20)

static char *record; /* OSV_RECORD_MAX + 1 bytes, which the system provides as they are used */

static void end_file(enum data_kind kind, int64_t records, int64_t newest)
{
	advice_emit(
		(struct advice){.type = ADVICE_FILE,
				.number = kind,
				.version = records > UINT32_MAX ? UINT32_MAX : (uint32_t)records,
				.time = newest},
		NULL);
}

/* -- zip -- */

struct zip_walk {
	struct osv *osv;
	struct archive *zip;
	int64_t records, newest, total, told;
};

static void tell_still(struct zip_walk *w)
{
	int64_t at = archive_filter_bytes(w->zip, -1);

	if (w->total - w->told < STILL_BYTES)
		return;
	w->told = w->total;
	advice_still(at);
}

/* Reads a member to its end, and keeps what fits. Returns its length, or -1: the zip is damaged. */
static int64_t read_zip_member(struct zip_walk *w)
{
	int64_t len = 0;
	static char rest[16384];

	for (;;) {
		bool fits = len < (int64_t)OSV_RECORD_MAX + 1;
		la_ssize_t n =
			archive_read_data(w->zip, fits ? record + len : rest,
					  fits ? OSV_RECORD_MAX + 1 - (size_t)len : sizeof rest);

		if (n < 0 || w->total > ZIP_MAX)
			return -1;
		if (n == 0)
			return len;
		len += n;
		w->total += n;
		tell_still(w);
	}
}

static bool judge_zip_member(struct zip_walk *w, const char *name)
{
	int64_t len = read_zip_member(w), time;

	if (len < 0)
		return false;
	if (len > (int64_t)OSV_RECORD_MAX) {
		advice_problem(name, "it is longer than 16 MiB");
		return true;
	}
	record[len] = '\0';
	time = osv_judge(w->osv, record, (size_t)len, name);
	w->newest = time > w->newest ? time : w->newest;
	w->records++;
	return true;
}

static bool is_json_name(const char *name)
{
	size_t len = strlen(name);

	return len > 5 && strcmp(name + len - 5, ".json") == 0;
}

/* Reads members in their order, without the central directory, whose size an attacker chooses. libarchive verifies each
 * checksum. */
static void read_zip(struct osv *osv, int fd)
{
	struct zip_walk w = {.osv = osv, .newest = INT64_MIN, .zip = archive_read_new()};
	struct archive_entry *e;
	const char *why;
	int r = ARCHIVE_FATAL;

	if (!w.zip || archive_read_support_format_zip_streamable(w.zip) != ARCHIVE_OK)
		_exit(1);
	if (archive_read_open_fd(w.zip, fd, 256 * 1024) == ARCHIVE_OK)
		while ((r = archive_read_next_header(w.zip, &e)) == ARCHIVE_OK ||
		       r == ARCHIVE_WARN) {
			const char *name = archive_entry_pathname(e);

			if (archive_entry_filetype(e) != AE_IFREG || (name && !is_json_name(name)))
				continue;
			if (!judge_zip_member(&w, name ? name : "?"))
				break;
		}
	if (r != ARCHIVE_EOF) {
		why = archive_error_string(w.zip);
		advice_problem("", w.total > ZIP_MAX ? "its records are more than 32 GiB"
				   : why	     ? why
						     : "it is damaged");
	}
	archive_read_free(w.zip);
	end_file(DATA_ZIP, w.records, w.newest);
}

/* -- files -- */

/* Reads on to the end, or to one byte more than a record may have; -1 with errno. */
static ssize_t read_record_rest(int fd, size_t len)
{
	while (len < OSV_RECORD_MAX + 1) {
		ssize_t n = read(fd, record + len, OSV_RECORD_MAX + 1 - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

static void read_record(struct osv *osv, int fd, size_t have)
{
	ssize_t len = read_record_rest(fd, have);
	int64_t time = INT64_MIN;

	if (len < 0)
		advice_problem("", strerror(errno));
	else if (len > (ssize_t)OSV_RECORD_MAX)
		advice_problem("", "it is longer than 16 MiB");
	else {
		record[len] = '\0';
		time = osv_judge(osv, record, (size_t)len, "");
	}
	end_file(DATA_RECORD, 1, time);
}

/* zlib's header (RFC 1950) and gzip's (RFC 1952). */
static bool is_compressed(const unsigned char *head, size_t len)
{
	return len >= 2 && (((head[0] & 15) == 8 && (head[0] * 256 + head[1]) % 31 == 0) ||
			    (head[0] == 0x1f && head[1] == 0x8b));
}

#define HEAD 4

static void read_by_content(struct osv *osv, const struct judged_index *index, int fd, ssize_t len)
{
	const unsigned char *head = (unsigned char *)record;
	int64_t lines;

	if (len >= 4 && head[0] == 'P' && head[1] == 'K') {
		lseek(fd, 0, SEEK_SET);
		read_zip(osv, fd);
	} else if (len > 0 && memchr("{ \t\r\n", head[0], 5)) {
		read_record(osv, fd, (size_t)len);
	} else if (is_compressed(head, (size_t)len) || (len > 0 && head[0] == 'V')) {
		char copy[HEAD];

		memcpy(copy, head, (size_t)len);
		lines = debsecan_judge(index, fd, copy, (size_t)len);
		end_file(DATA_DEBSECAN, lines < 0 ? 0 : lines, INT64_MIN);
	} else {
		advice_problem("",
			       len ? "it is no OSV record, no zip of them, and not debsecan's data"
				   : "it is empty");
		end_file(DATA_NONE, 0, INT64_MIN);
	}
}

void data_read(struct osv *osv, const struct judged_index *index, int fd)
{
	ssize_t len = 0, n = 1;

	if (!record)
		record = malloc(OSV_RECORD_MAX + 2);
	if (!record)
		_exit(1);
	lseek(fd, 0, SEEK_SET); /* another process may have read from it before it died */
	while (len < HEAD && n > 0) {
		n = read(fd, record + len, (size_t)(HEAD - len));
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			len += n;
	}
	if (n < 0) {
		advice_problem("", strerror(errno));
		end_file(DATA_NONE, 0, INT64_MIN);
		return;
	}
	record[len] = '\0';
	read_by_content(osv, index, fd, len);
}

/* -- the process -- */

static void answer_data(struct osv *osv, const struct judged_index *index, char kind, int fd)
{
	if (kind == QUESTION_FILE && fd >= 0) {
		data_read(osv, index, fd);
		close(fd);
		return;
	}
	osv_tell_releases(osv);
	advice_emit((struct advice){.type = ADVICE_DONE}, NULL);
}

static void run_data_reader(void *ctx, int end)
{
	const struct judged_index *index = ctx;
	struct osv *osv = osv_new(index);
	const char *failed;
	char kind;
	int fd;

	if (!osv)
		_exit(1);
	signal(SIGPIPE, SIG_IGN);
	/* Before the filter, since all of these open files: libarchive takes names for UTF-8 and converts the times of
	 * members, and strerror(3) has its catalogue. */
	setlocale(LC_CTYPE, "C.UTF-8");
	setenv("TZ", "UTC0", 1);
	tzset();
	failed = confine(end, end);
	if (failed) {
		if (fcntl(end, F_GETFD) >= 0)
			dup2(end, 1);
		advice_problem("", failed);
		advice_flush();
		_exit(0);
	}
	while (parser_question(&kind, &fd)) {
		answer_data(osv, index, kind, fd);
		/* If the next file ends this process, the parent must know which one that was. */
		advice_flush();
	}
	_exit(0);
}

int data_reader_start(struct parser *out, const struct judged_index *index, struct err *err)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return err_sys(err, errno, "cannot create a pair of sockets");
	return parser_start(out, "vulnerability data", ends, run_data_reader, (void *)index, err);
}
