#include "store/seal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int seal_line(const char *text, size_t len, char line[SEAL_LEN + 1], struct err *err)
{
	struct digest digest;
	char hex[DIGEST_HEX];
	int r = digest_data(text, len, &digest, err);

	if (r < 0)
		return r;
	digest_hex(&digest, hex);
	snprintf(line, SEAL_LEN + 1, SEAL "%s\n", hex);
	return 0;
}

char *seal_added(const char *text, size_t *len, struct err *err)
{
	char line[SEAL_LEN + 1], *sealed;
	int n;

	if (seal_line(text, strlen(text), line, err) < 0)
		return NULL;
	n = asprintf(&sealed, "%s%s", text, line);
	if (n < 0) {
		err_nomem(err);
		return NULL;
	}
	*len = (size_t)n;
	return sealed;
}

bool seal_holds(const char *text, size_t len)
{
	char line[SEAL_LEN + 1];
	struct err ignored;

	return len > SEAL_LEN && seal_line(text, len - SEAL_LEN, line, &ignored) == 0 &&
	       memcmp(text + len - SEAL_LEN, line, SEAL_LEN) == 0;
}
