/* The answer of a process that reads ELF files. */
#include "elf/info.h"
#include "tests/fuzz/fuzz.h"

#include <limits.h>

static void check_string(const struct elf *elf, const char *s, size_t max)
{
	HOLD(!s || (s >= elf->text && s + strlen(s) < elf->text + elf->text_len));
	HOLD(!s || strlen(s) < max);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *copy = fuzz_copy(data, size, 0), *again = NULL;
	AUTO_ELF_INFO struct elf_info info = {0};
	size_t len;

	if (!elf_info_decode(copy, size, &info)) {
		HOLD(!info.elf.text && !info.elf.needed && !info.why);
		return 0;
	}
	check_string(&info.elf, info.elf.interp, PATH_MAX);
	check_string(&info.elf, info.elf.soname, PATH_MAX);
	check_string(&info.elf, info.elf.rpath, ELF_STRING_MAX);
	check_string(&info.elf, info.elf.runpath, ELF_STRING_MAX);
	check_string(&info.elf, info.elf.audit, ELF_STRING_MAX);
	check_string(&info.elf, info.elf.depaudit, ELF_STRING_MAX);
	for (size_t i = 0; i < info.elf.nneeded; i++) {
		HOLD(info.elf.needed[i].name && info.elf.needed[i].kind <= ELF_FILTER);
		check_string(&info.elf, info.elf.needed[i].name, PATH_MAX);
	}
	for (size_t i = 0; i < info.elf.nverneed; i++) {
		HOLD(info.elf.verneed[i].name && info.elf.verneed[i].file);
		check_string(&info.elf, info.elf.verneed[i].name, PATH_MAX);
		check_string(&info.elf, info.elf.verneed[i].file, PATH_MAX);
	}
	for (size_t i = 0; i < info.elf.nverdef; i++)
		HOLD(info.elf.verdef[i].name && !info.elf.verdef[i].file);
	again = elf_info_encode(&info, &len);
	HOLD(again);
	return 0;
}
