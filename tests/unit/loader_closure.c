/* The closure's rules against the loader, one claim each, and closures of views that do not exist:
 * the layers are directories of the test's own. */
#include "loader/symbols.h"
#include "tests/unit/loader_world.h"

#include <sys/sysmacros.h>

/* -- the loader's output, and our result in the same words -- */

static void say(const struct closure *c, struct strings *out)
{
	char line[3 * PATH_MAX];

	for (size_t i = 0; i < c->count; i++) {
		const struct object *o = &c->objects[i];

		if (i > 0 && o->wanted) {
			const char *as = o->by == CLOSURE_NONE
						 ? o->path
						 : c->objects[o->by].needs[o->by_need].name;

			snprintf(line, sizeof line, strcmp(as, o->path) ? "%s => %s" : "%s", as,
				 o->path);
			MUST(strings_add_once(out, line, &err) == 0);
		}
		for (size_t k = 0; k < o->nneeds; k++)
			if (o->needs[k].object == CLOSURE_NONE) {
				snprintf(line, sizeof line, "%s => not found", o->needs[k].name);
				MUST(strings_add_once(out, line, &err) == 0);
			}
	}
}

static bool as_loader(const char *program, const char *library_path)
{
	AUTO_STRINGS struct strings ours = {0}, loaders = {0};
	bool less, more;

	AUTO_CLOSURE struct closure c = read_closure(program, NULL, library_path);
	MUST(ask_loader(program, library_path, &loaders) == 0);
	say(&c, &ours);
	less = all_in(&loaders, &ours, "the loader alone says");
	more = all_in(&ours, &loaders, "we alone say");
	return less && more && loaders.count > 0;
}

/* -- look-ups in a closure -- */

static const struct need *need_of(const struct closure *c, const char *name)
{
	for (size_t i = 0; i < c->count; i++)
		for (size_t k = 0; k < c->objects[i].nneeds; k++)
			if (strcmp(c->objects[i].needs[k].name, name) == 0)
				return &c->objects[i].needs[k];
	MUST(!"no such need");
	return NULL;
}

static const struct object *object_of(const struct closure *c, const char *name)
{
	size_t number = need_of(c, name)->object;

	return number == CLOSURE_NONE ? NULL : &c->objects[number];
}

static enum load_rule rule_of(const char *program, const char *library_path, const char *name)
{
	AUTO_CLOSURE struct closure c = read_closure(program, NULL, library_path);
	return need_of(&c, name)->rule;
}

/* -- LD_LIBRARY_PATH -- */

static void test_library_path_is_between(void)
{
	lib("llp/own/liba.so.1", "");
	lib("llp/env/liba.so.1", "");
	app("llp/old", "llp/own/liba.so.1 " OLD "'$ORIGIN/own'");
	app("llp/new", "llp/own/liba.so.1 " NEW "'$ORIGIN/own'");
	CHECK(as_loader(in("llp/old"), in("llp/env")) && as_loader(in("llp/new"), in("llp/env")));
	CHECK(rule_of(in("llp/old"), in("llp/env"), "liba.so.1") == RULE_RPATH);
	CHECK(rule_of(in("llp/new"), in("llp/env"), "liba.so.1") == RULE_LIBRARY_PATH);
	CHECK(rule_of(in("llp/new"), "", "liba.so.1") == RULE_RUNPATH);
}

static void test_library_path_separators(void)
{
	char path[3 * PATH_MAX];

	app("llp/bare", "llp/own/liba.so.1");
	snprintf(path, sizeof path, "/nowhere;%s//:/else", in("llp/env"));
	CHECK(as_loader(in("llp/bare"), path));
	CHECK(rule_of(in("llp/bare"), path, "liba.so.1") == RULE_LIBRARY_PATH);
	CHECK(as_loader(in("llp/bare"), "${ORIGIN}/env"));
	CHECK(rule_of(in("llp/bare"), "$ORIGIN/env", "liba.so.1") == RULE_LIBRARY_PATH);
	CHECK(as_loader(in("llp/bare"), "llp/env"));
}

/* An empty element, at the end too, is the working directory; an empty variable is none. */
static void test_library_path_empty(void)
{
	sh("cp llp/env/liba.so.1 .");
	CHECK(as_loader(in("llp/bare"), "/nowhere:"));
	CHECK(rule_of(in("llp/bare"), "/nowhere:", "liba.so.1") == RULE_LIBRARY_PATH);
	CHECK(as_loader(in("llp/bare"), ""));
	CHECK(rule_of(in("llp/bare"), "", "liba.so.1") == RULE_NONE);
	MUST(unlink("liba.so.1") == 0);
}

/* -- files that are found and do not fit -- */

static void test_text_stops_the_loader(void)
{
	AUTO_STRINGS struct strings ignored = {0};

	lib("bad/good/liba.so.1", "");
	app("bad/app", "bad/good/liba.so.1 " NEW "'$ORIGIN/text:$ORIGIN/good'");
	sh("mkdir bad/text && seq 100 >bad/text/liba.so.1");
	AUTO_CLOSURE struct closure c = read_closure(in("bad/app"), NULL, NULL);
	CHECK_STR(need_of(&c, "liba.so.1")->broken, "invalid ELF header");
	CHECK_STR(need_of(&c, "liba.so.1")->path, in("bad/text/liba.so.1"));
	CHECK(need_of(&c, "liba.so.1")->object == CLOSURE_NONE && closure_missing(&c) == 1);
	CHECK(ask_loader(in("bad/app"), NULL, &ignored) == 127);
}

static void test_what_else_stops_it(void)
{
	static const char *const files[] = {":>",
					    "head -c 40 bad/good/liba.so.1 >",
					    "mkdir ",
					    "cc -c x.c -o ",
					    "cc main.c -o ",
					    "cc -no-pie main.c -o "};

	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		AUTO_STRINGS struct strings ignored = {0};

		sh("rm -rf bad/text/*; %sbad/text/liba.so.1", files[i]);
		AUTO_CLOSURE struct closure c = read_closure(in("bad/app"), NULL, NULL);
		CHECK(need_of(&c, "liba.so.1")->broken != NULL);
		CHECK(ask_loader(in("bad/app"), NULL, &ignored) == 127);
	}
}

/* A link that leads round ends the search path that it is in, not the others. */
static void test_looping_link(void)
{
	sh("rm -rf bad/text/* && ln -s liba.so.1 bad/text/liba.so.1");
	CHECK(as_loader(in("bad/app"), NULL));
	CHECK(rule_of(in("bad/app"), NULL, "liba.so.1") == RULE_NONE);
	sh("rm bad/text/liba.so.1 && ln -s nothing bad/text/liba.so.1");
	CHECK(as_loader(in("bad/app"), NULL));
	CHECK(rule_of(in("bad/app"), NULL, "liba.so.1") == RULE_RUNPATH);
}

#if defined __x86_64__
static void test_other_class(void)
{
	sh("rm -f bad/text/* && cc -m32 -shared -nostdlib -o bad/text/liba.so.1 x.c");
	CHECK(as_loader(in("bad/app"), NULL));
	AUTO_CLOSURE struct closure c = read_closure(in("bad/app"), NULL, NULL);
	CHECK_STR(need_of(&c, "liba.so.1")->path, in("bad/good/liba.so.1"));
}

/* The other way round, and with the i386 loader's own names. */
static void test_i386(void)
{
	sh("mkdir -p i386/wide i386/lib && cc -m32 -shared -nostdlib -o i386/lib/liba.so.1 x.c "
	   "-Wl,-soname,liba.so.1 && cc -shared -nostdlib -o i386/wide/liba.so.1 x.c && "
	   "cc -m32 -shared -nostdlib -o i386/libapp.so x.c -Wl,--no-as-needed "
	   "i386/lib/liba.so.1 " NEW "'$ORIGIN/wide:$ORIGIN/lib'");
	AUTO_CLOSURE struct closure c = read_closure("i386/libapp.so", NULL, NULL);
	CHECK(c.kind == LOADER_GLIBC && c.loader->class == 32);
	CHECK_STR(c.loader->path, "/lib/ld-linux.so.2");
	CHECK_STR(need_of(&c, "liba.so.1")->path, in("i386/lib/liba.so.1"));
}
#endif

/* -- names and files -- */

static void test_one_file_two_names(void)
{
	lib("dup/liba.so.1", "");
	lib("dup/libb.so.1", "");
	app("dup/app", "dup/liba.so.1 dup/libb.so.1 " NEW "'$ORIGIN'");
	sh("ln -sf liba.so.1 dup/libb.so.1");
	CHECK(as_loader(in("dup/app"), NULL));
	AUTO_CLOSURE struct closure c = read_closure(in("dup/app"), NULL, NULL);
	CHECK(need_of(&c, "liba.so.1")->object == need_of(&c, "libb.so.1")->object);
	CHECK(need_of(&c, "libb.so.1")->rule == RULE_RUNPATH);
}

/* $ORIGIN of a library that is a link is where the link is. */
static void test_origin_of_link(void)
{
	lib("link/far/libb.so.1", "");
	lib("link/near/libb.so.1", "");
	lib("link/far/liba.so.1", "link/far/libb.so.1 " NEW "'$ORIGIN'");
	sh("ln -s ../far/liba.so.1 link/near/liba.so.1");
	app("link/app", "link/far/liba.so.1 " NEW "'$ORIGIN/near'");
	CHECK(as_loader(in("link/app"), NULL));
	/* That of a program is where the file is: the kernel has followed the link. */
	sh("mkdir link/bin && ln -s ../app link/bin/app");
	CHECK(as_loader(in("link/bin/app"), NULL));
}

static void test_filters(void)
{
	AUTO_CLOSURE struct closure c = {0};

	lib("fil/liba.so.1", "");
	lib("fil/libf.so.1", "-Wl,-f,liba.so.1,-f,libnone.so.1 " NEW "'$ORIGIN'");
	app("fil/app", "fil/libf.so.1 " NEW "'$ORIGIN'");
	CHECK(as_loader(in("fil/app"), NULL));
	MUST(closure_read(in("fil/app"), NULL, NULL, 0, &c, &err) == 0);
	CHECK(need_of(&c, "liba.so.1")->kind == ELF_AUXILIARY);
	CHECK(need_of(&c, "liba.so.1")->object < need_of(&c, "libf.so.1")->object);
	CHECK(closure_missing(&c) == 0); /* it does without */
	lib("fil/libf.so.1", "-Wl,-F,libnone.so.1 " NEW "'$ORIGIN'");
	closure_free(&c);
	MUST(closure_read(in("fil/app"), NULL, NULL, 0, &c, &err) == 0);
	CHECK(as_loader(in("fil/app"), NULL) && closure_missing(&c) == 1);
}

/* A library that is missing for one program may exist for the next. */
static void test_missing_is_not_remembered(void)
{
	lib("again/own/libx.so.1", "");
	lib("again/liba.so.1", "again/own/libx.so.1");
	lib("again/libb.so.1", "again/own/libx.so.1 " NEW "'$ORIGIN/own'");
	app("again/app", "again/liba.so.1 again/libb.so.1 " NEW "'$ORIGIN'");
	CHECK(as_loader(in("again/app"), NULL));
}

static void test_relative(void)
{
	AUTO_CLOSURE struct closure c = {0};
	AUTO_LDVIEW struct ldview *view = NULL;

	sh("mkdir rel && cc -shared -o rel/libn.so x.c && cc -o rel/app main.c "
	   "-Wl,--no-as-needed rel/libn.so");
	CHECK(as_loader(in("rel/app"), NULL));
	MUST(ldview_new(NULL, &view, &err) == 0);
	MUST(closure_of(view, in("rel/app"), NULL, CLOSURE_NO_CWD, &c, &err) == 0);
	CHECK(need_of(&c, "rel/libn.so")->object == CLOSURE_NONE);
}

static void test_loader_unwanted(void)
{
	sh("cc -shared -nostdlib -o libalone.so x.c");
	AUTO_CLOSURE struct closure c = read_closure("libalone.so", NULL, NULL);
	CHECK(c.count == 2 && !c.objects[1].wanted && c.objects[1].by == CLOSURE_NONE);
	CHECK(closure_missing(&c) == 0);
}

static void test_no_loader(void)
{
	app("noloader", "-Wl,--dynamic-linker,/nowhere/ld-linux-x86-64.so.2");
	AUTO_CLOSURE struct closure c = read_closure("noloader", NULL, NULL);
	CHECK(!c.loader->there && closure_missing(&c) >= 1);
	sh("cc -static -o static main.c");
	AUTO_CLOSURE struct closure s = read_closure("static", NULL, NULL);
	CHECK(s.kind == LOADER_NONE && s.count == 1 && closure_missing(&s) == 0);
}

/* -- versions -- */

static const struct gap *only_gap(struct closure *c, const char *program)
{
	MUST(closure_read(program, NULL, NULL, 0, c, &err) == 0);
	CHECK(c->ngaps == 1);
	return c->ngaps ? &c->gaps[0] : NULL;
}

/* VER_FLG_WEAK at every version that is asked of libv (no linker here sets it). */
static void make_weak(const char *path)
{
	static const char v2[] = {(char)0x92, 5, 0, 0, 0, 0}; /* the hash of "V2", no flags */
	AUTO_FREE char *data = NULL;
	AUTO_FD int fd = open(path, O_WRONLY);
	size_t len;
	char *at;

	data = get_file(path, &len);
	at = memmem(data, len, v2, sizeof v2);
	MUST(fd >= 0 && at && pwrite(fd, "\2", 1, at - data + 4) == 1);
}

static void test_versions(void)
{
	AUTO_CLOSURE struct closure missing = {0}, none = {0}, weak = {0};
	const struct gap *g;

	put_text("1.map", "V1 { global: one; local: *; };");
	put_text("2.map", "V1 { global: one; }; V2 { global: two; } V1;");
	put_text("v.c", "int one(void) { return 1; } int two(void) { return 2; }");
	put_text("vm.c", "int one(void), two(void); int main(void) { return one() + two(); }");
	sh("mkdir ver && cc -shared -o ver/libv.so.1 v.c "
	   "-Wl,-soname,libv.so.1,--version-script,2.map && cc -o ver/app vm.c ver/libv.so.1 " NEW
	   "'$ORIGIN' && cc -shared -o ver/libv.so.1 v.c "
	   "-Wl,-soname,libv.so.1,--version-script,1.map");
	g = only_gap(&missing, in("ver/app"));
	MUST(g);
	CHECK(g->kind == GAP_MISSING && g->object == 0 && closure_gaps(&missing) == 1);
	CHECK_STR(g->version, "V2");
	CHECK_STR(missing.objects[g->of].path, in("ver/libv.so.1"));
	make_weak("ver/app");
	g = only_gap(&weak, in("ver/app"));
	CHECK(g && g->kind == GAP_WEAK && closure_gaps(&weak) == 0);
	sh("cc -shared -o ver/libv.so.1 v.c -Wl,-soname,libv.so.1");
	g = only_gap(&none, in("ver/app"));
	CHECK(g && g->kind == GAP_UNKNOWN && closure_gaps(&none) == 0);
}

static void test_symbols(void)
{
	AUTO_UNDEFINEDS struct undefineds u = {0}, none = {0};

	sh("cc -shared -o ver/libv.so.1 v.c -Wl,-soname,libv.so.1,--version-script,1.map");
	AUTO_CLOSURE struct closure c = read_closure(in("ver/app"), NULL, NULL);
	CHECK(symbols_undefined(NULL, &c, &u, &err) == 0 && u.count == 1);
	CHECK(u.count && strcmp(u.items[0].name, "two") == 0 && u.items[0].object == 0);
	CHECK_STR(u.count ? u.items[0].version : NULL, "V2");
	AUTO_CLOSURE struct closure whole = read_closure("/usr/bin/curl", NULL, NULL);
	CHECK(symbols_undefined(NULL, &whole, &none, &err) == 0 && none.count == 0);
}

/* A relocation of data that names a symbol comes after the relative ones, in the same table. */
static void test_data_symbols(void)
{
	AUTO_UNDEFINEDS struct undefineds u = {0};

	put_text("data.c", "int two(void); static int own; int *at[9] = {&own, &own, &own};"
			   "int (*f)(void) = two; int main(void) { return f(); }");
	sh("cc -shared -o ver/libv.so.1 v.c -Wl,-soname,libv.so.1 && "
	   "cc -fPIE -pie -o ver/data data.c ver/libv.so.1 " NEW "'$ORIGIN' && "
	   "readelf -dW ver/data | grep -q RELACOUNT && "
	   "echo 'int one(void) { return 1; }' | cc -shared -o ver/libv.so.1 -x c - "
	   "-Wl,-soname,libv.so.1");
	AUTO_CLOSURE struct closure c = read_closure(in("ver/data"), NULL, NULL);
	CHECK(symbols_undefined(NULL, &c, &u, &err) == 0 && u.count == 1);
	CHECK_STR(u.count ? u.items[0].name : NULL, "two");
}

/* DT_HASH, where there is no other. */
static void test_old_hash(void)
{
	AUTO_UNDEFINEDS struct undefineds none = {0}, two = {0};

	sh("cc -shared -Wl,--hash-style=sysv -o ver/libv.so.1 v.c -Wl,-soname,libv.so.1 && "
	   "readelf -dW ver/libv.so.1 | grep -q '(HASH)'");
	AUTO_CLOSURE struct closure both = read_closure(in("ver/data"), NULL, NULL);
	CHECK(symbols_undefined(NULL, &both, &none, &err) == 0 && none.count == 0);
	sh("echo 'int one(void) { return 1; }' | cc -shared -Wl,--hash-style=sysv "
	   "-o ver/libv.so.1 -x c - -Wl,-soname,libv.so.1");
	AUTO_CLOSURE struct closure one = read_closure(in("ver/data"), NULL, NULL);
	CHECK(symbols_undefined(NULL, &one, &two, &err) == 0 && two.count == 1);
	CHECK_STR(two.count ? two.items[0].name : NULL, "two");
}

/* A symbol kept from one closure holds in the next only if that has the defining object again. */
static void test_symbols_kept(void)
{
	AUTO_LDVIEW struct ldview *view = NULL;
	AUTO_SYMBOLS struct symbols *symbols = NULL;

	sh("cc -shared -o ver/libv.so.1 v.c -Wl,-soname,libv.so.1 && mkdir ver/2 && "
	   "echo 'int one(void) { return 1; }' | cc -shared -o ver/2/libv.so.1 -x c - "
	   "-Wl,-soname,libv.so.1 && echo 'int two(void); int three(void) { return two(); }' | "
	   "cc -shared -o ver/libt.so.1 -x c - -Wl,-soname,libt.so.1 && "
	   "for d in ver ver/2; do echo 'int three(void); int main(void) { return three(); }' | "
	   "cc -o $d/kept -x c - -x none ver/libt.so.1 -Wl,--no-as-needed $d/libv.so.1 "
	   "-Wl,--unresolved-symbols=ignore-all -Wl,--disable-new-dtags,-rpath,$PWD/$d:$PWD/ver; "
	   "done");
	MUST(ldview_new(NULL, &view, &err) == 0 && symbols_new(&symbols, &err) == 0);
	for (int i = 0; i < 4; i++) {
		AUTO_CLOSURE struct closure c = {0};
		AUTO_UNDEFINEDS struct undefineds u = {0};

		MUST(closure_of(view, in(i % 2 ? "ver/2/kept" : "ver/kept"), NULL, 0, &c, &err) ==
		     0);
		CHECK(symbols_undefined(symbols, &c, &u, &err) == 0);
		CHECK(u.count == (size_t)i % 2);
		CHECK_STR(u.count ? u.items[0].name : "two", "two");
	}
}

/* -- features of some loaders -- */

#if defined __x86_64__
/* A level that no processor has: the program dies at its start, and the loader's trace does not
 * tell. */
static void test_isa(void)
{
	AUTO_STRINGS struct strings ignored = {0};

	sh("mkdir isa && printf '.section .note.GNU-stack,\"\"\\n.section "
	   ".note.gnu.property,\"a\"\\n"
	   ".p2align 3\\n.long 4, 16, 5\\n.asciz \"GNU\"\\n.long 0xc0008002, 4, 0x10, 0\\n' "
	   ">isa/p.s");
	lib("isa/libn.so.1", "isa/p.s");
	app("isa/app", "isa/libn.so.1 " NEW "'$ORIGIN'");
	AUTO_CLOSURE struct closure c = read_closure(in("isa/app"), NULL, NULL);
	CHECK(c.ngaps == 1 && closure_gaps(&c) == 1 && closure_missing(&c) == 0);
	MUST(c.ngaps == 1);
	CHECK(c.gaps[0].kind == GAP_ISA && c.gaps[0].object == need_of(&c, "libn.so.1")->object);
	CHECK_STR(c.gaps[0].version, "the x86 ISA levels 0x10");
	CHECK(as_loader(in("isa/app"), NULL) && ask_loader(in("isa/app"), NULL, &ignored) == 0);
	sh("! isa/app 2>isa/error && grep -q 'libn.so.1: CPU ISA level is lower' isa/error");
	/* The processor's own levels are no gap, and the program runs. */
	sh("l=$(%s --list-diagnostics | sed -n 's/x86.cpu_features.isa_1=//p') && test -n $l && "
	   "sed -i s/0x10/$l/ isa/p.s",
	   c.loader->path);
	lib("isa/libn.so.1", "isa/p.s");
	AUTO_CLOSURE struct closure own = read_closure(in("isa/app"), NULL, NULL);
	CHECK(own.ngaps == 0);
	sh("isa/app");
}

/* The features of a loader are known by its file. Those of real old ones are in e2e/real. */
static void test_features_of_the_loader(void)
{
	lib("feat/liba.so.1", "");
	sh("cd feat && for v in glibc-hwcaps/x86-64-v2 tls; do mkdir -p $v && cp liba.so.1 $v; "
	   "done");
	app("feat/app",
	    "feat/liba.so.1 " NEW "'$ORIGIN' -Wl,--dynamic-linker,$PWD/feat/ld-linux.so");
	sh("printf 'CPU ISA level is lower than required, glibc-hwcaps' | "
	   "cat /lib64/ld-linux-x86-64.so.2 - >feat/ld-linux.so");
	AUTO_CLOSURE struct closure new = read_closure(in("feat/app"), NULL, NULL);
	CHECK(new.loader->ldso.hwcaps &&new.loader->ldso.isa &&new.loader->hwcaps.count > 0);
	sh("sed -i 's/glibc-hwcaps/glibc-hwcapX/g; s/CPU ISA level/CPU ISA leveX/g' "
	   "feat/ld-linux.so");
	AUTO_CLOSURE struct closure old = read_closure(in("feat/app"), NULL, NULL);
	CHECK(!old.loader->ldso.hwcaps && !old.loader->ldso.isa && old.loader->ldso.legacy);
	CHECK(old.loader->hwcaps.count == 0 && old.loader->wish.bits != 0);
	CHECK_STR(need_of(&old, "liba.so.1")->subdir, "tls");
}
#endif

/* Only a program's DT_AUDIT counts, and the loader goes on without an auditing library that is
 * missing. */
static void test_audit(void)
{
	lib("aud/liba.so.1", "");
	app("aud/app", "aud/liba.so.1 " NEW "'$ORIGIN' -Wl,--depaudit=libnone.so");
	lib("aud/liba.so.1", "-Wl,--audit=libno.so");
	AUTO_CLOSURE struct closure c = read_closure(in("aud/app"), NULL, NULL);
	CHECK(!c.audit);
	CHECK_STR(c.depaudit, "libnone.so");
	CHECK(closure_missing(&c) == 0);
	sh("aud/app 2>aud/error; grep -q libnone.so aud/error && ! grep -q libno.so aud/error");
}

/* -- views -- */

static void test_layer_over_directory(void)
{
	struct cover cover = {in("view/live"), in("view/layer")};
	struct sysroot sysroot = {.covers = &cover, .ncovers = 1};

	lib("view/live/liba.so.1", "");
	lib("view/live/libb.so.1", "");
	lib("view/layer/liba.so.1", "");
	app("view/app", "view/live/liba.so.1 view/live/libb.so.1 " NEW "'$ORIGIN/live'");
	AUTO_CLOSURE struct closure c = read_closure(in("view/app"), &sysroot, NULL);
	CHECK_STR(object_of(&c, "liba.so.1")->path, in("view/live/liba.so.1"));
	CHECK_STR(object_of(&c, "liba.so.1")->file, in("view/layer/liba.so.1"));
	CHECK(object_of(&c, "liba.so.1")->layer == cover.layer);
	CHECK(!object_of(&c, "libb.so.1")->layer);
	CHECK(!object_of(&c, "libc.so.6")->layer);
}

static void test_links_in_and_out(void)
{
	struct cover cover = {in("view/live"), in("view/links")};
	struct sysroot sysroot = {.covers = &cover, .ncovers = 1};

	lib("view/else/liba.so.2", "");
	lib("view/links/libb.so.1.5", "");
	sh("ln -s ../else/liba.so.2 view/links/liba.so.1 && "
	   "ln -s libb.so.1.5 view/links/libb.so.1");
	AUTO_CLOSURE struct closure c = read_closure(in("view/app"), &sysroot, NULL);
	CHECK_STR(object_of(&c, "liba.so.1")->canonical, in("view/else/liba.so.2"));
	CHECK(!object_of(&c, "liba.so.1")->layer);
	CHECK_STR(object_of(&c, "libb.so.1")->canonical, in("view/live/libb.so.1.5"));
	CHECK(object_of(&c, "libb.so.1")->layer == cover.layer);
}

static void test_merged_directories(void)
{
	struct cover cover = {in("view"), in("deep")};
	struct sysroot sysroot = {.covers = &cover, .ncovers = 1};

	lib("deep/live/libb.so.1", "");
	AUTO_CLOSURE struct closure c = read_closure(in("view/app"), &sysroot, NULL);
	CHECK(!object_of(&c, "liba.so.1")->layer);
	CHECK(object_of(&c, "libb.so.1")->layer == cover.layer);
}

/* Only root makes a whiteout; who is not root cannot have been given one by this test. */
static void test_whiteout(void)
{
	struct cover cover = {in("view/live"), in("view/white")};
	struct sysroot sysroot = {.covers = &cover, .ncovers = 1};

	MUST(mkdir("view/white", 0755) == 0);
	if (mknod("view/white/liba.so.1", S_IFCHR | 0644, makedev(0, 0)) < 0 && geteuid() != 0)
		return;
	AUTO_CLOSURE struct closure c = read_closure(in("view/app"), &sysroot, NULL);
	CHECK(!object_of(&c, "liba.so.1"));
	CHECK(object_of(&c, "libb.so.1") != NULL);
}

/* The program is in another place, and $ORIGIN is the directory where the view shows it. */
static void test_app_and_real(void)
{
	struct sysroot sysroot = {.app = in("view/app"), .real = in("moved/app")};

	sh("mkdir moved && mv view/app moved && printf '#!/bin/sh\\n' >view/app");
	AUTO_CLOSURE struct closure c = read_closure(in("view/app"), &sysroot, NULL);
	CHECK_STR(c.objects[0].path, in("view/app"));
	CHECK_STR(c.objects[0].file, in("moved/app"));
	CHECK_STR(object_of(&c, "liba.so.1")->path, in("view/live/liba.so.1"));
}

/* Without a cache the hint names the path by ld.so.conf: the view has an empty /etc. */
static void test_view_without_cache(void)
{
	struct cover cover = {"/etc", in("etc")};
	struct sysroot sysroot = {.covers = &cover, .ncovers = 1};
	const struct need *n;

	lib("conf/libconf.so.1", "");
	app("conf/app", "conf/libconf.so.1");
	sh("mkdir -p etc/conf.d && printf '# c\\ninclude conf.d/*.conf\\n' >etc/ld.so.conf && "
	   "printf '/nowhere\\n  %s/conf/ # here\\n' >etc/conf.d/a.conf && echo x >etc/conf.d/b",
	   scratch);
	/* A file that is no cache, in the place of the live one. */
	put_text("etc/ld.so.cache", "none");
	AUTO_CLOSURE struct closure hinted = read_closure(in("conf/app"), &sysroot, NULL);
	n = need_of(&hinted, "libconf.so.1");
	CHECK(hinted.no_cache && n->object == CLOSURE_NONE && closure_missing(&hinted) == 1);
	CHECK_STR(n->hint, in("conf/libconf.so.1"));
	/* And with the cache that ldconfig makes by it. */
	sh("/sbin/ldconfig -X -C etc/ld.so.cache -f etc/conf.d/a.conf 2>/dev/null");
	AUTO_CLOSURE struct closure cached = read_closure(in("conf/app"), &sysroot, NULL);
	n = need_of(&cached, "libconf.so.1");
	CHECK(!cached.no_cache && n->rule == RULE_CACHE && closure_missing(&cached) == 0);
	AUTO_CLOSURE struct closure c = read_closure(in("conf/app"), NULL, NULL);
	CHECK(need_of(&c, "libconf.so.1")->rule == RULE_NONE && !need_of(&c, "libconf.so.1")->hint);
}

/* -- musl -- */

static void musl_app(const char *path, const char *flags)
{
	sh("musl-gcc -o %s main.c -Wl,--no-as-needed %s", path, flags);
}

/* DT_RUNPATH is inherited, and LD_LIBRARY_PATH comes before it. */
static void test_musl(void)
{
	sh("mkdir -p musl/deep musl/env && musl-gcc -shared -o musl/deep/libmb.so x.c && "
	   "cp musl/deep/libmb.so musl/env && "
	   "musl-gcc -shared -o musl/libma.so x.c -Wl,--no-as-needed -Lmusl/deep -lmb");
	musl_app("musl/app", "-Lmusl -lma -Wl,-rpath-link,musl/deep " NEW "'$ORIGIN:$ORIGIN/deep'");
	AUTO_CLOSURE struct closure c = read_closure("musl/app", NULL, NULL);
	CHECK(c.kind == LOADER_MUSL && closure_missing(&c) == 0);
	CHECK_STR(object_of(&c, "libmb.so")->path, in("musl/deep/libmb.so"));
	CHECK(need_of(&c, "libmb.so")->owner == 0);
	CHECK_STR(object_of(&c, "libc.so")->path, c.loader->path);
	AUTO_CLOSURE struct closure env = read_closure("musl/app", NULL, in("musl/env"));
	CHECK(need_of(&env, "libmb.so")->rule == RULE_LIBRARY_PATH);
}

/* musl's path file replaces its default directories; glibc's cache and directories do not count. */
static void test_musl_path(void)
{
	struct cover cover = {"/etc", in("etc")};
	struct sysroot sysroot = {.covers = &cover, .ncovers = 1};

	musl_app("musl/bare", "-Lmusl/deep -lmb");
	sh("printf '/nowhere\\n%s/musl/env\\n' >etc/ld-musl-$(uname -m).path", scratch);
	AUTO_CLOSURE struct closure c = read_closure("musl/bare", &sysroot, NULL);
	CHECK(need_of(&c, "libmb.so")->rule == RULE_DEFAULT);
	CHECK_STR(need_of(&c, "libmb.so")->path, in("musl/env/libmb.so"));
}

int main(void)
{
	world();
	test_library_path_is_between();
	test_library_path_separators();
	test_library_path_empty();
	test_text_stops_the_loader();
	test_what_else_stops_it();
	test_looping_link();
#if defined __x86_64__
	test_other_class();
	test_i386();
#endif
	test_one_file_two_names();
	test_origin_of_link();
	test_filters();
	test_missing_is_not_remembered();
	test_relative();
	test_loader_unwanted();
	test_no_loader();
	test_versions();
	test_symbols();
	test_data_symbols();
	test_old_hash();
	test_symbols_kept();
#if defined __x86_64__
	test_isa();
	test_features_of_the_loader();
#endif
	test_audit();
	test_layer_over_directory();
	test_links_in_and_out();
	test_merged_directories();
	test_whiteout();
	test_app_and_real();
	test_view_without_cache();
	test_musl();
	test_musl_path();
	scratch_remove();
	return test_end();
}
