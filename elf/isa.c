#include "elf/isa.h"

#include <elf.h>
#include <stdio.h>
#include <string.h>
#if defined __x86_64__
#include <sys/platform/x86.h>
#endif

#define NOTES_MAX 65536	    /* bytes of one segment of notes; linkers write some hundred */
#define PROPERTIES_MAX 4096 /* bytes of the properties in one note */

/* -- the file -- */

static uint64_t align_up(uint64_t n, uint64_t to)
{
	return (n + to - 1) / to * to;
}

/* The properties of a note: type, size, value, padded to the size of an address. They are sorted by
 * their types. */
static uint32_t read_properties(struct image *i, uint64_t at, uint64_t end)
{
	uint32_t head[2], value, last = 0;

	while (end - at >= sizeof head && image_get(i, at, head, sizeof head)) {
		uint32_t type = image_u32(i, head[0]), size = image_u32(i, head[1]);
		uint64_t padded = align_up(size, (uint64_t)i->class / 8);

		at += sizeof head;
		if (type < last || type > GNU_PROPERTY_X86_ISA_1_NEEDED || size > end - at)
			return 0;
		if (type == GNU_PROPERTY_X86_ISA_1_NEEDED)
			return size == sizeof value && image_get(i, at, &value, sizeof value)
				       ? image_u32(i, value)
				       : 0;
		if (padded > end - at)
			return 0;
		last = type;
		at += padded;
	}
	return 0;
}

static bool is_property_note(struct image *i, uint64_t at, const Elf64_Nhdr *note)
{
	char name[4];

	return image_u32(i, note->n_namesz) == sizeof name &&
	       image_u32(i, note->n_type) == NT_GNU_PROPERTY_TYPE_0 &&
	       image_get(i, at + sizeof *note, name, sizeof name) &&
	       memcmp(name, "GNU", sizeof name) == 0;
}

/* True: the segment has a note of properties. The loader uses none of several: old linkers did not
 * merge the properties of their object files. */
static bool read_notes(struct image *i, const Elf64_Phdr *ph, uint32_t *needed)
{
	const uint64_t word = (uint64_t)i->class / 8;
	uint64_t at, len, end;
	Elf64_Nhdr note; /* the same in both classes */
	size_t found = 0;

	if (ph->p_align != word || !image_offset(i, ph->p_vaddr, &at, &len))
		return false;
	len = ph->p_memsz < len ? ph->p_memsz : len;
	end = at + (len < NOTES_MAX ? len : NOTES_MAX);
	while (at < end && end - at >= sizeof note && image_get(i, at, &note, sizeof note)) {
		uint64_t start = align_up(sizeof note + image_u32(i, note.n_namesz), word);
		uint64_t size = image_u32(i, note.n_descsz);

		if (is_property_note(i, at, &note) && start + size <= end - at &&
		    size % word == 0 && size <= PROPERTIES_MAX)
			*needed =
				++found > 1 ? 0 : read_properties(i, at + start, at + start + size);
		at += align_up(start + size, word);
	}
	return found > 0;
}

/* From the last program header to the first, as the loader does. PT_GNU_PROPERTY names a part of a
 * PT_NOTE. */
uint32_t isa_needed(struct image *image)
{
	struct err ignored;
	uint32_t needed = 0;
	Elf64_Phdr ph;

	if (image->header.e_machine != EM_X86_64 && image->header.e_machine != EM_386)
		return 0;
	for (size_t n = image->header.e_phnum; n-- > 0;) {
		if (image_phdr(image, n, &ph, &ignored) < 0)
			return 0;
		if ((ph.p_type == PT_NOTE || ph.p_type == PT_GNU_PROPERTY) &&
		    read_notes(image, &ph, &needed))
			return needed;
	}
	return 0;
}

/* -- the processor -- */

#if defined __x86_64__

/* glibc's own macro shifts a signed 1 into the sign bit. */
bool isa_feature(unsigned int feature)
{
	const struct cpuid_feature *leaf = __x86_get_cpuid_feature_leaf(feature / 128);

	return leaf->active_array[feature % 128 / 32] & 1u << feature % 32;
}

static bool has_features(const unsigned int *features, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isa_feature(features[i]))
			return false;
	return true;
}

/* As glibc's sysdeps/x86/get-isa-level.h. */
uint32_t isa_present(void)
{
	static const unsigned int v2[] = {x86_cpu_CMPXCHG16B, x86_cpu_LAHF64_SAHF64, x86_cpu_POPCNT,
					  x86_cpu_SSE3,	      x86_cpu_SSE4_1,	     x86_cpu_SSE4_2,
					  x86_cpu_SSSE3};
	static const unsigned int v3[] = {x86_cpu_AVX,	x86_cpu_AVX2, x86_cpu_BMI1,  x86_cpu_BMI2,
					  x86_cpu_F16C, x86_cpu_FMA,  x86_cpu_LZCNT, x86_cpu_MOVBE};
	static const unsigned int v4[] = {x86_cpu_AVX512F, x86_cpu_AVX512BW, x86_cpu_AVX512CD,
					  x86_cpu_AVX512DQ, x86_cpu_AVX512VL};

	if (!has_features(v2, sizeof v2 / sizeof *v2))
		return ISA_BASELINE;
	if (!has_features(v3, sizeof v3 / sizeof *v3))
		return ISA_BASELINE | ISA_V2;
	if (!has_features(v4, sizeof v4 / sizeof *v4))
		return ISA_BASELINE | ISA_V2 | ISA_V3;
	return ISA_BASELINE | ISA_V2 | ISA_V3 | ISA_V4;
}

#else

bool isa_feature(unsigned int feature)
{
	(void)feature;
	return false;
}

uint32_t isa_present(void)
{
	return 0;
}

#endif

void isa_name(uint32_t levels, char out[ISA_NAME])
{
	if (levels > (ISA_V4 << 1) - 1)
		snprintf(out, ISA_NAME, "the x86 ISA levels %#x", levels);
	else if (levels & ~(uint32_t)ISA_BASELINE)
		snprintf(out, ISA_NAME, "x86-64-v%d",
			 levels & ISA_V4   ? 4
			 : levels & ISA_V3 ? 3
					   : 2);
	else
		snprintf(out, ISA_NAME, "x86-64");
}
