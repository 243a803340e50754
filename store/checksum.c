#include "store/checksum.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int checksum_line(const char *text, size_t len, char line[CHECKSUM_LEN + 1], struct err *err)
{
	struct digest digest;
	char hex[DIGEST_HEX];
	int r = digest_data(text, len, &digest, err);

	if (r < 0)
		return r;
	digest_hex(&digest, hex);
	snprintf(line, CHECKSUM_LEN + 1, CHECKSUM "%s\n", hex);
	return 0;
}

char *checksum_added(const char *text, size_t *len, struct err *err)
{
	char line[CHECKSUM_LEN + 1], *sealed;
	int n;

	if (checksum_line(text, strlen(text), line, err) < 0)
		return NULL;
	n = asprintf(&sealed, "%s%s", text, line);
	if (n < 0) {
		err_nomem(err);
		return NULL;
	}
	*len = (size_t)n;
	return sealed;
}

bool checksum_holds(const char *text, size_t len)
{
	char line[CHECKSUM_LEN + 1];
	struct err ignored;

	return len > CHECKSUM_LEN && checksum_line(text, len - CHECKSUM_LEN, line, &ignored) == 0 &&
	       memcmp(text + len - CHECKSUM_LEN, line, CHECKSUM_LEN) == 0;
}
