/*
 * whole [N [FILE]]: checks from inside that a view is complete: it has N covers (default 1); only the
 * wrapper's directory is without nosuid (with N=0, outside all views: or the mount that it belongs to); no mount
 * propagates to another namespace, or for root, who may mount for others, none of the view's own; the process has no
 * capability, unless it is root's; FILE exists. Prints "whole", or the fault. It uses
 * only system calls that the wrapper uses too, because callers fake some of them.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WRAPPER_DIR "/usr/local/lib/pinlib"

static char text[1 << 17];

static char *slurp(const char *path)
{
	int fd = open(path, O_RDONLY);
	size_t used = 0;
	ssize_t n;

	while ((n = read(fd, text + used, sizeof text - 1 - used)) > 0)
		used += (size_t)n;
	close(fd);
	text[used] = '\0';
	return text;
}

static int capabilities(void)
{
	static const char *const sets[] = {"\nCapPrm:\t", "\nCapEff:\t", "\nCapAmb:\t"};
	const char *status = slurp("/proc/self/status");
	int wrong = 0;

	for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
		const char *at = strstr(status, sets[i]);

		if (!at || strtoull(at + strlen(sets[i]), NULL, 16) != 0)
			wrong |= printf("capabilities: %.25s\n", at ? at + 1 : "unknown");
	}
	return wrong;
}

/* True if the mount in this line of mountinfo may be without nosuid. */
static bool is_exempt(const char *line, int wanted)
{
	char point[4096] = "";

	if (sscanf(line, "%*s %*s %*s %*s %4095s", point) != 1)
		return false;
	return strcmp(point, WRAPPER_DIR) == 0 ||
	       (wanted == 0 && strncmp(WRAPPER_DIR, point, strlen(point)) == 0);
}

/* True if a mount in this line may have peers. */
static bool may_propagate(const char *line)
{
	return geteuid() == 0 && !strstr(line, " - overlay pinlib:") &&
	       !strstr(line, "/.pinlib/") && !strstr(line, " " WRAPPER_DIR " ");
}

int main(int argc, char **argv)
{
	int covers = 0, wanted = argc > 1 ? atoi(argv[1]) : 1, lines = 0;
	int wrong = geteuid() ? capabilities() : 0;
	char *rest, *line = strtok_r(slurp("/proc/self/mountinfo"), "\n", &rest);

	for (; line; line = strtok_r(NULL, "\n", &rest), lines++) {
		covers += strstr(line, " - overlay pinlib:") != NULL;
		if (!strstr(line, "nosuid") && !is_exempt(line, wanted))
			wrong |= printf("not nosuid: %s\n", line);
		if (strstr(line, " shared:") && !may_propagate(line))
			wrong |= printf("shared: %s\n", line);
	}
	if (covers != wanted)
		wrong |= printf("%d covers, not %d\n", covers, wanted);
	if (argc > 2 && access(argv[2], F_OK) != 0)
		wrong |= printf("no %s\n", argv[2]);
	if (!wrong && lines > 0)
		puts("whole");
	return wrong != 0;
}
