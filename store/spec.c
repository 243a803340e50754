#include "store/text.h"
#include "store/version.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define SHA256 "sha256:"
#define SHA256_LEAST 8

static bool digest_prefix(const char *s, const char **hex)
{
	if (strncmp(s, SHA256, strlen(SHA256)) != 0)
		return false;
	*hex = s + strlen(SHA256);
	return true;
}

static int parse_wanted(const char *text, struct spec *out, struct err *err)
{
	const char *hex, *fault;
	char buf[TEXT_SHOWN];

	if (digest_prefix(text, &hex)) {
		size_t len = strlen(hex);

		if (len < SHA256_LEAST || len > 2 * DIGEST_SIZE ||
		    strspn(hex, "0123456789abcdef") != len)
			return err_set(err, EINVAL,
				       "\"%s\" is not \"sha256:\" and 8 to 64 lower-case "
				       "hexadecimal digits",
				       text_shown(text, buf));
	} else {
		fault = text_version_fault(text);
		if (fault)
			return err_set(err, EINVAL, "the version \"%s\" %s", text_shown(text, buf),
				       fault);
	}
	snprintf(out->version, sizeof out->version, "%s", text);
	return 0;
}

static int parse_name(char *text, struct spec *out, struct err *err)
{
	char *arch = strchr(text, ':');
	const char *fault;
	char buf[TEXT_SHOWN];

	if (arch) {
		*arch++ = '\0';
		fault = text_arch_fault(arch);
		if (fault)
			return err_set(err, EINVAL, "\"%s\" %s", text_shown(arch, buf), fault);
		snprintf(out->arch, sizeof out->arch, "%s", arch);
	}
	fault = text_label_fault(text);
	if (fault)
		return err_set(err, EINVAL, "the name \"%s\" %s", text_shown(text, buf), fault);
	memcpy(out->name, text, strlen(text) + 1); /* text_label_fault bounds it */
	return 0;
}

int spec_parse(const char *text, struct spec *out, struct err *err)
{
	const char *equals = strchr(text, '=');
	char name[sizeof out->name + sizeof out->arch + 1], buf[TEXT_SHOWN];
	int r;

	*out = (struct spec){0};
	if (!equals)
		return err_set(err, EINVAL, "\"%s\" has no version: write NAME=VERSION",
			       text_shown(text, buf));
	if ((size_t)(equals - text) >= sizeof name)
		return err_set(err, EINVAL, "the name \"%s\" is longer than 255 bytes",
			       text_shown(text, buf));
	memcpy(name, text, (size_t)(equals - text));
	name[equals - text] = '\0';
	r = parse_name(name, out, err);
	return r < 0 ? r : parse_wanted(equals + 1, out, err);
}

/* The length of a soname's stem, the part before ".so": "libssl" in "libssl.so.1.1". */
static size_t stem_length(const char *soname)
{
	for (const char *so = soname; (so = strstr(so, ".so")); so++)
		if (so > soname && (so[3] == '\0' || so[3] == '.'))
			return (size_t)(so - soname);
	return 0;
}

static bool matches_soname(const char *name, const char *soname)
{
	size_t stem = stem_length(soname);

	if (strcmp(name, soname) == 0)
		return true;
	return stem > 0 && strlen(name) == stem && memcmp(name, soname, stem) == 0;
}

bool spec_matches_name(const char *name, const struct version *v)
{
	if (strcmp(name, v->name) == 0)
		return true;
	for (size_t i = 0; i < v->nentries; i++) {
		const struct entry *e = &v->entries[i];

		if (e->type == ENTRY_FILE && e->soname && matches_soname(name, e->soname))
			return true;
	}
	return false;
}

/* Whether wanted is a whole number of leading components of version. 1.2~rc1 is older than 1.2,
 * so "~" ends no component; neither does ":", which ends an epoch. */
static bool leads(const char *wanted, const char *version)
{
	size_t len = strlen(wanted);
	unsigned char next;

	if (strncmp(wanted, version, len) != 0)
		return false;
	next = (unsigned char)version[len];
	return next == '\0' || (!isalnum(next) && next != '~' && next != ':');
}

bool spec_matches_version(const char *wanted, const struct version *v)
{
	const char *hex, *colon = strchr(v->version, ':');
	char own[DIGEST_HEX];

	if (digest_prefix(wanted, &hex)) {
		digest_hex(&v->digest, own);
		return strlen(hex) >= SHA256_LEAST && strncmp(hex, own, strlen(hex)) == 0;
	}
	if (!*wanted)
		return false;
	return leads(wanted, v->version) || (colon && leads(wanted, colon + 1));
}

bool spec_matches(const struct spec *spec, const struct version *v)
{
	if (spec->arch[0] && strcmp(spec->arch, v->arch) != 0 && strcmp(v->arch, "all") != 0)
		return false;
	return spec_matches_name(spec->name, v) && spec_matches_version(spec->version, v);
}
