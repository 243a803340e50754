/* Sources that name a part of an image: oci:DIR[:TAG]#NAME, docker-archive:FILE[:TAG]#NAME, oci-archive:FILE[:TAG]#NAME. */
#include "base/fuse.h"
#include "base/kernel.h"
#include "base/mount.h"
#include "base/path.h"
#include "base/reach.h"
#include "intake/source.h"
#include "store/text.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>

static const struct {
	const char *prefix;
	bool docker, directory;
} forms[] = {
	{"oci:", false, true}, {"docker-archive:", true, false}, {"oci-archive:", false, false}};

static int form_of(const char *source)
{
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
		if (strncmp(source, forms[i].prefix, strlen(forms[i].prefix)) == 0)
			return (int)i;
	return -1;
}

bool source_is_image(const char *source)
{
	return form_of(source) >= 0;
}

/* This machine's architecture by image-spec, and its triplet. */
static void find_machine(struct unpack_pick *pick)
{
	static const char *const known[][3] = {
		{"x86_64", "amd64", "x86_64-linux-gnu"},
		{"aarch64", "arm64", "aarch64-linux-gnu"},
		{"i686", "386", "i386-linux-gnu"},
		{"armv7l", "arm", "arm-linux-gnueabihf"},
	};
	struct utsname name;

	pick->arch = pick->triplet = "";
	if (uname(&name) < 0)
		return;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (strcmp(name.machine, known[i][0]) == 0) {
			pick->arch = known[i][1];
			pick->triplet = known[i][2];
		}
}

/* -- the words -- */

struct image_words {
	char *text; /* cut into the others */
	const char *path, *tag, *name;
};

/* The tag begins at the last ':' before which there is a path; both may have more of them. */
static int reach_image(struct image_words *w, struct reach *at, struct err *err)
{
	size_t len = strlen(w->path);
	char *path = (char *)w->path;
	struct err ignored;
	int r = reach(path, 0, at, err);

	for (char *colon = path + len; r == -ENOENT && colon > path; colon--) {
		if (*colon != ':')
			continue;
		*colon = '\0';
		if (reach(path, 0, at, &ignored) == 0) {
			w->tag = colon + 1;
			return 0;
		}
		*colon = ':';
	}
	return r;
}

static int split_words(const char *source, const char *prefix, struct image_words *w,
		       struct err *err)
{
	char buf[TEXT_SHOWN];
	char *hash;

	w->text = strdup(source + strlen(prefix));
	if (!w->text)
		return err_nomem(err);
	hash = strrchr(w->text, '#');
	if (!hash || !hash[1] || text_fault(hash + 1) || strchr(hash + 1, '/'))
		return err_set(err, EINVAL,
			       "%s does not say what to take from the image: write %s%.*s#NAME, a "
			       "package (zlib1g) or a library (libz.so.1)",
			       text_shown(source, buf), prefix,
			       hash ? (int)(hash - w->text) : (int)strlen(w->text), w->text);
	*hash = '\0';
	w->name = hash + 1;
	w->path = w->text;
	w->tag = "";
	return 0;
}

/* -- the parser, and the files that it asks for -- */

struct image_job {
	struct unpack_pick pick;
	int file; /* -1: a directory */
};

static void run_image_parser(void *ctx, int output)
{
	const struct image_job *job = ctx;

	unpack_image(&job->pick, job->file < 0 ? output : job->file, output);
}

static bool is_blob(const char *name)
{
	static const char blobs[] = "blobs/sha256/";
	struct digest ignored;

	return strcmp(name, "index.json") == 0 || (strncmp(name, blobs, strlen(blobs)) == 0 &&
						   digest_parse(name + strlen(blobs), &ignored));
}

/* Nobody but the administrator named the files of a layout's directory, so each must be public, and no link. */
static int open_blob(const struct source_blobs *blobs, const char *name, int *out, struct err *err)
{
	uint64_t known = MOUNT_ID_UNKNOWN;
	AUTO_FD int at = -1;
	char self[64];
	struct stat st;
	int r;

	if (!is_blob(name))
		return err_set(err, EBADMSG, "damaged archive: the parser sent an invalid frame");
	at = sys_openat2(blobs->dir, name, O_PATH | O_CLOEXEC,
			 RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
	if (at < 0)
		return err_sys(err, errno, "the image lacks %s", name);
	r = fuse_refuse_users(at, name, &known, err);
	if (r == 0 && fstat(at, &st) < 0)
		r = err_sys(err, errno, "cannot stat %s", name);
	if (r == 0 && !S_ISREG(st.st_mode))
		r = err_set(err, EPERM, "%s is not a file", name);
	if (r == 0)
		r = staging_check_readable(&st, name, err);
	if (r < 0)
		return r;
	snprintf(self, sizeof self, "/proc/self/fd/%d", at);
	*out = open(self, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return *out < 0 ? err_sys(err, errno, "cannot open %s", name) : 0;
}

int source_send_blob(const struct source_blobs *blobs, const char *name, struct err *err)
{
	AUTO_FD int fd = -1;
	int r = open_blob(blobs, name, &fd, err);

	return r < 0 ? r : parser_ask(blobs->parser, 0, &fd, 1, err);
}

static int start_image_parser(struct parser *parser, struct image_job *job, struct err *err)
{
	int ends[2], r = 0;

	if (job->file >= 0)
		r = parser_pipe(ends, err);
	else if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		r = err_sys(err, errno, "cannot create a pair of sockets");
	return r < 0 ? r : parser_start(parser, "image", ends, run_image_parser, job, err);
}

/* -- a library that no package names -- */

static int name_library(struct staging *s, struct err *err)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->items[i]->type == ENTRY_FILE) {
			const struct entry *e = s->items[i];
			int r = source_name_so(s, path_base(e->path), e->soname ? e->soname : "",
					       err);

			return r < 0 ? r : staging_arch(s, err);
		}
	return err_set(err, EBADMSG, "damaged archive: it has no library");
}

static int read_parts(struct staging *s, struct image_job *job, int dir, struct err *err)
{
	struct parser parser = PARSER_NONE;
	const struct source_blobs blobs = {dir, &parser};
	int r = start_image_parser(&parser, job, err);

	if (r == 0)
		r = source_image_frames(s, &parser, &blobs, err);
	r = parser_end(&parser, r, err);
	return r == 0 && !s->name[0] ? name_library(s, err) : r;
}

static int read_form(struct staging *s, int form, struct image_words *w, struct err *err)
{
	struct image_job job = {.pick = {.docker = forms[form].docker,
					 .directory = forms[form].directory,
					 .name = w->name},
				.file = -1};
	AUTO_REACH struct reach at = REACH_NONE;
	AUTO_FD int fd = -1;
	int r = reach_image(w, &at, err);

	if (r == 0)
		r = reach_public(&at, true, err);
	if (r == 0 && (job.pick.directory ? !S_ISDIR(at.st.st_mode) : !S_ISREG(at.st.st_mode)))
		r = err_set(err, EINVAL, "%s is not a %s", w->path,
			    job.pick.directory ? "directory" : "file");
	if (r < 0)
		return r;
	fd = reach_open(&at, O_RDONLY | O_NONBLOCK | (job.pick.directory ? O_DIRECTORY : 0), err);
	if (fd < 0)
		return fd;
	if (asprintf(&s->source, "%s%s%s%s#%s", forms[form].prefix, at.path, *w->tag ? ":" : "",
		     w->tag, w->name) < 0) {
		s->source = NULL;
		return err_nomem(err);
	}
	find_machine(&job.pick);
	job.pick.tag = w->tag;
	if (!job.pick.directory)
		job.file = fd;
	s->glibc_only = true;
	return read_parts(s, &job, fd, err);
}

int source_image(struct staging *s, const char *source, struct err *err)
{
	struct image_words w = {0};
	int form = form_of(source), r = split_words(source, forms[form].prefix, &w, err);

	if (r == 0) {
		r = read_form(s, form, &w, err);
		if (r < 0)
			r = err_wrap(err, r, "%s%s", forms[form].prefix, w.path);
	}
	free(w.text);
	return r;
}
