/* For the tests of the loader model: programs and libraries of a test's own, and the loader's
 * output about them. */
#pragma once

#include "base/path.h"
#include "base/run.h"
#include "tests/unit/loader_help.h"

#define OLD "-Wl,--disable-new-dtags,-rpath,"
#define NEW "-Wl,--enable-new-dtags,-rpath,"

/* The sources of all programs and libraries. */
static inline void world(void)
{
	unsetenv("LD_LIBRARY_PATH");
	scratch_make();
	put_text("x.c", "int x;");
	put_text("main.c", "int main(void) { return 0; }");
}

/* lib("dir/libx.so.1", "flags"): a library whose soname is its name. */
static inline void lib(const char *path, const char *flags)
{
	sh("mkdir -p \"$(dirname %s)\" && cc -shared -o %s x.c -Wl,--no-as-needed,-soname,%s %s "
	   "2>>cc.log",
	   path, path, path_base(path), flags);
}

/* Some cases need libraries whose own needs the linker does not find. */
static inline void app(const char *path, const char *flags)
{
	sh("mkdir -p \"$(dirname %s)\" && cc -o %s main.c -Wl,--no-as-needed %s 2>>cc.log", path,
	   path, flags);
}

/* The lines of the loader without their addresses. library_path may be NULL. Its exit status. */
static inline int ask_loader(const char *program, const char *library_path, struct strings *out)
{
	char setting[PATH_MAX + 32];
	const char *const argv[] = {
		"env",	 "-u", "LD_LIBRARY_PATH", "LD_TRACE_LOADED_OBJECTS=1", setting,
		program, NULL};
	AUTO_FREE char *text = NULL;
	char *save = NULL;
	int r;

	snprintf(setting, sizeof setting, "%s=%s", library_path ? "LD_LIBRARY_PATH" : "UNUSED",
		 library_path ? library_path : "");
	r = run_read(argv, NULL, 1 << 20, &text, &err);
	MUST(r >= 0);
	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		char *end = strstr(l, " (0x");

		if (end)
			*end = '\0';
		l += strspn(l, " \t");
		if (!strstr(l, "linux-vdso"))
			MUST(strings_add_once(out, l, &err) == 0);
	}
	return r;
}

/* Whether some are all among all; prints those that are not. */
static inline bool all_in(const struct strings *some, const struct strings *all, const char *what)
{
	bool yes = true;

	for (size_t i = 0; i < some->count; i++)
		if (!strings_have(all, some->items[i])) {
			fprintf(stderr, "\t%s %s\n", what, some->items[i]);
			yes = false;
		}
	return yes;
}
