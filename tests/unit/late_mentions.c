/* Names in the bytes of a file. */
#include "late/mentions.h"
#include "tests/unit/scratch.h"
#include "tests/unit/test.h"

#include <string.h>

static struct mentions of(const char *data, size_t len)
{
	return (struct mentions){(char *)data, len};
}

#define OF(literal) of(literal, sizeof(literal) - 1)

static void symbols(void)
{
	struct mentions m = OF("\x7f"
			       "ELF\0dlopen\0my_execve\0no execv here\0file system\0popen");

	CHECK(mentions_symbol(&m, "dlopen"));
	CHECK(mentions_symbol(&m, "execve"));  /* the end of another name */
	CHECK(mentions_symbol(&m, "popen"));   /* the file's last bytes */
	CHECK(!mentions_symbol(&m, "execv"));  /* no string ends there */
	CHECK(!mentions_symbol(&m, "system")); /* no symbol has a blank */
	CHECK(!mentions_symbol(&m, "dlmopen"));
	m = OF("system");
	CHECK(mentions_symbol(&m, "system"));
	m = of(NULL, 0);
	CHECK(!mentions_symbol(&m, "system") && !mentions_find(&m, "x", NULL));
}

/* The path at the text "lib" of the data; "-" if there is none. */
static const char *path_in(const char *data)
{
	static char path[PATH_MAX];
	struct mentions m = of(data, strlen(data));
	const char *at = mentions_find(&m, "lib", NULL);

	MUST(at != NULL);
	return mentions_path(&m, at, path) ? path : "-";
}

static void paths(void)
{
	CHECK_STR(path_in("/opt/x/lib/libz.so.1"), "/opt/x/lib/libz.so.1");
	CHECK_STR(path_in("open \"/opt/libz.so\" now"), "/opt/libz.so");
	CHECK_STR(path_in("X=/opt/libz.so:/usr"), "/opt/libz.so");
	CHECK_STR(path_in("libz.so"), "-");
	CHECK_STR(path_in("x/libz.so"), "-");
	CHECK_STR(path_in("$ORIGIN/libz.so"), "-");
	CHECK_STR(path_in("${HERE}/libz.so"), "-");
	CHECK_STR(path_in("%s/libz.so"), "-");
}

static void too_long(void)
{
	AUTO_MENTIONS struct mentions m = {.data = malloc(PATH_MAX + 8), .len = PATH_MAX + 8};
	char path[PATH_MAX];

	MUST(m.data != NULL);
	memset(m.data, 'a', m.len);
	m.data[0] = '/';
	CHECK(!mentions_path(&m, m.data + 5, path));
}

static void files(void)
{
	AUTO_MENTIONS struct mentions m = {0}, none = {0};

	scratch_new();
	MUST(file_publish(AT_FDCWD, in("file"), "a\0b", 3, 0644, &err) == 0);
	CHECK(mentions_read(in("file"), &m, &err) == 0 && m.len == 3);
	CHECK(mentions_find(&m, "b", NULL) == m.data + 2);
	CHECK(mentions_read(in("missing"), &none, &err) == -ENOENT);
	scratch_remove();
}

int main(void)
{
	symbols();
	paths();
	too_long();
	files();
	return test_end();
}
