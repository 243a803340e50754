/* Prints the load closure of programs: the objects that would be loaded, the rules that found them, and missing
 * ones. */
#include "base/path.h"
#include "base/paths.h"
#include "base/progress.h"
#include "base/sysroot.h"
#include "cli/app.h"
#include "cli/message.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/terminal.h"
#include "commands/commands.h"
#include "commands/dot.h"
#include "elf/isa.h"
#include "loader/closure.h"
#include "loader/symbols.h"
#include "plan/read.h"
#include "view/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define AHEAD 24 /* programs */

static struct {
	bool list, dot, symbols;
} given;

static const struct command_option options[] = {
	FLAG(&given.list, "list", "one line for each library, like ldd(1)"),
	FLAG(&given.dot, "dot", "a graph for Graphviz"),
	FLAG(&given.symbols, "symbols", "also check that every symbol is defined"),
	{0},
};

struct request {
	bool many; /* several programs: each one's name is printed first */
	struct ldview *live;
	const char *library_path;
	struct plan_file *plan;
	size_t wrong; /* how many programs miss something, or cannot be read */
};

/* -- one need -- */

static void put_rule(const struct closure *c, const struct need *n)
{
	const struct object *o = n->object == CLOSURE_NONE ? NULL : &c->objects[n->object];

	put_text("  [%s", rule_name(n->rule));
	if (n->owner != CLOSURE_NONE)
		put_text(" of %s", c->objects[n->owner].path);
	put_text("%s%s%s", *n->subdir ? ", " : "", n->subdir, o && o->layer ? ", pinned" : "");
	if (n->kind != ELF_NEEDED)
		put_text(n->kind == ELF_FILTER ? ", filter" : ", auxiliary");
	put_text("]");
}

static void put_missing(const struct closure *c, const struct need *n)
{
	put_text("%s => not found", n->name);
	if (n->broken)
		put_text(": %s: %s", n->path, n->broken);
	else if (n->hint)
		put_text(" (%s; ldconfig would find %s)", c->no_cache, n->hint);
	puts(n->kind == ELF_AUXILIARY ? "  [auxiliary]" : "");
}

/* -- the tree -- */

static void put_branch(const struct closure *c, size_t object, int depth)
{
	const struct object *o = &c->objects[object];

	for (size_t i = 0; i < o->nneeds; i++) {
		const struct need *n = &o->needs[i];
		const struct object *to;

		printf("%*s", 2 * depth, "");
		if (n->object == CLOSURE_NONE) {
			put_missing(c, n);
			continue;
		}
		to = &c->objects[n->object];
		put_text("%s => %s", n->name, to->path);
		put_rule(c, n);
		putchar('\n');
		if (to->by == object && to->by_need == i)
			put_branch(c, n->object, depth + 1);
	}
}

static void put_head(const struct closure *c)
{
	static const char *const loaders[] = {
		[LOADER_GLIBC] = "",
		[LOADER_MUSL] = ": loaded by musl's loader",
		[LOADER_NONE] = ": statically linked",
		[LOADER_OTHER] = ": its loader's rules are not known here",
	};
	const struct object *program = &c->objects[0];

	if (c->script) {
		put_text("%s", c->script);
		puts(": a script, run by");
	}
	put_text("%s%s%s", program->path, program->layer ? "  [pinned]" : "", loaders[c->kind]);
	putchar('\n');
	if (c->kind == LOADER_NONE || !program->elf->interp)
		return;
	put_text("  %s", c->loader->path);
	for (size_t i = 1; i < c->count; i++)
		if (c->objects[i].by == CLOSURE_NONE)
			puts(c->objects[i].layer ? "  [interpreter, pinned]" : "  [interpreter]");
	if (!c->loader->there)
		puts(" => not found  [interpreter]");
}

/* -- the list: one line an object, as ldd(1) has it -- */

/* The name by which it was first needed. */
static const char *asked_as(const struct closure *c, const struct object *o)
{
	return o->by == CLOSURE_NONE ? o->path : c->objects[o->by].needs[o->by_need].name;
}

static void put_line(const struct closure *c, const struct object *o, const char *indent)
{
	fputs(indent, stdout);
	if (strcmp(asked_as(c, o), o->path) != 0)
		put_text("%s => ", asked_as(c, o));
	put_text("%s", o->path);
	puts(o->layer ? " (pinned)" : "");
}

/* The objects up to one that have no line yet; *next is the first of them. The loader itself
 * follows the object before it at once. */
static void put_lines(const struct closure *c, size_t upto, size_t *next, const char *indent)
{
	for (; *next < c->count && (*next <= upto || c->objects[*next].by == CLOSURE_NONE); ++*next)
		if (c->objects[*next].wanted)
			put_line(c, &c->objects[*next], indent);
}

/* In the order in which the loader traces them: where a library is missing, its name takes the
 * place of the file, each time that an object needs it. */
static void put_libraries(const struct closure *c, const char *indent)
{
	size_t next = 1;

	for (size_t i = 0; i < c->count; i++)
		for (size_t k = 0; k < c->objects[i].nneeds; k++) {
			const struct need *n = &c->objects[i].needs[k];

			if (n->object != CLOSURE_NONE) {
				put_lines(c, n->object, &next, indent);
			} else {
				fputs(indent, stdout);
				put_missing(c, n);
			}
		}
	put_lines(c, c->count, &next, indent);
}

static void put_list(const struct request *q, const struct closure *c)
{
	const char *indent = q->many ? "\t" : "";

	if (q->many) {
		put_text("%s:", c->objects[0].path);
		putchar('\n');
	}
	if (c->kind == LOADER_NONE)
		printf("%sstatically linked\n", indent);
	put_libraries(c, indent);
	if (c->objects[0].elf->interp && !c->loader->there)
		printf("%s%s => not found\n", indent, c->loader->path);
}

/* -- missing versions and symbols -- */

static void put_isa(const struct closure *c, const struct gap *g)
{
	char text[ISA_NAME];

	isa_name(isa_present(), text);
	put_text("%s: needs %s, and this CPU has %s", c->objects[g->object].path, g->version, text);
	putchar('\n');
}

static void put_gap(const struct closure *c, const struct gap *g)
{
	switch (g->kind) {
	case GAP_MISSING:
	case GAP_WEAK:
		put_text("%s: %sversion '%s' not found", c->objects[g->of].path,
			 g->kind == GAP_WEAK ? "weak " : "", g->version);
		break;
	case GAP_UNKNOWN:
		put_text("%s: no version information available", c->objects[g->of].path);
		break;
	case GAP_UNLOADED:
		put_text("version '%s' of a library that is not loaded, %s", g->version, g->file);
		break;
	case GAP_ISA:
		put_isa(c, g);
		return;
	}
	put_text(" (required by %s)", c->objects[g->object].path);
	putchar('\n');
}

static void put_undefined(const struct closure *c, const struct undefined *u)
{
	put_text("undefined symbol: %s%s%s (required by %s)", u->name,
		 u->version ? ", version " : "", u->version ? u->version : "",
		 c->objects[u->object].path);
	putchar('\n');
}

/* The loader asks these libraries for each file, and they can name another. */
static void put_audit(const char *names, const char *tag, const char *indent)
{
	if (names) {
		fputs(indent, stdout);
		put_text("auditing libraries: %s [%s]: they can change which files are loaded",
			 names, tag);
		putchar('\n');
	}
}

static void put_wrong(const struct request *q, const struct closure *c,
		      const struct undefineds *undefined)
{
	const char *indent = q->many && given.list ? "\t" : "";

	put_audit(c->audit, "DT_AUDIT", indent);
	put_audit(c->depaudit, "DT_DEPAUDIT", indent);
	for (size_t i = 0; i < c->ngaps; i++) {
		fputs(indent, stdout);
		put_gap(c, &c->gaps[i]);
	}
	for (size_t i = 0; i < undefined->count; i++) {
		fputs(indent, stdout);
		put_undefined(c, &undefined->items[i]);
	}
}

/* -- Graphviz -- */

static void put_edge(const struct closure *c, const struct object *from, const struct need *n)
{
	fputs("\t", stdout);
	dot_put_quoted(stdout, from->path);
	fputs(" -> ", stdout);
	dot_put_quoted(stdout, n->object == CLOSURE_NONE ? n->name : c->objects[n->object].path);
	printf(" [label=\"%s\"%s];\n", rule_name(n->rule),
	       n->object == CLOSURE_NONE ? ", color=red" : "");
	if (n->object != CLOSURE_NONE)
		return;
	fputs("\t", stdout);
	dot_put_quoted(stdout, n->name);
	fputs(" [color=red, style=dashed];\n", stdout);
}

static void put_dot(const struct closure *c)
{
	fputs("digraph ", stdout);
	dot_put_quoted(stdout, c->objects[0].path);
	fputs(" {\n\trankdir=LR;\n\tnode [shape=box];\n", stdout);
	for (size_t i = 0; i < c->count; i++) {
		const struct object *o = &c->objects[i];

		fputs("\t", stdout);
		dot_put_quoted(stdout, o->path);
		puts(o->layer ? " [style=filled, xlabel=\"pinned\"];" : ";");
		/* Edges to objects that are loaded already are left out: those to libc would cover all others. */
		for (size_t k = 0; k < o->nneeds; k++)
			put_edge(c, o, &o->needs[k]);
	}
	puts("}");
}

/* -- JSON -- */

static void json_index(const char *key, size_t number)
{
	if (number == CLOSURE_NONE)
		json_string(key, NULL);
	else
		json_number(key, (int64_t)number);
}

static void json_need(const struct closure *c, const struct need *n)
{
	static const char *const kinds[] = {
		[ELF_NEEDED] = "needed", [ELF_AUXILIARY] = "auxiliary", [ELF_FILTER] = "filter"};

	json_open(NULL, '{');
	json_members("name %s kind %s rule %s of %s hwcaps %s", n->name, kinds[n->kind],
		     rule_name(n->rule),
		     n->owner == CLOSURE_NONE ? NULL : c->objects[n->owner].path,
		     *n->subdir ? n->subdir : NULL);
	json_index("object", n->object);
	json_members("path %s error %s hint %s", n->path, n->broken, n->hint);
	json_close();
}

static void json_object(const struct closure *c, const struct object *o)
{
	json_open(NULL, '{');
	json_members("path %s canonical %s soname %s pinned %d rule %s wanted %d", o->path,
		     o->canonical, o->elf->soname, o->layer != NULL,
		     rule_name(closure_rule(c, (size_t)(o - c->objects))), o->wanted);
	json_open("needs", '[');
	for (size_t i = 0; i < o->nneeds; i++)
		json_need(c, &o->needs[i]);
	json_close();
	json_close();
}

static void json_gap(const struct closure *c, const struct gap *g)
{
	static const char *const kinds[] = {[GAP_MISSING] = "missing",
					    [GAP_WEAK] = "weak",
					    [GAP_UNKNOWN] = "no version information",
					    [GAP_UNLOADED] = "not loaded",
					    [GAP_ISA] = "CPU level"};

	json_record("kind %s version %s file %s of %s by %s", kinds[g->kind], g->version, g->file,
		    g->of == CLOSURE_NONE ? NULL : c->objects[g->of].path,
		    c->objects[g->object].path);
}

static void json_closure(const struct closure *c, const struct undefineds *undefined)
{
	static const char *const loaders[] = {[LOADER_GLIBC] = "glibc",
					      [LOADER_MUSL] = "musl",
					      [LOADER_NONE] = "none",
					      [LOADER_OTHER] = "other"};

	json_open(NULL, '{');
	json_members("program %s script %s loader %s interpreter %s complete %d",
		     c->objects[0].path, c->script, loaders[c->kind], c->objects[0].elf->interp,
		     closure_missing(c) == 0 && closure_gaps(c) == 0);
	json_members("audit %s depaudit %s", c->audit, c->depaudit);
	json_open("objects", '[');
	for (size_t i = 0; i < c->count; i++)
		json_object(c, &c->objects[i]);
	json_close();
	json_open("versions", '[');
	for (size_t i = 0; i < c->ngaps; i++)
		json_gap(c, &c->gaps[i]);
	json_close();
	if (given.symbols) {
		json_open("symbols", '[');
		for (size_t i = 0; i < undefined->count; i++)
			json_record("name %s version %s by %s", undefined->items[i].name,
				    undefined->items[i].version,
				    c->objects[undefined->items[i].object].path);
		json_close();
	}
	json_close();
}

/* -- one program -- */

static int print_closure(struct request *q, const struct closure *c, struct err *err)
{
	AUTO_UNDEFINEDS struct undefineds undefined = {0};
	int r = given.symbols ? symbols_undefined(NULL, c, &undefined, err) : 0;

	if (r < 0)
		return r;
	progress_hide();
	if (want_json) {
		json_closure(c, &undefined);
	} else if (given.dot) {
		put_dot(c);
	} else {
		if (given.list) {
			put_list(q, c);
		} else {
			put_head(c);
			put_branch(c, 0, 1);
		}
		put_wrong(q, c, &undefined);
	}
	if (closure_missing(c) + closure_gaps(c) + undefined.count > 0)
		q->wrong++;
	return 0;
}

/* For a set-user-ID program the loader ignores LD_LIBRARY_PATH. */
static const char *library_path_for(const struct request *q, const char *program)
{
	struct stat st;

	if (!q->library_path || (stat(program, &st) == 0 && st.st_mode & (S_ISUID | S_ISGID)))
		return NULL;
	return q->library_path;
}

static int print_pinned(struct request *q, const char *program, const struct plan *plan,
			struct err *err)
{
	AUTO_CLOSURE struct closure c = {0};
	struct sysroot sysroot = view_sysroot(plan, plan->program);
	int r = closure_read(program, &sysroot, library_path_for(q, plan->program), 0, &c, err);

	return r < 0 ? r : print_closure(q, &c, err);
}

/* The plan by which a program is started: its own, or for a script its interpreter's. -ENOENT if there is none. */
static int plan_of(const struct closure *live, struct plan_file *plan, struct err *err)
{
	const char *program = live->objects[0].path;
	int r;

	if (access(PINLIB_PLANS, F_OK) < 0 && errno == ENOENT)
		return -ENOENT;
	r = plan_load(PINLIB_PLANS, live->script ? live->script : program, 0, plan, err);

	return r == -ENOENT && live->script ? plan_load(PINLIB_PLANS, program, 0, plan, err) : r;
}

/* A program in PATH, else a file in the working directory. */
static int find_named(const char *name, char app[PATH_MAX], struct err *err)
{
	int r = find_app(name, app, err);

	if (r != -ENOENT || !*name || access(name, F_OK) < 0)
		return r;
	return path_join(".", name, app, err);
}

static int show_program(struct request *q, const char *name, struct err *err)
{
	AUTO_CLOSURE struct closure live = {0};
	char app[PATH_MAX];
	int r = 0;

	if (!strchr(name, '/'))
		r = find_named(name, app, err);
	if (!strchr(name, '/'))
		name = app;
	/* The closure on the live system also tells which program it is: links are followed, but not into the
	 * wrapper. */
	if (r == 0)
		r = closure_of(q->live, name, library_path_for(q, name), 0, &live, err);
	if (r < 0)
		return r;
	r = plan_of(&live, q->plan, err);
	if (r == -ENOENT)
		return print_closure(q, &live, err);
	return r < 0 ? r : print_pinned(q, name, &q->plan->plan, err);
}

/* The next programs are read in children while this one's libraries are searched for. */
static int read_ahead(struct request *q, char **names, int n, struct err *err)
{
	int r = 0;

	for (int i = 0; r == 0 && i < n && i < AHEAD; i++)
		if (strchr(names[i], '/'))
			r = filecache_expect(ldview_files(q->live), names[i], err);
	return r;
}

/* One of several programs: the others are shown all the same. */
static void print_unread(struct request *q, const char *name, const struct err *err)
{
	fflush(stdout);
	warn("%s", err->text);
	json_record("program %s error %s", name, err->text);
	q->wrong++;
}

static int run_deps(int count, char **operands, struct err *err)
{
	AUTO_LDVIEW struct ldview *live = NULL;
	AUTO_FREE struct plan_file *plan = malloc(sizeof *plan);
	struct request q = {.library_path = getenv("LD_LIBRARY_PATH"), .plan = plan};

	if (!plan)
		return err_nomem(err);
	q.many = count > 1;
	if (ldview_new(NULL, &live, err) < 0)
		return EXIT_ERR;
	q.live = live;
	json_open(NULL, '[');
	progress_show();
	progress_begin("reading programs", PROGRESS_ITEMS, (uint64_t)count);
	for (int i = 0; i < count; i++) {
		if (i % AHEAD == 0 && read_ahead(&q, operands + i, count - i, err) < 0)
			return EXIT_ERR;
		if (show_program(&q, operands[i], err) < 0) {
			if (count == 1)
				return EXIT_ERR;
			print_unread(&q, operands[i], err);
		}
		progress_step(1);
	}
	progress_end();
	json_close();
	return q.wrong ? EXIT_FAIL : EXIT_OK;
}

const struct command command_deps = {
	.name = "deps",
	.group = GROUP_LOOK,
	.summary = "Show what the loader would load, and from where",
	.text = "Nothing is executed. The exit status is 1 if anything is missing.",
	.options = options,
	.operands = {{.name = "PROGRAM", .kind = ARG_COMMAND, .repeats = true}},
	.json = true,
	.run = run_deps,
};
