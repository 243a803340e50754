#include "commands/graph.h"

#include "cli/app.h"
#include "cli/command.h"
#include "cli/message.h"
#include "commands/dot.h"
#include "labeler/live.h"

#include <stdlib.h>
#include <string.h>

#define LISTED_MAX 12 /* versions in a node, unless the graph is of one app */

/* A version, and which layers have it. */
struct graph_version {
	const struct pin *pin;
	bool shown;
	bool *in;     /* of each layer */
	size_t group; /* its number in groups */
};

/* Versions that the same layers have are one node (DESIGN.md, picture-by-layers). */
struct graph_group {
	const struct graph_version *first;
	size_t count, differing; /* from the live system */
};

struct graph {
	FILE *out;
	const struct facts *facts;
	bool whole;    /* each version is listed */
	bool *shown;   /* of each program */
	size_t *layer; /* of each program: its number in layers */
	/* A layer or a set, by the first of its programs. Programs with the same one and the same pins share it; one
	 * without a layer counts as one here, too. */
	const struct program_facts **layers;
	size_t nlayers;
	struct graph_version *versions; /* sorted by name, version and digest; each once */
	size_t nversions;
	bool *in; /* of all versions */
	struct graph_group *groups;
	size_t ngroups;
};

static void graph_free(struct graph *g)
{
	free(g->shown);
	free(g->layer);
	free(g->layers);
	free(g->versions);
	free(g->in);
	free(g->groups);
}

/* -- what the graph has -- */

static bool have_same_pins(const struct app *a, const struct app *b)
{
	if (a->npins != b->npins || a->sealed != b->sealed)
		return false;
	for (size_t i = 0; i < a->npins; i++)
		if (!digest_equal(&a->pins[i].digest, &b->pins[i].digest))
			return false;
	return true;
}

static size_t find_layer(struct graph *g, const struct program_facts *p)
{
	for (size_t i = 0; *p->layer && i < g->nlayers; i++)
		if (strcmp(g->layers[i]->layer, p->layer) == 0 &&
		    have_same_pins(g->layers[i]->app, p->app))
			return i;
	g->layers[g->nlayers] = p;
	return g->nlayers++;
}

static int version_order(const void *a, const void *b)
{
	const struct pin *x = ((const struct graph_version *)a)->pin;
	const struct pin *y = ((const struct graph_version *)b)->pin;
	int order = strcmp(x->name, y->name);

	if (order == 0)
		order = strcmp(x->version, y->version);
	if (order == 0)
		order = strcmp(x->arch, y->arch);
	return order ? order : memcmp(x->digest.bytes, y->digest.bytes, sizeof x->digest.bytes);
}

static struct graph_version *find_version(const struct graph *g, const struct pin *pin)
{
	const struct graph_version wanted = {.pin = pin};

	return bsearch(&wanted, g->versions, g->nversions, sizeof wanted, version_order);
}

static int collect_versions(struct graph *g, struct err *err)
{
	const struct apps *apps = &g->facts->apps;
	size_t pins = 0, kept = 0;

	for (size_t i = 0; i < apps->count; i++)
		pins += apps->items[i].npins;
	g->versions = calloc(pins + 1, sizeof *g->versions);
	if (!g->versions)
		return err_nomem(err);
	for (size_t i = 0; i < apps->count; i++)
		for (size_t k = 0; k < apps->items[i].npins; k++)
			g->versions[g->nversions++].pin = &apps->items[i].pins[k];
	if (g->nversions)
		qsort(g->versions, g->nversions, sizeof *g->versions, version_order);
	for (size_t i = 0; i < g->nversions; i++)
		if (i == 0 || version_order(&g->versions[kept - 1], &g->versions[i]) != 0)
			g->versions[kept++] = g->versions[i];
	g->nversions = kept;
	return 0;
}

/* Whether the app has a version of the other one. */
static bool share_version(const struct app *a, const struct app *b)
{
	for (size_t i = 0; i < a->npins; i++)
		for (size_t k = 0; k < b->npins; k++)
			if (digest_equal(&a->pins[i].digest, &b->pins[k].digest))
				return true;
	return false;
}

static void choose_programs(struct graph *g, const char *only)
{
	const struct apps *apps = &g->facts->apps;
	const struct app *app = NULL;

	for (size_t i = 0; only && i < apps->count; i++)
		if (strcmp(apps->items[i].path, only) == 0)
			app = &apps->items[i];
	g->whole = app;
	for (size_t i = 0; i < apps->count; i++)
		g->shown[i] = !app || app == &apps->items[i] || share_version(app, &apps->items[i]);
	for (size_t i = 0; i < g->nversions; i++)
		g->versions[i].shown = !app;
	for (size_t k = 0; app && k < app->npins; k++)
		find_version(g, &app->pins[k])->shown = true;
}

static bool is_behind(const struct graph *g, const struct pin *pin)
{
	const struct package *live = facts_live(g->facts, pin);

	return live && strcmp(live->version, pin->version) != 0;
}

static size_t find_group(struct graph *g, const struct graph_version *v)
{
	for (size_t i = 0; i < g->ngroups; i++)
		if (memcmp(g->groups[i].first->in, v->in, g->nlayers * sizeof *v->in) == 0)
			return i;
	g->groups[g->ngroups] = (struct graph_group){.first = v};
	return g->ngroups++;
}

static int group_versions(struct graph *g, struct err *err)
{
	g->in = calloc(g->nversions * g->nlayers + 1, sizeof *g->in);
	g->groups = calloc(g->nversions + 1, sizeof *g->groups);
	if (!g->in || !g->groups)
		return err_nomem(err);
	for (size_t i = 0; i < g->nversions; i++)
		g->versions[i].in = g->in + i * g->nlayers;
	for (size_t i = 0; i < g->nlayers; i++)
		for (size_t k = 0; k < g->layers[i]->app->npins; k++)
			find_version(g, &g->layers[i]->app->pins[k])->in[i] = true;
	for (size_t i = 0; i < g->nversions; i++) {
		struct graph_version *v = &g->versions[i];

		if (!v->shown)
			continue;
		v->group = find_group(g, v);
		g->groups[v->group].count++;
		g->groups[v->group].differing += is_behind(g, v->pin);
	}
	return 0;
}

static int graph_begin(struct graph *g, const char *only, struct err *err)
{
	const size_t n = g->facts->apps.count;

	g->shown = calloc(n + 1, sizeof *g->shown);
	g->layer = calloc(n + 1, sizeof *g->layer);
	g->layers = calloc(n + 1, sizeof *g->layers);
	if (!g->shown || !g->layer || !g->layers)
		return err_nomem(err);
	if (collect_versions(g, err) < 0)
		return -ENOMEM;
	choose_programs(g, only);
	for (size_t i = 0; i < n; i++)
		if (g->shown[i])
			g->layer[i] = find_layer(g, &g->facts->programs[i]);
	return group_versions(g, err);
}

/* -- nodes -- */

static void put_mark(const struct graph *g, const char *mark)
{
	fprintf(g->out, "\\l! %s", mark);
}

static void put_marks(const struct graph *g, const struct program_facts *p)
{
	if (p->state == PROGRAM_SLEEPS)
		put_mark(g, "sleeps: its pins wait");
	if (p->state == PROGRAM_CHANGED)
		put_mark(g, "its files changed");
	if (p->remarks.count)
		put_mark(g, "a version differs from its sibling");
	if (p->outdated)
		fprintf(g->out, "\\l! %zu process%s to restart", p->outdated,
			p->outdated == 1 ? "" : "es");
}

static void put_program(const struct graph *g, size_t number)
{
	const struct program_facts *p = &g->facts->programs[number];

	fprintf(g->out, "\tp%zu [label=\"", number);
	dot_put(g->out, p->app->path);
	if (p->app->npins == 0)
		fputs("\\lno pins: the live system", g->out);
	else
		fputs(p->app->sealed ? "\\lsealed" : "\\lview", g->out);
	fputs(p->app->forced ? ", forced" : "", g->out);
	put_marks(g, p);
	fprintf(g->out, "\\l\", class=\"program%s%s%s];\n",
		facts_need_attention(p) ? " attention\", color=\"#b3261e\", penwidth=1.8" : "\"",
		p->app->sealed ? ", peripheries=2" : "",
		p->state == PROGRAM_SLEEPS ? ", style=\"rounded,dashed\"" : "");
}

/* A program without a layer leads to its versions itself. */
static bool has_layer(const struct graph *g, size_t layer)
{
	return *g->layers[layer]->layer;
}

static void put_layer(const struct graph *g, size_t number)
{
	const struct program_facts *p = g->layers[number];

	fprintf(g->out, "\tl%zu [label=\"%s %.8s", number, p->app->sealed ? "set" : "layer",
		p->layer);
	for (size_t i = 0; i < p->covers.count; i++) {
		fputs("\\lover ", g->out);
		dot_put(g->out, p->covers.items[i]);
	}
	fprintf(g->out, "\\l\", class=\"layer\", shape=%s];\n", p->app->sealed ? "tab" : "folder");
}

/* "zlib1g 1.2.11, live: 1.2.13" */
static void put_version(const struct graph *g, const struct pin *pin)
{
	const struct package *live = facts_live(g->facts, pin);

	dot_put(g->out, pin->name);
	fputc(' ', g->out);
	dot_put(g->out, pin->version);
	if (!live)
		fputs(", live: none", g->out);
	if (is_behind(g, pin)) {
		fputs(", live: ", g->out);
		dot_put(g->out, live->version);
	}
	fputs("\\l", g->out);
}

static void put_group(const struct graph *g, size_t number)
{
	const struct graph_group *group = &g->groups[number];
	const bool all = g->whole || group->count <= LISTED_MAX;
	size_t listed = 0;

	fprintf(g->out, "\tv%zu [label=\"", number);
	for (size_t i = 0; i < g->nversions; i++) {
		const struct graph_version *v = &g->versions[i];

		if (v->shown && v->group == number && (all || listed++ < LISTED_MAX - 1))
			put_version(g, v->pin);
	}
	if (!all)
		fprintf(g->out, "and %zu more\\l", group->count - (LISTED_MAX - 1));
	if (!all && group->differing)
		fprintf(g->out, "%zu of all differ from the live system\\l", group->differing);
	fprintf(g->out, "\", class=\"version%s\", shape=component, style=%s];\n",
		group->differing ? " behind" : "", group->differing ? "bold" : "solid");
}

/* -- edges -- */

static void put_group_edges(const struct graph *g, size_t layer, char kind, size_t from)
{
	for (size_t i = 0; i < g->ngroups; i++)
		if (g->groups[i].first->in[layer])
			fprintf(g->out, "\t%c%zu -> v%zu;\n", kind, from, i);
}

static void put_edges(const struct graph *g)
{
	for (size_t i = 0; i < g->facts->apps.count; i++) {
		if (!g->shown[i])
			continue;
		if (has_layer(g, g->layer[i]))
			fprintf(g->out, "\tp%zu -> l%zu;\n", i, g->layer[i]);
		else
			put_group_edges(g, g->layer[i], 'p', i);
	}
	for (size_t i = 0; i < g->nlayers; i++)
		if (has_layer(g, i))
			put_group_edges(g, i, 'l', i);
}

/* -- the whole -- */

static const char head[] =
	"digraph pins {\n"
	"\tgraph [rankdir=LR, bgcolor=white, nodesep=0.18, ranksep=0.8, "
	"fontname=\"Helvetica,Arial,sans-serif\", fontsize=11];\n"
	"\tnode [shape=box, style=rounded, margin=\"0.13,0.07\", "
	"fontname=\"Helvetica,Arial,sans-serif\", fontsize=11, color=\"#57606a\", "
	"fontcolor=\"#1f2328\"];\n"
	"\tedge [color=\"#8b949e\", arrowsize=0.6];\n";

/* The picture is readable without colours: shapes, lines and words tell the same. */
static const char legend[] =
	"\tsubgraph cluster_legend {\n"
	"\t\tlabel=\"Legend\"; labeljust=l; margin=12; style=rounded; color=\"#afb8c1\"; "
	"fontcolor=\"#57606a\"; class=\"legend\";\n"
	"\t\tnode [class=\"legend\"];\n"
	"\t\tk0 [label=\"program with a view\"];\n"
	"\t\tk1 [label=\"sealed program\", peripheries=2];\n"
	"\t\tk2 [label=\"sleeping program\", style=\"rounded,dashed\"];\n"
	"\t\tk3 [label=\"layer of views\", shape=folder];\n"
	"\t\tk4 [label=\"set of sealed programs\", shape=tab];\n"
	"\t\tk5 [label=\"! needs attention\", class=\"legend attention\", color=\"#b3261e\", "
	"penwidth=1.8];\n"
	"\t\tk6 [label=\"versions, as the live system\", shape=component, style=solid];\n"
	"\t\tk7 [label=\"some differ from it\", shape=component, style=bold];\n"
	"\t\tk0 -> k3 -> k6 [style=invis];\n"
	"\t\tk1 -> k4 -> k7 [style=invis];\n"
	"\t\tk2 -> k5 [style=invis];\n"
	"\t}\n";

static void put_graph(const struct graph *g)
{
	fputs(head, g->out);
	for (size_t i = 0; i < g->facts->apps.count; i++)
		if (g->shown[i])
			put_program(g, i);
	for (size_t i = 0; i < g->nlayers; i++)
		if (has_layer(g, i))
			put_layer(g, i);
	for (size_t i = 0; i < g->ngroups; i++)
		put_group(g, i);
	put_edges(g);
	fputs(legend, g->out);
	fputs("}\n", g->out);
}

int graph_write(const struct facts *facts, const char *only, char **text, size_t *len,
		struct err *err)
{
	CLEANUP(graph_free) struct graph g = {.facts = facts};
	int r = graph_begin(&g, only, err);

	if (r < 0)
		return r;
	g.out = open_memstream(text, len);
	if (!g.out)
		return err_nomem(err);
	put_graph(&g);
	return fclose(g.out) == 0 ? 0 : err_nomem(err);
}

/* -- for `pinlib show` -- */

/* The graph cannot say what it does not show. */
static void warn_missing(const struct facts *facts)
{
	for (size_t i = 0; i < facts->unknown.count; i++)
		warn("%s", facts->unknown.items[i]);
	if (facts->unseen)
		warn("%zu process%s could not be read: more may need a restart", facts->unseen,
		     facts->unseen == 1 ? "" : "es");
	else if (facts->hidden)
		warn("/proc hides processes from this user: more may need a restart");
}

/* In a view the program is at its path, and not its stub. */
static int check_outside(struct err *err)
{
	int r = live_in_view(err);

	return r <= 0 ? r
		      : err_set(err, EINVAL,
				"this is a view, where files differ from the live system's; use "
				"'pinlib exec --host pinlib show ...'");
}

int graph_show(const char *name, bool svg, struct err *err)
{
	AUTO_FACTS struct facts facts = {0};
	AUTO_FREE char *graph = NULL, *picture = NULL;
	char path[PATH_MAX];
	size_t len = 0;
	int r = check_outside(err);

	if (r == 0)
		r = facts_gather(&facts, err);
	if (r == 0 && name)
		r = find_pinned(&facts.apps, name, path, err);
	if (r == 0)
		r = graph_write(&facts, name ? path : NULL, &graph, &len, err);
	if (r == 0 && svg)
		r = dot_svg(graph, len, &picture, err);
	if (r < 0)
		return r;
	warn_missing(&facts);
	fputs(svg ? picture : graph, stdout);
	return EXIT_OK;
}
