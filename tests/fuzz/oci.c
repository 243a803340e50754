/* An image's layout on the way that it takes, but in one process: the parser (unpack_oci.c: tar,
 * JSON, layers), the frames that it writes, and what staging makes of those of a version. For
 * libFuzzer digests are not compared: no mutation would get past them. */
#include "store/unpack.h"
#include "tests/fuzz/store.h"

#include <sys/mman.h>

#define FRAMES_MAX (8 << 20)

/* A file that holds so many bytes and no more: the parser ends where it is full. */
static int bounded_file(void)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	HOLD(fd >= 0 && ftruncate(fd, FRAMES_MAX) == 0);
	HOLD(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW) == 0);
	return fd;
}

static void rewound(int fd)
{
	off_t len = lseek(fd, 0, SEEK_CUR);

	HOLD(len >= 0 && ftruncate(fd, len) == 0 && lseek(fd, 0, SEEK_SET) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FD int archive = memfd_create("fuzz", MFD_CLOEXEC);

	HOLD(archive >= 0 && write(archive, data, size) == (ssize_t)size);
	for (unsigned int part = 0; part < 2; part++) {
		AUTO_FD int frames = bounded_file();

		unpack_oci_stream(archive, part, frames);
		rewound(frames);
		fuzz_frames(frames);
	}
	return 0;
}
