/* An image's layout on the way that it takes, but in one process: the parser (unpack/pins.c: tar,
 * JSON, layers), the frames that it writes, and the staging of a version's frames. For
 * libFuzzer digests are not compared: no mutation would get past them. */
#include "tests/fuzz/store.h"
#include "unpack/unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FD int archive = memfd_create("fuzz", MFD_CLOEXEC);

	HOLD(archive >= 0 && write(archive, data, size) == (ssize_t)size);
	for (unsigned int part = 0; part < 2; part++) {
		AUTO_FD int frames = fuzz_frames_file();

		unpack_oci_stream(archive, part, frames);
		fuzz_frames_rewind(frames);
		fuzz_frames(frames);
	}
	return 0;
}
