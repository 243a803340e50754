#pragma once

#include <stdint.h>

/* Bytes for people: "118 KiB". */
void human_size(uint64_t bytes, char text[32]);
