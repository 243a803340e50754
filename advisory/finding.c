#include "advisory/finding.h"

#include <stdlib.h>
#include <string.h>

bool finding_has_id(const struct finding *finding, const char *id)
{
	return strcmp(finding->id, id) == 0 || strings_have(&finding->names, id);
}

void finding_free(struct finding *f)
{
	free(f->id);
	free(f->urgency);
	free(f->severity);
	free(f->fixed);
	free(f->release);
	strings_free(&f->names);
}

void findings_free(struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++)
		finding_free(&findings->items[i]);
	free(findings->items);
	*findings = (struct findings){0};
}
