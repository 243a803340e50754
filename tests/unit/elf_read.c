/* elf_read's results for sound files; damaged files do no harm. */
#include "elf/isa.h"
#include "elf/readers.h"

#include "tests/unit/elf_damage.h"

#define FLIPS 6000

static bool has_needed(const struct elf *elf, const char *name)
{
	for (size_t i = 0; i < elf->nneeded; i++)
		if (strcmp(elf->needed[i].name, name) == 0)
			return true;
	return false;
}

static void test_real(const char *path)
{
	AUTO_ELF struct elf elf = {0};
	bool is_elf = false;

	CHECK(readers_read_path(path, &elf, &is_elf, &err) == 0);
	CHECK(is_elf && elf.dynamic && elf.shared);
	CHECK(elf.class == 8 * (int)sizeof(void *));
	CHECK(elf.interp && access(elf.interp, X_OK) == 0);
	CHECK(has_needed(&elf, "libc.so.6"));
	CHECK(!elf.soname && !elf.rpath && !elf.runpath && !elf.nodeflib);
}

static void test_refused(void)
{
	static const char *const none[] = {"script", "empty", "short"};
	AUTO_ELF struct elf elf = {0};
	bool is_elf = true;

	put_text("script", "#!/bin/sh\nexit 0 # and some more\n");
	put_text("empty", "");
	put_text("short", "\177ELF");
	for (size_t i = 0; i < 3; i++, is_elf = true) {
		CHECK(readers_read_path(none[i], &elf, &is_elf, &err) == 0);
		CHECK(!is_elf);
	}
	/* None of these may make us wait, either. */
	MUST(mkfifo("fifo", 0644) == 0);
	CHECK(readers_read_path("fifo", &elf, &is_elf, &err) == -EINVAL);
	CHECK(readers_read_path("/dev/zero", &elf, &is_elf, &err) == -EINVAL);
	CHECK(readers_read_path("/", &elf, &is_elf, &err) == -EINVAL);
	CHECK(readers_read_path("missing", &elf, &is_elf, &err) == -ENOENT);
	CHECK(strstr(err.text, "missing") != NULL);
	put_text("garbage", "\177ELF\2\1\1 and nothing of what the header should hold after that");
	CHECK(readers_read_path("garbage", &elf, &is_elf, &err) == -EBADMSG);
}

static void read_library(const char *path, struct elf *elf)
{
	bool is_elf = false;

	CHECK(readers_read_path(path, elf, &is_elf, &err) == 0);
	CHECK(is_elf);
}

static void test_paths(void)
{
	AUTO_ELF struct elf old = {0}, new = {0}, flags = {0};

	put_text("x.c", "int puts(const char *);\nint x(void) { return puts(\"x\"); }\n");
	sh("cc -shared -o libold.so x.c -Wl,-soname,libx.so.1,--disable-new-dtags,-rpath,"
	   "'/a:$ORIGIN/b'");
	sh("cc -shared -o libnew.so x.c -Wl,--enable-new-dtags,-rpath,'${ORIGIN}/../c'");
	sh("cc -shared -o libflags.so x.c -nostdlib -Wl,-z,nodefaultlib");
	read_library("libold.so", &old);
	CHECK_STR(old.soname, "libx.so.1");
	CHECK_STR(old.rpath, "/a:$ORIGIN/b");
	CHECK(!old.runpath && !old.interp && !old.nodeflib);
	read_library("libnew.so", &new);
	CHECK_STR(new.runpath, "${ORIGIN}/../c");
	CHECK(!new.rpath && !new.soname);
	read_library("libflags.so", &flags);
	CHECK(flags.nodeflib && flags.nneeded == 0);
}

/* The loader needs no section headers, and so must we. */
/* The properties of a note: type, size, value, padded to eight bytes. */
static void make_isa(const char *path, const char *properties, int size, const char *flags)
{
	sh("printf '.section .note.GNU-stack,\"\"\\n.section .note.gnu.property,\"a\"\\n.p2align "
	   "3\\n"
	   ".long 4, %d, 5\\n.asciz \"GNU\"\\n.long %s\\n' >p.s && "
	   "cc -shared -nostdlib -o %s p.s %s",
	   size, properties, path, flags);
}

static uint32_t isa_of(const char *path)
{
	AUTO_ELF struct elf elf = {0};

	read_library(path, &elf);
	return elf.isa;
}

#if defined __x86_64__
static void test_isa(void)
{
	sh("cc -shared -nostdlib -o libv4.so x.c -Wl,-z,x86-64-v4");
	CHECK(isa_of("libv4.so") == ISA_V4);
	sh("cc -m32 -shared -nostdlib -o libv2.so x.c -Wl,-z,x86-64-v2");
	CHECK(isa_of("libv2.so") == ISA_V2);
	make_isa("libp.so", "0xc0008002, 4, 0x12, 0", 16, "");
	CHECK(isa_of("libp.so") == 0x12);
	/* After another property. */
	make_isa("libp.so", "0xc0000002, 4, 1, 0, 0xc0008002, 4, 4, 0", 32, "");
	CHECK(isa_of("libp.so") == ISA_V3);
	CHECK(isa_of("/bin/true") <= ISA_BASELINE);
}

/* Notes that the loader passes over: the sound one, with one number changed. */
static void test_isa_ignored(void)
{
	AUTO_FREE char *data = NULL;
	size_t len, at;
	static const struct {
		size_t offset; /* from the note */
		uint32_t value;
	} changes[] = {
		{4, 12},	  /* not a multiple of the size of an address */
		{4, 4096},	  /* longer than the segment */
		{8, 1},		  /* another type of note */
		{16, 0xc0008003}, /* another property */
		{20, 8},	  /* another size */
		{20, UINT32_MAX},
	};

	make_isa("libp.so", "0xc0008002, 4, 0x12, 0", 16, "");
	data = get_file("libp.so", &len);
	at = (size_t)((char *)memmem(data, len, "\5\0\0\0GNU", 8) - data) - 8;
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		AUTO_FREE char *changed = malloc(len);
		AUTO_FD int fd = -1;

		MUST(changed);
		memcpy(changed, data, len);
		memcpy(changed + at + changes[i].offset, &changes[i].value, 4);
		fd = open("libq.so", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
		MUST(fd >= 0 && file_write(fd, changed, len, &err) == 0);
		CHECK(isa_of("libq.so") == 0);
	}
}
#endif

static void test_audit(void)
{
	AUTO_ELF struct elf elf = {0};

	sh("cc -shared -nostdlib -o libaudit.so x.c "
	   "-Wl,--audit=liba.so:libb.so,--depaudit=libc.so");
	read_library("libaudit.so", &elf);
	CHECK_STR(elf.audit, "liba.so:libb.so");
	CHECK_STR(elf.depaudit, "libc.so");
}

static void test_no_sections(void)
{
	AUTO_ELF struct elf elf = {0};
	AUTO_FREE char *data = NULL;
	AUTO_FD int fd = -1;
	bool is_elf = false;
	size_t len;

	data = get_file("libold.so", &len);
	memset(data + offsetof(Ehdr, e_shoff), 0, sizeof((Ehdr *)0)->e_shoff);
	memset(data + sizeof(Ehdr) - 4, 0, 4);
	fd = memory_file(data, len);
	CHECK(elf_parse(fd, &elf, &is_elf, &err) == 0);
	CHECK_STR(elf.soname, "libx.so.1");
	CHECK(has_needed(&elf, "libc.so.6"));
}

/* One long string that thousands of entries could share would be copied for each. */
static void test_long_string(void)
{
	AUTO_FREE char *name = malloc(100001);
	AUTO_ELF struct elf elf = {0};
	bool is_elf;

	MUST(name);
	memset(name, 'n', 100000);
	name[100000] = '\0';
	sh("cc -shared -o liblong.so x.c -Wl,-rpath,/%s", name);
	CHECK(readers_read_path("liblong.so", &elf, &is_elf, &err) == -EBADMSG);
	name[5000] = '\0';
	sh("cc -shared -o liblong.so x.c -Wl,-rpath,/%s", name);
	CHECK(readers_read_path("liblong.so", &elf, &is_elf, &err) == 0);
	elf_free(&elf);
	sh("cc -shared -o liblong.so x.c -Wl,-soname,%s", name);
	CHECK(readers_read_path("liblong.so", &elf, &is_elf, &err) == -EBADMSG);
}

/* Any result is harmless: a read out of range would stop the program. */
static bool is_sane(int fd)
{
	AUTO_ELF struct elf elf = {0};
	bool is_elf = false;
	int r = elf_parse(fd, &elf, &is_elf, &err);

	if (r == 0)
		return is_elf || (!elf.needed && !elf.interp);
	return (r == -EBADMSG || r == -EIO) && err.text[0] && !elf.needed && !elf.soname;
}

static void test_truncated(const char *path)
{
	AUTO_FREE char *data = NULL;
	AUTO_FD int fd = -1;
	size_t len, cuts = 0, sane = 0;

	data = get_file(path, &len);
	fd = memory_file(data, len);
	for (size_t cut = len; cut > 0; cut -= cut > 4096 ? 997 : cut > 8 ? 7 : 1, cuts++) {
		MUST(ftruncate(fd, (off_t)cut) == 0);
		sane += is_sane(fd);
	}
	CHECK(cuts > 400 && sane == cuts);
}

static void test_flipped(const char *path)
{
	AUTO_FREE char *data = NULL, *damaged = NULL;
	AUTO_FD int fd = -1;
	size_t len, sane = 0;

	data = get_file(path, &len);
	damaged = malloc(len);
	MUST(damaged);
	fd = memory_file(data, len);
	for (int i = 0; i < FLIPS; i++) {
		flip_some(damaged, data, len);
		MUST(pwrite(fd, damaged, len, 0) == (ssize_t)len);
		sane += is_sane(fd);
	}
	CHECK(sane == FLIPS);
}

static void test_names(void)
{
	char soname[256], arch[256];
	AUTO_FD int lib = open("libold.so", O_RDONLY), script = open("script", O_RDONLY);

	CHECK_STR(elf_arch(64, EM_X86_64), "amd64");
	CHECK_STR(elf_arch(32, EM_X86_64), "x32");
	CHECK_STR(elf_triplet(32, EM_386), "i386-linux-gnu");
	CHECK_STR(elf_triplet(64, EM_AARCH64), "aarch64-linux-gnu");
	CHECK_STR(elf_arch(64, 65000), "");
	CHECK_STR(elf_triplet(16, EM_386), "");
	CHECK(elf_facts(lib, soname, arch, &err) == 0);
	CHECK_STR(soname, "libx.so.1");
	CHECK(arch[0] != '\0');
	CHECK(elf_facts(script, soname, arch, &err) == 0);
	CHECK(!soname[0] && !arch[0]);
}

int main(void)
{
	scratch_make();
	test_real("/usr/bin/curl");
	test_real("/bin/ls");
	test_refused();
	test_paths();
#if defined __x86_64__
	test_isa();
	test_isa_ignored();
#endif
	test_audit();
	test_no_sections();
	test_long_string();
	test_names();
	test_truncated("/bin/ls");
	test_truncated("libold.so");
	test_flipped("libold.so");
	test_flipped("/bin/true");
	scratch_remove();
	return test_end();
}
