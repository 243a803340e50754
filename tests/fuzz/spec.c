/* spec_parse, and the comparison of its result. A newline ends the spec; the rest is the
 * version that it may match. */
#include "store/text.h"
#include "store/version.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *copy = fuzz_copy(data, size, 1);
	char *other = strchr(copy, '\n'), soname[] = "libz.so.1", arch[] = "amd64", none[] = "";
	struct entry file = {.type = ENTRY_FILE, .soname = soname};
	struct version v = {.arch = arch, .entries = &file, .nentries = 1};
	struct spec spec;
	struct err err;

	if (other)
		*other++ = '\0';
	if (spec_parse(copy, &spec, &err) < 0)
		return 0;
	HOLD(!text_label_fault(spec.name));
	HOLD(!spec.arch[0] || !text_arch_fault(spec.arch));
	HOLD(strncmp(spec.version, "sha256:", 7) == 0 || !text_version_fault(spec.version));
	HOLD(strncmp(copy, spec.name, strlen(spec.name)) == 0);
	HOLD(strcmp(strchr(copy, '=') + 1, spec.version) == 0);
	v.name = other ? other : none;
	v.version = other ? other : none;
	spec_matches(&spec, &v);
	v.version = spec.version;
	v.name = spec.name;
	HOLD(strncmp(spec.version, "sha256:", 7) == 0 || spec_matches_version(spec.version, &v));
	HOLD(spec_matches_name(spec.name, &v));
	return 0;
}
