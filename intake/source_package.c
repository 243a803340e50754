/* Sources that name an installed package. */
#include "intake/intake.h"
#include "intake/source.h"
#include "provenance/gather.h"
#include "store/text.h"

#include "base/path.h"
#include "base/reach.h"
#include "dpkg/listing.h"
#include "dpkg/package.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* The end of "zlib1g:amd64"; NULL: it is no package's name. */
static const char *name_end(const char *text)
{
	const char *at = text + strspn(text, LOWER DIGITS "+-.");
	size_t len;

	if (at == text || !strchr(LOWER DIGITS, text[0]))
		return NULL;
	if (*at != ':')
		return at;
	len = strspn(at + 1, LOWER DIGITS "-");
	return len && at[1] != '-' ? at + 1 + len : NULL;
}

/* The end of a part that begins with this mark, if there is one; NULL: it is malformed. */
static const char *part_end(const char *at, char mark, const char *allowed)
{
	size_t len = at && *at == mark ? strspn(at + 1, allowed) : 0;

	if (!at || *at != mark)
		return at;
	return len && at[1] != '-' ? at + 1 + len : NULL;
}

int source_check_name(const char *text, bool apt, struct err *err)
{
	const char *at = name_end(text);
	char buf[TEXT_SHOWN];

	if (apt) {
		at = part_end(at, '=', LOWER UPPER DIGITS "+-.:~");
		at = part_end(at, '/', LOWER UPPER DIGITS "+-.~");
	}
	if (!at || *at)
		return err_set(err, EINVAL,
			       "\"%s\" is not a package name: write PACKAGE or PACKAGE:ARCH%s",
			       text_shown(text, buf),
			       apt ? ", or either with =VERSION, /SUITE, or both" : "");
	return 0;
}

static int label_installed(struct staging *s, const struct package *p, struct err *err)
{
	int r = staging_label(s, "name", p->name, err);

	if (r == 0)
		r = staging_label(s, "version", p->version, err);
	if (r == 0)
		r = staging_label(s, "architecture", p->arch, err);
	if (r == 0)
		r = provenance_take_source(&s->provenance, p->source, p->source, p->source_version,
					   err);
	s->provenance.confidence = CONFIDENCE_INSTALLED;
	return r < 0 ? r : provenance_take_machine(&s->provenance, err);
}

/* Gives the version the name, version and architecture of its installed package. */
static int label_package(struct staging *s, const char *query, struct err *err)
{
	AUTO_PACKAGES struct packages found = {0};
	int r = packages_installed(&query, 1, &found, err);

	if (r == 0 && found.count == 0)
		return err_set(err, ENOENT, "%s is not installed", query);
	if (r == 0 && found.count > 1)
		return err_set(err, ENOTUNIQ,
			       "%s is installed for several architectures: write dpkg:%s:ARCH",
			       query, query);
	return r < 0 ? r : label_installed(s, &found.items[0], err);
}

static int by_file_path(const void *a, const void *b)
{
	return strcmp(((const struct package_file *)a)->path,
		      ((const struct package_file *)b)->path);
}

static int compare_start(const void *start, const void *file)
{
	return strncmp(start, ((const struct package_file *)file)->path, strlen(start));
}

/* On a merged system /lib is a link, but packages may have their files below it. */
static bool has_below(const struct package_files *l, const char *path)
{
	char below[PATH_MAX + 2];

	snprintf(below, sizeof below, "%s/", path);
	return bsearch(below, l->items, l->count, sizeof *l->items, compare_start);
}

/* Whether dpkg's path-exclude option may have left the file out. */
static bool may_be_missing(const char *path)
{
	static const char *const dirs[] = {"/usr/share/doc", "/usr/share/man", "/usr/share/locale",
					   "/usr/share/info"};

	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++)
		if (path_below(path, dirs[i]))
			return true;
	return false;
}

static int add_installed_link(struct staging *s, const struct package_file *e,
			      const struct reach *at, struct err *err)
{
	char target[PATH_MAX + 1];
	ssize_t n = readlinkat(at->fd, "", target, sizeof target - 1);

	if (n < 0)
		return err_sys(err, errno, "cannot read the link %s", e->from);
	target[n] = '\0';
	return staging_link(s, e->path + 1, target, err);
}

/* Everybody can read the store, so a file that an administrator made private stays out. */
static int add_installed_file(struct staging *s, const struct package_file *e,
			      const struct reach *at, struct err *err)
{
	AUTO_FD int fd = -1;
	int r = S_ISREG(at->st.st_mode) ? reach_public(at, false, err) : 0;

	if (r < 0)
		return r;
	/* Opening a device has side effects; staging_file_fd refuses it by its O_PATH descriptor. */
	fd = reach_open(at, S_ISREG(at->st.st_mode) ? O_RDONLY | O_NONBLOCK : O_PATH, err);
	return fd < 0 ? fd : staging_file_fd(s, e->path + 1, fd, err);
}

/* The file that was last reached by its whole path, and the directory in that path: most files of a package are in the
 * directory of the file before. */
struct reached {
	struct reach file;
	char dir[PATH_MAX];
};

static void reached_end(struct reached *last)
{
	reach_end(&last->file);
}

static int reach_installed(struct reached *last, const char *path, struct reach *at,
			   struct err *err)
{
	char dir[PATH_MAX];
	int r;

	path_dir(path, dir);
	if (last->file.dir >= 0 && !last->file.closed[0] && strcmp(dir, last->dir) == 0)
		return reach_beside(&last->file, path_base(path), at, err);
	r = reach(path, REACH_LINK, at, err);
	if (r < 0)
		return r;
	reach_end(&last->file);
	last->file = *at;
	last->file.fd = -1;
	last->file.dir = at->dir < 0 ? -1 : fcntl(at->dir, F_DUPFD_CLOEXEC, 0);
	memcpy(last->dir, dir, sizeof dir);
	return 0;
}

static int add_installed(struct staging *s, const struct package_files *l, struct reached *last,
			 const struct package_file *e, struct err *err)
{
	AUTO_REACH struct reach at = REACH_NONE;
	int r = reach_installed(last, e->from, &at, err);

	if (r == -ENOENT && may_be_missing(e->path))
		return 0;
	if (r < 0)
		return r;
	if (S_ISDIR(at.st.st_mode) || has_below(l, e->path))
		return staging_dir(s, e->path + 1, at.st.st_mtim.tv_sec, err);
	if (S_ISLNK(at.st.st_mode))
		return add_installed_link(s, e, &at, err);
	return add_installed_file(s, e, &at, err);
}

static int add_files(struct staging *s, const char *query, struct err *err)
{
	CLEANUP(reached_end) struct reached last = {.file = REACH_NONE};
	AUTO_PACKAGE_FILES struct package_files files = {0};
	int r = package_files(query, &files, err);

	if (r < 0)
		return r;
	qsort(files.items, files.count, sizeof *files.items, by_file_path);
	for (size_t i = 0; i < files.count; i++) {
		if (strlen(files.items[i].path) >= PATH_MAX)
			return err_set(err, EPERM, "a path in it is longer than 4095 bytes");
		r = add_installed(s, &files, &last, &files.items[i], err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Whether the error is about the machine, which cannot go on, and not about the file. */
static bool is_machines_fault(int r)
{
	static const int faults[] = {ENOMEM, ENOSPC, EDQUOT, EIO,   EROFS,
				     EINTR,  EMFILE, ENFILE, EAGAIN};

	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		if (r == -faults[i])
			return true;
	return false;
}

int source_installed(struct staging *s, const struct intake_package *p, struct err *err)
{
	AUTO_FREE struct package_file *items = calloc(p->files->count + 1, sizeof *items);
	CLEANUP(reached_end) struct reached last = {.file = REACH_NONE};
	const struct package_files files = {.items = items, .count = p->files->count};
	int r = items ? label_installed(s, p->package, err) : err_nomem(err);

	if (r < 0)
		return r;
	memcpy(items, p->files->items, files.count * sizeof *items);
	qsort(items, files.count, sizeof *items, by_file_path);
	for (size_t i = 0; i < files.count; i++) {
		struct err why = {0};

		if (strlen(items[i].path) >= PATH_MAX)
			continue;
		r = add_installed(s, &files, &last, &items[i], &why);
		if (is_machines_fault(r)) {
			*err = why;
			return r;
		}
		if (r < 0)
			r = strings_add(p->left_out, items[i].path, err);
		if (r == 0 && why.text[0])
			r = strings_add(p->left_out, why.text, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int source_dpkg(struct staging *s, const char *package, struct err *err)
{
	int r = source_check_name(package, false, err);

	if (r == 0)
		r = label_package(s, package, err);
	if (r == 0)
		r = add_files(s, package, err);
	return r < 0 ? err_wrap(err, r, "dpkg:%s", package) : 0;
}
