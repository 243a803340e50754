/* Proofs: parsing the output of loaders, and running the loader of a view. */
#include "loader/program.h"
#include "proof/proof.h"
#include "tests/unit/child.h"
#include "tests/unit/loader_help.h"

static struct proof parsed(const char *printed)
{
	AUTO_FREE char *text = strdup(printed);
	struct proof p = {0};

	MUST(text && proof_parse(text, &p, &err) == 0);
	return p;
}

static void check_missing(const struct missing *m, enum missing_kind kind, const char *what,
			  const char *from, const char *by)
{
	CHECK(m->kind == kind);
	CHECK_STR(m->what, what);
	CHECK_STR(m->from ? m->from : "-", from);
	CHECK_STR(m->by ? m->by : "-", by);
}

static void glibc_lines(void)
{
	AUTO_PROOF struct proof p = parsed(
		"        1:\t\n"
		"        1:\tfile=libq.so.9 [0];  needed by /usr/lib/libp.so.1 [0]\n"
		"        1:\tfile=libp.so.1 [0];  needed by /usr/bin/my prog [0]\n"
		"\tlinux-vdso.so.1 (0x00007f25f6c7e000)\n"
		"\tlibp.so.1 => /usr/lib/libp.so.1 (0x00007f25f6c6c000)\n"
		"\tlibq.so.9 => not found\n"
		"\t/lib64/ld-linux-x86-64.so.2 (0x00007f25f6c80000)\n"
		"/usr/bin/my prog: /usr/lib/libp.so.1: version `P_2' not found (required by "
		"/usr/bin/my prog)\n"
		"/usr/bin/my prog: /usr/lib/libp.so.1: no version information available (required "
		"by /usr/bin/my prog)\n"
		"/usr/bin/my prog: Symbol `table' has different size in shared object, consider "
		"re-linking\n"
		"undefined symbol: f, version P_2\t(/usr/bin/my prog)\n"
		"undefined symbol: f, version P_2\t(/usr/bin/my prog)\n"
		"symbol g, version P_1 not defined in file libp.so.1 with link time "
		"reference\t(/usr/bin/my prog)\n"
		"ERROR: ld.so: object 'x.so' from /etc/ld.so.preload cannot be preloaded (cannot "
		"open shared object file): ignored.\n"
		"something new\n\n");

	CHECK(p.nloaded == 2 && p.nmissing == 5);
	if (p.nloaded != 2 || p.nmissing != 5)
		return;
	CHECK_STR(p.loaded[0].name, "libp.so.1");
	CHECK_STR(p.loaded[0].path, "/usr/lib/libp.so.1");
	CHECK_STR(p.loaded[1].name, "/lib64/ld-linux-x86-64.so.2");
	check_missing(&p.missing[0], MISSING_LIBRARY, "libq.so.9", "-", "/usr/lib/libp.so.1");
	check_missing(&p.missing[1], MISSING_VERSION, "P_2", "/usr/lib/libp.so.1",
		      "/usr/bin/my prog");
	check_missing(&p.missing[2], MISSING_SYMBOL, "f, version P_2", "-", "/usr/bin/my prog");
	check_missing(&p.missing[3], MISSING_SYMBOL, "g, version P_1", "libp.so.1",
		      "/usr/bin/my prog");
	check_missing(&p.missing[4], MISSING_OTHER, "something new", "-", "-");
}

static void musl_lines(void)
{
	AUTO_PROOF struct proof p = parsed("\t/lib/ld-musl-x86_64.so.1 (0x7f0000000000)\n"
					   "\tlibz.so.1 => /lib/libz.so.1 (0x7f0000000000)\n"
					   "Error loading shared library liby.so: No such file or "
					   "directory (needed by /bin/p)\n"
					   "Error relocating /bin/p: f: symbol not found\n");

	CHECK(p.nloaded == 2 && p.nmissing == 2);
	if (p.nmissing != 2)
		return;
	check_missing(&p.missing[0], MISSING_LIBRARY, "liby.so", "-", "/bin/p");
	check_missing(&p.missing[1], MISSING_SYMBOL, "f", "-", "/bin/p");
}

/* Nothing of this may be read out of bounds. */
static void odd_lines(void)
{
	static const char *const odd[] = {
		"",
		"\n\n",
		"\t => \n",
		"\t=> not found\n",
		"\ta => b",
		": version `\n",
		": version `x' not found (required by )\n",
		"undefined symbol: \t()\n",
		"undefined symbol: x\t(\n",
		"symbol , version  not defined in file \t(x)\n",
		"Error loading shared library \n",
		"Error relocating : \n",
		" 1:\tfile=\n 1:\tfile= [;  needed by [\n 1:\tfile=;  needed by a [ [\n",
		")",
		" 1:",
		"1:\t\n",
	};

	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		AUTO_PROOF struct proof p = parsed(odd[i]);
		char text[512];

		for (size_t k = 0; k < p.nmissing; k++)
			proof_describe_missing(&p.missing[k], text, sizeof text);
		CHECK(p.nloaded == 0);
	}
}

/* -- running the loader -- */

static char interp[PATH_MAX];

static void build(void)
{
	AUTO_PROGRAM struct program p = {0};

	MUST(program_read("/usr/bin/true", &p, &err) == 0 && p.elf.interp);
	snprintf(interp, sizeof interp, "%s", p.elf.interp);
	sh("chmod 755 . && mkdir lib layer bin real");
	put_text("p.c", "int f(void); int g(void); int main(void) { return f() + g(); }\n");
	put_text("l.c", "int f(void); int g(void); int f(void) { return 0; }\n"
			"#ifndef LESS\nint g(void) { return 0; }\n#endif\n");
	put_text("q.c", "int q(void); int q(void) { return 0; }\n");
	sh("gcc -shared -fPIC -Wl,-soname,libt.so.1 -o lib/libt.so.1 l.c && "
	   "gcc -o real/p p.c lib/libt.so.1 -Wl,-rpath,%s/lib && ln -s /nowhere bin/p",
	   scratch);
}

/* The layer's libt is built with these. */
static int try(const char *flags, struct proof *out)
{
	struct cover cover = {in("lib"), in("layer")};
	struct sysroot sysroot = {.covers = &cover,
				  .ncovers = 1,
				  .app = in("bin/p"),
				  .real = in("real/p"),
				  .label = "TEST-prove"};

	sh("gcc -shared -fPIC -Wl,-soname,libt.so.1 -o layer/libt.so.1 %s", flags);
	return proof_run(&sysroot, interp, in("bin/p"), out, &err);
}

static void views(void)
{
	AUTO_PROOF struct proof live = {0}, good = {0}, less = {0}, more = {0}, lone = {0};
	struct sysroot none = {0};

	CHECK(proof_run(&none, interp, in("real/p"), &live, &err) == 0 && live.nmissing == 0);
	CHECK(live.nloaded == 3 && strcmp(live.loaded[0].path, in("lib/libt.so.1")) == 0);
	CHECK(try("l.c", &good) == 0 && good.nmissing == 0 && good.nloaded == 3);
	CHECK(try("-DLESS l.c", &less) == 0 && less.nmissing == 1);
	if (less.nmissing == 1)
		check_missing(&less.missing[0], MISSING_SYMBOL, "g", "-", in("bin/p"));
	sh("gcc -shared -fPIC -Wl,-soname,libq.so.9 -o libq.so.9 q.c");
	CHECK(try("l.c -Wl,--no-as-needed ./libq.so.9", &more) == 0 && more.nmissing == 1);
	if (more.nmissing == 1)
		check_missing(&more.missing[0], MISSING_LIBRARY, "libq.so.9", "-",
			      in("lib/libt.so.1"));
	CHECK(proof_run(&none, "/nowhere/ld.so", in("real/p"), &lone, &err) == -ENOENT);
	CHECK(strstr(err.text, "/nowhere/ld.so"));
	sh("chmod 700 real");
	CHECK(proof_run(&none, interp, in("real/p"), &lone, &err) == -EACCES);
	sh("chmod 755 real; chmod 700 real/p");
	CHECK(proof_run(&none, interp, in("real/p"), &lone, &err) == 0 && lone.nloaded == 3);
	proof_free(&lone);
	sh("chmod 755 real/p");
	CHECK(proof_run(&none, interp, in("real/none"), &lone, &err) == -ENOENT);
}

/* A program can name any file as its loader: this gets no rights, and no more time than is
 * due. (It is called as musl's, for which no variables are set.) */
static char misbehave[PATH_MAX];

static int as_loader(const char *flags, struct proof *out)
{
	struct sysroot none = {0};

	sh("gcc -D_GNU_SOURCE -O1 -static -DOPEN='\"%s/open\"' %s -o ld-musl-test %s", scratch,
	   flags, misbehave);
	return proof_run(&none, in("ld-musl-test"), in("real/p"), out, &err);
}

static void confined(void)
{
	static const char *const wanted[][2] = {
		{"fd 3", "/EBADF"},
		{"uid", "/65534"},
		{"euid", "/65534"},
		{"gid", "/65534"},
		{"groups", "/0"},
		{"CapInh:", "/0000000000000000"},
		{"CapPrm:", "/0000000000000000"},
		{"CapEff:", "/0000000000000000"},
		{"CapAmb:", "/0000000000000000"},
		{"NoNewPrivs:", "/1"},
		{"pid", "/1"},
		{"devices", "/0"},
		{"variables", "/0"},
		{"cwd", "//"},
		{"create", "/EROFS"},
		{"write", "/EROFS"},
		{"unlink", "/EROFS"},
		{"mkdir", "/EROFS"},
		{"fork", "/EPERM"},
		{"vfork", "/EPERM"},
		{"clone3", "/EPERM"},
		{"internet", "/EPERM"},
		{"unix", "/EPERM"},
		{"pair", "/EPERM"},
		{"ptrace", "/EPERM"},
		{"unshare", "/EPERM"},
		{"bpf", "/EPERM"},
		{"perf", "/EPERM"},
		{"userfaultfd", "/EPERM"},
		{"io_uring", "/EPERM"},
		{"keyctl", "/EPERM"},
		{"memfd", "/EPERM"},
		{"5 GiB of data", "/ENOMEM"},
		{"17 GiB shared", "/ENOMEM"},
		{"i386's socket", "/EPERM"},
	};
	const size_t n = sizeof wanted / sizeof *wanted;
	AUTO_PROOF struct proof said = {0}, none = {0};

	sh("mkdir open && chmod 777 open && echo x > open/old && chmod 666 open/old");
	CHECK(as_loader("", &said) == 0);
	CHECK(said.nloaded == n);
	for (size_t i = 0; i < n && i < said.nloaded; i++) {
		CHECK_STR(said.loaded[i].name, wanted[i][0]);
		if (strcmp(said.loaded[i].path, "/none") == 0)
			SKIP(wanted[i][0], "this machine runs no code of i386");
		else
			CHECK_STR(said.loaded[i].path, wanted[i][1]);
	}
	CHECK(access("open/old", F_OK) == 0 && access("open/new", F_OK) < 0);
	CHECK(as_loader("-DQUIET", &none) == -ECANCELED && strstr(err.text, "printed nothing"));
	CHECK(as_loader("-DCRASH", &none) == -ECANCELED && strstr(err.text, "signal 11"));
	CHECK(as_loader("-DTALK", &none) == -EFBIG);
	proof_seconds = 1;
	CHECK(as_loader("-DSLEEP", &none) == -ETIMEDOUT && strstr(err.text, "1 seconds"));
	CHECK(as_loader("-DLOOP", &none) < 0);
	proof_seconds = 30;
}

int main(void)
{
	MUST(realpath("tests/helpers/misbehave.c", misbehave));
	scratch_make();
	glibc_lines();
	musl_lines();
	odd_lines();
	build();
	if (has_private_mounts("loaders of views")) {
		views();
		confined();
	}
	scratch_remove();
	return test_end();
}
