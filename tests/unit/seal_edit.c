/* Edited copies of programs: of those in /usr/bin and of programs made here. libelf and elf/ read the copies, the loader
 * traces them, and some run. Then programs that cannot be edited, damaged ones, and a parser that lies. */
#define rewrite_compute bewitched_compute
#include "seal/edit.c"
#undef rewrite_compute

#include "elf/elf.h"
#include "tests/unit/elf_damage.h"

#include <dirent.h>
#include <gelf.h>
#include <sys/wait.h>

#define MANY 20		   /* more than the spare entries of a dynamic section */
#define FLIPS 4000	   /* the fuzz target seal_edit tries more */
#define FLIPS_CONFINED 100 /* with a process for each */

int rewrite_compute(int fd, const struct edit *edit, struct rewrite *out, struct err *e);

static char libc_name[] = "libc.so.6", libc_path[PATH_MAX];
static char many[MANY][PATH_MAX];
static const char *many_names[MANY];

/* -- commands -- */

/* What a shell command prints, and its exit status as the last line; the caller's to free. */
__attribute__((format(printf, 1, 2))) static char *said(const char *fmt, ...)
{
	AUTO_FREE char *command = NULL, *whole = NULL;
	char *text = NULL;
	struct err e;
	size_t len;
	va_list ap;
	FILE *f;

	va_start(ap, fmt);
	MUST(vasprintf(&command, fmt, ap) > 0);
	va_end(ap);
	MUST(asprintf(&whole, "( %s ) 2>&1 </dev/null; echo $?", command) > 0);
	f = popen(whole, "re");
	MUST(f && file_read(fileno(f), (size_t)1 << 24, &text, &len, &e) == 0);
	pclose(f);
	return text;
}

/* The files that the loader maps for a program. */
static char *traced(const char *path)
{
	return said(
		"LD_TRACE_LOADED_OBJECTS=1 %s | sed 's/.*=> //; s/ (0x.*//; s/^[[:space:]]*//' | "
		"LC_ALL=C sort",
		path);
}

static void find_libc(void)
{
	AUTO_FREE char *text = said("LD_TRACE_LOADED_OBJECTS=1 ./plain");
	const char *line = strstr(text, "libc.so.6 => ");

	MUST(line && sscanf(line, "libc.so.6 => %4095s", libc_path) == 1);
	for (size_t i = 0; i < MANY; i++) {
		snprintf(many[i], sizeof many[i], "%s/a-library-that-has-a-long-name-%zu.so",
			 scratch, i);
		MUST(symlink(libc_path, many[i]) == 0);
		many_names[i] = many[i];
	}
}

/* -- edits -- */

static const struct edit_rename libc_rename = {libc_name, libc_path};

static struct edit few(void)
{
	/* The mark is one of the names, too, and still comes last. */
	return (struct edit){.path = "/nonexistent/x",
			     .renames = &libc_rename,
			     .nrenames = 1,
			     .mark = "/nonexistent/x"};
}

static struct edit more(void)
{
	struct edit e = few();

	e.added = many_names;
	e.nadded = MANY;
	return e;
}

static int edit_path(const char *from, const char *to, const struct edit *edit)
{
	AUTO_FD int in = open(from, O_RDONLY | O_CLOEXEC);
	AUTO_FD int out = open(to, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

	MUST(in >= 0 && out >= 0);
	return edit_write(in, out, edit, &err);
}

/* -- the copy, by elf/ -- */

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static const char *renamed(const struct edit *edit, const char *name)
{
	for (size_t i = 0; name && i < edit->nrenames; i++)
		if (strcmp(name, edit->renames[i].from) == 0)
			return edit->renames[i].to;
	return name;
}

static bool same_versions(const struct elf *a, const struct elf *b, const struct edit *edit)
{
	if (a->nverneed != b->nverneed || a->nverdef != b->nverdef)
		return false;
	for (size_t i = 0; i < a->nverneed; i++) {
		const struct elf_version *x = &a->verneed[i], *y = &b->verneed[i];

		if (!same(renamed(edit, x->file), y->file) || !same(x->name, y->name) ||
		    x->hash != y->hash || x->index != y->index)
			return false;
	}
	for (size_t i = 0; i < a->nverdef; i++)
		if (!same(a->verdef[i].name, b->verdef[i].name))
			return false;
	return true;
}

static bool same_needed(const struct elf *a, const struct elf *b, const struct edit *edit)
{
	if (b->nneeded != a->nneeded + edit->nadded)
		return false;
	for (size_t i = 0; i < b->nneeded; i++) {
		const char *name = i < a->nneeded ? renamed(edit, a->needed[i].name)
						  : edit->added[i - a->nneeded];

		if (!same(b->needed[i].name, name) ||
		    (i < a->nneeded && a->needed[i].kind != b->needed[i].kind))
			return false;
	}
	return true;
}

static bool is_as_wished(const struct elf *a, const struct elf *b, const struct edit *edit)
{
	return same_needed(a, b, edit) && same_versions(a, b, edit) && same(a->soname, b->soname) &&
	       same(a->interp, b->interp) && same(a->audit, b->audit) &&
	       same(b->runpath, a->runpath ? edit->path : NULL) &&
	       same(b->rpath, a->runpath ? NULL : edit->path) && a->machine == b->machine &&
	       a->pie == b->pie && a->isa == b->isa && b->fault == ELF_FAULT_NONE;
}

/* -- the copy, by libelf -- */

static bool same_section(Elf_Scn *a, Elf_Scn *b)
{
	GElf_Shdr x, y;
	Elf_Data *was, *is;

	MUST(gelf_getshdr(a, &x) && gelf_getshdr(b, &y));
	if (x.sh_name != y.sh_name || x.sh_type != y.sh_type || x.sh_flags != y.sh_flags)
		return false;
	/* elf/ has compared the contents of these. */
	if (x.sh_type == SHT_DYNAMIC || x.sh_type == SHT_GNU_verneed ||
	    (x.sh_type == SHT_STRTAB && (x.sh_flags & SHF_ALLOC)))
		return true;
	if (x.sh_addr != y.sh_addr || x.sh_offset != y.sh_offset || x.sh_size != y.sh_size)
		return false;
	if (x.sh_type == SHT_NOBITS)
		return true;
	was = elf_rawdata(a, NULL);
	is = elf_rawdata(b, NULL);
	return was && is && was->d_size == is->d_size &&
	       (was->d_size == 0 || memcmp(was->d_buf, is->d_buf, was->d_size) == 0);
}

static bool same_sections(Elf *a, Elf *b)
{
	Elf_Scn *x = elf_nextscn(a, NULL), *y = elf_nextscn(b, NULL);

	for (; x && y; x = elf_nextscn(a, x), y = elf_nextscn(b, y))
		if (!same_section(x, y))
			return false;
	return x == y;
}

/* By the sections: the strings of the dynamic section, of which elf/ knows only the addresses. */
static bool has_needed_by_section(Elf *e, const struct elf *ours)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr header;
	GElf_Dyn d;
	size_t needed = 0;

	while ((scn = elf_nextscn(e, scn)) && gelf_getshdr(scn, &header))
		for (int i = 0; header.sh_type == SHT_DYNAMIC &&
				gelf_getdyn(elf_getdata(scn, NULL), i, &d) && d.d_tag != DT_NULL;
		     i++) {
			const char *text = elf_strptr(e, header.sh_link, d.d_un.d_val);

			if (d.d_tag == DT_NEEDED &&
			    (needed >= ours->nneeded || !same(ours->needed[needed++].name, text)))
				return false;
		}
	return needed == ours->nneeded || elf_nextscn(e, NULL) == NULL;
}

/* PT_LOAD: in order, without overlap, mappable. Others: in PT_LOAD where they should be. */
static bool has_sound_segments(Elf *e, uint64_t size)
{
	uint64_t end = 0;
	GElf_Phdr ph;
	size_t n;

	MUST(elf_getphdrnum(e, &n) == 0);
	for (size_t i = 0; i < n; i++) {
		MUST(gelf_getphdr(e, (int)i, &ph));
		if (ph.p_type != PT_LOAD)
			continue;
		if (ph.p_vaddr < end || ph.p_offset + ph.p_filesz > size ||
		    (ph.p_align && ph.p_vaddr % ph.p_align != ph.p_offset % ph.p_align))
			return false;
		end = ph.p_vaddr + ph.p_memsz;
	}
	return true;
}

/* As many as before, and of each kind but the note's and PT_LOAD. */
static bool same_segments(Elf *a, Elf *b)
{
	size_t n, m, loads[2] = {0}, spares[2] = {0};
	GElf_Phdr x, y;

	MUST(elf_getphdrnum(a, &n) == 0 && elf_getphdrnum(b, &m) == 0);
	for (size_t i = 0; i < n && n == m; i++) {
		MUST(gelf_getphdr(a, (int)i, &x) && gelf_getphdr(b, (int)i, &y));
		loads[0] += x.p_type == PT_LOAD;
		loads[1] += y.p_type == PT_LOAD;
		spares[0] += x.p_type == PT_NOTE || x.p_type == PT_NULL;
		spares[1] += y.p_type == PT_NOTE || y.p_type == PT_NULL;
	}
	return n == m && loads[0] + 1 == loads[1] && spares[0] == spares[1] + 1;
}

static bool libelf_agrees(int from, int to, const struct elf *after)
{
	Elf *a = elf_begin(from, ELF_C_READ, NULL), *b = elf_begin(to, ELF_C_READ, NULL);
	struct stat st;
	bool yes;

	MUST(a && b && fstat(to, &st) == 0);
	yes = has_sound_segments(b, (uint64_t)st.st_size) && same_segments(a, b) &&
	      same_sections(a, b) && has_needed_by_section(b, after);
	elf_end(a);
	elf_end(b);
	return yes;
}

/* Nothing is behind the mark. */
static bool ends_in_mark(int to, const char *mark)
{
	char end[64];
	size_t len = strlen(mark) + 1;
	struct stat st;

	return fstat(to, &st) == 0 &&
	       pread(to, end, len, st.st_size - (off_t)len) == (ssize_t)len &&
	       memcmp(end, mark, len) == 0;
}

static bool check_copy(int from, int to, const struct edit *edit)
{
	AUTO_ELF struct elf before = {0}, after = {0};
	bool is_elf;

	MUST(elf_parse(from, &before, &is_elf, &err) == 0 && is_elf);
	if (elf_parse(to, &after, &is_elf, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return false;
	}
	return is_elf && is_as_wished(&before, &after, edit) && libelf_agrees(from, to, &after) &&
	       (!edit->mark || ends_in_mark(to, edit->mark));
}

/* -- all programs of the machine -- */

static size_t edited, refused;

static void edit_one(const char *path, int from, struct edit edit, bool has_libc)
{
	AUTO_FD int to = memfd_create("copy", MFD_CLOEXEC);
	int r;

	MUST(to >= 0);
	edit.nrenames = has_libc ? edit.nrenames : 0;
	r = edit_write(from, to, &edit, &err);
	edited += r == 0;
	refused += r == -EINVAL;
	if (r == 0 ? check_copy(from, to, &edit) : r == -EINVAL)
		return;
	fprintf(stderr, "%s: %d %s\n", path, r, r < 0 ? err.text : "is not what was wished");
	CHECK(false);
}

static void edit_program(const char *path, bool often)
{
	AUTO_FD int from = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	AUTO_ELF struct elf elf = {0};
	bool is_elf, has_libc = false;
	struct stat st;

	if (from < 0 || fstat(from, &st) < 0 || !S_ISREG(st.st_mode) ||
	    elf_parse(from, &elf, &is_elf, &err) < 0 || !is_elf || !elf.interp || !elf.dynamic ||
	    elf.fault != ELF_FAULT_NONE)
		return;
	for (size_t i = 0; i < elf.nneeded; i++)
		has_libc |= elf.needed[i].kind == ELF_NEEDED &&
			    strcmp(elf.needed[i].name, libc_name) == 0;
	edit_one(path, from, often ? more() : few(), has_libc);
}

/* Every second program, in one of the two forms: each takes a process of this large one. */
static void test_all(void)
{
	AUTO_DIR DIR *d = opendir("/usr/bin");
	char path[PATH_MAX];
	size_t n = 0;

	MUST(d);
	for (struct dirent *e; (e = readdir(d)); n++) {
		snprintf(path, sizeof path, "/usr/bin/%s", e->d_name);
		if (n % 2)
			edit_program(path, n % 4 == 1);
	}
	CHECK(edited > 30 && refused < edited / 10);
}

/* -- copies that run -- */

static bool tried_same(const char *original, const char *copy, const char *arguments)
{
	AUTO_FREE char *a = said("%s %s", original, arguments);
	AUTO_FREE char *b = said("%s %s", copy, arguments);
	bool yes = strcmp(a, b) == 0;

	if (!yes)
		fprintf(stderr, "%s says \"%.300s\", not \"%.300s\"\n", copy, b, a);
	return yes;
}

static void test_run(const char *original, const char *arguments)
{
	AUTO_FREE char *was = traced(original), *is = NULL;
	struct edit edit = few();

	if (access(original, X_OK) < 0)
		return;
	CHECK(edit_path(original, "copy", &edit) == 0);
	is = traced("./copy");
	CHECK_STR(is, was);
	CHECK(tried_same(original, "./copy", arguments));
	edit = more();
	CHECK(edit_path(original, "copy", &edit) == 0);
	CHECK(tried_same(original, "./copy", arguments));
	unlink("copy");
}

static void test_runs(void)
{
	test_run("/usr/bin/true", "");
	test_run("/usr/bin/sed", "s/main/niam/ main.c");
	test_run("/usr/bin/perl", "-e 'print 1 + 1'");
	test_run("/usr/bin/python3", "-c 'import sys, json; print(sys.prefix, json.dumps([1]))'");
	test_run("/usr/bin/git", "--version");
	test_run("/bin/bash", "-c 'echo $((6 * 7))'");
}

/* -- programs that are made here -- */

static void build(void)
{
	put_text("main.c", "#include <stdio.h>\n#include <stdlib.h>\n"
			   "static char zeros[100000];\n"
			   "int main(int argc, char **argv) { char *p = malloc(10); (void)argv;"
			   "  printf(\"%d %d\\n\", argc, zeros[argc * 99] + !p); return 3; }\n");
	put_text("own.c", "__asm__(\".section pydata,\\\"\\\",@progbits\\n.ascii \\\"x\\\"\\n\");\n"
			  "int main(void) { return 0; }\n");
	put_text("none.c", "void _start(void) { for (;;) ; }\n");
	sh("cc -o plain main.c && cc -o own own.c && cc -static -nostdlib -o static none.c");
}

/* Made with these arguments of cc; counted as skipped if this machine cannot. */
static void test_built(const char *name, const char *arguments)
{
	AUTO_FREE char *made = said("cc -o %s main.c %s", name, arguments);
	char path[PATH_MAX], copy[PATH_MAX];
	struct edit edit;

	snprintf(path, sizeof path, "./%s", name);
	snprintf(copy, sizeof copy, "./%s.copy", name);
	if (access(path, X_OK) < 0) {
		SKIP(name, "cc cannot make it");
		return;
	}
	for (int form = 0; form < 2; form++) {
		AUTO_FD int from = open(path, O_RDONLY | O_CLOEXEC);
		AUTO_FD int to = open(copy, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

		edit = form == 0 ? few() : more();
		CHECK(edit_write(from, to, &edit, &err) == 0);
		CHECK(check_copy(from, to, &edit));
		cleanup_fd(&to);
		to = -1;
		CHECK(tried_same(path, copy, "1 2"));
	}
}

/* Often there are the libraries for programs of 32 bits, but no headers. libc's path is another one there. */
static bool build_32(void)
{
	AUTO_FREE char *made = NULL;

	put_text("bits32.c", "int printf(const char *, ...); void exit(int);\n"
			     "int main(void) { printf(\"32\\n\"); exit(3); }\n"
			     "void _start(void) { __asm__(\"and $-16, %esp\"); main(); }\n");
	made = said("cc -m32 -fno-stack-protector -nostdlib -o bits32 bits32.c "
		    "-Wl,--dynamic-linker=/lib/ld-linux.so.2 /lib32/libc.so.6; ./bits32");
	return strcmp(made, "32\n3\n") == 0;
}

static void test_32(void)
{
	static const char *const added[] = {"libm.so.6", "libc.so.6", "libm.so.6", "libc.so.6",
					    "libm.so.6", "libc.so.6", "libm.so.6", "libc.so.6"};
	static const struct edit_rename rename_32 = {libc_name, "/lib32/libc.so.6"};
	struct edit edit = {.path = "/nonexistent/x", .renames = &rename_32, .nrenames = 1};

	if (!build_32()) {
		SKIP("a program of 32 bits", "this machine cannot make it, or run it");
		return;
	}
	for (; edit.nadded <= 8; edit.nadded += 8) {
		AUTO_FD int from = open("bits32", O_RDONLY | O_CLOEXEC);
		AUTO_FD int to = open("bits32.copy", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

		edit.added = added;
		CHECK(edit_write(from, to, &edit, &err) == 0);
		CHECK(check_copy(from, to, &edit));
		cleanup_fd(&to);
		to = -1;
		CHECK(tried_same("./bits32", "./bits32.copy", "1"));
	}
}

static void test_forms(void)
{
	test_built("pie", "");
	test_built("nopie", "-no-pie -fno-pie");
	test_built("now", "-Wl,-z,now,-z,relro");
	test_built("lazy", "-Wl,-z,lazy,-z,norelro");
	test_built("note", "-Wl,--build-id=none -fcf-protection=none");
	test_built("runpath", "-Wl,--enable-new-dtags,-rpath,/nowhere");
	test_built("rpath", "-Wl,--disable-new-dtags,-rpath,/nowhere");
	test_built("sysv", "-Wl,--hash-style=sysv");
	test_built("bigpages", "-Wl,-z,max-page-size=0x200000");
	test_built("stripped", "-s");
	test_built("nospare", "-Wl,--spare-dynamic-tags=1");
	test_built("lld", "-fuse-ld=lld");
	test_32();
}

/* -- what cannot be edited -- */

static void is_refused(const char *path, const struct edit *edit, const char *why)
{
	int r = edit_path(path, "copy", edit);

	CHECK(r == -EINVAL);
	CHECK_STR(r < 0 ? err.text : "", why);
}

static void append(const char *from, const char *to, char byte, size_t count)
{
	size_t len;
	AUTO_FREE char *data = get_file(from, &len);
	AUTO_FREE char *more_data = malloc(count);
	AUTO_FD int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

	MUST(more_data);
	memset(more_data, byte, count);
	MUST(fd >= 0 && file_write(fd, data, len, &err) == 0 &&
	     file_write(fd, more_data, count, &err) == 0);
}

/* One change of a sound program. */
#define CHANGED(change, why)                                                                       \
	do {                                                                                       \
		size_t len;                                                                        \
		AUTO_FREE char *d = get_file("plain", &len);                                       \
		AUTO_FD int fd = -1;                                                               \
		change;                                                                            \
		fd = open("changed", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);              \
		MUST(fd >= 0 && file_write(fd, d, len, &err) == 0);                                \
		is_refused("changed", &edit, why);                                                 \
	} while (0)

static void take_notes(char *d)
{
	const Ehdr *eh = (const Ehdr *)d;
	Phdr *ph = (Phdr *)(d + eh->e_phoff);

	for (size_t i = 0; i < eh->e_phnum; i++)
		if (ph[i].p_type == PT_NOTE)
			ph[i].p_type = PT_LOOS;
}

static void test_data(void)
{
	static const char slack[] = "has data behind its last section, which it may look for there";
	const struct edit edit = few();

	append("plain", "slack", 'x', 1);
	is_refused("slack", &edit, slack);
	append("plain", "slack", 0, 5000);
	is_refused("slack", &edit, slack);
	append("plain", "slack", 0, 4096);
	CHECK(edit_path("slack", "copy", &edit) == 0 && tried_same("./plain", "./copy", ""));
	is_refused("own", &edit, "has data of its own in the section pydata");
}

static void test_refused(void)
{
	static const struct edit_rename wrong[] = {{"libc.so.6", "libc.so.7"},
						   {"lib\033[31m.so", "x"}};
	struct edit edit = {.renames = wrong, .nrenames = 2};

	is_refused("plain", &edit, "does not need lib\\x1b[31m.so");
	edit = few();
	is_refused("static", &edit, "is statically linked");
	is_refused("main.c", &edit, "is not an ELF file");
	is_refused("/dev/null", &edit, "is not a regular file");
	CHANGED(d[EI_DATA] ^= 3, "is of another byte order");
	CHANGED(((Ehdr *)d)->e_type = ET_CORE, "is not a program");
	CHANGED(take_notes(d), "has no program header to spare");
	CHANGED(phdr_of(d, PT_INTERP)->p_type = PT_NULL, "is statically linked");
}

/* The same input gives the same bytes. */
static void test_same(void)
{
	const struct edit edit = more();
	size_t len[2];

	CHECK(edit_path("plain", "one", &edit) == 0 && edit_path("plain", "two", &edit) == 0);
	AUTO_FREE char *one = get_file("one", &len[0]), *two = get_file("two", &len[1]);
	CHECK(len[0] == len[1] && memcmp(one, two, len[0]) == 0);
}

/* -- damaged programs -- */

/* Computed here: a process for each would take too long. */
static bool is_sane(const char *data, size_t len, const struct edit *edit)
{
	AUTO_REWRITE struct rewrite w = {0};
	AUTO_FD int fd = memory_file(data, len);
	int r = rewrite_compute(fd, edit, &w, &err);

	if (r < 0)
		return r == -EINVAL || r == -EBADMSG;
	return are_patches_valid(&w, len) && w.tail_at == rewrite_tail_at(len) && w.tail.len > 0;
}

static void test_damaged(void)
{
	struct edit edits[] = {few(), more()};
	size_t len, wrong = 0;
	AUTO_FREE char *whole = get_file("plain", &len);
	AUTO_FREE char *flipped = malloc(len);

	MUST(flipped);
	for (size_t n = 0; n < len; n += n < 2048 ? 1 : 97)
		wrong += !is_sane(whole, n, &edits[n % 2]);
	for (size_t n = 0; n < FLIPS; n++) {
		flip_some(flipped, whole, len);
		wrong += !is_sane(flipped, len, &edits[n % 2]);
	}
	CHECK(wrong == 0);
	wrong = 0;
	for (size_t n = 0; n < FLIPS_CONFINED; n++) {
		AUTO_FD int from = -1, to = memory_file("", 0);
		int r;

		flip_some(flipped, whole, len);
		from = memory_file(flipped, len);
		r = edit_write(from, to, &edits[n % 2], &err);
		wrong += r != 0 && r != -EINVAL && r != -EBADMSG;
	}
	CHECK(wrong == 0);
}

/* -- a parser that has been taken over -- */

static enum lie {
	NONE,
	OUTSIDE,
	TOO_LONG,
	UNDER_SUM,
	TAIL_ELSEWHERE,
	TAIL_NONE,
	TAIL_HUGE,
	PATCHES_MANY,
	OTHER_ERROR,
	ESCAPES,
	LOOP,
	CRASH,
	LIES
} lie;

/* In the child. */
int bewitched_compute(int fd, const struct edit *edit, struct rewrite *w, struct err *e)
{
	int r = rewrite_compute(fd, edit, w, e);

	if (r < 0)
		return r;
	switch (lie) {
	case OUTSIDE:
		w->patches[0].at = UINT64_MAX - 1;
		break;
	case TOO_LONG:
		w->patches[0].len += 1;
		break;
	case UNDER_SUM:
		w->patches[0].len -= 1;
		break;
	case TAIL_ELSEWHERE:
		w->tail_at += 16;
		break;
	case TAIL_NONE:
		w->tail.len = 0;
		break;
	case TAIL_HUGE:
		w->tail.len = REWRITE_TAIL_MAX + 1;
		break;
	case PATCHES_MANY:
		w->npatches = UINT32_MAX;
		break;
	case OTHER_ERROR:
		return err_set(e, ENOENT, "nothing there");
	case ESCAPES:
		return err_set(e, EINVAL, "\033[31mred");
	case LOOP:
		for (;;)
			;
	case CRASH:
		_exit(7);
	default:
		break;
	}
	return 0;
}

static void test_lies(void)
{
	const struct edit edit = few();

	for (lie = OUTSIDE; lie < LIES; lie++) {
		int r;

		parser_seconds = lie == LOOP ? 1 : 60;
		r = edit_path("plain", "copy", &edit);
		CHECK(r == (lie == ESCAPES ? -EINVAL : -EBADMSG));
		if (lie < OTHER_ERROR)
			CHECK_STR(err.text, "the program parser sent an invalid answer");
		if (lie == ESCAPES)
			CHECK_STR(err.text, "\\x1b[31mred");
	}
	parser_seconds = 60;
	lie = NONE;
	CHECK(waitpid(-1, NULL, WNOHANG) < 0);
}

int main(void)
{
	MUST(elf_version(EV_CURRENT) != EV_NONE);
	scratch_make();
	build();
	find_libc();
	test_forms();
	test_data();
	test_refused();
	test_same();
	test_damaged();
	test_lies();
	test_runs();
	test_all();
	scratch_remove();
	return test_end();
}
