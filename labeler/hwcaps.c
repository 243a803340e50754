#include "labeler/hwcaps.h"

#include "base/cleanup.h"

#include <elf.h>
#include <gnu/libc-version.h>
#include <string.h>
#if defined __x86_64__
#include <sys/platform/x86.h>
#endif

bool hwcaps_is_legacy(const char *name)
{
	static const char *const legacy[] = {"tls",  "haswell", "xeon_phi", "avx512_1", "x86_64",
					     "i386", "i486",	"i586",	    "i686",	"sse2"};

	for (size_t i = 0; i < sizeof legacy / sizeof *legacy; i++)
		if (strcmp(name, legacy[i]) == 0)
			return true;
	return false;
}

#if defined __x86_64__

/* What glibc itself found usable. (Its macro for this shifts a signed 1 into the sign.) */
static bool active(unsigned int feature)
{
	const struct cpuid_feature *leaf = __x86_get_cpuid_feature_leaf(feature / 128);

	return leaf->active_array[feature % 128 / 32] & 1u << feature % 32;
}

static bool all_active(const unsigned int *features, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!active(features[i]))
			return false;
	return true;
}

/* The level of x86-64 as its dl-hwcaps_subdirs.c has it. */
static int x86_64_level(void)
{
	static const unsigned int v2[] = {x86_cpu_CMPXCHG16B, x86_cpu_LAHF64_SAHF64, x86_cpu_POPCNT,
					  x86_cpu_SSE3,	      x86_cpu_SSE4_1,	     x86_cpu_SSE4_2,
					  x86_cpu_SSSE3};
	static const unsigned int v3[] = {x86_cpu_AVX,	x86_cpu_AVX2, x86_cpu_BMI1,  x86_cpu_BMI2,
					  x86_cpu_F16C, x86_cpu_FMA,  x86_cpu_LZCNT, x86_cpu_MOVBE};
	static const unsigned int v4[] = {x86_cpu_AVX512F, x86_cpu_AVX512BW, x86_cpu_AVX512CD,
					  x86_cpu_AVX512DQ, x86_cpu_AVX512VL};

	if (!all_active(v2, sizeof v2 / sizeof *v2))
		return 1;
	if (!all_active(v3, sizeof v3 / sizeof *v3))
		return 2;
	return all_active(v4, sizeof v4 / sizeof *v4) ? 4 : 3;
}

/* The legacy names in the order of glibc's bits, as its cpu_features.c gives them out: the finer
 * ones to Intel's processors alone. (AT_PLATFORM, "x86_64", is the name of a bit too.) */
static size_t legacy_names(const char *names[4])
{
	bool intel = __builtin_cpu_is("intel"), phi = false;
	size_t n = 0;

	names[n++] = "x86_64";
	if (intel && active(x86_cpu_AVX512CD)) {
		phi = active(x86_cpu_AVX512ER) && active(x86_cpu_AVX512PF);
		if (!active(x86_cpu_AVX512ER) && x86_64_level() == 4)
			names[n++] = "avx512_1";
	}
	if (phi || (intel && x86_64_level() >= 3))
		names[n++] = phi ? "xeon_phi" : "haswell";
	names[n++] = "tls";
	return n;
}

/* Every combination, from that of all names to each alone, the last name outermost. */
static int add_legacy(struct dirs *out, struct err *err)
{
	const char *names[4];
	size_t n = legacy_names(names);

	for (unsigned int mask = (1u << n) - 1; mask > 0; mask--) {
		char dir[64] = "";
		int r;

		for (size_t i = n; i-- > 0;) {
			if (!(mask & 1u << i))
				continue;
			if (*dir)
				strncat(dir, "/", sizeof dir - strlen(dir) - 1);
			strncat(dir, names[i], sizeof dir - strlen(dir) - 1);
		}
		r = dirs_add(out, dir, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_x86_64(struct dirs *out, struct err *err)
{
	static const char *const levels[] = {"glibc-hwcaps/x86-64-v2", "glibc-hwcaps/x86-64-v3",
					     "glibc-hwcaps/x86-64-v4"};
	int r = 0;

	for (int level = x86_64_level(); r == 0 && level > 1; level--)
		r = dirs_add(out, levels[level - 2], err);
	if (r == 0 && strverscmp(gnu_get_libc_version(), "2.37") < 0)
		r = add_legacy(out, err);
	return r;
}

#else

static int add_x86_64(struct dirs *out, struct err *err)
{
	(void)out;
	(void)err;
	return 0;
}

#endif

int hwcaps_subdirs(int class, int machine, struct dirs *out, struct err *err)
{
	AUTO_DIRS struct dirs dirs = {0};
	int r = 0;

	if (class == 64 && machine == EM_X86_64)
		r = add_x86_64(&dirs, err);
	if (r == 0)
		r = dirs_add(&dirs, "", err);
	if (r < 0)
		return r;
	*out = dirs;
	dirs = (struct dirs){0};
	return 0;
}
