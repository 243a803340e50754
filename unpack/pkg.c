/*
 * The parser of pacman's and apk's packages (PKGBUILD(5); apk-package(5), format 2): a tar archive, compressed. Members
 * at the top whose names begin with a dot are metadata. .PKGINFO is one of them and comes before the files; its lines
 * are "pkgname = zlib". A package of apk is several gzip streams, which libarchive reads as one.
 */
#include "unpack/foreign.h"

#include <errno.h>
#include <string.h>

static bool is_metadata(const char *name)
{
	return name[0] == '.' && name[1] != '/' && name[1] != '\0' && !strchr(name, '/');
}

/* "libz.so=1-64" is pacman's word for libz.so.1 of 64 bits, "so:libz.so.1=1.2.13" apk's. */
static void put_provided(struct unpack *u, const char *value)
{
	char soname[256];
	const char *name = strncmp(value, "so:", 3) == 0 ? value + 3 : value;
	const char *equal = strchr(name, '=');
	int len = equal ? (int)(equal - name) : (int)strlen(name);

	if (len > 200)
		return;
	if (name == value && equal)
		snprintf(soname, sizeof soname, "%.*s.%.*s", len, name,
			 (int)strcspn(equal + 1, "-") % 32, equal + 1);
	else
		snprintf(soname, sizeof soname, "%.*s", len, name);
	if (unpack_is_library(soname))
		unpack_emit(u, (struct frame){.type = FRAME_FIELD}, "Provides", soname);
}

/* One line; counts the labels. */
static void put_line(struct unpack *u, char *line, int *labels)
{
	static const char *const keys[][2] = {
		{"pkgname", "Package"}, {"pkgver", "Version"}, {"arch", "Architecture"}};
	char *value = strstr(line, " = ");

	if (line[0] == '#' || !value)
		return;
	*value = '\0';
	value += 3;
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (strcmp(line, keys[i][0]) == 0) {
			unpack_label(u, keys[i][1], value);
			++*labels;
		}
	if (u->only_control && strcmp(line, "provides") == 0)
		put_provided(u, value);
}

static void put_info(struct unpack *u)
{
	char *rest = unpack_text(u), *line;
	int labels = 0;

	while ((line = strsep(&rest, "\n")))
		put_line(u, line, &labels);
	if (labels < 3)
		unpack_fail(u, EBADMSG, "", "its .PKGINFO lacks a name, version or architecture");
}

void pkg_read(struct unpack *u, int archive)
{
	struct archive_entry *e;
	const char *name;
	bool known = false;

	unpack_rest(u, archive);
	while ((e = unpack_next(u, &name)) && !(known && u->only_control)) {
		if (strncmp(name, ".SIGN.", 6) == 0)
			u->gzip = false; /* the checksum at the end is of the last stream alone */
		if (strcmp(name, ".PKGINFO") == 0) {
			if (known)
				unpack_fail(u, EPERM, name, "occurs twice");
			put_info(u);
			known = true;
		} else if (!is_metadata(name) && !known) {
			unpack_fail(
				u, EBADMSG, "",
				"it is not a package of pacman or apk: no .PKGINFO precedes its "
				"files");
		} else if (!is_metadata(name) && !unpack_is_debris(name)) {
			unpack_member(u, e, name);
		}
	}
	if (!known)
		unpack_fail(u, EBADMSG, "",
			    "it is not a package of pacman or apk: it has no .PKGINFO");
	if (!u->only_control)
		unpack_close(u);
}
