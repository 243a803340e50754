/* Packages of other distributions: their labels and directories, in Debian's terms. */
#include "unpack/parts.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *foreign, *debian, *triplet;
} machines[] = {
	{"x86_64", "amd64", "x86_64-linux-gnu"},
	{"x86_64_v2", "amd64", "x86_64-linux-gnu"},
	{"x86_64_v3", "amd64", "x86_64-linux-gnu"},
	{"x86_64_v4", "amd64", "x86_64-linux-gnu"},
	{"amd64", "amd64", "x86_64-linux-gnu"},
	{"aarch64", "arm64", "aarch64-linux-gnu"},
	{"i386", "i386", "i386-linux-gnu"},
	{"i486", "i386", "i386-linux-gnu"},
	{"i586", "i386", "i386-linux-gnu"},
	{"i686", "i386", "i386-linux-gnu"},
	{"athlon", "i386", "i386-linux-gnu"},
	{"x86", "i386", "i386-linux-gnu"},
	{"armv7hl", "armhf", "arm-linux-gnueabihf"},
	{"armv7hnl", "armhf", "arm-linux-gnueabihf"},
	{"armv7h", "armhf", "arm-linux-gnueabihf"},
	{"armv7", "armhf", "arm-linux-gnueabihf"},
	{"riscv64", "riscv64", "riscv64-linux-gnu"},
	{"ppc64le", "ppc64el", "powerpc64le-linux-gnu"},
	{"s390x", "s390x", "s390x-linux-gnu"},
	{"noarch", "all", NULL},
	{"any", "all", NULL},
};

/* Of rpm's, pacman's and apk's versions: "1.0^git2" is later than 1.0, "1.0_rc1" of apk earlier, and another '_' only
 * separates, as '.' does. */
static void translate_version(const char *value, char out[256])
{
	static const char *const before[] = {"_alpha", "_beta", "_pre", "_rc"};
	size_t used = 0;

	for (; *value && used < 255; value++) {
		char c = *value;

		if (c == '^')
			c = '+';
		if (c == '_')
			c = '.';
		for (size_t i = 0; i < sizeof before / sizeof *before; i++)
			if (strncmp(value, before[i], strlen(before[i])) == 0)
				c = '~';
		out[used++] = c;
	}
	out[used] = '\0';
}

void unpack_label(struct unpack *u, const char *field, const char *value)
{
	char version[256];

	if (strlen(value) > 255)
		unpack_fail(u, EFBIG, "", "its name, version or architecture is too long");
	if (strcmp(field, "Version") == 0) {
		translate_version(value, version);
		value = version;
	}
	for (size_t i = 0; i < sizeof machines / sizeof *machines; i++)
		if (strcmp(field, "Architecture") == 0 && strcmp(value, machines[i].foreign) == 0) {
			value = machines[i].debian;
			u->triplet = machines[i].triplet;
			break;
		}
	unpack_emit(u, (struct frame){.type = FRAME_FIELD}, field, value);
}

/* -- directories -- */

bool unpack_is_library(const char *base)
{
	const char *so = strstr(base, ".so");

	while (so && so[3] != '\0' && so[3] != '.')
		so = strstr(so + 1, ".so");
	return so && so != base && !strchr(base, '/');
}

static const char *without_dot(const char *member)
{
	while (strncmp(member, "./", 2) == 0)
		member += 2;
	return member;
}

const char *unpack_place(const struct unpack *u, const char *member, char out[UNPACK_PATH])
{
	static const char *const dirs[] = {"usr/lib64/", "lib64/", "usr/lib/", "lib/"};
	static const char hwcaps[] = "glibc-hwcaps";
	const char *path = without_dot(member);

	for (size_t i = 0; u->triplet && i < sizeof dirs / sizeof *dirs; i++) {
		const char *rest = path + strlen(dirs[i]);

		if (strncmp(path, dirs[i], strlen(dirs[i])) != 0 || strlen(path) >= PATH_MAX)
			continue;
		if (!unpack_is_library(rest) &&
		    (strncmp(rest, hwcaps, strlen(hwcaps)) != 0 ||
		     (rest[strlen(hwcaps)] && rest[strlen(hwcaps)] != '/')))
			continue;
		snprintf(out, UNPACK_PATH, "usr/lib/%s/%s", u->triplet, rest);
		return out;
	}
	return member;
}

/* The path from the root of a link's target, "usr/lib64/libz.so.1"; false: it leads above the root or is too long. */
static bool absolute_target(const char *link, const char *target, char out[PATH_MAX])
{
	char both[2 * PATH_MAX], *rest = both, *part;
	const char *base = strrchr(link, '/');
	size_t used = 0;

	if (strlen(link) >= PATH_MAX || strlen(target) >= PATH_MAX)
		return false;
	snprintf(both, sizeof both, "%.*s/%s", target[0] == '/' || !base ? 0 : (int)(base - link),
		 link, target);
	out[0] = '\0';
	while ((part = strsep(&rest, "/"))) {
		if (!*part || strcmp(part, ".") == 0)
			continue;
		if (strcmp(part, "..") == 0) {
			char *slash = strrchr(out, '/');

			if (used == 0)
				return false;
			used = slash ? (size_t)(slash - out) : 0;
			out[used] = '\0';
			continue;
		}
		if (used + strlen(part) + 2 > PATH_MAX)
			return false;
		used += (size_t)snprintf(out + used, PATH_MAX - used, "%s%s", used ? "/" : "",
					 part);
	}
	return true;
}

static size_t dir_length(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) : 0;
}

/* A link between two files that keep their directories keeps its target. */
const char *unpack_place_target(const struct unpack *u, const char *link, const char *target,
				char out[UNPACK_PATH])
{
	char from_buf[UNPACK_PATH], to_buf[UNPACK_PATH], path[PATH_MAX];
	const char *from = without_dot(unpack_place(u, link, from_buf)), *to;

	if (!u->triplet || !absolute_target(without_dot(link), target, path))
		return target;
	to = unpack_place(u, path, to_buf);
	if (from == without_dot(link) && to == path)
		return target;
	if (dir_length(from) == dir_length(to) && strncmp(from, to, dir_length(to)) == 0)
		snprintf(out, UNPACK_PATH, "%s", to + dir_length(to) + 1);
	else
		snprintf(out, UNPACK_PATH, "/%s", to);
	return out;
}
