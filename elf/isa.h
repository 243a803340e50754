/* Levels of x86-64 (x86-64 psABI, "Micro-Architecture Levels"). A file names the levels that it
 * needs in the property GNU_PROPERTY_X86_ISA_1_NEEDED. glibc's loader compares them with the
 * processor right before it runs the program (sysdeps/x86/dl-prop.h), and therefore not while it
 * traces (DESIGN.md, loader-beyond-trace). */
#pragma once

#include "elf/image.h"

/* One bit a level. Each level includes those before it. */
enum {
	ISA_BASELINE = 1,
	ISA_V2 = 2,
	ISA_V3 = 4,
	ISA_V4 = 8,
};

/* The levels that a file needs; 0 without the property. The segments of the image are known. */
uint32_t isa_needed(struct image *image);
/* The levels of this processor, as glibc finds them for this process: GLIBC_TUNABLES can hide some. 0 if
 * the processor is not x86. */
uint32_t isa_present(void);

/* Whether glibc found a feature of the processor usable: x86_cpu_AVX2 (sys/platform/x86.h). */
bool isa_feature(unsigned int feature);

/* The highest level: "x86-64-v3", or "the x86 ISA levels 0x10" if pinlib does not know it. */
#define ISA_NAME 48
void isa_name(uint32_t levels, char out[ISA_NAME]);
