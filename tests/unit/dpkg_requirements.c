/* Relations of packages: their parts, the order of versions, and what a program brings along. */
#include "base/run.h"
#include "dpkg/requirements.h"
#include "tests/unit/test.h"

static struct err err;

/* -- versions -- */

static void is_ordered_as_dpkg_does(const char *a, const char *b)
{
	int order = debian_version_order(a, b);
	const char *relation = order < 0 ? "lt" : order > 0 ? "gt" : "eq";
	const char *const argv[] = {"dpkg", "--compare-versions", a, relation, b, NULL};

	CHECK(run_read(argv, NULL, 100, NULL, &err) == 0);
	CHECK((debian_version_order(b, a) < 0) == (order > 0));
}

static void versions(void)
{
	static const char *const all[] = {
		"1",
		"1.0",
		"1.00",
		"1.0-0",
		"1.0-1",
		"1.0-1~",
		"1.0~rc1-1",
		"0:1",
		"1:0.1",
		"1.0+b1",
		"1.0a",
		"1.0a1",
		"1.10",
		"1.9",
		"1.2.3-4",
		"1.2-3-4",
		"2.36-9+deb12u10",
		"2.36-9+deb12u9",
		"7.4.33-1+deb11u5",
		"1.1.1w-0+deb11u1",
		"0~20171227-0.2",
		"1~~",
		"1~",
		"1~a",
		"99999999999999999999.1",
		"99999999999999999998.2",
	};
	const size_t n = sizeof all / sizeof *all;

	for (size_t i = 0; i < n; i++)
		for (size_t k = i; k < n; k++)
			is_ordered_as_dpkg_does(all[i], all[k]);
}

/* -- source packages -- */

static void sources(void)
{
	char text[] = "Package: libgcc-s1\nSource: gcc-10 (10.2.1-6)\nVersion: "
		      "10.2.1-6+b1\nArchitecture: amd64\n"
		      "\nPackage: zlib1g\nSource: zlib\nVersion: 1:1.2-3\nArchitecture: amd64\n"
		      "\nPackage: perl\nVersion: 5.36-7\nArchitecture: amd64\n"
		      "\nPackage: odd\nSource: (\nVersion: 1\nArchitecture: all\n";
	AUTO_CONTROLS struct controls all = {0};

	CHECK(controls_parse(&all, text, &err) == 0 && all.count == 4);
	CHECK_STR(all.items[0].source, "gcc-10");
	CHECK_STR(all.items[0].source_version, "10.2.1-6");
	CHECK_STR(all.items[1].source_version, "1:1.2-3");
	CHECK_STR(all.items[2].source, "perl");
	CHECK_STR(all.items[2].source_version, "5.36-7");
	CHECK_STR(all.items[3].source, "odd");
	CHECK_STR(all.items[3].source_version, "1");
}

/* -- relations -- */

static void is_read(const char *text, const char *name, const char *arch, const char *operator,
		    const char * version, bool more, const char *rest)
{
	struct relation r;

	CHECK(relation_next(&text, &r));
	CHECK_STR(r.name, name);
	CHECK_STR(r.arch, arch);
	CHECK_STR(r.operator, operator);
	CHECK_STR(r.version, version);
	CHECK(r.more == more);
	CHECK_STR(text, rest);
}

static void relations(void)
{
	static const char *const bad[] = {"",	       " , ",	    "a (", "a (>= ", "a (>= 1",
					  "a (>>> 1)", "a (1)",	    "a b", "a:",     "(>= 1)",
					  "a [amd64]", "-c (= /x)", "-o"};
	char many[600];

	is_read("a", "a", "", "", "", false, "");
	is_read(" a (>= 1:2.3-4) , b", "a", "", ">=", "1:2.3-4", false, ", b");
	is_read(",\n a:any(=1)|b", "a", "any", "=", "1", true, "|b");
	is_read("| b (< 2)", "b", "", "<=", "2", false, "");
	is_read("a(>>1 )", "a", "", ">>", "1", false, "");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		const char *text = bad[i];
		struct relation r;

		CHECK(!relation_next(&text, &r));
	}
	memset(many, 'a', sizeof many);
	many[sizeof many - 1] = '\0';
	{
		const char *text = many;
		struct relation r;

		CHECK(!relation_next(&text, &r));
	}
}

static bool holds(const char *relation, const char *version)
{
	struct relation r;

	MUST(relation_next(&relation, &r));
	return relation_holds(&r, version);
}

static bool provided(const char *relation, const char *provides)
{
	struct relation r;

	MUST(relation_next(&relation, &r));
	return relation_provided(&r, provides);
}

static void constraints(void)
{
	CHECK(holds("a", "0") && holds("a (>= 1)", "1") && !holds("a (>= 1)", "1~"));
	CHECK(holds("a (<< 2)", "1.9") && !holds("a (<< 2)", "2") && holds("a (<= 2)", "2"));
	CHECK(holds("a (= 1-1)", "1-1") && !holds("a (= 1-1)", "1-2") && holds("a (>> 1)", "1.1"));
	CHECK(provided("v", "u, v") && provided("v", "v (= 1)") && !provided("v", "vv"));
	CHECK(provided("v (>= 1)", "v (= 1)") && !provided("v (>= 2)", "v (= 1)"));
	CHECK(!provided("v (>= 1)", "v") && !provided("v", NULL) && !provided("v", ""));
}

/* -- what a program brings along -- */

static struct packages live;
static bool whole = true; /* the program comes with them */

static void has_live(const char *name, const char *arch, const char *version, const char *provides)
{
	const struct package p = {.query = (char *)name,
				  .name = (char *)name,
				  .arch = (char *)arch,
				  .version = (char *)version,
				  .provides = (char *)provides};

	MUST(packages_add(&live, &p, &err) == 0);
}

/* Whether the root with these dependencies takes the packages that wanted lists, and lacks the others. */
static void takes(const char *stanzas, const char *wanted, const char *lacks)
{
	AUTO_FREE char *text = strdup(stanzas);
	AUTO_CONTROLS struct controls all = {0};
	AUTO_REQUIREMENTS struct requirements found = {0};
	const struct control *root;
	char said[2][1000] = {"", ""};

	MUST(text && controls_parse(&all, text, &err) == 0 && all.count > 0);
	root = &all.items[0];
	CHECK(requirements_find(&all, &root, 1, &live, whole, &found, &err) == 0);
	for (size_t i = 0; i < found.count; i++)
		snprintf(said[0] + strlen(said[0]), 1000 - strlen(said[0]), "%s%s=%s", i ? " " : "",
			 found.items[i]->name, found.items[i]->version);
	for (size_t i = 0; i < found.unknown.count; i++)
		snprintf(said[1] + strlen(said[1]), 1000 - strlen(said[1]), "%s%s", i ? " " : "",
			 found.unknown.items[i]);
	CHECK_STR(said[0], wanted);
	CHECK_STR(said[1], lacks);
}

#define P(name, version, more)                                                                     \
	"Package: " name "\nVersion: " version "\nArchitecture: amd64\n" more "\n"

static void closures(void)
{
	/* Breadth first, in circles, each once. */
	takes(P("a", "1", "Pre-Depends: b\nDepends: c,\n d\n") P("b", "1", "Depends: a, d\n")
		      P("c", "1", "") P("d", "1", "Depends: e\n") P("e", "1", "") P("f", "1", ""),
	      "b=1 c=1 d=1 e=1", "");
	/* The version that the relation asks for, else the newest. */
	takes(P("a", "1", "Depends: b (= 1), c\n") P("b", "2", "") P("b", "1", "") P("c", "1", "")
		      P("c", "2", "") P("c", "1.9", ""),
	      "b=1 c=2", "");
	/* Alternatives: one that is taken already, the first that there is, a provider. */
	takes(P("a", "1", "Depends: c, b | c, x | d, v, y | w\n") P("b", "1", "") P("c", "1", "")
		      P("d", "1", "") P("p", "1", "Provides: v\nDepends: q\n") P("q", "1", ""),
	      "c=1 d=1 p=1 q=1", "y w");
	takes(P("a", "1", "Depends: b (= 3)\n") P("b", "2", ""), "", "b=3");
	/* The live system serves: the same version; glibc; gcc's runtime, where it has it; maintainer scripts' tools; what is
	 * merely called; essential packages. */
	takes(P("a", "1", "Depends: same, libc6, libgcc, libgfortran, ucf, tool:any, base, other\n")
		      P("same", "1", "Depends: far\n") P("libc6", "1", "Source: glibc\n")
			      P("libgcc", "1", "Source: gcc-10 (10.2)\n") P("libgfortran", "1",
									    "Source: gcc-10\n")
				      P("ucf", "1", "") P("tool", "1", "Depends: far\n")
					      P("base", "1", "Essential: yes\nDepends: far\n")
						      P("other", "1", "") P("far", "1", ""),
	      "libgfortran=1 other=1", "");
	/* ... but not for a part of the program itself. */
	takes(P("perl", "1", "Depends: perl-base (= 1)\n")
		      P("perl-base", "1", "Source: perl\nEssential: yes\nDepends: base\n")
			      P("base", "1", "Essential: yes\n"),
	      "perl-base=1", "");
	/* What only the live system has, by name or by Provides. */
	takes(P("a", "1", "Depends: same (>= 1), live-virtual, same (>= 2) | b\n"), "", "same b");
	/* Another architecture is another package. */
	takes("Package: a\nVersion: 1\nArchitecture: i386\nDepends: b\n\n" P(
		      "b", "1", "") "Package: b\nVersion: 1\nArchitecture: i386\nDepends: c\n\n"
				    "Package: c\nVersion: 1\nArchitecture: all\n\n",
	      "b=1 c=1", "");
}

/* A live program goes on with the live packages that satisfy a dependency. */
static void with_live_program(void)
{
	whole = false;
	takes(P("a", "1", "Depends: tool (>= 1), tool | b, tool (= 1), live-virtual, c\n")
		      P("tool", "1", "") P("b", "1", "") P("live-virtual", "1", "") P("c", "1", ""),
	      "tool=1 c=1", "");
	takes(P("a", "1", "Depends: tool (>= 1)\n") P("tool", "1", ""), "", "");
	whole = true;
	takes(P("a", "1", "Depends: tool (>= 1)\n") P("tool", "1", ""), "tool=1", "");
}

static void stanzas(void)
{
	char text[] =
		"Package: a\nVersion: 1\nArchitecture: all\nDescription: x\n Depends: no\n\n\n"
		"Package: b\nVersion: 1\n\nPackage: a\nVersion: 1\nArchitecture: all\nDepends: y\n";
	AUTO_CONTROLS struct controls all = {0};

	CHECK(controls_parse(&all, text, &err) == 0);
	/* One without architecture, and one that is known, are left out. */
	CHECK(all.count == 1 && !all.items[0].depends && strcmp(all.items[0].source, "a") == 0);
}

int main(void)
{
	has_live("same", "amd64", "1", "live-virtual");
	has_live("libc6", "amd64", "2", "");
	has_live("libgcc", "amd64", "2", "");
	has_live("tool", "amd64", "2", "");
	versions();
	sources();
	relations();
	constraints();
	stanzas();
	closures();
	with_live_program();
	packages_free(&live);
	return test_end();
}
