#include "dpkg/apt_release.h"

#include "base/array.h"
#include "base/file.h"
#include "base/path.h"
#include "dpkg/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define RELEASE_MAX ((size_t)16 << 20)

void apt_voucher_free(struct apt_voucher *v)
{
	free(v->lacks);
	free(v->package);
	free(v->version);
	free(v->arch);
	free(v->component);
	free(v->origin);
	free(v->suite);
	free(v->codename);
	free(v->release);
	free(v->date);
	*v = (struct apt_voucher){0};
}

/* A source of apt's, and its Release file if that is signed. */
struct release_list {
	char *uri;    /* "http://MIRROR/debian/dists/bookworm/" */
	char *prefix; /* how its files in the lists begin: "MIRROR_debian_dists_bookworm_" */
	char *text;   /* what is signed; NULL: nothing is */
	struct digest file;
};

struct release_lists {
	struct release_list *items;
	size_t count;
	int dir; /* Dir::State::lists */
	char path[PATH_MAX];
	bool readable;
};

struct vouching {
	struct release_lists lists;
	struct apt_voucher *vouchers;
	size_t count;
};

static void release_lists_free(struct release_lists *lists)
{
	for (size_t i = 0; i < lists->count; i++) {
		free(lists->items[i].uri);
		free(lists->items[i].prefix);
		free(lists->items[i].text);
	}
	free(lists->items);
	cleanup_fd(&lists->dir);
}

/* -- the reason why -- */

__attribute__((format(printf, 3, 4))) static int set_lacks(struct apt_voucher *v, struct err *err,
							   const char *fmt, ...)
{
	va_list ap;
	int n;

	free(v->lacks);
	va_start(ap, fmt);
	n = vasprintf(&v->lacks, fmt, ap);
	va_end(ap);
	if (n >= 0)
		return 0;
	v->lacks = NULL;
	return err_nomem(err);
}

static int all_lack(struct vouching *w, const char *why, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < w->count; i++)
		r = set_lacks(&w->vouchers[i], err, "%s", why);
	return r;
}

/* -- the sources, and apt's lists -- */

/* Messages show the URI, but not the password in it. */
static void hide_user(char *uri)
{
	char *host = strstr(uri, "://"), *at;

	host = host ? host + 3 : uri;
	at = memchr(host, '@', strcspn(host, "/"));
	if (at)
		memmove(host, at + 1, strlen(at));
}

#define IN_RELEASE "InRelease"

/* "'http://MIRROR/debian/dists/bookworm/InRelease' MIRROR_debian_dists_bookworm_InRelease 0 " */
static int add_release(struct release_lists *lists, char *line, struct err *err)
{
	char *uri = line + 1, *name = *line == '\'' ? strstr(uri, "' ") : NULL;
	struct release_list *l;

	if (!name)
		return 0;
	*name = '\0';
	name += 2;
	name[strcspn(name, " ")] = '\0';
	if (!path_ends(name, "_" IN_RELEASE) || !strrchr(uri, '/'))
		return 0;
	strrchr(uri, '/')[1] =
		'\0'; /* the name after it may be any: InRelease-Path, sources.list(5) */
	hide_user(uri);
	if (ARRAY_GROW(lists->items, lists->count, err) < 0)
		return -ENOMEM;
	l = &lists->items[lists->count++];
	*l = (struct release_list){
		.uri = strdup(uri),
		.prefix = strndup(name, strlen(name) - strlen(IN_RELEASE)),
	};
	return l->uri && l->prefix ? 0 : err_nomem(err);
}

/* --print-uris asks no mirror (DESIGN.md, sources-by-print-uris). */
static int find_releases(struct release_lists *lists, const struct apt_place *place,
			 struct err *err)
{
	static const char *const args[] = {"apt-get", "update", "--print-uris", NULL};
	AUTO_FREE char *text = NULL;
	char *rest, *line;
	int r = apt_run(args, NULL, place, NULL, &text, err);

	rest = text;
	while (r == 0 && (line = strsep(&rest, "\n")))
		r = add_release(lists, line, err);
	return r;
}

static bool is_safe(const struct stat *st)
{
	return (st->st_uid == 0 || st->st_uid == geteuid()) && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

static int open_lists(struct release_lists *lists, const struct apt_place *place, struct err *err)
{
	struct stat st;
	int r = apt_lists(place, lists->path, err);

	if (r < 0)
		return r;
	lists->dir = open(lists->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lists->dir < 0 || fstat(lists->dir, &st) < 0)
		return err_sys(err, errno, "cannot open %s", lists->path);
	if (!is_safe(&st))
		return err_set(err, EPERM, "other users can write %s", lists->path);
	lists->readable = true;
	return 0;
}

/* -- a Release file -- */

/* Reduces a clear-signed text (RFC 4880, 7) to what is signed. False: it has another form. */
static bool cut_signed(char *text)
{
	static const char begin[] = "-----BEGIN PGP SIGNED MESSAGE-----\n";
	char *from, *to;

	if (strncmp(text, begin, strlen(begin)) != 0)
		return false;
	from = strstr(text, "\n\n");
	to = from ? strstr(from, "\n-----BEGIN PGP SIGNATURE-----") : NULL;
	if (!to || to < from + 2)
		return false;
	to[1] = '\0';
	memmove(text, from + 2, (size_t)(to + 2 - (from + 2)));
	return true;
}

/* apt copies these files even from a directory (file:) before it verifies them, so a link is not apt's. */
static int read_list(const struct release_lists *lists, const char *prefix, const char *end,
		     char **text, size_t *len, struct err *err)
{
	char name[NAME_MAX + 1];
	struct stat st;

	if (snprintf(name, sizeof name, "%s%s", prefix, end) >= (int)sizeof name ||
	    fstatat(lists->dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) ||
	    !is_safe(&st))
		return -ENOENT;
	return file_read_at(lists->dir, name, RELEASE_MAX, text, len, err);
}

/* Leaves the text NULL if nothing is signed. */
static int read_release(const struct release_lists *lists, struct release_list *l, struct err *err)
{
	AUTO_FREE char *text = NULL, *signature = NULL;
	size_t len = 0, ignored;
	int r = read_list(lists, l->prefix, "InRelease", &text, &len, err);
	bool clear = r == 0;

	if (r < 0 && read_list(lists, l->prefix, "Release.gpg", &signature, &ignored, err) == 0)
		r = read_list(lists, l->prefix, "Release", &text, &len, err);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	r = digest_data(text, len, &l->file, err);
	if (r < 0 || strlen(text) != len || (clear && !cut_signed(text)))
		return r;
	l->text = text;
	text = NULL;
	return 0;
}

/* A field of a stanza, which ends at limit; the caller frees the copy. NULL: it has none, or no memory. */
static char *field_value(const char *stanza, const char *limit, const char *field)
{
	size_t len = strlen(field);

	for (const char *line = stanza; line < limit;) {
		const char *end = memchr(line, '\n', (size_t)(limit - line));
		const char *at = line + len + 1;

		end = end ? end : limit;
		if (at < end && strncmp(line, field, len) == 0 && line[len] == ':') {
			while (at < end && (*at == ' ' || *at == '\t'))
				at++;
			return end > at ? strndup(at, (size_t)(end - at)) : NULL;
		}
		line = end + 1;
	}
	return NULL;
}

static char *release_value(const struct release_list *l, const char *field)
{
	return field_value(l->text, l->text + strlen(l->text), field);
}

/* -- Packages files -- */

/* As apt names the file of a URI's part in its lists (apt's URItoFileName). False: the name is too long. */
static bool quote_name(const char *part, char *out, size_t size)
{
	size_t used = 0;

	for (; *part; part++) {
		const unsigned char c = (unsigned char)*part;
		bool quoted = c <= 0x20 || c >= 0x7f || strchr("\\|{}[]<>\"^~_=!@#$%&*", c);

		if (used + 4 > size)
			return false;
		if (quoted)
			used += (size_t)snprintf(out + used, size - used, "%%%02x", c);
		else
			out[used++] = c == '/' ? '_' : (char)c;
	}
	out[used] = '\0';
	return true;
}

/* A Packages file that is being read: from the file, or from apt-helper, which decompresses it. */
struct index_reader {
	int fd;
	pid_t helper; /* 0: none */
};

static void index_end(struct index_reader *reader)
{
	cleanup_fd(&reader->fd);
	if (reader->helper <= 0)
		return;
	kill(reader->helper, SIGKILL);
	while (waitpid(reader->helper, NULL, 0) < 0 && errno == EINTR)
		;
}

/* What apt-helper prints is held against a digest, so its exit status tells nothing more. */
static int start_helper(const char *path, struct index_reader *reader)
{
	static const char program[] = "/usr/lib/apt/apt-helper";
	char *const argv[] = {(char *)program, "cat-file", (char *)path, NULL};
	posix_spawn_file_actions_t actions;
	int ends[2], r;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	reader->fd = ends[0];
	r = posix_spawn_file_actions_init(&actions);
	if (r == 0) {
		posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
		posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
		posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
		r = posix_spawn(&reader->helper, program, &actions, NULL, argv, environ);
		posix_spawn_file_actions_destroy(&actions);
	}
	if (r != 0)
		reader->helper = 0;
	close(ends[1]);
	return -r;
}

/* -ENOENT: apt has not fetched it. */
static int open_index(const struct release_lists *lists, const struct release_list *l,
		      const char *part, struct index_reader *reader)
{
	static const char *const ends[] = {"", ".lz4", ".gz", ".xz", ".zst", ".bz2", ".lzma"};
	char quoted[NAME_MAX + 1], name[2 * NAME_MAX], path[PATH_MAX];
	struct err ignored;

	if (!quote_name(part, quoted, sizeof quoted))
		return -ENOENT;
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		if (snprintf(name, sizeof name, "%s%s%s", l->prefix, quoted, ends[i]) >=
			    (int)sizeof name ||
		    faccessat(lists->dir, name, R_OK, 0) < 0 ||
		    path_join(lists->path, name, path, &ignored) < 0)
			continue;
		if (i)
			return start_helper(path, reader);
		reader->fd = openat(lists->dir, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		return reader->fd < 0 ? -errno : 0;
	}
	return -ENOENT;
}

/* "main/binary-amd64/Packages" is of main; a flat repository's "Packages" of none. */
static char *component_of(const char *part)
{
	const char *binary = strstr(part, "/binary-");

	return binary ? strndup(part, (size_t)(binary - part)) : NULL;
}

/* An archive that the Packages file lists, which may still prove to be another one than the Release file's. */
static void note_entry(struct apt_voucher *v, const char *stanza, const char *limit)
{
	free(v->package);
	free(v->version);
	free(v->arch);
	v->package = field_value(stanza, limit, "Package");
	v->version = field_value(stanza, limit, "Version");
	v->arch = field_value(stanza, limit, "Architecture");
}

#define HASH_LINE "\nSHA256: "

/* Searches whole stanzas for all archives at once. */
static void search_stanzas(struct vouching *w, const char *text, const char *limit)
{
	const char *at = text;

	while ((at = memmem(at, (size_t)(limit - at), HASH_LINE, strlen(HASH_LINE)))) {
		const char *from = at, *to;
		struct digest digest;
		char hex[DIGEST_HEX] = "";

		at += strlen(HASH_LINE);
		if (limit - at >= DIGEST_HEX - 1)
			memcpy(hex, at, DIGEST_HEX - 1);
		for (size_t i = digest_parse(hex, &digest) ? 0 : w->count; i < w->count; i++) {
			struct apt_voucher *v = &w->vouchers[i];

			if (!v->lacks || !digest_equal(&v->archive, &digest))
				continue;
			while (from > text && (from[-1] != '\n' || from[0] != '\n'))
				from--;
			to = memmem(at, (size_t)(limit - at), "\n\n", 2);
			note_entry(v, from, to ? to : limit);
		}
	}
}

/* The end of the last whole stanza. */
static size_t whole_stanzas(const char *text, size_t len)
{
	while (len > 1 && (text[len - 1] != '\n' || text[len - 2] != '\n'))
		len--;
	return len > 1 ? len : 0;
}

#define WINDOW ((size_t)1 << 20) /* of which a stanza takes a few kilobytes */

/* Reads a Packages file to its end, and computes its SHA-256. */
static int read_index(struct vouching *w, int fd, struct digest *digest, struct err *err)
{
	CLEANUP(digest_abandon) struct digest_stream *sha = digest_begin();
	AUTO_FREE char *text = malloc(WINDOW);
	size_t used = 0;

	if (!sha || !text)
		return err_nomem(err);
	for (;;) {
		ssize_t n = read(fd, text + used, WINDOW - used);
		size_t whole;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || used == WINDOW)
			return -EIO;
		if (n > 0 && digest_update(sha, text + used, (size_t)n, err) < 0)
			return -ENOMEM;
		used += (size_t)n;
		whole = n > 0 ? whole_stanzas(text, used) : used;
		search_stanzas(w, text, text + whole);
		memmove(text, text + whole, used - whole);
		used -= whole;
		if (n == 0)
			return digest_end(&sha, digest, err);
	}
}

static void fill_voucher(struct apt_voucher *v, const struct release_list *l, const char *part)
{
	free(v->lacks);
	v->lacks = NULL;
	v->component = component_of(part);
	v->origin = release_value(l, "Origin");
	v->suite = release_value(l, "Suite");
	v->codename = release_value(l, "Codename");
	v->release = release_value(l, "Version");
	v->date = release_value(l, "Date");
	v->release_file = l->file;
}

/* Entries of a Packages file are forgotten if it is not the one that the Release file lists. */
static int settle_entries(struct vouching *w, const struct release_list *l, const char *part,
			  bool intact, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < w->count; i++) {
		struct apt_voucher *v = &w->vouchers[i];

		if (!v->lacks || !v->package || !v->version || !v->arch)
			continue;
		if (intact) {
			fill_voucher(v, l, part);
		} else {
			free(v->package);
			v->package = NULL;
			r = set_lacks(v, err,
				      "the Packages file of %s is not the one that its Release "
				      "file lists",
				      l->uri);
		}
	}
	return r;
}

static int search_index(struct vouching *w, const struct release_list *l, const char *part,
			const struct digest *listed, struct err *err)
{
	CLEANUP(index_end) struct index_reader reader = {.fd = -1};
	struct digest digest;
	int r = open_index(&w->lists, l, part, &reader);

	if (r < 0)
		return 0;
	r = read_index(w, reader.fd, &digest, err);
	if (r == -ENOMEM)
		return r;
	return settle_entries(w, l, part, r == 0 && digest_equal(&digest, listed), err);
}

/* Cuts a line of a Release file, " 0123ab... 1234 main/binary-amd64/Packages". */
static bool read_listed(const char *line, struct digest *digest, char part[256])
{
	char hex[DIGEST_HEX] = "";
	size_t len;

	line += strspn(line, " ");
	if (strcspn(line, " \n") != DIGEST_HEX - 1)
		return false;
	memcpy(hex, line, DIGEST_HEX - 1);
	line += DIGEST_HEX - 1;
	line += strspn(line, " ");
	line += strspn(line, "0123456789");
	line += strspn(line, " ");
	len = strcspn(line, " \n");
	if (len == 0 || len >= 256 || !digest_parse(hex, digest))
		return false;
	memcpy(part, line, len);
	part[len] = '\0';
	return true;
}

/* The Packages files that a Release file lists by SHA-256. */
static int search_release(struct vouching *w, const struct release_list *l, struct err *err)
{
	const char *line = strstr(l->text, "\nSHA256:");
	struct digest listed;
	char part[256];
	int r = 0;

	for (line = line ? strchr(line + 1, '\n') : NULL; r == 0 && line && line[1] == ' ';
	     line = strchr(line + 1, '\n'))
		if (read_listed(line + 1, &listed, part) &&
		    strcmp(path_base(part), "Packages") == 0)
			r = search_index(w, l, part, &listed, err);
	return r;
}

/* -- the whole -- */

static bool is_of_suite(const struct release_list *l, const char *suite)
{
	AUTO_FREE char *name = release_value(l, "Suite"), *codename = release_value(l, "Codename");

	return (name && strcmp(name, suite) == 0) || (codename && strcmp(codename, suite) == 0);
}

static bool all_vouched(const struct vouching *w)
{
	for (size_t i = 0; i < w->count; i++)
		if (w->vouchers[i].lacks)
			return false;
	return true;
}

static int search_releases(struct vouching *w, const char *suite, struct err *err)
{
	int r = 0;

	for (int first = suite ? 1 : 0; first >= 0; first--)
		for (size_t i = 0; r == 0 && i < w->lists.count && !all_vouched(w); i++) {
			const struct release_list *l = &w->lists.items[i];

			if (l->text && (!suite || is_of_suite(l, suite) == (first == 1)))
				r = search_release(w, l, err);
		}
	return r;
}

/* What is said of an archive that no list has. */
static int begin_lacking(struct vouching *w, struct err *err)
{
	const struct release_list *unsigned_list = NULL;
	char why[PATH_MAX];
	size_t count = 0;

	for (size_t i = 0; i < w->lists.count; i++)
		if (!w->lists.items[i].text) {
			unsigned_list = unsigned_list ? unsigned_list : &w->lists.items[i];
			count++;
		}
	if (count == 0)
		return all_lack(w, "no list of apt's has its SHA-256", err);
	snprintf(why, sizeof why,
		 "no signed list of apt's has its SHA-256, and apt has no accepted signature of "
		 "%.2000s%s",
		 unsigned_list->uri, count > 1 ? " and other sources" : "");
	return all_lack(w, why, err);
}

static int read_lists(struct release_lists *lists, const struct apt_place *place, struct err *err)
{
	int r = find_releases(lists, place, err);

	if (r == 0)
		r = open_lists(lists, place, err);
	for (size_t i = 0; r == 0 && i < lists->count; i++)
		r = read_release(lists, &lists->items[i], err);
	return r;
}

int apt_vouch(struct apt_voucher *vouchers, size_t n, const struct apt_place *place,
	      struct err *err)
{
	struct vouching w = {.lists = {.dir = -1}, .vouchers = vouchers, .count = n};
	int r = read_lists(&w.lists, place, err);

	if (r == 0)
		r = begin_lacking(&w, err);
	else if (r != -ENOMEM)
		r = all_lack(&w, err->text, err);
	if (r == 0 && w.lists.readable)
		r = search_releases(&w, place->suite, err);
	release_lists_free(&w.lists);
	return r;
}
