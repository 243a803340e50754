#include "base/file.h"
#include "cli/out.h"
#include "cli/output.h"
#include "commands/commands.h"
#include "commands/dot.h"
#include "commands/graph.h"
#include "commands/page.h"

#include <string.h>
#include <unistd.h>

static const char *file;

static const struct command_option options[] = {
	OPTION(&file, "output", ARG_FILE, "FILE", "the file to write; '-' is standard output",
	       .letter = 'o', .needed = true),
	{0},
};

/* The picture; NULL with the reason in err. */
static char *draw_picture(const struct facts *facts, struct err *err)
{
	AUTO_FREE char *graph = NULL;
	char *svg = NULL;
	size_t len = 0;

	if (graph_write(facts, NULL, &graph, &len, err) < 0 || dot_svg(graph, len, &svg, err) < 0)
		return NULL;
	return svg;
}

static int write_page(const struct facts *facts, char **page, size_t *len, struct err *err)
{
	AUTO_FREE char *svg = NULL;
	struct err why = {.text = "no program has pins"};
	FILE *f;

	if (facts->apps.count)
		svg = draw_picture(facts, &why);
	f = open_memstream(page, len);
	if (!f)
		return err_nomem(err);
	page_write(f, facts, svg, why.text);
	return fclose(f) == 0 ? 0 : err_nomem(err);
}

static size_t count_overdue(const struct facts *facts)
{
	size_t n = 0;

	for (size_t i = 0; i < facts->apps.count; i++)
		n += facts->programs[i].due == DUE_OVER;
	return n;
}

static int run_report(int count, char **operands, struct err *err)
{
	AUTO_FACTS struct facts facts = {0};
	AUTO_OUTPUT struct output out = OUTPUT_NONE;
	AUTO_FREE char *page = NULL;
	size_t len = 0;
	bool standard;

	(void)count;
	(void)operands;
	if (strcmp(file, "-") == 0 && (want_json || isatty(STDOUT_FILENO)))
		return misused(want_json ? "--json and --output - both use standard output"
					 : "standard output is a terminal: give --output a file");
	if (facts_gather(&facts, err) < 0 || write_page(&facts, &page, &len, err) < 0 ||
	    output_begin(file, &out, err) < 0)
		return EXIT_ERR;
	standard = out.standard;
	if (file_write(out.fd, page, len, err) < 0)
		return err_wrap(err, EXIT_ERR, "cannot write %s", file);
	if (output_finish(&out, file, err) < 0)
		return EXIT_ERR;
	if (standard)
		return EXIT_OK;
	json_record("file %s programs %lld outdated %lld overdue %lld", file,
		    (long long)facts.apps.count, (long long)facts.noutdated,
		    (long long)count_overdue(&facts));
	print_line("%s: %zu program%s", file, facts.apps.count, facts.apps.count == 1 ? "" : "s");
	return EXIT_OK;
}

const struct command command_report = {
	.name = "report",
	.group = GROUP_LOOK,
	.summary = "Write a page about all pins, to read in a browser",
	.text = "The page is one HTML file without scripts that loads nothing. It has the pins, "
		"their age, reasons and dates, and the live versions, programs that need "
		"attention, processes to "
		"restart, and the last upgrades and changes. Where Graphviz is installed it has "
		"the picture of 'pinlib show --svg', too. Root's report covers the processes of "
		"all users.",
	.options = options,
	.json = true,
	.host = true,
	.run = run_report,
};
