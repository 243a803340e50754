#include "cli/now.h"

#include "cli/arguments.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int64_t output_time(void)
{
	const char *fixed = getenv("SOURCE_DATE_EPOCH");
	int64_t now;

	return fixed && read_number(fixed, 0, INT64_MAX / 2, &now) ? now : (int64_t)time(NULL);
}

void date_text(int64_t time, char text[DATE_TEXT])
{
	time_t seconds = (time_t)time;
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) || strftime(text, DATE_TEXT, "%Y-%m-%d", &tm) == 0)
		snprintf(text, DATE_TEXT, "?");
}
