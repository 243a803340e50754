/* elf_read and what elf_facts says of it, then the symbols, as of a program that is alone. */
#include "labeler/elf.h"
#include "labeler/symbols.h"
#include "tests/fuzz/fuzz.h"

#include <sys/mman.h>

static void check_string(const struct elf *elf, const char *s)
{
	HOLD(!s || (s >= elf->text && s + strlen(s) < elf->text + elf->text_len));
}

static void check(const struct elf *elf)
{
	check_string(elf, elf->interp);
	check_string(elf, elf->soname);
	check_string(elf, elf->rpath);
	check_string(elf, elf->runpath);
	HOLD(!elf->rpath || !elf->runpath);
	for (size_t i = 0; i < elf->nneeded; i++)
		check_string(elf, elf->needed[i].name);
	for (size_t i = 0; i < elf->nasked; i++) {
		check_string(elf, elf->asked[i].file);
		check_string(elf, elf->asked[i].name);
	}
	for (size_t i = 0; i < elf->ngiven; i++)
		check_string(elf, elf->given[i].name);
}

static void check_symbols(int fd, const struct elf *elf)
{
	AUTO_UNDEFINEDS struct undefineds missing = {0};
	char path[64];
	struct object object = {
		.path = path, .canonical = path, .file = path, .elf = elf, .wanted = true};
	struct closure closure = {.loader = LOADER_GLIBC, .objects = &object, .count = 1};
	struct err err;

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if (symbols_undefined(NULL, &closure, &missing, &err) < 0)
		return;
	for (size_t i = 0; i < missing.count; i++)
		HOLD(missing.items[i].object == 0 && missing.items[i].name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FD int fd = memfd_create("fuzz", MFD_CLOEXEC);
	AUTO_ELF struct elf elf = {0};
	char soname[256], arch[256];
	bool is_elf;
	struct err err;

	HOLD(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	if (elf_facts(fd, soname, arch, &err) == 0)
		HOLD(strlen(soname) < 256 && strlen(arch) < 32);
	if (elf_read(fd, &elf, &is_elf, &err) < 0 || !is_elf)
		return 0;
	check(&elf);
	if (elf.dynamic)
		check_symbols(fd, &elf);
	return 0;
}
