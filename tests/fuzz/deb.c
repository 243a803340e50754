/* A .deb file on the way that it takes, but in one process: the parser (unpack/unpack.c: ar, the
 * decompressors, tar), the frames that it writes, and the staging of these frames. */
#include "tests/fuzz/store.h"
#include "unpack/unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FD int archive = memfd_create("fuzz", MFD_CLOEXEC), frames = fuzz_frames_file();

	HOLD(archive >= 0 && write(archive, data, size) == (ssize_t)size);
	HOLD(lseek(archive, 0, SEEK_SET) == 0);
	unpack_stream(archive, frames);
	fuzz_frames_rewind(frames);
	fuzz_frames(frames);
	return 0;
}
