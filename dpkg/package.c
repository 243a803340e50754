#include "dpkg/package.h"

#include "base/array.h"
#include "dpkg/control.h"
#include "dpkg/tool.h"

#include <stdlib.h>
#include <string.h>

/* The fields that add_line reads, in its order. */
#define FACTS                                                                                      \
	"${db:Status-Abbrev}\\t${binary:Package}\\t${Package}\\t${Architecture}\\t${Version}\\t"   \
	"${source:Package}\\t${source:Version}\\t${Essential}\\t${Provides}\\t${Pre-Depends}, "    \
	"${Depends}\\n"

static void package_free(struct package *p)
{
	free(p->query);
	free(p->name);
	free(p->arch);
	free(p->version);
	free(p->source);
	free(p->source_version);
	free(p->provides);
	free(p->depends);
}

void packages_free(struct packages *packages)
{
	for (size_t i = 0; i < packages->count; i++)
		package_free(&packages->items[i]);
	free(packages->items);
	*packages = (struct packages){0};
}

static char *copy_text(const char *text)
{
	return strdup(text ? text : "");
}

int packages_add(struct packages *packages, const struct package *package, struct err *err)
{
	struct package *p;

	if (ARRAY_GROW(packages->items, packages->count, err) < 0)
		return -ENOMEM;
	p = &packages->items[packages->count++];
	*p = (struct package){.query = copy_text(package->query),
			      .name = copy_text(package->name),
			      .arch = copy_text(package->arch),
			      .version = copy_text(package->version),
			      .source = copy_text(package->source),
			      .source_version = copy_text(package->source_version),
			      .provides = copy_text(package->provides),
			      .depends = copy_text(package->depends),
			      .essential = package->essential,
			      .wish = package->wish};
	return p->query && p->name && p->arch && p->version && p->source && p->source_version &&
			       p->provides && p->depends
		       ? 0
		       : err_nomem(err);
}

/* The field before the next tab; "" if none is left. */
static char *cut_field(char **line)
{
	char *field = strsep(line, "\t");

	return field ? field : "";
}

/* One line of FACTS. The status is "ii " for an installed package, "rc " for one whose
 * configuration alone is left. */
static int add_line(struct packages *out, char *line, struct err *err)
{
	const char *status = cut_field(&line);
	struct package p = {.wish = status[0]};

	p.query = cut_field(&line);
	p.name = cut_field(&line);
	p.arch = cut_field(&line);
	p.version = cut_field(&line);
	p.source = cut_field(&line);
	p.source_version = cut_field(&line);
	p.essential = strcmp(cut_field(&line), "yes") == 0;
	p.provides = cut_field(&line);
	p.depends = cut_field(&line);
	return status[0] == '\0' || status[1] != 'i' ? 0 : packages_add(out, &p, err);
}

static int show_packages(const char *const *names, size_t n, struct packages *out, struct err *err)
{
	AUTO_FREE const char **argv = calloc(n + 5, sizeof *argv);
	AUTO_FREE char *text = NULL;
	char *rest, *line;
	int r;

	if (!argv)
		return err_nomem(err);
	argv[0] = "dpkg-query";
	argv[1] = "--show";
	argv[2] = "--showformat=" FACTS;
	argv[3] = "--";
	for (size_t i = 0; i < n; i++)
		argv[4 + i] = names[i];
	r = dpkg_ask(argv, &text, err);
	rest = text;
	for (r = r < 0 ? r : 0; r == 0 && (line = strsep(&rest, "\n"));)
		r = add_line(out, line, err);
	return r;
}

int packages_installed(const char *const *names, size_t n, struct packages *out, struct err *err)
{
	int r = dpkg_present() ? show_packages(names, n, out, err) : 0;

	return r < 0 ? err_wrap(err, r, "cannot ask dpkg which packages are installed") : 0;
}

bool package_archs_fit(const char *a, const char *b)
{
	return strcmp(a, b) == 0 || strcmp(a, "all") == 0 || strcmp(b, "all") == 0;
}

bool package_provides(const struct package *package, const char *name)
{
	const char *provides = package->provides;
	struct relation r;

	while (relation_next(&provides, &r))
		if (strcmp(r.name, name) == 0)
			return true;
	return false;
}

/* 1 if dpkg-query prints this line, 0 if not, or a negative error. */
static int prints_line(const char *const *argv, const char *line, struct err *err)
{
	AUTO_FREE char *text = NULL;
	char *rest, *found;
	int r = dpkg_ask(argv, &text, err);

	rest = text;
	while (r == 0 && (found = strsep(&rest, "\n")))
		if (strcmp(found, line) == 0)
			return 1;
	return r < 0 ? r : 0;
}

int package_has_trigger(const char *query, const char *line, struct err *err)
{
	const char *const list[] = {"dpkg-query", "--control-list", query, NULL};
	const char *const show[] = {"dpkg-query", "--control-show", query, "triggers", NULL};
	int r = prints_line(list, "triggers", err); /* without that file --control-show fails */

	return r == 1 ? prints_line(show, line, err) : r;
}
