/* An image in a tar archive on the way that it takes, but in one process: manifest, layers, tree and dpkg's database
 * (unpack/image.c), the frames, and their staging; as a layout, and as docker's archive. For libFuzzer digests are not
 * compared: no mutation would get past them. */
#include "tests/fuzz/store.h"
#include "unpack/unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"libx1", "libx.so.1"};
	AUTO_FD int archive = memfd_create("fuzz", MFD_CLOEXEC);

	HOLD(archive >= 0 && write(archive, data, size) == (ssize_t)size);
	for (int i = 0; i < 4; i++) {
		const struct unpack_pick pick = {.name = names[i % 2],
						 .tag = "",
						 .arch = "amd64",
						 .triplet = "x86_64-linux-gnu",
						 .docker = i > 1};
		AUTO_FD int frames = fuzz_frames_file();

		unpack_image_stream(&pick, archive, frames);
		fuzz_frames_rewind(frames);
		fuzz_frames(frames);
	}
	return 0;
}
