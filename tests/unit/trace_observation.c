/* Traced runs: short uses of libraries are recorded, and the right processes are waited for. */
#include "base/path.h"
#include "tests/unit/loader_help.h"
#include "trace/observation.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

struct command {
	const char *text; /* for sh */
	int fail;	  /* instead: the result of the start */
};

static int start(void *ctx, struct err *e)
{
	const struct command *c = ctx;

	if (c->fail)
		return err_set(e, c->fail, "cannot be started");
	execl("/bin/sh", "sh", "-c", c->text, (char *)NULL);
	return err_sys(e, errno, "sh");
}

static struct observation watch(const char *text)
{
	struct command c = {.text = text};
	struct observation o = {0};

	MUST(observation_run(start, &c, &o, &err) == 0);
	return o;
}

/* How many programs mapped the library. */
static size_t mapped(const struct observation *o, const char *base)
{
	size_t n = 0;

	for (size_t i = 0; i < o->count; i++)
		n += strcmp(path_base(o->items[i].path), base) == 0;
	return n;
}

static void build(void)
{
	put_text("load.c",
		 "#include <dlfcn.h>\n#include <pthread.h>\n#include <stdio.h>\n"
		 "static void *load(void *name)\n{\n"
		 "	void *l = dlopen(name, RTLD_NOW);\n"
		 "	if (!l) puts(dlerror());\n"
		 "	return l && dlclose(l) == 0 ? name : NULL;\n}\n"
		 "int main(int argc, char **argv)\n{\n	int bad = 0;\n"
		 "	for (int i = 1; i < argc; i++) {\n"
		 "		pthread_t t; void *r;\n"
		 "		pthread_create(&t, 0, load, argv[i]); pthread_join(t, &r);\n"
		 "		bad |= !r;\n	}\n	return bad;\n}\n");
	put_text("lib.c", "int f(void);\nint f(void) { return 1; }\n");
	sh("gcc -o load load.c -lpthread && gcc -shared -fPIC -o late.so lib.c && "
	   "gcc -shared -fPIC -o gone.so lib.c && cp load program");
}

static void what_is_mapped(void)
{
	AUTO_OBSERVATION struct observation o = watch("./load ./late.so; exit 3");
	bool found = false;

	CHECK(WIFEXITED(o.status) && WEXITSTATUS(o.status) == 3);
	CHECK(o.run_on == 0);
	CHECK(mapped(&o, "late.so") == 1);
	CHECK(mapped(&o, "libc.so.6") == 2); /* the shell's and load's */
	CHECK(mapped(&o, "program") == 0 && mapped(&o, "gone.so") == 0);
	for (size_t i = 0; i < o.count; i++)
		if (strcmp(o.items[i].path, in("late.so")) == 0) {
			CHECK_STR(o.items[i].exe, in("load"));
			CHECK(o.items[i].live);
			found = true;
		}
	CHECK(found);
}

/* A file that has gone or was replaced meanwhile is not the live system's. */
static void what_is_gone(void)
{
	AUTO_OBSERVATION struct observation o = watch("./load ./gone.so; rm gone.so; ./load late.so"
						      " >/dev/null; cat late.so >/dev/null");

	CHECK(mapped(&o, "gone.so") == 1);
	CHECK(mapped(&o, "late.so") == 0); /* "late.so" is looked up as a library, and not found */
}

/* Data that programs open, by whom, and without the files that one of them writes. Scratch directories are below /tmp,
 * whose files are nobody's data, so the machine's own are read. */
static bool opened(const struct observation *o, const char *path, const char *exe)
{
	for (size_t i = 0; i < o->nopened; i++)
		if (strcmp(o->opened[i].path, path) == 0 &&
		    strcmp(path_base(o->opened[i].exe), exe) == 0)
			return o->opened[i].live;
	return false;
}

static void what_is_opened(void)
{
	char data[] = "/var/tmp/pinlib-opened-XXXXXX", kept[64], written[64], command[512],
	     file[PATH_MAX];

	MUST(mkdtemp(data));
	snprintf(kept, sizeof kept, "%s/kept", data);
	snprintf(written, sizeof written, "%s/written", data);
	put_text(kept, "kept");
	put_text(written, "written");
	snprintf(command, sizeof command,
		 "cd %s; exec >/dev/null 2>&1; cat kept written kept /proc/self/stat gone; ls /etc;"
		 "(read x </etc/group); test -e /etc/hosts; cp kept new; mv new newer; cat newer;"
		 "echo x >written; rm newer",
		 data);
	AUTO_OBSERVATION struct observation o = watch(command);

	CHECK(opened(&o, kept, "cat") && opened(&o, kept, "cp"));
	CHECK(opened(&o, "/etc/group", path_base(realpath("/bin/sh", file))));
	for (size_t i = 0; i < o.nopened; i++) {
		CHECK(!path_below(o.opened[i].path, data) || strcmp(o.opened[i].path, kept) == 0);
		CHECK(!path_below(o.opened[i].path, "/proc") &&
		      strcmp(o.opened[i].path, "/etc") != 0);
		CHECK(strcmp(o.opened[i].path, "/etc/hosts") != 0);
		for (size_t k = 0; k < i; k++)
			CHECK(strcmp(o.opened[i].path, o.opened[k].path) != 0 ||
			      strcmp(o.opened[i].exe, o.opened[k].exe) != 0);
	}
	sh("rm -r %s", data);
}

static void deep_children(void)
{
	AUTO_OBSERVATION struct observation o =
		watch("for i in 1 2 3; do (sh -c 'exec ./load ./late.so' & wait); done");

	CHECK(WIFEXITED(o.status) && WEXITSTATUS(o.status) == 0);
	CHECK(mapped(&o, "late.so") == 1);
}

static void background(void)
{
	AUTO_OBSERVATION struct observation o =
		watch("(sleep 0.3; exec ./load ./late.so) & exit 0");
	AUTO_OBSERVATION struct observation d =
		watch("setsid sh -c 'echo $$ >pid; sleep 0.4; echo on >on; exec sleep 60' & "
		      "until [ -s pid ]; do sleep 0.01; done");
	struct stat st;

	CHECK(mapped(&o, "late.so") == 1 && o.run_on == 0);
	CHECK(d.run_on >= 1);
	for (int i = 0; i < 100 && stat("on", &st) < 0; i++)
		nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
	CHECK(stat("on", &st) == 0); /* the released process runs on */
	sh("kill $(cat pid)");
}

static void signals(void)
{
	AUTO_OBSERVATION struct observation killed = watch("kill -TERM $$");
	AUTO_OBSERVATION struct observation caught =
		watch("trap 'echo caught >caught' USR1; kill -USR1 $$; exit 4");
	AUTO_OBSERVATION struct observation stopped =
		watch("sleep 0.2 & p=$!; kill -STOP $p; sleep 0.1; kill -CONT $p; wait $p");
	struct stat st;

	CHECK(WIFSIGNALED(killed.status) && WTERMSIG(killed.status) == SIGTERM);
	CHECK(WIFEXITED(caught.status) && WEXITSTATUS(caught.status) == 4);
	CHECK(stat("caught", &st) == 0);
	CHECK(WIFEXITED(stopped.status) && WEXITSTATUS(stopped.status) == 0);
}

static void no_start(void)
{
	struct command c = {.fail = EACCES};
	struct observation o = {0};

	CHECK(observation_run(start, &c, &o, &err) == -EACCES);
	CHECK_STR(err.text, "cannot be started");
	CHECK(o.count == 0);
}

int main(void)
{
	scratch_make();
	build();
	what_is_mapped();
	what_is_gone();
	what_is_opened();
	deep_children();
	background();
	signals();
	no_start();
	scratch_remove();
	return test_end();
}
