#include "cli/size.h"

#include <stdio.h>

void human_size(uint64_t bytes, char text[32])
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	double size = (double)bytes;
	size_t unit = 0;

	for (; size >= 1024 && unit + 1 < sizeof units / sizeof *units; unit++)
		size /= 1024;
	snprintf(text, 32, unit == 0 || size >= 10 ? "%.0f %s" : "%.1f %s", size, units[unit]);
}
