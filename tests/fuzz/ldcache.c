/* ldcache_parse, and look-ups of its entries. */
#include "loader/ldcache.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const hwcaps[] = {"x86-64-v3", "x86-64-v2"};
	const struct ldcache_wish wish = {0x303, 0, hwcaps, 2};
	AUTO_LDCACHE struct ldcache cache = {0};
	char *copy = fuzz_copy(data, size, 0); /* the cache's from here on */
	struct err err;

	if (ldcache_parse(copy, size, &cache, &err) < 0) {
		HOLD(!cache.data && !cache.entries && cache.count == 0);
		return 0;
	}
	for (size_t i = 0; i < cache.count; i++) {
		const struct ldcache_entry *e = &cache.entries[i], *found;

		HOLD(e->soname >= copy && e->soname + strlen(e->soname) < copy + size);
		HOLD(e->path >= copy && e->path + strlen(e->path) < copy + size);
		found = i < 64 ? ldcache_find(&cache, e->soname, &wish) : NULL;
		HOLD(!found || (found >= cache.entries && found < cache.entries + cache.count));
	}
	for (size_t i = 0; i < cache.nhwcaps; i++)
		HOLD(!cache.hwcaps[i] || cache.hwcaps[i] + strlen(cache.hwcaps[i]) < copy + size);
	ldcache_find(&cache, "libc.so.6", &wish);
	return 0;
}
