/* What a process that reads ELF files may answer of one, and what stands in the index. */
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
	AUTO_ELF_INFO struct elf_info f = {0};
	size_t len;

	if (!elf_info_decode(copy, size, &f)) {
		HOLD(!f.elf.text && !f.elf.needed && !f.why);
		return 0;
	}
	check_string(&f.elf, f.elf.interp, PATH_MAX);
	check_string(&f.elf, f.elf.soname, PATH_MAX);
	check_string(&f.elf, f.elf.rpath, ELF_STRING_MAX);
	check_string(&f.elf, f.elf.runpath, ELF_STRING_MAX);
	for (size_t i = 0; i < f.elf.nneeded; i++) {
		HOLD(f.elf.needed[i].name && f.elf.needed[i].kind <= ELF_FILTER);
		check_string(&f.elf, f.elf.needed[i].name, PATH_MAX);
	}
	for (size_t i = 0; i < f.elf.nasked; i++) {
		HOLD(f.elf.asked[i].name && f.elf.asked[i].file);
		check_string(&f.elf, f.elf.asked[i].name, PATH_MAX);
		check_string(&f.elf, f.elf.asked[i].file, PATH_MAX);
	}
	for (size_t i = 0; i < f.elf.ngiven; i++)
		HOLD(f.elf.given[i].name && !f.elf.given[i].file);
	again = elf_info_encode(&f, &len);
	HOLD(again);
	return 0;
}
