#include "doctor/check.h"

#include <stdarg.h>
#include <stdio.h>

__attribute__((format(printf, 4, 0))) static void report_finding(struct checkup *c,
								 enum health health,
								 const char *remedy,
								 const char *fmt, va_list ap)
{
	char text[2 * ERR_TEXT_MAX];

	vsnprintf(text, sizeof text, fmt, ap);
	c->report(c->ctx, &(struct finding){c->check, health, text, remedy});
	if (health == HEALTH_FAULT)
		c->faults++;
}

void check_well(struct checkup *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report_finding(c, HEALTH_WELL, NULL, fmt, ap);
	va_end(ap);
}

void check_note(struct checkup *c, const char *remedy, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report_finding(c, HEALTH_NOTE, remedy, fmt, ap);
	va_end(ap);
}

void check_fault(struct checkup *c, const char *remedy, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report_finding(c, HEALTH_FAULT, remedy, fmt, ap);
	va_end(ap);
}
