#include "plan/read.h"

#include <string.h>

/* One byte of CRC-32, four bits at a time: a plan with a filter is some kilobytes, read at each
 * launch, and a table for whole bytes would be a kilobyte itself. */
static uint32_t next(uint32_t crc, unsigned char byte)
{
	static const uint32_t table[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
		0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
		0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};

	crc ^= byte;
	crc = crc >> 4 ^ table[crc & 15];
	return crc >> 4 ^ table[crc & 15];
}

uint32_t plan_crc(const void *data, size_t len)
{
	const unsigned char *p = data;
	size_t field = offsetof(struct plan_header, crc);
	uint32_t crc = 0xffffffffu;

	for (size_t i = 0; i < len; i++)
		crc = next(crc, i >= field && i < field + sizeof(uint32_t) ? 0 : p[i]);
	return ~crc;
}
