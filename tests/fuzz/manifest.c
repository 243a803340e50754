/* version_parse: it accepts only canonical text, so writing the version gives the same text. */
#include "store/text.h"
#include "store/version.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *copy = fuzz_copy(data, size, 0), *text = NULL;
	AUTO_VERSION struct version v = {0};
	struct digest digest;
	struct err err;
	size_t len = 0;

	if (version_parse(copy, size, &v, &err) < 0) {
		HOLD(!v.name && !v.entries);
		return 0;
	}
	digest = v.digest;
	for (size_t i = 0; i < v.nentries; i++)
		HOLD(!text_path_fault(v.entries[i].path) && (v.entries[i].mode & ~0777u) == 0);
	version_size(&v);
	HOLD(version_encode(&v, &text, &len, &err) == 0);
	HOLD(len == size && memcmp(text, copy, len) == 0 && digest_equal(&digest, &v.digest));
	return 0;
}
