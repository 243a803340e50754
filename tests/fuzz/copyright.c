/* copyright_names: the copyright files of packages; and licence_expression, of each name. */
#include "sbom/copyright.h"

#include "sbom/licence.h"
#include "tests/fuzz/fuzz.h"

static void check_name(const char *name)
{
	size_t len = strlen(name);

	HOLD(len > 0 && len <= COPYRIGHT_NAME_MAX && name[0] != ' ' && name[len - 1] != ' ');
	for (size_t i = 0; i < len; i++)
		HOLD((unsigned char)name[i] >= ' ' && name[i] != 0x7f);
	HOLD(!strstr(name, "  "));
}

/* An expression has words of the table and parentheses in pairs. */
static void check_expression(const char *text)
{
	int depth = 0;

	HOLD(*text && text[strlen(text) - 1] != ' ');
	HOLD(strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.- ()") ==
	     strlen(text));
	for (; *text; text++) {
		depth += (*text == '(') - (*text == ')');
		HOLD(depth == 0 || depth == 1);
	}
	HOLD(depth == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *copy = fuzz_copy(data, size, 0);
	AUTO_STRINGS struct strings names = {0};
	struct err err;
	int r = copyright_names(copy, size, &names, &err);

	HOLD(r == 0 || r == 1);
	HOLD(names.count <= COPYRIGHT_NAMES_MAX);
	for (size_t i = 0; i < names.count; i++) {
		AUTO_FREE char *expression = NULL;

		check_name(names.items[i]);
		HOLD(licence_expression(names.items[i], &expression, &err) == 0);
		if (expression)
			check_expression(expression);
	}
	return 0;
}
