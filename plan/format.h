/*
 * The plan: all that the wrapper needs to know about one app, compiled from the policy.
 *
 * One file per app in PINLIB_PLANS, named by the app's canonical path, percent-encoded
 * ("usr%2Fbin%2Fcurl"); owned by root, mode 0644, replaced by rename. Writer and reader are on the same machine, so
 * numbers are in its byte order.
 *
 *	+--------------------------+ 0
 *	| struct plan_header       |
 *	+--------------------------+ header.covers_at
 *	| struct plan_cover  [n]   |  n = header.covers
 *	+--------------------------+ header.filter_at, if it is not 0
 *	| struct plan_filter       |
 *	| struct sock_filter [n]   |  n = filter.ops, linux/filter.h
 *	+--------------------------+ header.seal_at, if it is not 0
 *	| struct plan_seal         |
 *	+--------------------------+ header.strings_at
 *	| strings, each ends in 0  |  the last byte of the file is 0
 *	+--------------------------+ header.size, the file's size
 *
 * A string is given as its offset from the start of the file. The checksum is CRC-32 (IEEE 802.3, reflected, as in zlib)
 * over the whole file, with the crc field as 0. It detects damage, not malice: owner and mode of the file and of its
 * directory protect against that.
 */
#pragma once

#include <linux/filter.h>
#include <stdint.h>

#define PLAN_MAGIC "pinplan" /* 7 letters and the NUL */
#define PLAN_VERSION 4
#define PLAN_SIZE_MAX (64 * 1024)
#define PLAN_COVERS_MAX 64
#define PLAN_FILTER_MAX BPF_MAXINSNS /* instructions: the kernel's limit, 32 KiB */

enum plan_kind {
	PLAN_ELF = 1,
	PLAN_SCRIPT = 2,
};

enum plan_on_failure {
	PLAN_REFUSE = 1,   /* without the capability: exit 126 */
	PLAN_UNPINNED = 2, /* without the capability: start the program without its view */
};

struct plan_header {
	char magic[8];
	uint32_t version;
	uint32_t size;
	uint32_t crc;
	uint32_t kind;	     /* enum plan_kind */
	uint32_t on_failure; /* enum plan_on_failure */
	uint32_t covers;     /* their number; 0: the app sees the live system */
	uint64_t generation; /* of the policy that was compiled */
	uint32_t covers_at;
	uint32_t strings_at;
	uint32_t app;	    /* string: canonical absolute path of the program */
	uint32_t real;	    /* string: absolute path of the original, which need not exist */
	uint32_t program;   /* string: the file to execute: real, or a file in a layer */
	uint32_t at;	    /* string: the path at which the view shows it: app, or its path in its
			       version */
	uint32_t label;	    /* string: see PLAN_LABEL_MAX */
	uint32_t filter_at; /* 0: no filter */
	uint32_t seal_at;   /* 0: the app has a view */
	uint32_t zero;
};

/* One overlay: the layer over the live directory. Covers are sorted by target, and no target is below another. */
struct plan_cover {
	uint32_t target; /* string: canonical absolute path of a directory */
	uint32_t layer;	 /* string: absolute path of the layer's directory, below PINLIB_LAYERS */
};

/* A system-call filter, which the wrapper hands to seccomp(2) unchanged. */
struct plan_filter {
	uint32_t ops; /* the number of instructions that follow, not 0 */
	uint32_t zero;
};

/* Of a sealed app (seal/seal.h), which has no view: no stub executes the wrapper for it. Each is a SHA-256. */
struct plan_seal {
	uint8_t file[32];   /* of the sealed file at the app's path */
	uint8_t source[32]; /* of the program that it is a copy of */
};

/* Begins the last string of a sealed file; then come the app's path, "" for a file of `pinlib seal`, and a NUL. */
#define SEALED_MARK "Sealed by pinlib for "

/* The label identifies the view in mountinfo: "LAYER:GENERATION:APP" in printable ASCII without spaces; other bytes are
 * percent-encoded. It is cut to this length (with the NUL), since fsconfig(2) takes 256 bytes, with PINLIB_SOURCE. */
#define PLAN_LABEL_MAX 240

_Static_assert(sizeof(struct plan_header) == 80, "the plan's header has no padding");
_Static_assert(sizeof(struct plan_cover) == 8, "a cover has no padding");
_Static_assert(sizeof(struct plan_seal) == 64, "a seal has no padding");
_Static_assert(sizeof(struct plan_filter) == 8, "a filter's head has no padding");
_Static_assert(sizeof(struct sock_filter) == 8, "an instruction has no padding");
