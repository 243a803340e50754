#include "plan/read.h"

#include <string.h>

/* One byte of CRC-32, bit by bit: a plan is a few hundred bytes, a table would be a kilobyte. */
static uint32_t next(uint32_t crc, unsigned char byte)
{
	crc ^= byte;
	for (int bit = 0; bit < 8; bit++)
		crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	return crc;
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
