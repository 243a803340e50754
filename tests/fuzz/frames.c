/* A compromised parser may send any bytes at all. */
#include "tests/fuzz/store.h"

#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FD int frames = memfd_create("fuzz", MFD_CLOEXEC);

	HOLD(frames >= 0 && write(frames, data, size) == (ssize_t)size);
	HOLD(lseek(frames, 0, SEEK_SET) == 0);
	fuzz_frames(frames);
	return 0;
}
