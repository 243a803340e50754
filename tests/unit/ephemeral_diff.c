#include "ephemeral/bring.h"
#include "ephemeral/diff.h"
#include "tests/unit/scratch.h"

#include <sys/sysmacros.h>
#include <sys/xattr.h>

static void sh(const char *command)
{
	char line[8192];

	snprintf(line, sizeof line, "set -e; cd '%s'; %s", scratch, command);
	MUST(system(line) == 0);
}

static void whiteout(const char *path)
{
	MUST(mknod(in(path), S_IFCHR, makedev(0, 0)) == 0);
}

static void mark(const char *path, const char *name, const char *value)
{
	MUST(setxattr(in(path), name, value, strlen(value), 0) == 0);
}

static bool has_xattrs(void)
{
	return setxattr(scratch, "user.probe", "", 0, 0) == 0;
}

/* A scratch layer with one tree: upper over live. */
static struct scratch layer;
static int uppers[1];

static void layer_begin(void)
{
	struct stat st;

	layer = SCRATCH_NONE;
	layer.trees = calloc(1, sizeof *layer.trees);
	MUST(layer.trees && stat(in("live"), &st) == 0);
	layer.trees->count = 1;
	layer.trees->items[0].dev = st.st_dev;
	layer.trees->items[0].ino = st.st_ino;
	layer.trees->items[0].covered = true;
	snprintf(layer.trees->items[0].path, PATH_MAX, "%s", in("live"));
	clock_gettime(CLOCK_REALTIME, &layer.began);
	clock_gettime(CLOCK_BOOTTIME, &layer.lived);
	scratch_settle(&layer);
	uppers[0] = open(in("upper"), O_RDONLY | O_DIRECTORY);
	MUST(uppers[0] >= 0);
}

static void layer_end(void)
{
	close(uppers[0]);
	free(layer.trees);
	sh("chmod -R u+rwx live upper; rm -rf live upper kept");
}

/* "+added *changed ~attributes -removed", in the order of the list. */
static const char *listed(const struct diff *diff)
{
	static char text[4096];
	static const char signs[] = "+*~-";
	size_t used = 0;

	*text = '\0';
	for (size_t i = 0; i < diff->count; i++)
		used += (size_t)snprintf(text + used, sizeof text - used, "%s%c%s", i ? " " : "",
					 signs[diff->items[i].kind], diff->items[i].path);
	return text;
}

static const char *differences(void)
{
	AUTO_DIFF struct diff diff = {0};

	MUST(diff_read(&layer, uppers, &diff, &err) == 0);
	return listed(&diff);
}

static const char *refused_text(void)
{
	static char text[4096];
	AUTO_DIFF struct diff diff = {0};
	AUTO_STRINGS struct strings refused = {0};
	const struct brought brought = {&layer, uppers, &diff};

	MUST(diff_read(&layer, uppers, &diff, &err) == 0);
	MUST(bring_check(&brought, &refused, &err) == 0);
	*text = '\0';
	for (size_t i = 0; i < refused.count; i++)
		strncat(text, refused.items[i] + strlen(scratch) + strlen("/live/"),
			sizeof text - strlen(text) - 1);
	return text;
}

static void kinds(void)
{
	sh("umask 022; mkdir -p live/dir/sub live/merged live/gone/in upper/merged upper/new");
	sh("for f in same bytes longer mode time xattr type removed merged/kept merged/changed "
	   "gone/f gone/in/g; "
	   "do echo $f >live/$f; cp -p live/$f upper/$f 2>/dev/null || :; done; rm upper/removed");
	sh("echo bytez >upper/bytes; echo longer.. >upper/longer; chmod 600 upper/mode; touch -d "
	   "2001-01-01 upper/time; "
	   "rm upper/type; ln -s x upper/type; ln -s a live/link; ln -s b upper/link; ln -s a "
	   "live/link2; ln -s a upper/link2; "
	   "echo x >upper/merged/changed; rm upper/merged/kept; echo n >upper/new/n; mkfifo "
	   "upper/fifo");
	mark("upper/xattr", "user.new", "1");
	mark("upper/same", "user.overlay.origin", "");
	mark("upper/same", "user.overlay.impure", "y");
	whiteout("upper/removed");
	whiteout("upper/gone");
	whiteout("upper/nothing");
	layer_begin();
	CHECK_STR(differences(), "*bytes +fifo -gone -gone/f -gone/in -gone/in/g *link *longer "
				 "*merged/changed ~mode +new +new/n -removed ~time *type ~xattr");
	layer_end();
}

/* A directory that was removed and made again, and directories in it. */
static void opaque(void)
{
	sh("mkdir -p live/d/e/f upper/d/e; echo 1 >live/d/a; echo 1 >live/d/b; echo 1 >live/d/e/c; "
	   "echo 1 >live/d/e/f/g; "
	   "cp -p live/d/b upper/d/b; echo 2 >upper/d/e/h");
	mark("upper/d", "user.overlay.opaque", "y");
	layer_begin();
	CHECK_STR(differences(), "-d/a -d/e/c -d/e/f -d/e/f/g +d/e/h");
	layer_end();
	/* "x" marks directories with other whiteouts; overlayfs merges them. */
	sh("mkdir -p live/d upper/d; echo 1 >live/d/a");
	mark("upper/d", "user.overlay.opaque", "x");
	layer_begin();
	CHECK_STR(differences(), "");
	layer_end();
}

/* Another type, in both directions. */
static void types(void)
{
	sh("mkdir -p live/dir upper/file; echo 1 >live/dir/a; echo 1 >live/file; echo 2 "
	   ">upper/dir");
	layer_begin();
	CHECK_STR(differences(), "-dir *dir -dir/a *file");
	CHECK(strstr(refused_text(), "file would become a file of another type"));
	layer_end();
}

static void meanwhile(void)
{
	sh("mkdir -p live/d live/q upper/d upper/q; for f in a b d/c q/r; do echo 1 >live/$f; echo "
	   "2 >upper/$f; done");
	mark("upper/d/c", "user.overlay.origin", "");
	mark("upper/q/r", "user.overlay.origin", "");
	/* A live file was renamed in the scratch: it has an origin, and its new name was never there. */
	sh("echo 1 >upper/q/renamed");
	mark("upper/q/renamed", "user.overlay.origin", "");
	layer_begin();
	CHECK_STR(refused_text(), "");
	sh("echo 3 >>live/a");
	CHECK_STR(refused_text(), "a has changed since the start");
	sh("rm live/d/c");
	CHECK(strstr(refused_text(), "d/c may have been removed since the start"));
	sh("cp -p live/b live/x; mv live/x live/b");
	CHECK(strstr(refused_text(), "b has changed since the start"));
	CHECK(!strstr(refused_text(), "renamed"));
	/* Changes before the start are none. */
	layer.began.tv_sec += 5;
	layer.lived.tv_sec += 5;
	CHECK(!strstr(refused_text(), "changed"));
	layer_end();
}

static void clock_back(void)
{
	AUTO_DIFF struct diff diff = {0};
	AUTO_STRINGS struct strings refused = {0};
	const struct brought brought = {&layer, uppers, &diff};

	sh("mkdir live upper");
	layer_begin();
	layer.lived.tv_sec -= 100;
	CHECK(bring_check(&brought, &refused, &err) == -ESTALE);
	layer.began.tv_sec -= 100;
	CHECK(bring_check(&brought, &refused, &err) == 0);
	/* The directory was exchanged. */
	sh("mv live old; mkdir live; echo x >upper/x");
	CHECK(diff_read(&layer, uppers, &diff, &err) == -ESTALE);
	sh("rmdir old");
	layer_end();
}

static void over(void)
{
	AUTO_DIFF struct diff diff = {0};
	const struct brought brought = {&layer, uppers, &diff};
	size_t done;
	struct stat st;

	sh("umask 022; mkdir -p live/ro live/gone/in upper/ro upper/new/deep; echo 1 >live/a; ln "
	   "live/a live/hard; echo 1 >live/gone/in/x; "
	   "echo 2 >upper/a; chmod 640 upper/a; touch -d @1000000000.5 upper/a; echo 3 "
	   ">upper/ro/in; ln -s t upper/l; echo n >upper/new/deep/n; "
	   "chmod 555 live/ro; chmod 755 upper/ro; chmod 500 upper/new/deep upper/new");
	whiteout("upper/gone");
	layer_begin();
	MUST(diff_read(&layer, uppers, &diff, &err) == 0);
	CHECK(bring_over(&brought, &done, &err) == 0);
	CHECK(done == diff.count);
	CHECK_STR(differences(), "");
	MUST(stat(in("live/a"), &st) == 0);
	CHECK((st.st_mode & 07777) == 0640 && st.st_mtim.tv_sec == 1000000000 &&
	      st.st_mtim.tv_nsec == 500000000);
	CHECK(access(in("live/gone"), F_OK) < 0);
	CHECK(access(in("live/new/deep/n"), F_OK) == 0);
	sh("[ \"$(cat live/hard live/a live/ro/in)\" = \"$(printf '1\\n2\\n3')\" ]; [ -z \"$(find "
	   ". -name '.pinlib-*')\" ]");
	layer_end();
}

/* Somebody changes a file after the check. */
static void late_change(void)
{
	AUTO_DIFF struct diff diff = {0};
	const struct brought brought = {&layer, uppers, &diff};
	size_t done;

	sh("mkdir live upper; for f in a b; do echo 1 >live/$f; echo 2 >upper/$f; done; echo 2 "
	   ">upper/c");
	layer_begin();
	MUST(diff_read(&layer, uppers, &diff, &err) == 0);
	sh("echo 3 >>live/b");
	CHECK(bring_over(&brought, &done, &err) == -ESTALE);
	CHECK(done == 1 && strstr(err.text, "/live/b: somebody has just changed it"));
	sh("[ \"$(cat live/a live/b)\" = \"$(printf '2\\n1\\n3')\" ]; [ -z \"$(find . -name "
	   "'.pinlib-*')\" ]");
	/* A link of a user's in the place of a directory is not followed. */
	layer_end();
	sh("mkdir -p live/d upper/d; echo 2 >upper/d/a");
	layer_begin();
	diff_free(&diff);
	MUST(diff_read(&layer, uppers, &diff, &err) == 0);
	sh("mv live/d live/e; ln -s e live/d");
	CHECK(bring_over(&brought, &done, &err) == -ELOOP && done == 0);
	CHECK(access(in("live/e/a"), F_OK) < 0);
	layer_end();
}

static void keep(void)
{
	AUTO_DIFF struct diff diff = {0};
	const struct brought brought = {&layer, uppers, &diff};

	sh("mkdir -p live upper/d; echo 1 >'live/a\\b'; echo 2 >upper/d/f; chmod 500 upper/d");
	whiteout("upper/a\\b");
	layer_begin();
	MUST(diff_read(&layer, uppers, &diff, &err) == 0);
	CHECK(bring_prepare(in("kept"), &err) == 0);
	CHECK(bring_prepare(in("kept"), &err) == 0);
	CHECK(bring_keep(&brought, in("kept"), &err) == 0);
	CHECK(bring_prepare(in("kept"), &err) == -ENOTEMPTY);
	sh("cmp kept/files/\"$PWD\"/live/d/f upper/d/f; [ \"$(cat kept/removed)\" = "
	   "\"$PWD/live/a\\\\134b\" ]; "
	   "[ \"$(stat -c %a kept/files/\"$PWD\"/live/d)\" = 500 ]; chmod -R u+w kept");
	layer_end();
}

int main(void)
{
	scratch_new();
	if (!has_xattrs()) {
		SKIP("ephemeral_diff", "the file system has no user attributes");
		return test_end();
	}
	kinds();
	opaque();
	types();
	meanwhile();
	clock_back();
	over();
	late_change();
	keep();
	scratch_remove();
	return test_end();
}
