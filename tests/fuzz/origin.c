/* origin_read: the file that names a version's source. */
#include "store/origin.h"
#include "tests/fuzz/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct digest digest;
	struct store *store = fuzz_store();
	CLEANUP(origin_free) struct origin origin = {0};
	char hex[DIGEST_HEX], path[256];
	struct err err;
	AUTO_FD int fd = -1;

	digest_hex(&digest, hex);
	HOLD(mkdirat(store->dir, "origins", 0755) == 0 || errno == EEXIST);
	snprintf(path, sizeof path, "origins/%s", hex);
	fd = openat(store->dir, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	HOLD(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	if (origin_read(store, &digest, &origin, &err) < 0) {
		HOLD(!origin.source && !origin.apt_config);
		return 0;
	}
	HOLD(origin.source && !strchr(origin.source, '\n'));
	HOLD(!origin.apt_config || !strchr(origin.apt_config, '\n'));
	return 0;
}
