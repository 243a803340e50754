/* The texts of a bill of materials: package URLs, the names in copyright files, SPDX expressions. */
#include "base/cleanup.h"
#include "base/strings.h"
#include "sbom/copyright.h"
#include "sbom/licence.h"
#include "sbom/purl.h"
#include "tests/unit/test.h"

static struct err err;

#define PURL(wanted, TYPE, NSPACE, NAME, VERSION, ...)                                             \
	do {                                                                                       \
		const struct purl_qualifier q_[] = {__VA_ARGS__ __VA_OPT__(, ){0}};                \
		AUTO_FREE char *text_ =                                                            \
			purl_text(&(struct purl){TYPE, NSPACE, NAME, VERSION, q_});                \
		CHECK_STR(text_, wanted);                                                          \
	} while (0)

/* Strings of the standard's own tests for these types. */
static void purls_of_the_standard(void)
{
	PURL("pkg:deb/debian/curl@7.50.3-1?arch=i386&distro=jessie", "deb", "debian", "curl",
	     "7.50.3-1", {"arch", "i386"}, {"distro", "jessie"});
	PURL("pkg:deb/debian/attr@1:2.4.47-2?arch=source", "deb", "debian", "attr", "1:2.4.47-2",
	     {"arch", "source"});
	PURL("pkg:deb/debian/attr@1:2.4.47-2%2Bb1?arch=amd64", "deb", "debian", "attr",
	     "1:2.4.47-2+b1", {"arch", "amd64"});
	PURL("pkg:deb/ubuntu/dpkg@1.19.0.4?arch=amd64", "deb", "ubuntu", "dpkg", "1.19.0.4",
	     {"arch", "amd64"}, {"distro", ""}, {"upstream", NULL});
	PURL("pkg:generic/openssl@1.1.10g", "generic", NULL, "openssl", "1.1.10g");
	PURL("pkg:generic/openssl@1.1.10g?checksum=sha256:de4d501267da&download_url=https:%2F%2F"
	     "openssl.org%2Fsource%2Fopenssl-1.1.0g.tar.gz",
	     "generic", NULL, "openssl", "1.1.10g", {"checksum", "sha256:de4d501267da"},
	     {"download_url", "https://openssl.org/source/openssl-1.1.0g.tar.gz"});
	PURL("pkg:generic/bitwarderl?vcs_url=git%2Bhttps:%2F%2Fgit.fsfe.org%2Fdxtr%2Fbitwarderl%"
	     "40cc55108da32",
	     "generic", NULL, "bitwarderl", NULL,
	     {"vcs_url", "git+https://git.fsfe.org/dxtr/bitwarderl@cc55108da32"});
}

static void purls_of_ours(void)
{
	PURL("pkg:deb/debian/zlib1g@1:1.2.11.dfsg-2%2Bdeb11u2?arch=amd64&distro=debian-11&"
	     "upstream=zlib",
	     "deb", "debian", "zlib1g", "1:1.2.11.dfsg-2+deb11u2", {"arch", "amd64"},
	     {"distro", "debian-11"}, {"upstream", "zlib"});
	PURL("pkg:deb/debian/libstdc%2B%2B6@12~rc1?upstream=gcc-12%4012~rc1", "deb", "debian",
	     "libstdc++6", "12~rc1", {"upstream", "gcc-12@12~rc1"});
	PURL("pkg:generic/a%20b%2F%3F%23%25%26%3D@%C3%A9", "generic", NULL,
	     "a b/?#%&=", "\xc3\xa9");
	PURL("pkg:generic/x", "generic", NULL, "x", "");
}

/* The expression of a Debian name; "" if there is none. */
static const char *spdx_of(const char *debian)
{
	static char text[256];
	AUTO_FREE char *out = NULL;

	CHECK(licence_expression(debian, &out, &err) == 0);
	snprintf(text, sizeof text, "%s", out ? out : "");
	return text;
}

static void evident(void)
{
	CHECK_STR(spdx_of("GPL-2+"), "GPL-2.0-or-later");
	CHECK_STR(spdx_of("gpl-2"), "GPL-2.0-only");
	CHECK_STR(spdx_of("GPL-2.0+"), "GPL-2.0-or-later");
	CHECK_STR(spdx_of("GPL-3.0"), "GPL-3.0-only");
	CHECK_STR(spdx_of("GPL-3.0-only"), "GPL-3.0-only");
	CHECK_STR(spdx_of("Expat"), "MIT");
	CHECK_STR(spdx_of("BSD-3-clause"), "BSD-3-Clause");
	CHECK_STR(spdx_of("Expat and GPL-2+ or ISC"), "MIT AND GPL-2.0-or-later OR ISC");
	CHECK_STR(spdx_of("GPL-2+ or ISC, and Zlib"), "(GPL-2.0-or-later OR ISC) AND Zlib");
	CHECK_STR(spdx_of("Zlib, and GPL-2+ or ISC"), "Zlib AND (GPL-2.0-or-later OR ISC)");
	CHECK_STR(spdx_of("GPL-2+ with Font exception"),
		  "GPL-2.0-or-later WITH Font-exception-2.0");
	CHECK_STR(spdx_of("Apache-2.0 with LLVM exception or ISC"),
		  "Apache-2.0 WITH LLVM-exception OR ISC");
	CHECK(licence_is_single("MIT") && !licence_is_single("MIT OR ISC"));
}

static void not_evident(void)
{
	static const char *const names[] = {
		"",
		" ",
		",",
		"MIT",
		"BSD",
		"Artistic",
		"public-domain",
		"other",
		"GPL",
		"GPL-2.5+",
		"GPL-2+ or",
		"or GPL-2+",
		"GPL-2+ ISC",
		"GPL-2+ or MIT",
		"GPL-2+,",
		"GPL-2+, ISC",
		"Zlib, ISC or Expat, and GPL-2",
		"GPL-2+, or ISC, and Zlib",
		"GPL-2+ / ISC",
		"GPL-2+ with OpenSSL exception",
		"GPL-2+ with Font",
		"GPL-2+ with",
		"GPL-2+|ISC",
		"(GPL-2+)",
		".0",
		".0+",
		"2.0+",
		"GPL-2+ with exception",
	};
	char many[1024] = "ISC";

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		CHECK_STR(spdx_of(names[i]), "");
	for (int i = 0; i < 100; i++)
		strcat(many, " or ISC");
	CHECK_STR(spdx_of(many), "");
}

#define FORMAT "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"

/* The names, joined by "|"; "none" if the file is not machine-readable. */
static const char *names_of(const char *text, size_t len)
{
	static char joined[4096];
	AUTO_STRINGS struct strings names = {0};
	int r = copyright_names(text, len, &names, &err);

	joined[0] = '\0';
	for (size_t i = 0; i < names.count; i++)
		snprintf(joined + strlen(joined), sizeof joined - strlen(joined), "%s%s",
			 i ? "|" : "", names.items[i]);
	return r == 0 ? "none" : joined;
}
#define NAMES(text, wanted) CHECK_STR(names_of(text, strlen(text)), wanted)

static void copyrights(void)
{
	NAMES(FORMAT, "");
	NAMES(FORMAT "License: A\n\nFiles: *\nLicense: B\n text\n .\n Files: no\n\nLicense: C\n",
	      "A|B");
	NAMES("\n# c\n" FORMAT "\nLicense: B\nFiles: *\n\nfiles: x\nLICENSE: b  or\tc \n",
	      "B|b or c");
	NAMES(FORMAT "\r\nFiles: *\r\nLicense: A\r\n\r\nFiles: y\r\nLicense: A", "A");
	NAMES("Format: http://www.debian.org/doc/packaging-manuals/copyright-format/1.0\n\n"
	      "Files: *\nLicense:\n text\n",
	      COPYRIGHT_UNNAMED);
	NAMES(FORMAT "\nFiles: *\nCopyright: x\n License: no\n", "");
	NAMES(FORMAT "\nFiles: *\nLicense: a\x01\x1b[m\x7f"
		     "b\n",
	      "a [m b");
}

static void others(void)
{
	AUTO_STRINGS struct strings names = {0};
	AUTO_FREE char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	NAMES("", "none");
	NAMES("\n \n", "none");
	NAMES("This package was debianized by x.\nLicense: A\n", "none");
	NAMES("License: A\n\n" FORMAT, "none");
	NAMES("Format: https://www.debian.org/doc/packaging-manuals/copyright-format/2.0/\n",
	      "none");
	NAMES("Format: x https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n",
	      "none");
	CHECK_STR(names_of(FORMAT "\0x", sizeof FORMAT + 1), "none");
	MUST(f);
	fputs(FORMAT "License: ", f);
	for (int i = 0; i <= COPYRIGHT_NAME_MAX; i++)
		putc('x', f);
	fflush(f);
	CHECK_STR(names_of(text, len), COPYRIGHT_UNNAMED);
	for (int i = 0; i < COPYRIGHT_NAMES_MAX; i++)
		fprintf(f, "\n\nFiles: x\nLicense: %d\n", i);
	fclose(f);
	CHECK_STR(names_of(text, len), "none");
}

int main(void)
{
	purls_of_the_standard();
	purls_of_ours();
	evident();
	not_evident();
	copyrights();
	others();
	return test_end();
}
