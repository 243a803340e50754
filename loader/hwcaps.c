#include "loader/hwcaps.h"

#include "elf/isa.h"

#include <elf.h>
#include <string.h>
#include <sys/auxv.h>
#if defined __x86_64__
#include <sys/platform/x86.h>
#endif

const char *hwcaps_legacy(size_t n)
{
	static const char *const legacy[] = {"tls",  "haswell", "xeon_phi", "avx512_1", "x86_64",
					     "i386", "i486",	"i586",	    "i686",	"sse2"};

	return n < sizeof legacy / sizeof *legacy ? legacy[n] : NULL;
}

bool hwcaps_is_legacy(const char *name)
{
	const char *legacy;

	for (size_t i = 0; (legacy = hwcaps_legacy(i)); i++)
		if (strcmp(name, legacy) == 0)
			return true;
	return false;
}

#if defined __x86_64__

/* A legacy name and ldconfig's bit for it. */
struct legacy_name {
	const char *name;
	int bit;
};

#define LEGACY_MAX 4

/* In the order of glibc's bits (cpu_features.c), which gives the finer ones to Intel's processors
 * only. The platform comes after the bits and before "tls". Without a finer one it is the kernel's,
 * "x86_64", which is the name of a bit too: the directory x86_64/x86_64 is one of them. */
static size_t legacy_64(struct legacy_name names[LEGACY_MAX])
{
	bool intel = __builtin_cpu_is("intel"), phi = false;
	size_t n = 0;

	names[n++] = (struct legacy_name){"x86_64", 1};
	if (intel && isa_feature(x86_cpu_AVX512CD)) {
		phi = isa_feature(x86_cpu_AVX512ER) && isa_feature(x86_cpu_AVX512PF);
		if (!isa_feature(x86_cpu_AVX512ER) && isa_present() & ISA_V4)
			names[n++] = (struct legacy_name){"avx512_1", 2};
	}
	if (phi)
		names[n++] = (struct legacy_name){"xeon_phi", 51};
	else if (intel && isa_present() & ISA_V3)
		names[n++] = (struct legacy_name){"haswell", 50};
	else
		names[n++] = (struct legacy_name){"x86_64", 1};
	return n;
}

static size_t legacy_names(int class, struct legacy_name names[LEGACY_MAX])
{
	size_t n = 0;

	if (class == 64) {
		n = legacy_64(names);
	} else { /* any processor that runs x86-64 */
		names[n++] = (struct legacy_name){"sse2", 0};
		names[n++] = (struct legacy_name){"i686", 49};
	}
	names[n++] = (struct legacy_name){"tls", 63};
	return n;
}

/* All combinations, from that of all names down to single names; the last name is outermost. */
static int add_legacy(int class, struct strings *out, struct err *err)
{
	struct legacy_name names[LEGACY_MAX];
	size_t n = legacy_names(class, names);

	for (unsigned int mask = (1u << n) - 1; mask > 0; mask--) {
		char dir[64] = "";
		int r;

		for (size_t i = n; i-- > 0;) {
			if (!(mask & 1u << i))
				continue;
			if (*dir)
				strncat(dir, "/", sizeof dir - strlen(dir) - 1);
			strncat(dir, names[i].name, sizeof dir - strlen(dir) - 1);
		}
		r = strings_add_once(out, dir, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_x86(int class, const struct ldso_facts *ldso, struct strings *out, struct err *err)
{
	int r = 0;

	for (int level = 4; r == 0 && class == 64 && ldso->hwcaps && level > 1; level--)
		if (isa_present() & 1u << (level - 1))
			r = strings_addf(out, err, "glibc-hwcaps/x86-64-v%d", level);
	return r == 0 && ldso->legacy ? add_legacy(class, out, err) : r;
}

static uint64_t x86_bits(int class)
{
	struct legacy_name names[LEGACY_MAX];
	size_t n = legacy_names(class, names);
	uint64_t bits = 0;

	for (size_t i = 0; i < n; i++)
		bits |= UINT64_C(1) << names[i].bit;
	return bits;
}

static const char *x86_platform(int class)
{
	struct legacy_name names[LEGACY_MAX];
	size_t n = legacy_names(class, names);

	return names[n - 2].name;
}

#else

static int add_x86(int class, const struct ldso_facts *ldso, struct strings *out, struct err *err)
{
	(void)class;
	(void)ldso;
	(void)out;
	(void)err;
	return 0;
}

static uint64_t x86_bits(int class)
{
	(void)class;
	return 0;
}

static const char *x86_platform(int class)
{
	(void)class;
	return "";
}

#endif

static bool is_x86(int class, int machine)
{
	return (class == 64 && machine == EM_X86_64) || (class == 32 && machine == EM_386);
}

uint64_t hwcaps_bits(int class, int machine, const struct ldso_facts *ldso)
{
	return is_x86(class, machine) && ldso->legacy ? x86_bits(class) : 0;
}

const char *hwcaps_platform(int class, int machine)
{
	const char *native = (const char *)getauxval(AT_PLATFORM);

	if (is_x86(class, machine))
		return x86_platform(class);
	return native ? native : "";
}

int hwcaps_subdirs(int class, int machine, const struct ldso_facts *ldso, struct strings *out,
		   struct err *err)
{
	int r = is_x86(class, machine) ? add_x86(class, ldso, out, err) : 0;

	return r < 0 ? r : strings_add_once(out, "", err);
}
