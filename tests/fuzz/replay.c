/* replay CORPUS: feeds every file of a directory to the fuzz target that this is linked with. The
 * sanitizers, a failed HOLD or five seconds end it, with the file's name as the last word. */
#include "tests/fuzz/fuzz.h"

#include "base/file.h"

#include <fcntl.h>
#include <signal.h>

#define SECONDS 5

void __asan_set_death_callback(void (*callback)(void));

static char current[300];

static void say_current(void)
{
	(void)!write(2, current, strlen(current));
}

static void on_signal(int number)
{
	say_current();
	signal(number, SIG_DFL);
	raise(number);
}

static void feed(int dir, const char *name)
{
	AUTO_FREE char *data = NULL;
	struct err err;
	size_t len;

	snprintf(current, sizeof current, "the case was %.255s\n", name);
	if (file_read_at(dir, name, (size_t)16 << 20, &data, &len, &err) < 0) {
		fprintf(stderr, "%s: %s\n", name, err.text);
		exit(2);
	}
	alarm(SECONDS);
	LLVMFuzzerTestOneInput((const uint8_t *)data, len);
	alarm(0);
}

int main(int argc, char **argv)
{
	AUTO_DIR DIR *d = argc == 2 ? opendir(argv[1]) : NULL;
	int passed = 0;

	if (!d) {
		fprintf(stderr, "usage: %s CORPUS\n", argv[0]);
		return 2;
	}
	__asan_set_death_callback(say_current);
	signal(SIGALRM, on_signal);
	signal(SIGABRT, on_signal);
	for (struct dirent *e; (e = readdir(d));) {
		if (e->d_name[0] == '.')
			continue;
		feed(dirfd(d), e->d_name);
		passed++;
	}
	printf("%d passed, 0 failed\n", passed);
	return 0;
}
