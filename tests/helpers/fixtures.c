/*
 * demo: prints the version of its libdemo, and its own path.
 *
 *	demo            VERSION /proc/self/exe
 *	demo -m         the file of libdemo in /proc/self/maps
 *	demo -0         argv[0]
 *	demo CMD ARGS   the first line, then CMD in its place
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *demo_version(void);

static int print_map(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[PATH_MAX + 128];

	while (maps && fgets(line, sizeof line, maps))
		if (strstr(line, "libdemo"))
			return fputs(strchr(line, '/'), stdout) < 0;
	return 1;
}

int main(int argc, char **argv)
{
	char exe[PATH_MAX] = "";

	if (argc > 1 && strcmp(argv[1], "-m") == 0)
		return print_map();
	if (argc > 1 && strcmp(argv[1], "-0") == 0)
		return puts(argv[0]) < 0;
	if (readlink("/proc/self/exe", exe, sizeof exe - 1) < 0)
		return 1;
#ifdef UPGRADED
	printf("upgraded ");
#endif
	printf("%s %s\n", demo_version(), exe);
	fflush(stdout);
	if (argc > 1) {
		execvp(argv[1], argv + 1);
		return 127;
	}
	return 0;
}
