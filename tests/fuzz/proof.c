/* proof_parse: the output of a loader, or of a program in its place. */
#include "proof/proof.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *copy = fuzz_copy(data, size, 2);
	AUTO_PROOF struct proof proof = {0};
	struct err err;
	char text[512];

	copy[size] = '\n'; /* as proof_run() ends it */
	HOLD(proof_parse(copy, &proof, &err) == 0);
	for (size_t i = 0; i < proof.nloaded; i++)
		HOLD(proof.loaded[i].name && strchr(proof.loaded[i].path, '/'));
	for (size_t i = 0; i < proof.nmissing; i++) {
		HOLD(proof.missing[i].what);
		HOLD(proof.missing[i].kind != MISSING_VERSION || proof.missing[i].from);
		HOLD(i == 0 || proof.missing[i - 1].kind <= proof.missing[i].kind);
		proof_describe_missing(&proof.missing[i], text, sizeof text);
	}
	return 0;
}
