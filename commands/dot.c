#include "commands/dot.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/run.h"
#include "cli/terminal.h"

#include <string.h>
#include <sys/mman.h>

#define SVG_MAX ((size_t)64 << 20)

void dot_put(FILE *out, const char *text)
{
	AUTO_FREE char *copy = strdup(text);

	for (const char *p = copy ? printable(copy) : "?"; *p; p++) {
		if (*p == '"' || *p == '\\')
			fputc('\\', out);
		if (*p == '&')
			fputs("&amp;", out);
		else
			fputc(*p, out);
	}
}

void dot_put_quoted(FILE *out, const char *text)
{
	fputc('"', out);
	dot_put(out, text);
	fputc('"', out);
}

/* GVBINDIR would name libraries to load, and GV_FILE_PATH files to show: env(1) takes all variables away. Without PATH
 * it looks in /bin and /usr/bin. */
static int run_graphviz(const char *file, char **svg, struct err *err)
{
	char seconds[16];
	const char *const argv[] = {
		"env", "-i", "LC_ALL=C.UTF-8", "timeout", seconds, "dot", "-Tsvg", file, NULL};
	int r;

	snprintf(seconds, sizeof seconds, "%d", DOT_SECONDS);
	r = run_read(argv, "/", SVG_MAX, svg, err);
	if (r == 127)
		return err_set(err, ENOENT,
			       "Graphviz is not installed: 'apt-get install graphviz' adds 'dot'");
	if (r == 124)
		return err_set(err, ETIME, "Graphviz took longer than %d seconds for this graph",
			       DOT_SECONDS);
	if (r > 0)
		return err_wrap(err, -EIO, "Graphviz failed (dot, exit status %d)", r);
	return r;
}

int dot_svg(const char *graph, size_t len, char **svg, struct err *err)
{
	AUTO_FD int fd = memfd_create("graph", 0); /* Graphviz inherits it */
	AUTO_FREE char *text = NULL;
	char file[64];
	int r;

	if (fd < 0)
		return err_sys(err, errno, "cannot create a file in memory");
	r = file_write(fd, graph, len, err);
	if (r < 0)
		return r;
	snprintf(file, sizeof file, "/proc/self/fd/%d", fd);
	r = run_graphviz(file, &text, err);
	if (r < 0)
		return r;
	*svg = text;
	text = NULL;
	return 0;
}
