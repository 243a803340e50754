/* Where the loader looks, against the loader: little programs and libraries, one for each of its
 * rules, and real programs; the loader's output under LD_TRACE_LOADED_OBJECTS is right. */
#include "loader/program.h"
#include "tests/unit/loader_world.h"

/* The canonical paths of the lines "NAME => PATH" and "PATH" of the loader, but one. */
static void ask_paths(const char *program, const char *except, struct strings *out)
{
	AUTO_STRINGS struct strings lines = {0};

	ask_loader(program, NULL, &lines);
	for (size_t i = 0; i < lines.count; i++) {
		char *arrow = strstr(lines.items[i], " => "), real[PATH_MAX];
		const char *path = arrow ? arrow + 4 : lines.items[i];

		if (*path != '/')
			continue;
		MUST(realpath(path, real));
		if (strcmp(real, except) != 0)
			MUST(strings_add_once(out, real, &err) == 0);
	}
}

/* Since glibc 2.41 the loader lists itself for each program, also where none of its objects needs the loader. */
static bool as_loader(const char *path)
{
	AUTO_PROGRAM struct program p = {0};
	AUTO_STRINGS struct strings loaders = {0};
	const struct strings *ours = NULL;
	char loader[PATH_MAX];
	bool less, more;

	MUST(program_read(path, &p, &err) == 0 && p.kind == PROGRAM_ELF);
	MUST(program_closure(&p, path, &ours, &err) == 0);
	MUST(realpath(p.elf.interp, loader));
	ask_paths(path, strings_have(ours, loader) ? "" : loader, &loaders);
	less = all_in(&loaders, ours, "not in our closure:");
	more = all_in(ours, &loaders, "not loaded:");
	if (!less || !more)
		fprintf(stderr, "\tof %s\n", path);
	return less && more;
}

static bool has_library(const char *path, const char *library)
{
	AUTO_PROGRAM struct program p = {0};
	const struct strings *ours;

	MUST(program_read(path, &p, &err) == 0);
	MUST(program_closure(&p, path, &ours, &err) == 0);
	return strings_have(ours, library);
}

/* -- the rules, one each -- */

static void test_rpath_is_inherited(void)
{
	lib("rpath/deep/libb.so.1", "");
	lib("rpath/lib/liba.so.1", "rpath/deep/libb.so.1");
	app("rpath/app", "rpath/lib/liba.so.1 " OLD "'$ORIGIN/lib:$ORIGIN/deep'");
	CHECK(as_loader(in("rpath/app")));
	CHECK(has_library(in("rpath/app"), in("rpath/deep/libb.so.1")));
}

static void test_runpath_is_not(void)
{
	app("rpath/app2", "rpath/lib/liba.so.1 " NEW "'$ORIGIN/lib:$ORIGIN/deep'");
	CHECK(as_loader(in("rpath/app2")));
	CHECK(has_library(in("rpath/app2"), in("rpath/lib/liba.so.1")));
	CHECK(!has_library(in("rpath/app2"), in("rpath/deep/libb.so.1")));
}

/* An object with DT_RUNPATH inherits no DT_RPATH, but passes it on to the objects that it needs. */
static void test_runpath_shuts_out(void)
{
	lib("shut/deep/libc1.so.1", "");
	lib("shut/deep/libb.so.1", "shut/deep/libc1.so.1");
	lib("shut/own/libb.so.1", "shut/deep/libc1.so.1");
	lib("shut/lib/liba.so.1", "shut/deep/libb.so.1 " NEW "'$ORIGIN/../own'");
	app("shut/app", "shut/lib/liba.so.1 " OLD "'$ORIGIN/lib:$ORIGIN/deep'");
	CHECK(as_loader(in("shut/app")));
	CHECK(has_library(in("shut/app"), in("shut/own/libb.so.1")));
	CHECK(has_library(in("shut/app"), in("shut/deep/libc1.so.1")));
	CHECK(!has_library(in("shut/app"), in("shut/deep/libb.so.1")));
}

/* A loaded object with this name or soname is not searched again. */
static void test_first_wins(void)
{
	lib("first/one/libx.so.1", "");
	lib("first/two/libx.so.1", "");
	lib("first/lib/liba.so.1", "first/one/libx.so.1 " NEW "'$ORIGIN/../one'");
	lib("first/lib/libb.so.1", "first/two/libx.so.1 " NEW "'$ORIGIN/../two'");
	app("first/app", "first/lib/liba.so.1 first/lib/libb.so.1 " NEW "'$ORIGIN/lib'");
	CHECK(as_loader(in("first/app")));
	CHECK(has_library(in("first/app"), in("first/one/libx.so.1")));
	CHECK(!has_library(in("first/app"), in("first/two/libx.so.1")));
}

static void test_tokens(void)
{
	lib("tok/lib/liba.so.1", "");
	lib("tok/$ORIGINAL/liba.so.1", "");
	sh("mkdir -p tok/lib/$(cc -print-multiarch) && cp tok/lib/liba.so.1 "
	   "tok/lib/$(cc -print-multiarch)/libl.so.1");
	app("tok/curly", "tok/lib/liba.so.1 " NEW "'${ORIGIN}/lib'");
	app("tok/other", "tok/lib/liba.so.1 " NEW "'$ORIGINAL/lib:$FOO:$ORIGIN/none'");
	app("tok/kept", "tok/lib/liba.so.1 " NEW "'$ORIGIN/$ORIGINAL:$ORIGIN/lib'");
	app("tok/lib2", "tok/lib/liba.so.1 " NEW "'$ORIGIN/$LIB:$ORIGIN/lib'");
	app("tok/semi", "tok/lib/liba.so.1 " NEW "'$ORIGIN/lib;/x'");
	CHECK(as_loader(in("tok/curly")));
	CHECK(has_library(in("tok/curly"), in("tok/lib/liba.so.1")));
	CHECK(as_loader(in("tok/other")));
	CHECK(as_loader(in("tok/kept")));
	CHECK(as_loader(in("tok/lib2")));
	CHECK(as_loader(in("tok/semi")));
}

static void test_lib_token(void)
{
	sh("d=tok2/lib/$(cc -print-multiarch); mkdir -p $d && cc -shared -o $d/libm2.so.1 x.c "
	   "-Wl,-soname,libm2.so.1 && cc -o tok2/app main.c -Wl,--no-as-needed $d/libm2.so.1 " NEW
	   "'$ORIGIN/$LIB'");
	CHECK(as_loader(in("tok2/app")));
}

/* The loader passes over another architecture's; we cannot build for one, so a byte is changed. */
static void test_other_machine(void)
{
	AUTO_FD int fd = -1;

	lib("mach/bad/liba.so.1", "");
	lib("mach/good/liba.so.1", "");
	app("mach/app", "mach/good/liba.so.1 " NEW "'$ORIGIN/bad:$ORIGIN/good'");
	fd = open("mach/bad/liba.so.1", O_WRONLY);
	MUST(pwrite(fd, "\x08", 1, 18) == 1); /* e_machine: MIPS */
	CHECK(as_loader(in("mach/app")));
	CHECK(has_library(in("mach/app"), in("mach/good/liba.so.1")));
}

static void test_cycle(void)
{
	lib("cyc/libb.so.1", "");
	lib("cyc/liba.so.1", "cyc/libb.so.1 " OLD "'$ORIGIN'");
	lib("cyc/libb.so.1", "cyc/liba.so.1 " OLD "'$ORIGIN'");
	app("cyc/app", "cyc/liba.so.1 " OLD "'$ORIGIN'");
	CHECK(as_loader(in("cyc/app")));
}

static void test_slash(void)
{
	sh("mkdir slash && cc -shared -o slash/libn.so x.c && cc -o slash/app main.c "
	   "-Wl,--no-as-needed %s/slash/libn.so",
	   scratch);
	CHECK(as_loader(in("slash/app")));
	CHECK(has_library(in("slash/app"), in("slash/libn.so")));
}

/* Neither the default directories nor their cache entries; the loader is loaded anyway. */
static void test_nodeflib(void)
{
	lib("nodef/liba.so.1", "");
	app("nodef/app", "nodef/liba.so.1 -Wl,-z,nodefaultlib " NEW "'$ORIGIN'");
	CHECK(as_loader(in("nodef/app")));
}

static void test_missing(void)
{
	lib("miss/liba.so.1", "");
	app("miss/app", "miss/liba.so.1 " NEW "'$ORIGIN'");
	MUST(unlink("miss/liba.so.1") == 0);
	CHECK(as_loader(in("miss/app")));
}

/* Each subdirectory of our list is searched, in our order: they are removed one by one. */
static void test_subdirs(void)
{
	AUTO_CLOSURE struct closure c = {0};
	const struct strings *subdirs;

	lib("caps/liba.so.1", "");
	app("caps/app", "caps/liba.so.1 " NEW "'$ORIGIN'");
	MUST(closure_read("caps/app", NULL, NULL, 0, &c, &err) == 0);
	subdirs = &c.loader->subdirs;
	CHECK(subdirs->count > 0);
	/* Those of processors that we do not have are there and not taken. */
	sh("cd caps && for d in glibc-hwcaps/x86-64-v9 haswell/nothing i686; do "
	   "mkdir -p $d; cp liba.so.1 $d; done");
	for (size_t i = 0; i < subdirs->count; i++)
		sh("cd caps && mkdir -p ./%s && cp -u liba.so.1 ./%s 2>/dev/null || :",
		   subdirs->items[i], subdirs->items[i]);
	for (size_t i = 0; i < subdirs->count; i++) {
		char path[PATH_MAX];

		snprintf(path, sizeof path, "%s/caps/%s%sliba.so.1", scratch, subdirs->items[i],
			 subdirs->items[i][0] ? "/" : "");
		CHECK(as_loader(in("caps/app")));
		CHECK(has_library(in("caps/app"), path));
		MUST(unlink(path) == 0);
	}
}

static void test_real(void)
{
	static const char *const programs[] = {
		"curl", "ls",  "bash", "gcc",	 "python3", "perl", "git",     "tar",	  "openssl",
		"find", "sed", "grep", "mount",	 "ssh",	    "vim",  "gpg",     "sqlite3", "apt-get",
		"ps",	"ip",  "gdb",  "ffmpeg", "dpkg",    "file", "objdump", "clang"};
	int checked = 0;

	for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
		char path[PATH_MAX], real[PATH_MAX];
		AUTO_PROGRAM struct program p = {0};
		struct stat st;

		snprintf(path, sizeof path, "/usr/bin/%s", programs[i]);
		if (!realpath(path, real) || program_read(real, &p, &err) < 0 ||
		    p.kind != PROGRAM_ELF || !p.elf.dynamic)
			continue;
		/* For users, the loader does not trace a program with the setuid bit. */
		if (stat(real, &st) < 0 || ((st.st_mode & S_ISUID) && geteuid() != 0))
			continue;
		CHECK(as_loader(real));
		checked++;
	}
	CHECK(checked >= 10);
}

/* -- places -- */

static bool has_place(const char *program, const char *soname, const char *also, const char *dir)
{
	AUTO_PROGRAM struct program p = {0};
	AUTO_STRINGS struct strings places = {0};
	char real[PATH_MAX];

	MUST(program_read(program, &p, &err) == 0);
	CHECK(program_places(&p, program, soname, also, &places, &err) == 0);
	for (size_t i = 0; i < places.count; i++)
		CHECK(realpath(places.items[i], real) && strcmp(real, places.items[i]) == 0);
	return strings_have(&places, dir);
}

static void test_places_of_paths(void)
{
	const char *a = in("rpath/app");

	CHECK(has_place(a, "liba.so.1", NULL, in("rpath/lib")));
	CHECK(!has_place(a, "liba.so.1", NULL, in("rpath/deep")));
	CHECK(has_place(a, "libb.so.1", NULL, in("rpath/deep")));
	CHECK(!has_place(a, "libc.so.6", NULL, in("rpath/lib")));
	/* A search path of a library counts, and one whose copy the loader does not take today. */
	CHECK(has_place(in("first/app"), "libx.so.1", NULL, in("first/one")));
	CHECK(has_place(in("first/app"), "libx.so.1", NULL, in("first/two")));
	CHECK(!has_place(in("mach/app"), "liba.so.1", NULL, in("mach/bad")));
}

static void test_places_of_subdirs(void)
{
	static const char *const subdirs[] = {"",
					      "/glibc-hwcaps/x86-64-v2",
					      "/glibc-hwcaps/x86-64-v4",
					      "/glibc-hwcaps/power10",
					      "/tls",
					      "/tls/haswell/avx512_1/x86_64",
					      "/haswell"};
	static const char *const others[] = {"/sub", "/glibc-hwcaps", "/.hidden", "/tls/sub",
					     "/glibc-hwcaps/x86-64-v2/deeper"};

	lib("also/libp.so.1", "");
	for (size_t i = 1; i < 7; i++)
		sh("mkdir -p also%s && cp also/libp.so.1 also%s", subdirs[i], subdirs[i]);
	for (size_t i = 0; i < 5; i++)
		sh("mkdir -p also%s && cp also/libp.so.1 also%s", others[i], others[i]);
	for (size_t i = 0; i < 7; i++) {
		char dir[PATH_MAX];

		snprintf(dir, sizeof dir, "%s/also%s", scratch, subdirs[i]);
		CHECK(has_place("/bin/ls", "libp.so.1", in("also"), dir));
	}
	for (size_t i = 0; i < 5; i++) {
		char dir[PATH_MAX];

		snprintf(dir, sizeof dir, "%s/also%s", scratch, others[i]);
		CHECK(!has_place("/bin/ls", "libp.so.1", in("also"), dir));
	}
	CHECK(!has_place("/bin/ls", "libp.so.1", NULL, in("also")));
	put_text("also/libtext.so.1", "no library at all, and longer than an ELF header's mark");
	CHECK(!has_place("/bin/ls", "libtext.so.1", in("also"), in("also")));
	MUST(mkfifo("also/libfifo.so.1", 0644) == 0);
	CHECK(!has_place("/bin/ls", "libfifo.so.1", in("also"), in("also")));
}

/* By the cache, and by the default directories where the cache does not know a library yet. Writes
 * to the system's directories: only in a bed, where they are a copy. */
static void test_places_of_system(void)
{
	AUTO_PROGRAM struct program p = {0};
	char dir[PATH_MAX];

	MUST(program_read("/bin/ls", &p, &err) == 0);
	snprintf(dir, sizeof dir, "/usr/lib/%s", elf_triplet(p.elf.class, p.elf.machine));
	CHECK(has_place("/bin/ls", "libc.so.6", NULL, dir));
	if (!getenv("PINLIB_BED"))
		return;
	lib("sys/libplace.so.1", "");
	app("sys/app", "sys/libplace.so.1");
	sh("cp sys/libplace.so.1 /usr/lib");
	CHECK(has_place("/bin/ls", "libplace.so.1", NULL, "/usr/lib"));
	CHECK(as_loader(in("sys/app")) && has_library(in("sys/app"), "/usr/lib/libplace.so.1"));
	sh("mkdir -p /usr/local/lib && cp sys/libplace.so.1 /usr/local/lib && ldconfig");
	CHECK(has_place("/bin/ls", "libplace.so.1", NULL, "/usr/local/lib"));
	CHECK(has_place("/bin/ls", "libplace.so.1", NULL, "/usr/lib"));
	CHECK(as_loader(in("sys/app")));
}

/* The variants in ldconfig's cache: the best for this processor is taken, and if its file is
 * missing, no other of the cache. */
static void test_cached_variants(void)
{
	AUTO_CLOSURE struct closure c = {0};
	const struct strings *subdirs;

	if (!getenv("PINLIB_BED"))
		return;
	MUST(closure_read("/bin/ls", NULL, NULL, 0, &c, &err) == 0);
	subdirs = &c.loader->subdirs;
	sh("cd /usr/local/lib && for v in 2 3 4; do mkdir -p glibc-hwcaps/x86-64-v$v && "
	   "cp libplace.so.1 glibc-hwcaps/x86-64-v$v; done; ldconfig");
	for (size_t i = 0; i < subdirs->count; i++) {
		if (strncmp(subdirs->items[i], "glibc-hwcaps/", 13) != 0)
			continue;
		CHECK(as_loader(in("sys/app")));
		sh("rm /usr/local/lib/%s/libplace.so.1", subdirs->items[i]);
		CHECK(as_loader(in("sys/app")));
		sh("ldconfig");
	}
	CHECK(as_loader(in("sys/app")));
	sh("rm -r /usr/local/lib/glibc-hwcaps; rm /usr/local/lib/libplace.so.1");
	CHECK(as_loader(in("sys/app")));
	app("sys/nodef", "sys/libplace.so.1 -Wl,-z,nodefaultlib");
	sh("ldconfig");
	CHECK(as_loader(in("sys/nodef")));
	sh("cp sys/libplace.so.1 /usr/local/lib && rm /usr/lib/libplace.so.1 && ldconfig");
	CHECK(as_loader(in("sys/nodef")));
	CHECK(has_library(in("sys/nodef"), "/usr/local/lib/libplace.so.1"));
}

/* A cache of each format that ldconfig writes. In the old one ldconfig lists variants for
 * processors as if any processor had them. */
static void test_cache_formats(void)
{
	static const char *const formats[] = {"old", "compat", "new"};

	if (!getenv("PINLIB_BED"))
		return;
	sh("mkdir -p /opt/cache/glibc-hwcaps/x86-64-v2 && cp sys/libplace.so.1 /opt/cache && "
	   "cp sys/libplace.so.1 /opt/cache/glibc-hwcaps/x86-64-v2 && "
	   "rm -f /usr/lib/libplace.so.1 /usr/local/lib/libplace.so.1 && "
	   "echo /opt/cache >/etc/ld.so.conf.d/00-test.conf");
	for (size_t i = 0; i < 3; i++) {
		sh("ldconfig -c %s", formats[i]);
		CHECK(as_loader(in("sys/app")));
		CHECK(as_loader("/bin/ls"));
	}
	sh("rm -r /opt/cache/glibc-hwcaps && ldconfig -c old");
	CHECK(has_library(in("sys/app"), "/opt/cache/libplace.so.1"));
	sh("rm -r /opt/cache /etc/ld.so.conf.d/00-test.conf && ldconfig");
}

/* Of a script, its interpreter counts. */
static void test_script(void)
{
	AUTO_PROGRAM struct program p = {0};
	AUTO_STRINGS struct strings loaders = {0};
	const struct strings *ours = NULL;

	put_text("script", "#!/usr/bin/env cat\n");
	MUST(program_read("script", &p, &err) == 0);
	MUST(program_closure(&p, p.interpreter, &ours, &err) == 0);
	ask_paths("/bin/cat", "", &loaders);
	CHECK(all_in(ours, &loaders, "not loaded:") && all_in(&loaders, ours, "missing:"));
	CHECK(ours && ours->count > 0);
}

int main(void)
{
	world();
	test_rpath_is_inherited();
	test_runpath_is_not();
	test_runpath_shuts_out();
	test_first_wins();
	test_tokens();
	test_lib_token();
	test_other_machine();
	test_cycle();
	test_slash();
	test_nodeflib();
	test_missing();
	test_subdirs();
	test_real();
	test_places_of_paths();
	test_places_of_subdirs();
	test_places_of_system();
	test_cached_variants();
	test_cache_formats();
	test_script();
	scratch_remove();
	return test_end();
}
