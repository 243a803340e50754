/* Dates in what commands print. */
#pragma once

#include <stdint.h>

/* The present time in seconds since 1970; SOURCE_DATE_EPOCH in the environment replaces it (reproducible-builds.org). */
int64_t output_time(void);

#define DATE_TEXT 16
void date_text(int64_t time, char text[DATE_TEXT]); /* "2026-11-30", in UTC */
