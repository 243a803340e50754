/* version_parse: it accepts only canonical text, so writing the version gives the same text. The target adds the seal,
 * which no fuzzer would guess. */
#include "store/checksum.h"
#include "store/text.h"
#include "store/version.h"
#include "tests/fuzz/fuzz.h"

static void hold_entry(const struct entry *e)
{
	HOLD(!text_path_fault(e->path) && (e->mode & ~0777u) == 0);
	HOLD(e->time == text_time_near(e->time) && (e->type != ENTRY_LINK || e->time == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *copy = fuzz_copy(data, size, 1), *sealed = NULL, *text = NULL;
	AUTO_VERSION struct version v = {0};
	struct digest digest;
	struct err err;
	size_t sealed_len = 0, len = 0;

	HOLD(version_parse(copy, size, &v, &err) < 0); /* unsealed */
	copy[size] = '\0';
	sealed = checksum_added(copy, &sealed_len, &err);
	HOLD(sealed && (!copy[0] || checksum_holds(sealed, sealed_len)));
	if (version_parse(sealed, sealed_len, &v, &err) < 0) {
		HOLD(!v.name && !v.entries);
		return 0;
	}
	digest = v.digest;
	for (size_t i = 0; i < v.nentries; i++)
		hold_entry(&v.entries[i]);
	version_size(&v);
	HOLD(version_encode(&v, &text, &len, &err) == 0);
	HOLD(len == sealed_len && memcmp(text, sealed, len) == 0 &&
	     digest_equal(&digest, &v.digest));
	return 0;
}
