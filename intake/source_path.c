/* Sources that are a path: finds their kind, and adds shared objects. */
#include "intake/soname.h"
#include "intake/source.h"
#include "store/text.h"

#include "base/path.h"
#include "base/reach.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static int triplet_of(const char *arch, const char **triplet, struct err *err)
{
	static const char *const known[][2] = {
		{"amd64", "x86_64-linux-gnu"},
		{"i386", "i386-linux-gnu"},
		{"arm64", "aarch64-linux-gnu"},
	};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (strcmp(arch, known[i][0]) == 0) {
			*triplet = known[i][1];
			return 0;
		}
	}
	return err_set(err, EINVAL, "pinlib does not support its architecture%s%s",
		       arch[0] ? ": " : "", arch);
}

/* Splits "libfoo.so.1.2" into "libfoo" and "1.2"; "" for a missing part. */
static void split_so(const char *base, char name[256], char version[256])
{
	const char *so = strstr(base, ".so");

	name[0] = version[0] = '\0';
	while (so && so[3] != '\0' && so[3] != '.')
		so = strstr(so + 1, ".so");
	if (!so || so == base || so - base > 255)
		return;
	snprintf(name, 256, "%.*s", (int)(so - base), base);
	if (so[3] == '.' && isdigit((unsigned char)so[4]))
		snprintf(version, 256, "%s", so + 4);
}

int source_name_so(struct staging *s, const char *base, const char *soname, struct err *err)
{
	char name[256], version[256], stem[256], ignored[256];
	int r = 0;

	split_so(base, name, version);
	split_so(soname, stem, ignored);
	if (!s->options->version && !version[0])
		return err_set(err, EINVAL,
			       "its file name has no version (as in libfoo.so.1.2): give one "
			       "with --version");
	if (!s->options->name && !stem[0] && !name[0])
		return err_set(err, EINVAL, "it has no soname; name it with --name");
	if (!s->options->name)
		r = staging_label(s, "name", stem[0] ? stem : name, err);
	if (r == 0 && !s->options->version)
		r = staging_label(s, "version", version, err);
	return r;
}

/* Adds the file under its own name, and its soname as a link to it, as ldconfig(8) would. */
static int add_so(struct staging *s, int fd, const char *base, const char *soname,
		  const char *triplet, struct err *err)
{
	char member[PATH_MAX], link[PATH_MAX];
	int r;

	snprintf(member, sizeof member, "usr/lib/%s/%s", triplet, base);
	r = staging_file_fd(s, member, fd, err);
	if (r < 0 || !soname[0] || strcmp(soname, base) == 0)
		return r;
	snprintf(link, sizeof link, "usr/lib/%s/%s", triplet, soname);
	return staging_link(s, link, base, err);
}

static int source_so(struct staging *s, int fd, const char *path, struct err *err)
{
	const char *base = path_base(path), *triplet = NULL;
	char soname[256] = "", arch[256] = "";
	int r = 0;

	s->glibc_only = true;
	if (!s->options->opaque)
		r = soname_ask(&s->elf, fd, soname, arch, err);
	if (r == 0 && soname[0] && (text_fault(soname) || strchr(soname, '/')))
		r = err_set(err, EPERM, "its soname is not a plain name");
	if (r == 0)
		r = staging_check_libc(s, path, arch, err);
	if (r == 0)
		r = triplet_of(arch, &triplet, err);
	if (r == 0)
		r = source_name_so(s, base, soname, err);
	if (r == 0)
		r = add_so(s, fd, base, soname, triplet, err);
	if (r == 0)
		r = staging_arch(s, err);
	return r < 0 ? err_wrap(err, r, "%s", path) : 0;
}

/* As enum unpack_kind, and two kinds that are no packages. */
enum { KIND_SO = 100, KIND_TREE };

/* The first bytes of each kind of file. */
static int kind_of(const char head[20])
{
	static const struct {
		const char *magic;
		size_t len;
		int kind;
	} known[] = {
		{"!<arch>\ndebian-binary", 20, UNPACK_DEB},
		{"\xed\xab\xee\xdb", 4, UNPACK_RPM},
		{"\x28\xb5\x2f\xfd", 4, UNPACK_PKG},
		{"\xfd"
		 "7zXZ",
		 6, UNPACK_PKG},
		{"\x1f\x8b", 2, UNPACK_PKG},
		{"\177ELF", 4, KIND_SO},
	};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (memcmp(head, known[i].magic, known[i].len) == 0)
			return known[i].kind;
	return -1;
}

/* The name of a damaged file makes the error clearer. */
static int refuse_kind(const char *path, const char head[20], struct err *err)
{
	if (memcmp(head, "ADB", 3) == 0)
		return err_set(err, EINVAL, "%s is in apk's format 3, which pinlib does not read",
			       path);
	switch (intake_kind(path)) {
	case UNPACK_DEB:
		return err_set(err, EBADMSG, "%s: damaged archive: it is not a Debian package",
			       path);
	case UNPACK_RPM:
		return err_set(err, EBADMSG, "%s: damaged archive: it is not an rpm package", path);
	case UNPACK_PKG:
		return err_set(err, EBADMSG,
			       "%s: damaged archive: it is not a package of pacman or apk", path);
	default:
		return err_set(
			err, EINVAL,
			"%s is neither a package (.deb, .rpm, .pkg.tar.zst), a shared object "
			"nor a directory",
			path);
	}
}

/* Finds the kind by content, because a name proves nothing. */
static int find_kind(int fd, const char *path, int *kind, struct err *err)
{
	char head[20] = {0};
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "cannot stat %s", path);
	if (S_ISDIR(st.st_mode)) {
		*kind = KIND_TREE;
		return 0;
	}
	if (pread(fd, head, sizeof head, 0) < 0)
		return err_sys(err, errno, "cannot read %s", path);
	*kind = kind_of(head);
	return *kind < 0 ? refuse_kind(path, head, err) : 0;
}

/* The files of a directory are checked one by one; an archive is published as a whole. */
static int check_public(const struct reach *at, int kind, struct err *err)
{
	int r = reach_public(at, true, err);

	return r == 0 && kind == KIND_SO ? staging_check_readable(&at->st, at->path, err) : r;
}

int source_path(struct staging *s, const char *path, struct err *err)
{
	AUTO_REACH struct reach at = REACH_NONE;
	AUTO_FD int fd = -1;
	int kind = KIND_TREE, r = reach(path, 0, &at, err);

	if (r == -ENOENT && !strchr(path, '/') && intake_kind(path) < 0)
		return err_set(err, ENOENT, "there is no file %s; a package is apt:%s or dpkg:%s",
			       path, path, path);
	if (r < 0)
		return r;
	if (!S_ISREG(at.st.st_mode) && !S_ISDIR(at.st.st_mode))
		return err_set(err, EINVAL, "%s is neither a file nor a directory", path);
	fd = reach_open(&at, O_RDONLY | O_NONBLOCK, err);
	if (fd < 0)
		return fd;
	s->source = strdup(at.path);
	if (!s->source)
		return err_nomem(err);
	r = find_kind(fd, path, &kind, err);
	if (r == 0)
		r = check_public(&at, kind, err);
	if (r < 0)
		return r;
	switch (kind) {
	case KIND_SO:
		return source_so(s, fd, path, err);
	case KIND_TREE:
		return source_tree(s, fd, path, err);
	default:
		return source_archive(s, (enum unpack_kind)kind, fd, path, err);
	}
}
