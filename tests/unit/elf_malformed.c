/* Malformed ELF files, as programs and as libraries of a sound one: an error that names the file
 * and the reason, or the sound part; never a crash, a wait, a loop, or memory without end. */
#include "elf/readers.h"
#include "loader/symbols.h"
#include "tests/unit/elf_damage.h"

#include <sys/sysmacros.h>
#include <time.h>

#define FLIPS 1000  /* the fuzz target elf tries more, without a process for each */
#define SECONDS 240 /* for all of it; a loop would not end at all */

/* -- a library, and places in it -- */

static char *whole;
static size_t whole_len;

static Dyn *dyn_of(char *data, int64_t tag)
{
	Dyn *d = (Dyn *)(data + phdr_of(data, PT_DYNAMIC)->p_offset);

	for (; d->d_tag != DT_NULL; d++)
		if (d->d_tag == tag)
			return d;
	MUST(!"no such entry");
	return NULL;
}

/* The linkers map the first segment, which has these tables, at its own offset. */
static void *at_tag(char *data, int64_t tag)
{
	return data + dyn_of(data, tag)->d_un.d_ptr;
}

static void build(void)
{
	put_text("x.map", "V1 { global: one; }; V2 { global: two; } V1;");
	put_text("x.c", "int puts(const char *); int one(void) { return puts(\"\"); } "
			"int two(void) { return 2; }");
	put_text("main.c", "int one(void), two(void); int main(void) { return one() + two(); }");
	sh("mkdir good bad && cc -shared -fPIC -o good/libx.so.1 x.c "
	   "-Wl,-soname,libx.so.1,--version-script,x.map,-z,noseparate-code,-rpath,/nowhere && "
	   "cc -o app main.c good/libx.so.1");
	whole = get_file("good/libx.so.1", &whole_len);
}

/* -- the error for a damaged copy -- */

static void put_damaged(const char *data, size_t len)
{
	AUTO_FD int fd = open("bad/libx.so.1", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

	MUST(fd >= 0 && file_write(fd, data, len, &err) == 0);
}

/* As a library. NULL: the loader could take it; else why not. Good until the next call. */
static const char *as_library(void)
{
	static char why[ERR_TEXT_MAX];
	AUTO_UNDEFINEDS struct undefineds u = {0};
	const struct need *n;

	AUTO_CLOSURE struct closure c = read_closure(in("app"), NULL, in("bad"));
	n = &c.objects[0].needs[0];
	MUST(strcmp(n->name, "libx.so.1") == 0);
	snprintf(why, sizeof why, "%s", n->broken ? n->broken : "");
	CHECK(!n->broken || strcmp(n->path, in("bad/libx.so.1")) == 0);
	/* A file that is sane enough for the closure may still have damaged symbols. */
	if (symbols_undefined(NULL, &c, &u, &err) < 0)
		CHECK(strstr(err.text, "libx.so.1") != NULL);
	return n->broken ? why : NULL;
}

/* As the program: true if the reason, which the error has after the file's name, holds a text. */
static bool refused(const char *reason)
{
	AUTO_CLOSURE struct closure c = {0};
	int r = closure_read("bad/libx.so.1", NULL, NULL, 0, &c, &err);
	bool yes = (r == -EBADMSG || r == -ENOEXEC) && strstr(err.text, in("bad/libx.so.1")) &&
		   strstr(err.text, reason);

	if (!yes)
		fprintf(stderr, "\t%d, \"%s\", not \"%s\"\n", r, r < 0 ? err.text : "", reason);
	return yes;
}

/* -- cases -- */

static void test_sound(void)
{
	put_damaged(whole, whole_len);
	CHECK(!as_library());
}

/* One change of a sound file, and the resulting error. */
#define DAMAGE(change, reason)                                                                     \
	do {                                                                                       \
		AUTO_FREE char *d = malloc(whole_len);                                             \
		MUST(d);                                                                           \
		memcpy(d, whole, whole_len);                                                       \
		change;                                                                            \
		put_damaged(d, whole_len);                                                         \
		CHECK(refused(reason));                                                            \
		CHECK_STR(as_library() ? "broken" : "taken", "broken");                            \
	} while (0)

#define EH ((Ehdr *)d)

static void test_headers(void)
{
	DAMAGE(EH->e_phnum = 0xffff, "program headers are out of range");
	DAMAGE(EH->e_phoff = (typeof(EH->e_phoff))-64, "program headers are out of range");
	DAMAGE(EH->e_phoff = whole_len - 8, "program headers are out of range");
	DAMAGE(EH->e_phentsize = 1, "program headers have the wrong size");
	DAMAGE(EH->e_type = ET_REL, "only ET_DYN and ET_EXEC");
	DAMAGE(EH->e_type = ET_CORE, "only ET_DYN and ET_EXEC");
	DAMAGE(EH->e_phnum = 0, "no loadable segments");
	DAMAGE(EH->e_version = 7, "identification");
	DAMAGE(d[EI_OSABI] = 99, "identification");
	DAMAGE(d[EI_DATA] = 3, "byte order");
}

static void test_segments(void)
{
	DAMAGE(phdr_of(d, PT_DYNAMIC)->p_vaddr = (typeof(EH->e_phoff))-8, "dynamic section");
	DAMAGE(phdr_of(d, PT_LOAD)->p_offset = (typeof(EH->e_phoff))-8, "out of range");
	DAMAGE(phdr_of(d, PT_LOAD)->p_filesz = 0, "out of range");
	DAMAGE(phdr_of(d, PT_LOAD)->p_vaddr = (typeof(EH->e_phoff))-4096, "out of range");
}

static void test_strings(void)
{
	DAMAGE(dyn_of(d, DT_SONAME)->d_un.d_val = whole_len, "string out of range");
	DAMAGE(dyn_of(d, DT_NEEDED)->d_un.d_val = (typeof(EH->e_phoff))-1, "string out of range");
	DAMAGE(dyn_of(d, DT_STRSZ)->d_un.d_val = 1, "string out of range");
	DAMAGE(dyn_of(d, DT_STRTAB)->d_un.d_ptr = (typeof(EH->e_phoff))-16, "string table");
	/* The string table is cut in the middle of the string that may be its last. */
	DAMAGE(dyn_of(d, DT_STRSZ)->d_un.d_val = dyn_of(d, DT_RUNPATH)->d_un.d_val + 3,
	       "an unterminated string");
}

/* Distances between records: too far, back to where the chain began, onto themselves. */
static void test_versions(void)
{
	DAMAGE(((Elf64_Verneed *)at_tag(d, DT_VERNEED))->vn_next = 0xfffffff0, "needed versions");
	DAMAGE(((Elf64_Verneed *)at_tag(d, DT_VERNEED))->vn_next = 1, "versions");
	DAMAGE(((Elf64_Verneed *)at_tag(d, DT_VERNEED))->vn_aux = 0xffffffff, "needed versions");
	DAMAGE(((Elf64_Verneed *)at_tag(d, DT_VERNEED))->vn_version = 9, "unknown format");
	DAMAGE(((Elf64_Vernaux *)((Elf64_Verneed *)at_tag(d, DT_VERNEED) + 1))->vna_next =
		       0xfffffff0,
	       "needed versions");
	DAMAGE(((Elf64_Verdef *)at_tag(d, DT_VERDEF))->vd_next = 0xffffffe4, "defined versions");
	DAMAGE(((Elf64_Verdef *)at_tag(d, DT_VERDEF))->vd_aux = 0x80000000, "defined versions");
	DAMAGE(((Elf64_Verdef *)at_tag(d, DT_VERDEF))->vd_version = 0, "unknown format");
	DAMAGE(dyn_of(d, DT_VERNEED)->d_un.d_ptr = (typeof(EH->e_phoff))-4, "needed versions");
	DAMAGE(dyn_of(d, DT_VERDEF)->d_un.d_ptr = whole_len + 4096, "defined versions");
}

/* Records that all but coincide: as many as there are bytes, each with a long name. */
static void test_many_versions(void)
{
	size_t room = 1 << 20, at = whole_len;
	AUTO_FREE char *d = calloc(1, room);
	Elf64_Verdef def = {.vd_version = 1, .vd_next = 20};
	struct timespec start, end;
	Phdr *last = NULL;

	MUST(d);
	memcpy(d, whole, whole_len);
	/* The last segment goes on to the end of the file; the table is where nothing else is. */
	for (Phdr *ph = phdr_of(d, PT_LOAD); ph->p_type == PT_LOAD; ph++)
		last = ph;
	last->p_filesz = last->p_memsz = room - last->p_offset;
	at = (at + 4095) & ~(size_t)4095;
	dyn_of(d, DT_VERDEF)->d_un.d_ptr = last->p_vaddr + (at - last->p_offset);
	for (; at + 64 < room; at += 20)
		memcpy(d + at, &def, sizeof def);
	put_damaged(d, room);
	clock_gettime(CLOCK_MONOTONIC, &start);
	CHECK(refused("too many versions") || refused("too much text"));
	clock_gettime(CLOCK_MONOTONIC, &end);
	CHECK(end.tv_sec - start.tv_sec < 10);
}

/* A symbol that the hash table does not lead to does not exist: the loader never looks at all
 * symbols. */
static void test_hash_table(void)
{
	AUTO_UNDEFINEDS struct undefineds u = {0};
	AUTO_FREE char *d = malloc(whole_len);
	uint32_t *header;

	MUST(d);
	memcpy(d, whole, whole_len);
	header = at_tag(d, DT_GNU_HASH);
	memset(header + 4, 0, header[2] * sizeof(Elf64_Addr)); /* the bloom filter */
	put_damaged(d, whole_len);
	AUTO_CLOSURE struct closure c = read_closure(in("app"), NULL, in("bad"));
	CHECK(symbols_undefined(NULL, &c, &u, &err) == 0 && u.count == 2);
}

#define COLLISIONS 14 /* its power of two: names of one hash, since "ab" and "bA" have the same */

static void put_names(const char *path, const char *head, const char *before, const char *last)
{
	FILE *f = fopen(path, "w");

	MUST(f);
	fputs(head, f);
	for (unsigned int n = 0; n < 1u << COLLISIONS; n++) {
		char name[2 * COLLISIONS + 1] = "";

		for (int bit = 0; bit < COLLISIONS; bit++)
			strcat(name, n >> bit & 1 ? "ab" : "bA");
		fprintf(f, "%s %s%s\n", before, name, last);
	}
	MUST(fclose(f) == 0);
}

/* Each of many names is compared with as many others. */
static void test_colliding_names(void)
{
	AUTO_UNDEFINEDS struct undefineds u = {0};
	struct timespec start, end;

	put_names("has.s", ".macro has name\n.globl \\name\n\\name = 1\n.endm\n", "has", "ab");
	put_names("asks.s", ".data\n", ".quad", "bA");
	sh("mkdir many && cc -shared -nostdlib -o many/libhas.so has.s && cc -shared -nostdlib "
	   "-o many/libasks.so asks.s -Wl,--no-as-needed many/libhas.so -Wl,-rpath,'$ORIGIN'");
	AUTO_CLOSURE struct closure c = read_closure(in("many/libasks.so"), NULL, NULL);
	clock_gettime(CLOCK_MONOTONIC, &start);
	CHECK(symbols_undefined(NULL, &c, &u, &err) == -E2BIG);
	clock_gettime(CLOCK_MONOTONIC, &end);
	CHECK(strstr(err.text, "libasks.so") && end.tv_sec - start.tv_sec < 30);
}

/* A soname is a name, slash or not: nothing is looked for under it. */
static void test_soname_with_slash(void)
{
	sh("mkdir slash && cc -shared -o slash/liby.so x.c -Wl,-soname,slash/none/liby.so && "
	   "mv slash/liby.so slash/liby.so.1");
	for (int i = 0; i < 2; i++) {
		AUTO_CLOSURE struct closure c = read_closure("slash/liby.so.1", NULL, NULL);
		CHECK_STR(c.objects[0].elf->soname, "slash/none/liby.so");
		CHECK(closure_missing(&c) == 0);
	}
}

static void test_cyclic_needs(void)
{
	sh("mkdir cyc && for p in pq qr rp; do cc -shared -o cyc/lib${p%%?}.so x.c "
	   "-Wl,-soname,lib${p%%?}.so; done && for p in pq qr rp; do cc -shared -o "
	   "cyc/lib${p%%?}.so x.c -Wl,--no-as-needed,-soname,lib${p%%?}.so -Lcyc -l:lib${p#?}.so "
	   "-Wl,-rpath,'$ORIGIN'; done");
	AUTO_CLOSURE struct closure c = read_closure("cyc/libp.so", NULL, NULL);
	CHECK(closure_missing(&c) == 0);
	CHECK(c.count == 5); /* with libc and its loader */
}

/* As many directories as a path can name, live and in a view. */
static void test_deep(void)
{
	const struct cover cover = {in("deep"), in("good")};
	const struct sysroot sysroot = {.covers = &cover, .ncovers = 1};
	char path[PATH_MAX];
	int n = snprintf(path, sizeof path, "%s", in("deep"));

	while (n + 8 < PATH_MAX)
		n += snprintf(path + n, sizeof path - (size_t)n, "/d");
	sh("mkdir -p '%s' && cd '%s' && cp %s l.so", path, path, in("good/libx.so.1"));
	snprintf(path + n, sizeof path - (size_t)n, "/l.so");
	AUTO_CLOSURE struct closure c = read_closure(path, NULL, NULL);
	CHECK_STR(c.objects[0].canonical, path);
	AUTO_CLOSURE struct closure viewed = read_closure(path, &sysroot, NULL);
	CHECK_STR(viewed.objects[0].canonical, path);
}

/* Paths that are not regular files, as a program and as a library; a FIFO without a writer must not
 * be waited for. */
static void test_no_files(void)
{
	static const char *const make[] = {"mkfifo", "mkdir", "ln -s /dev/zero", "ln -s /dev/null"};

	for (size_t i = 0; i < sizeof make / sizeof *make; i++) {
		AUTO_CLOSURE struct closure c = {0};
		int r;

		sh("rm -rf bad/libx.so.1 && %s bad/libx.so.1", make[i]);
		r = closure_read("bad/libx.so.1", NULL, NULL, 0, &c, &err);
		CHECK(r == -ENOEXEC && strstr(err.text, "not a regular file"));
		CHECK_STR(as_library(), "it is not a regular file");
	}
	sh("rm -rf bad/libx.so.1");
}

static void test_truncated(void)
{
	size_t broken = 0;

	put_damaged(whole, whole_len);
	for (size_t len = 0; len < whole_len; len++) {
		AUTO_CLOSURE struct closure c = {0};

		if (len % 64 == 0) {
			MUST(truncate("bad/libx.so.1", (off_t)len) == 0 || errno == ENOENT);
			put_damaged(whole, len);
			broken += as_library() != NULL;
			continue;
		}
		put_damaged(whole, len);
		if (closure_read("bad/libx.so.1", NULL, NULL, 0, &c, &err) < 0)
			broken += err.text[0] != '\0';
	}
	/* Only the section headers and other data behind the last segment may be missing. */
	CHECK(broken > whole_len / 2);
}

static void test_flipped(const char *path)
{
	AUTO_FREE char *data = NULL, *damaged = NULL;
	size_t len;

	data = get_file(path, &len);
	damaged = malloc(len);
	MUST(damaged);
	for (int i = 0; i < FLIPS; i++) {
		flip_some(damaged, data, len);
		put_damaged(damaged, len);
		if (i % 2) {
			as_library();
		} else {
			AUTO_CLOSURE struct closure c = {0};
			AUTO_UNDEFINEDS struct undefineds u = {0};

			if (closure_read("bad/libx.so.1", NULL, NULL, 0, &c, &err) == 0)
				symbols_undefined(NULL, &c, &u, &err);
		}
	}
}

int main(void)
{
	unsetenv("LD_LIBRARY_PATH");
	readers_here = true; /* a process for each case would take minutes */
	alarm(SECONDS);
	scratch_make();
	build();
	test_sound();
	test_headers();
	test_segments();
	test_strings();
	test_versions();
	test_many_versions();
	test_soname_with_slash();
	test_hash_table();
	test_colliding_names();
	test_cyclic_needs();
	test_deep();
	test_no_files();
	test_truncated();
	test_flipped("good/libx.so.1");
	scratch_remove();
	free(whole);
	return test_end();
}
