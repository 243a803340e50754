/*
 * Frames, which the archive parser, a child without privileges, writes to its pipe: each is a struct
 * frame, then path_len bytes of path, target_len of target, and data_len of data, without NULs.
 * The parent takes every frame for hostile.
 *
 *	FIELD  path: the control field's name; target: its value
 *	DIR    path, time
 *	LINK   path, target
 *	HARD   path, target (an earlier path), mode
 *	FILE   path, mode, time, size; then DATA frames, size bytes in all
 *	DATA   data
 *	BLOB   path: a file of an image's directory, "blobs/sha256/HEX"; the parent answers with a descriptor
 *	ERROR  mode: EPERM, EBADMSG, EFBIG or ENOSYS (the parser could not be confined); path: the
 *	       member or nothing; target: the reason. The last frame
 *	END    the last frame; mode: of an image's pins, how many versions it has
 */
#pragma once

#include <stdint.h>

enum frame_type {
	FRAME_FIELD = 1,
	FRAME_DIR,
	FRAME_LINK,
	FRAME_HARD,
	FRAME_FILE,
	FRAME_DATA,
	FRAME_ERROR,
	FRAME_END,
	FRAME_BLOB,
};

struct frame {
	uint32_t type, mode;
	uint64_t size;
	int64_t time; /* seconds since 1970, as in the archive */
	uint32_t path_len, target_len, data_len, pad;
};

#define FRAME_TEXT_MAX 4200 /* path or target: some more than PATH_MAX, which the parent checks */
#define FRAME_DATA_MAX (128 * 1024)
