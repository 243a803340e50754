/*
 * steady LIVE PINNED LIBRARY: the cost of files in a covered directory for a running program, in
 * nanoseconds each, as JSON. LIVE is a file of the live system there, PINNED one that a view shows,
 * LIBRARY a soname to load and unload. Files are in the page cache after the first time,
 * which does not count.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char *live, *pinned, *library;
static char dir[4096], missing[8192];
static char buf[1 << 20];
static int open_live;

static void do_stat(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		err(1, "%s", path);
}

static void stat_live(void)
{
	do_stat(live);
}

static void stat_pinned(void)
{
	do_stat(pinned);
}

static void stat_missing(void)
{
	struct stat st;

	if (stat(missing, &st) == 0)
		errx(1, "%s is there", missing);
}

static void do_open(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		err(1, "%s", path);
	close(fd);
}

static void open_close_live(void)
{
	do_open(live);
}

static void open_close_pinned(void)
{
	do_open(pinned);
}

static void read_4k(void)
{
	if (pread(open_live, buf, 4096, 0) != 4096)
		err(1, "%s", live);
}

static void read_1m(void)
{
	if (pread(open_live, buf, sizeof buf, 0) != (ssize_t)sizeof buf)
		err(1, "%s", live);
}

/* A mapping as the loader makes it, each page touched. */
static void map_1m(void)
{
	volatile const char *p = mmap(NULL, sizeof buf, PROT_READ, MAP_PRIVATE, open_live, 0);

	if (p == MAP_FAILED)
		err(1, "mmap");
	for (size_t i = 0; i < sizeof buf; i += 4096)
		(void)p[i];
	munmap((void *)p, sizeof buf);
}

static void read_dir(void)
{
	DIR *d = opendir(dir);

	if (!d)
		err(1, "%s", dir);
	while (readdir(d))
		;
	closedir(d);
}

static void load(void)
{
	void *handle = dlopen(library, RTLD_NOW);

	if (!handle)
		errx(1, "%s", dlerror());
	dlclose(handle);
}

static double nanoseconds(void (*what)(void), long times)
{
	struct timespec a, b;

	what();
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (long i = 0; i < times; i++)
		what();
	clock_gettime(CLOCK_MONOTONIC, &b);
	return ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) /
	       (double)times;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*what)(void);
		long times;
	} all[] = {
		{"stat, live file", stat_live, 5000},
		{"stat, pinned file", stat_pinned, 5000},
		{"stat, no such file", stat_missing, 5000},
		{"open and close, live file", open_close_live, 2500},
		{"open and close, pinned file", open_close_pinned, 2500},
		{"pread of 4 KiB", read_4k, 5000},
		{"pread of 1 MiB", read_1m, 50},
		{"mmap of 1 MiB, each page touched", map_1m, 50},
		{"readdir, the whole directory", read_dir, 10},
		{"dlopen and dlclose", load, 50},
	};

	if (argc != 4)
		errx(2, "usage: steady LIVE PINNED LIBRARY");
	live = argv[1];
	pinned = argv[2];
	library = argv[3];
	snprintf(dir, sizeof dir, "%.*s", (int)(strrchr(live, '/') - live), live);
	snprintf(missing, sizeof missing, "%s/no-such-file", dir);
	open_live = open(live, O_RDONLY | O_CLOEXEC);
	if (open_live < 0)
		err(1, "%s", live);
	printf("{");
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		printf("%s\"%s\": %.0f", i ? ", " : "", all[i].name,
		       nanoseconds(all[i].what, all[i].times));
	printf("}\n");
	return 0;
}
