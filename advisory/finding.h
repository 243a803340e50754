/* A known vulnerability of one version. */
#pragma once

#include "advisory/advice.h"
#include "base/strings.h"

#include <stdbool.h>
#include <stddef.h>

struct finding {
	size_t version;	      /* the number of the judged version */
	char *id;	      /* a CVE if there is one */
	struct strings names; /* the other ids of the same vulnerability */
	char *urgency;	      /* a word ("high", "unimportant"); "": none */
	char *severity;	      /* a CVSS vector; "": none */
	char *fixed;	      /* the first version with the fix; "": there is none */
	char *release;	      /* of Debian, whose entry was compared; "": of all, or unknown */
	bool another_release;
	enum advice_basis basis;
};

struct findings {
	struct finding *items; /* sorted by version and id, each vulnerability once for a version */
	size_t count;
};

void finding_free(struct finding *finding);
void findings_free(struct findings *findings);

/* Whether the id is its own, or one of its other ids. */
bool finding_has_id(const struct finding *finding, const char *id);
