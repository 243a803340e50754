#include "advisory/advisory.h"

#include "advisory/collect.h"
#include "advisory/reader.h"
#include "base/array.h"
#include "base/file.h"
#include "base/path.h"
#include "base/progress.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 16 /* of directories */
#define DEATHS_MAX 8
#define ANSWERS_MAX ((size_t)1 << 24) /* for one file */

/* A file that the reader was asked for. */
struct data_file {
	char *path;
	int fd;
	uint64_t size;
	int64_t time;  /* of its last change */
	uint64_t done; /* bytes that the reader has told of */
};

/* Two batches: while the reader works at one, the files of the other are opened. */
struct data_read {
	struct parser parser;
	struct judged_index index;
	struct hits hits;
	struct advisories *out;
	struct data_file files[2 * PARSER_FDS];
	size_t count, asked; /* of the files; the first asked of them were sent */
	size_t deaths;	     /* of readers since the last answer */
	size_t found;	     /* files in all */
	char buffer[ADVICE_BUFFER];
};

static void data_file_free(struct data_file *f)
{
	free(f->path);
	cleanup_fd(&f->fd);
}

static void data_read_free(struct data_read *d)
{
	struct err ignored;

	parser_end(&d->parser, 0, &ignored);
	for (size_t i = 0; i < d->count; i++)
		data_file_free(&d->files[i]);
	hits_free(&d->hits);
	judged_index_free(&d->index);
}

void advisories_free(struct advisories *a)
{
	vulnerabilities_free(&a->found);
	for (size_t i = 0; i < a->nsets; i++)
		free(a->sets[i].path);
	free(a->sets);
	strings_free(&a->problems);
	*a = (struct advisories){0};
}

/* -- what the reader says -- */

static int note_problem(struct data_read *d, const char *path, const char *member, const char *why,
			struct err *err)
{
	if (d->out->nproblems++ >= PROBLEMS_KEPT)
		return 0;
	return strings_addf(&d->out->problems, err, "%s%s%s%s: %s", path, *member ? " (" : "",
			    member, *member ? ")" : "", why);
}

static bool same_set(const struct data_set *set, const char *path)
{
	return set->kind == DATA_RECORD && strcmp(set->path, path) == 0;
}

static int note_set(struct data_read *d, const struct data_file *f, const struct advice *a,
		    struct err *err)
{
	struct advisories *out = d->out;
	int64_t time = a->time == INT64_MIN ? f->time : a->time;
	struct data_set *set = NULL;
	char path[PATH_MAX];

	if (a->number == DATA_NONE || a->number > DATA_DEBSECAN)
		return 0;
	snprintf(path, sizeof path, "%s", f->path);
	if (a->number == DATA_RECORD) /* the records of a directory are one set */
		path_dir(f->path, path);
	if (a->number == DATA_RECORD && out->nsets && same_set(&out->sets[out->nsets - 1], path))
		set = &out->sets[out->nsets - 1];
	if (!set) {
		if (ARRAY_GROW(out->sets, out->nsets, err) < 0)
			return -ENOMEM;
		set = &out->sets[out->nsets++];
		*set = (struct data_set){.kind = a->number, .time = time, .path = strdup(path)};
		if (!set->path)
			return err_nomem(err);
	}
	set->records += a->version;
	set->time = time > set->time ? time : set->time;
	return 0;
}

static void step_to(struct data_file *f, uint64_t done)
{
	if (done > f->size)
		done = f->size;
	if (done > f->done) {
		progress_step(done - f->done);
		f->done = done;
	}
}

/* *end: the answer is whole. */
static int take_advice(struct data_read *d, struct data_file *f, bool *end, struct err *err)
{
	const char *texts[ADVICE_TEXTS];
	struct advice a;
	int r = advice_read(&d->parser, &a, d->buffer, texts, err);

	*end = r == 0 && (a.type == ADVICE_FILE || a.type == ADVICE_DONE);
	if (r < 0)
		return r;
	if (a.type == ADVICE_HIT)
		return hits_add(&d->hits, &a, texts, d->index.count, err);
	if (a.type == ADVICE_RELEASE)
		d->hits.newest[a.number] = a.time;
	if (f && a.type == ADVICE_PROBLEM)
		return note_problem(d, f->path, texts[TEXT_MEMBER], texts[TEXT_WHY], err);
	if (f && a.type == ADVICE_STILL)
		step_to(f, (uint64_t)a.time);
	if (f && a.type == ADVICE_FILE) {
		step_to(f, f->size);
		return note_set(d, f, &a, err);
	}
	return 0;
}

/* -- files -- */

static int send_files(struct data_read *d, struct err *err)
{
	int fds[PARSER_FDS], r = 0;

	if (d->parser.pid < 0)
		r = data_reader_start(&d->parser, &d->index, err);
	while (r == 0 && d->asked < d->count) {
		size_t n = 0;

		for (; n < PARSER_FDS && d->asked + n < d->count; n++)
			fds[n] = d->files[d->asked + n].fd;
		r = parser_ask(&d->parser, QUESTION_FILE, fds, n, err);
		d->asked += n;
	}
	return r;
}

/* The reader died, was silent or sent nonsense at the first file. Another one is asked for the files behind it, unless no
 * reader can answer. */
static int lose_reader(struct data_read *d, int r, struct err *err)
{
	struct err why = *err;

	r = parser_end(&d->parser, r, &why);
	d->asked = 0;
	if (r == -ENOMEM || r == -EFBIG || ++d->deaths == DEATHS_MAX)
		return err_set(err, -r, "%s", why.text);
	return note_problem(d, d->files[0].path, "", why.text, err);
}

/* A reader that has been taken over could go on for ever. */
static int receive_answers(struct data_read *d, struct data_file *f, struct err *err)
{
	bool end = false;
	int r = 0;

	for (size_t n = 0; r == 0 && !end; n++)
		r = n < ANSWERS_MAX
			    ? take_advice(d, f, &end, err)
			    : err_set(err, EBADMSG,
				      "the vulnerability data parser does not come to an end");
	return r;
}

static int receive_file(struct data_read *d, struct err *err)
{
	int r = send_files(d, err);

	if (r == 0)
		r = receive_answers(d, &d->files[0], err);
	if (r < 0)
		r = lose_reader(d, r, err);
	else
		d->deaths = 0;
	data_file_free(&d->files[0]);
	memmove(d->files, d->files + 1, --d->count * sizeof *d->files);
	d->asked -= d->asked > 0;
	return r;
}

static int ask_for(struct data_read *d, const struct data_file *file, struct err *err)
{
	int r = 0;

	d->files[d->count++] = *file;
	d->found++;
	if (d->count % PARSER_FDS == 0)
		r = send_files(d, err);
	while (r == 0 && d->count == 2 * PARSER_FDS)
		for (size_t i = 0; r == 0 && i < PARSER_FDS; i++)
			r = receive_file(d, err);
	return r;
}

static int read_place(struct data_read *d, int dirfd, const char *name, const char *path,
		      unsigned int depth, struct err *err);

struct data_dir {
	struct data_read *read;
	const char *path;
	unsigned int depth;
};

static int read_name(void *ctx, int dir, const char *name, struct err *err)
{
	struct data_dir *in = ctx;
	char path[PATH_MAX];

	if (name[0] == '.')
		return 0;
	if (path_join(in->path, name, path, err) < 0)
		return note_problem(in->read, in->path, "", err->text, err);
	return read_place(in->read, dir, name, path, in->depth, err);
}

static int read_directory(struct data_read *d, int fd, const char *path, unsigned int depth,
			  struct err *err)
{
	struct data_dir in = {d, path, depth + 1};

	if (depth == DEPTH_MAX)
		return note_problem(d, path, "", "it is too deep below the directory of the data",
				    err);
	return file_each_name(fd, read_name, &in, err);
}

/* Nothing but regular files is read: opening a device may do something, and opening a FIFO waits. Below the
 * directory links are not followed, so that root reads no file that somebody else chose. */
static int read_place(struct data_read *d, int dirfd, const char *name, const char *path,
		      unsigned int depth, struct err *err)
{
	AUTO_FD int fd = -1;
	struct data_file file;
	struct stat st;
	bool top = depth == 0;

	if (fstatat(dirfd, name, &st, top ? 0 : AT_SYMLINK_NOFOLLOW) < 0)
		return top ? err_sys(err, errno, "cannot read %s", path)
			   : note_problem(d, path, "", strerror(errno), err);
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return note_problem(d, path, "",
				    S_ISLNK(st.st_mode) ? "it is a symbolic link"
							: "it is not a regular file",
				    err);
	fd = openat(dirfd, name,
		    O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (top ? 0 : O_NOFOLLOW));
	if (fd < 0 || fstat(fd, &st) < 0)
		return top ? err_sys(err, errno, "cannot read %s", path)
			   : note_problem(d, path, "", strerror(errno), err);
	if (S_ISDIR(st.st_mode))
		return read_directory(d, fd, path, depth, err);
	if (!S_ISREG(st.st_mode))
		return note_problem(d, path, "", "it is not a regular file", err);
	file = (struct data_file){
		.fd = fd, .path = strdup(path), .size = (uint64_t)st.st_size, .time = st.st_mtime};
	if (!file.path)
		return err_nomem(err);
	if (top)
		progress_begin("reading vulnerability data", PROGRESS_BYTES, file.size);
	fd = -1;
	return ask_for(d, &file, err);
}

/* -- the whole -- */

static int finish_reading(struct data_read *d, struct err *err)
{
	int r = 0;

	while (r == 0 && d->count > 0)
		r = receive_file(d, err);
	if (r == 0 && d->parser.pid >= 0)
		r = parser_ask(&d->parser, QUESTION_RELEASES, NULL, 0, err);
	return r == 0 && d->parser.pid >= 0 ? receive_answers(d, NULL, err) : r;
}

static int set_order(const void *a, const void *b)
{
	const struct data_set *x = a, *y = b;
	int order = strcmp(x->path, y->path);

	return order ? order : (int)x->kind - (int)y->kind;
}

/* The records of one directory may have come before and after those of another one below it. */
static void merge_sets(struct advisories *out)
{
	size_t kept = 0;

	if (out->nsets)
		qsort(out->sets, out->nsets, sizeof *out->sets, set_order);
	for (size_t i = 0; i < out->nsets; i++) {
		struct data_set *set = &out->sets[i], *last = kept ? &out->sets[kept - 1] : NULL;

		if (!last || set->kind != DATA_RECORD || !same_set(last, set->path)) {
			out->sets[kept++] = *set;
			continue;
		}
		last->records += set->records;
		last->time = set->time > last->time ? set->time : last->time;
		free(set->path);
	}
	out->nsets = kept;
}

int advisories_read(const char *path, const struct judged *versions, size_t count,
		    struct advisories *out, struct err *err)
{
	CLEANUP(data_read_free) struct data_read d = {.parser = PARSER_NONE, .out = out};
	int r;

	*out = (struct advisories){0};
	for (size_t i = 0; i < RELEASES_MAX; i++)
		d.hits.newest[i] = INT64_MIN;
	r = judged_index_make(versions, count, &d.index, err);
	if (r == 0) {
		progress_begin("reading vulnerability data", PROGRESS_BYTES, 0);
		r = read_place(&d, AT_FDCWD, path, path, 0, err);
	}
	if (r == 0)
		r = finish_reading(&d, err);
	progress_end();
	if (r < 0)
		return r;
	if (d.found == 0 && out->nproblems == 0)
		return err_set(err, ENODATA, "%s has no vulnerability data", path);
	merge_sets(out);
	strings_sort(&out->problems);
	return hits_merge(&d.hits, versions, &out->found, err);
}
