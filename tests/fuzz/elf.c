/* elf_parse and elf_facts, then the symbols, as of a program without libraries. */
#include "elf/elf.h"
#include "elf/info.h"
#include "elf/linkage.h"
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
	check_string(elf, elf->audit);
	check_string(elf, elf->depaudit);
	HOLD(!elf->rpath || !elf->runpath);
	for (size_t i = 0; i < elf->nneeded; i++)
		check_string(elf, elf->needed[i].name);
	for (size_t i = 0; i < elf->nverneed; i++) {
		check_string(elf, elf->verneed[i].file);
		check_string(elf, elf->verneed[i].name);
	}
	for (size_t i = 0; i < elf->nverdef; i++)
		check_string(elf, elf->verdef[i].name);
}

static void check_symbols(int fd)
{
	AUTO_LINKAGE struct linkage *linkage = NULL;
	AUTO_UNDEFINEDS struct undefineds missing = {0};
	const uint32_t words[] = {0, 0};
	const struct scope_words alone = {words, 2, 1, true};
	struct err err;
	size_t where;

	HOLD(linkage_new(&linkage, &err) == 0);
	if (linkage_add(linkage, fd, &err) < 0 ||
	    linkage_undefined(linkage, &alone, &missing, &where, &err) < 0)
		return;
	for (size_t i = 0; i < missing.count; i++)
		HOLD(missing.items[i].object == 0 && missing.items[i].name);
}

/* The data that is sent equals the data that was read. */
static void check_form(int fd)
{
	AUTO_ELF_INFO struct elf_info before = {0}, after = {0};
	AUTO_FREE char *data = NULL;
	struct err err;
	size_t len;

	HOLD(elf_info_parse(fd, &before, &err) == 0);
	data = elf_info_encode(&before, &len);
	HOLD(data && elf_info_decode(data, len, &after));
	HOLD(before.is_elf == after.is_elf && before.elf.nneeded == after.elf.nneeded &&
	     before.elf.nverdef == after.elf.nverdef && !before.why == !after.why);
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
	check_form(fd);
	if (elf_parse(fd, &elf, &is_elf, &err) < 0 || !is_elf)
		return 0;
	check(&elf);
	if (elf.dynamic)
		check_symbols(fd);
	return 0;
}
