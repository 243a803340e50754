/* A package of another distribution on the way that it takes, but in one process: its parser (unpack/rpm.c for rpm's,
 * unpack/pkg.c for all others), the frames, and their staging; then its metadata alone. */
#include "tests/fuzz/store.h"
#include "unpack/unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FD int archive = memfd_create("fuzz", MFD_CLOEXEC);
	const enum unpack_kind kind = size > 0 && data[0] == 0xed ? UNPACK_RPM : UNPACK_PKG;

	HOLD(archive >= 0 && write(archive, data, size) == (ssize_t)size);
	for (int only_control = 0; only_control < 2; only_control++) {
		AUTO_FD int frames = fuzz_frames_file();

		HOLD(lseek(archive, 0, SEEK_SET) == 0);
		unpack_foreign_stream(kind, only_control, archive, frames);
		fuzz_frames_rewind(frames);
		if (!only_control)
			fuzz_frames(frames);
	}
	return 0;
}
