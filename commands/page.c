#include "commands/page.h"

#include "cli/terminal.h"
#include "cli/who.h"
#include "policy/due.h"

#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ROWS_MAX 20  /* of the lists that grow with time */
#define OPEN_PINS 12 /* a program with more is folded */
#define DAY (24 * 3600)

/* -- text -- */

static const char *entity_of(uint32_t c)
{
	return c == '&'	   ? "&amp;"
	       : c == '<'  ? "&lt;"
	       : c == '>'  ? "&gt;"
	       : c == '"'  ? "&quot;"
	       : c == '\'' ? "&#39;"
			   : NULL;
}

/* Characters that a terminal would obey become '?', as in all output of pinlib; so do those that XML forbids. */
static void put_escaped(FILE *out, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t left = strlen(text);

	while (left) {
		uint32_t c = 0;
		int n = utf8_at(p, left, &c);
		const char *entity = n > 0 ? entity_of(c) : NULL;

		if (n <= 0 || is_command(c) || c == 0xfffe || c == 0xffff)
			fputc('?', out);
		else if (entity)
			fputs(entity, out);
		else
			fwrite(p, 1, (size_t)n, out);
		n = n > 0 ? n : 1;
		p += n;
		left -= (size_t)n;
	}
}

/* Writes HTML: fmt is markup, with %s for a text, which is escaped, %zu and %lld. No text reaches the page in another
 * way, except for the picture (DESIGN.md, page-is-text). */
static void __attribute__((format(printf, 2, 3))) page_add(FILE *out, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	for (const char *p = fmt; *p; p++) {
		if (*p != '%') {
			fputc(*p, out);
		} else if (strncmp(p, "%s", 2) == 0) {
			put_escaped(out, va_arg(ap, const char *));
			p += 1;
		} else if (strncmp(p, "%zu", 3) == 0) {
			fprintf(out, "%zu", va_arg(ap, size_t));
			p += 2;
		} else {
			fprintf(out, "%lld", va_arg(ap, long long));
			p += 3;
		}
	}
	va_end(ap);
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

static void put_time(FILE *out, int64_t seconds)
{
	time_t t = (time_t)seconds;
	char local[32], utc[32];
	struct tm tm;

	if (seconds == 0 || !localtime_r(&t, &tm) ||
	    strftime(local, sizeof local, "%Y-%m-%d %H:%M", &tm) == 0 || !gmtime_r(&t, &tm) ||
	    strftime(utc, sizeof utc, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		page_add(out, "unknown");
	else
		page_add(out, "<time datetime=\"%s\">%s</time>", utc, local);
}

static void put_age(FILE *out, int64_t seconds)
{
	const int64_t days = seconds / DAY;

	if (days < 60)
		page_add(out, "%lld day%s", (long long)days, plural((size_t)days));
	else if (days < 730)
		page_add(out, "%lld months", (long long)(days / 30));
	else
		page_add(out, "%lld years", (long long)(days / 365));
}

/* -- the frame of the page -- */

static const char style[] =
	":root{color-scheme:light dark;--paper:#fff;--ink:#1f2328;--soft:#59636e;--line:#d1d9e0;"
	"--panel:#f6f8fa;--stroke:#57606a;--faint:#8b949e;--alert:#b3261e;--alert-paper:#fdf1f0;"
	"--well:#1a6b34;--link:#0a58ca}\n"
	"@media (prefers-color-scheme:dark){:root{--paper:#14171a;--ink:#e3e6ea;--soft:#a0a8b1;"
	"--line:#363c43;--panel:#1c2024;--stroke:#a0a8b1;--faint:#7b848d;--alert:#ff8a80;"
	"--alert-paper:#2b1b1a;--well:#7fd39a;--link:#8ab4f8}}\n"
	"*{box-sizing:border-box}\n"
	"body{margin:0 auto;max-width:70rem;padding:2.5rem 1.5rem 4rem;background:var(--paper);"
	"color:var(--ink);font:1rem/1.5 system-ui,-apple-system,\"Segoe UI\",\"Noto "
	"Sans\",\"DejaVu "
	"Sans\",sans-serif}\n"
	"h1{font-size:1.75rem;line-height:1.25;margin:0 0 .25rem}\n"
	"h2{font-size:1.25rem;margin:2.75rem 0 .75rem}\n"
	"h3{font-size:1rem;margin:0;display:inline;overflow-wrap:anywhere}\n"
	"p{margin:.5rem 0;max-width:44rem}\n"
	".meta,.note,footer{color:var(--soft)}\n"
	"footer{margin-top:3rem;padding-top:1rem;border-top:1px solid "
	"var(--line);font-size:.9rem}\n"
	"a{color:var(--link)}\n"
	"code,.name{font-family:ui-monospace,\"DejaVu Sans Mono\",\"Liberation Mono\",monospace;"
	"font-size:.92em;overflow-wrap:anywhere}\n"
	".sum{display:flex;flex-wrap:wrap;gap:.75rem 2.5rem;margin:1.5rem 0 0;padding:0;"
	"list-style:none}\n"
	".sum b{display:block;font-size:1.5rem;line-height:1.2;font-weight:600}\n"
	".sum .bad b{color:var(--alert)}\n"
	"table{width:100%;border-collapse:collapse;font-size:.94rem;font-variant-numeric:tabular-"
	"nums}\n"
	"th,td{text-align:left;vertical-align:top;padding:.45rem 1rem .45rem 0;"
	"border-bottom:1px solid var(--line);overflow-wrap:anywhere}\n"
	"thead th{color:var(--soft);font-weight:600;font-size:.85rem;white-space:nowrap}\n"
	"tbody th{font-weight:400}\n"
	"tbody tr:last-child th,tbody tr:last-child td{border-bottom:0}\n"
	"td.num,th.num{text-align:right}\n"
	".same{color:var(--soft)}\n"
	".differs{font-weight:600}\n"
	".bad{color:var(--alert)}\n"
	".well{color:var(--well)}\n"
	".alerts{border-left:.25rem solid var(--alert);background:var(--alert-paper);margin:1.5rem "
	"0 0;"
	"padding:.75rem 1.25rem}\n"
	".alerts h2{margin:0 0 .25rem}\n"
	".alerts ul{margin:0;padding-left:1.1rem}\n"
	".alerts li{margin:.35rem 0;overflow-wrap:anywhere}\n"
	"details{border:1px solid var(--line);border-radius:.4rem;margin:.75rem 0}\n"
	"summary{cursor:pointer;padding:.6rem 1rem;background:var(--panel);border-radius:.4rem}\n"
	"details[open] summary{border-radius:.4rem .4rem 0 0;border-bottom:1px solid var(--line)}\n"
	"summary span{color:var(--soft)}\n"
	".body{padding:.35rem 1rem .6rem}.body p{max-width:none;font-size:.9rem}\n"
	".picture{margin:0;padding:1rem;border:1px solid var(--line);border-radius:.4rem;"
	"overflow-x:auto}\n"
	".picture svg{display:block;max-width:100%;height:auto;margin:0 auto}\n"
	".picture text{fill:var(--ink)}\n"
	".picture .graph>polygon{fill:none;stroke:none}\n"
	".picture .node polygon,.picture .node path,.picture .node polyline,.picture .cluster path"
	"{stroke:var(--stroke);fill:none}\n"
	".picture .attention polygon,.picture .attention path{stroke:var(--alert)}\n"
	".picture .edge path{stroke:var(--faint)}\n"
	".picture .edge polygon{stroke:var(--faint);fill:var(--faint)}\n"
	"@media (max-width:40rem){body{padding:1.5rem 1rem 3rem}.picture svg{max-width:none}\n"
	".stack "
	"thead{position:absolute;clip-path:inset(50%);width:1px;height:1px;overflow:hidden}\n"
	".stack tr{display:block;padding:.5rem 0;border-bottom:1px solid var(--line)}\n"
	".stack tr:last-child{border-bottom:0}\n"
	".stack th,.stack td{display:block;padding:.1rem 0;border:0;text-align:left}\n"
	".stack th{font-weight:600}\n"
	".stack td::before{content:attr(data-label) \" \";color:var(--soft);display:inline-block;"
	"min-width:7.5rem;font:.9rem/1.5 system-ui,\"DejaVu Sans\",sans-serif}}\n"
	"@media print{:root{--paper:#fff;--ink:#000;--soft:#444;--line:#bbb;--panel:#fff;"
	"--alert:#8c1d18;--alert-paper:#fff;--link:#000}body{max-width:none;padding:0;font-size:"
	"10pt}\n"
	"details::details-content{content-visibility:visible;block-size:auto}\n"
	"tr,.picture,.alerts{break-inside:avoid}h2,summary{break-after:avoid}a{text-decoration:"
	"none}}\n";

static void put_head(FILE *out, const char *host)
{
	page_add(out,
		 "<!DOCTYPE html>\n<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\">\n"
		 "<head>\n<meta charset=\"utf-8\"/>\n"
		 "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
		 "style-src 'unsafe-inline'\"/>\n"
		 "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
		 "<meta name=\"color-scheme\" content=\"light dark\"/>\n"
		 "<title>Pinned programs on %s</title>\n<style>\n",
		 host);
	fputs(style, out);
	page_add(out, "</style>\n</head>\n<body>\n<header>\n<h1>Pinned programs on %s</h1>\n",
		 host);
}

/* The head of a table: its columns, which end in NULL, with "#" before those of numbers. */
static void table_begin(FILE *out, const char *caption, const char *const *columns)
{
	page_add(out, "<table class=\"stack\" aria-label=\"%s\">\n<thead><tr>", caption);
	for (size_t i = 0; columns[i]; i++) {
		const bool number = *columns[i] == '#';

		page_add(out,
			 number ? "<th scope=\"col\" class=\"num\">%s</th>"
				: "<th scope=\"col\">%s</th>",
			 columns[i] + number);
	}
	page_add(out, "</tr></thead>\n<tbody>\n");
}

static void table_end(FILE *out)
{
	page_add(out, "</tbody>\n</table>\n");
}

/* -- summary -- */

static size_t count_sealed(const struct facts *facts)
{
	size_t n = 0;

	for (size_t i = 0; i < facts->apps.count; i++)
		n += facts->apps.items[i].sealed;
	return n;
}

static size_t count_attention(const struct facts *facts)
{
	size_t n = 0;

	for (size_t i = 0; i < facts->apps.count; i++)
		n += facts_need_attention(&facts->programs[i]);
	return n;
}

static void put_sum(FILE *out, size_t n, const char *text, bool bad)
{
	page_add(out,
		 bad && n ? "<li class=\"bad\"><b>%zu</b> %s</li>\n" : "<li><b>%zu</b> %s</li>\n",
		 n, text);
}

static void put_summary(FILE *out, const struct facts *facts)
{
	const struct generations *g = &facts->generations;
	const size_t all = facts->apps.count, sealed = count_sealed(facts);
	const size_t attention = count_attention(facts);

	page_add(out, "<p class=\"meta\">Written ");
	put_time(out, facts->now);
	page_add(out, " by pinlib %s", PINLIB_VERSION);
	if (g->count)
		page_add(out, "; generation %lld of the pins",
			 (long long)g->items[g->count - 1].id);
	page_add(out, ".</p>\n<ul class=\"sum\">\n");
	put_sum(out, all - sealed, all - sealed == 1 ? "program in a view" : "programs in a view",
		false);
	put_sum(out, sealed, sealed == 1 ? "sealed program" : "sealed programs", false);
	put_sum(out, attention, attention == 1 ? "needs attention" : "need attention", true);
	put_sum(out, facts->noutdated,
		facts->noutdated == 1 ? "process to restart" : "processes to restart", true);
	page_add(out, "</ul>\n</header>\n<main>\n");
}

static void put_overdue(FILE *out, const struct program_facts *p)
{
	char day[UNTIL_TEXT];

	until_text(p->app->until, day);
	page_add(out,
		 "<li><code>%s</code> is overdue since <time datetime=\"%s\">%s</time>: "
		 "<code>pinlib "
		 "set --until DATE %s</code> or <code>pinlib unset %s</code>.</li>\n",
		 p->app->path, day, day, p->app->path, p->app->path);
}

static void put_alerts_of(FILE *out, const struct program_facts *p)
{
	const char *app = p->app->path;

	if (p->state == PROGRAM_SLEEPS)
		page_add(out, "<li><code>%s</code> sleeps, its pins wait: %s.</li>\n", app, p->why);
	if (p->state == PROGRAM_CHANGED)
		page_add(out, "<li>Files changed: %s.</li>\n", p->why);
	if (p->due == DUE_OVER)
		put_overdue(out, p);
	for (size_t i = 0; i < p->remarks.count; i++)
		page_add(out, "<li><code>%s</code>: %s.</li>\n", app, p->remarks.items[i]);
	if (p->outdated)
		page_add(out,
			 "<li><code>%s</code>: %zu <a href=\"#processes\">process%s</a> must be "
			 "restarted.</li>\n",
			 app, p->outdated, p->outdated == 1 ? "" : "es");
}

static void put_alerts(FILE *out, const struct facts *facts)
{
	if (count_attention(facts) == 0 && facts->unknown.count == 0)
		return;
	page_add(out,
		 "<section class=\"alerts\" id=\"attention\">\n<h2>Needs attention</h2>\n<ul>\n");
	for (size_t i = 0; i < facts->apps.count; i++)
		put_alerts_of(out, &facts->programs[i]);
	for (size_t i = 0; i < facts->unknown.count; i++)
		page_add(out, "<li>Missing in this report: %s.</li>\n", facts->unknown.items[i]);
	page_add(out,
		 "</ul>\n<p class=\"note\"><code>pinlib doctor --repair</code> repairs changed "
		 "files, and <code>pinlib refresh</code> follows upgrades.</p>\n</section>\n");
}

/* -- the picture -- */

static void put_picture(FILE *out, const char *svg, const char *why)
{
	const char *at = svg ? strstr(svg, "<svg ") : NULL;

	page_add(out, "<section id=\"picture\">\n<h2>Picture</h2>\n");
	if (!at) {
		page_add(out, "<p class=\"note\">No picture: %s.</p>\n</section>\n", why);
		return;
	}
	page_add(out, "<figure class=\"picture\" tabindex=\"0\" role=\"group\" "
		      "aria-label=\"Picture, which scrolls\">\n<svg role=\"img\" "
		      "aria-label=\"Programs, "
		      "their layers or sets, and the library versions in these; the tables below "
		      "have the "
		      "same facts\" ");
	fputs(at + strlen("<svg "), out);
	page_add(out, "</figure>\n</section>\n");
}

/* -- programs -- */

static size_t count_differing(const struct facts *facts, const struct app *app)
{
	size_t n = 0;

	for (size_t i = 0; i < app->npins; i++) {
		const struct package *live = facts_live(facts, &app->pins[i]);

		n += live && strcmp(live->version, app->pins[i].version) != 0;
	}
	return n;
}

static const char *origin_text(const struct pin *pin)
{
	switch (pin->origin) {
	case PIN_WITH_DEPS:
		return "with another pin";
	case PIN_FREEZE:
		return "freeze";
	case PIN_BY_HAND:
		break;
	}
	return "by hand";
}

static void put_pin(FILE *out, const struct facts *facts, const struct pin *pin, const char *from)
{
	const struct package *live = facts_live(facts, pin);
	bool before;
	int64_t since = facts_since(facts, pin, &before);

	page_add(out, "<tr><th scope=\"row\" class=\"name\">%s</th>", pin->name);
	page_add(out, "<td data-label=\"Pinned\" class=\"name\">%s</td>", pin->version);
	if (!live)
		page_add(out, "<td data-label=\"Live\" class=\"same\">not installed</td>");
	else if (strcmp(live->version, pin->version) == 0)
		page_add(out, "<td data-label=\"Live\" class=\"same\">the same</td>");
	else
		page_add(out, "<td data-label=\"Live\" class=\"name differs\">%s</td>",
			 live->version);
	page_add(out, "<td data-label=\"Since\">");
	put_time(out, since);
	page_add(out, "%s</td><td data-label=\"Age\">", before ? " or before" : "");
	put_age(out, facts->now - since);
	page_add(out, before ? " or more" : "");
	page_add(out, "</td><td data-label=\"Chosen\">%s", origin_text(pin));
	if (pin->place)
		page_add(out, "; also in <code>%s</code>", pin->place);
	page_add(out, "</td><td data-label=\"From\">%s</td></tr>\n", from);
}

static void put_form(FILE *out, const struct program_facts *p)
{
	if (p->app->sealed)
		page_add(out,
			 "<p class=\"note\">Sealed: a copy of the program names its libraries by "
			 "content (set <code>%s</code>).</p>\n",
			 *p->layer ? p->layer : "unknown");
	for (size_t i = 0; i < p->covers.count; i++)
		page_add(out,
			 i ? ", <code>%s</code>" : "<p class=\"note\">View over <code>%s</code>",
			 p->covers.items[i]);
	if (p->covers.count)
		page_add(out, ", layer <code>%s</code>.</p>\n", p->layer);
	if (p->app->program)
		page_add(out,
			 "<p class=\"note\">The view shows the pinned program "
			 "<code>%s</code>.</p>\n",
			 p->app->program);
	if (p->app->forced)
		page_add(
			out,
			"<p class=\"note\">Forced: the loader found that it would not work.</p>\n");
	if (p->app->confined.profile)
		page_add(
			out,
			"<p class=\"note\">Its system calls are confined by <code>%s</code>.</p>\n",
			p->app->confined.profile);
}

/* Why and until when, for people who read the report without the machine. */
static void put_explanation(FILE *out, const struct facts *facts, const struct app *app)
{
	char day[UNTIL_TEXT], distance[DUE_DISTANCE];

	if (app->reason)
		page_add(out, "<p>Reason: %s</p>\n", app->reason);
	until_text(app->until, day);
	due_distance(app->until, facts->now, distance);
	if (app->until)
		page_add(out,
			 due_state(app->until, facts->now) == DUE_OVER
				 ? "<p>Until: <b class=\"bad\"><time datetime=\"%s\">%s</time>, "
				   "%s</b></p>\n"
				 : "<p>Until: <time datetime=\"%s\">%s</time>, %s</p>\n",
			 day, day, distance);
}

static void put_state(FILE *out, const struct facts *facts, const struct program_facts *p)
{
	char due[DUE_TEXT];

	due_text(p->app->until, facts->now, due);
	if (*due)
		page_add(out, p->due == DUE_OVER ? ", <b class=\"bad\">%s</b>" : ", %s", due);

	if (p->state == PROGRAM_SLEEPS)
		page_add(out, ", <b class=\"bad\">sleeps</b>");
	if (p->state == PROGRAM_CHANGED)
		page_add(out, ", <b class=\"bad\">files changed</b>");
	if (p->remarks.count)
		page_add(out, ", <b class=\"bad\">see remark</b>");
	if (p->outdated)
		page_add(out, ", <b class=\"bad\">%zu process%s to restart</b>", p->outdated,
			 p->outdated == 1 ? "" : "es");
}

static void put_program(FILE *out, const struct facts *facts, const struct program_facts *p)
{
	const struct app *app = p->app;
	const size_t differing = count_differing(facts, app);

	page_add(out, app->npins <= OPEN_PINS ? "<details open=\"open\">\n" : "<details>\n");
	page_add(out, "<summary><h3 class=\"name\">%s</h3> <span>%s, %zu pin%s", app->path,
		 app->sealed ? "sealed" : "view", app->npins, plural(app->npins));
	if (differing)
		page_add(out, ", %zu not the live version", differing);
	put_state(out, facts, p);
	page_add(out, "</span></summary>\n<div class=\"body\">\n");
	put_explanation(out, facts, app);
	if (app->npins) {
		table_begin(out, "Pins",
			    (const char *[]){"Library", "Pinned", "Live now", "Since", "Age",
					     "Chosen", "From", NULL});
		for (size_t i = 0; i < app->npins; i++)
			put_pin(out, facts, &app->pins[i],
				i < p->from.count ? p->from.items[i] : "unknown");
		table_end(out);
	}
	put_form(out, p);
	page_add(out, "</div>\n</details>\n");
}

static void put_programs(FILE *out, const struct facts *facts)
{
	page_add(out, "<section id=\"programs\">\n<h2>Programs</h2>\n");
	if (facts->apps.count == 0)
		page_add(out, "<p>No program has pins.</p>\n");
	for (size_t i = 0; i < facts->apps.count; i++)
		put_program(out, facts, &facts->programs[i]);
	page_add(out, "</section>\n");
}

/* -- processes -- */

static void put_process(FILE *out, const struct outdated *o)
{
	page_add(out,
		 "<tr><th scope=\"row\">%lld</th><td data-label=\"User\">%s</td>"
		 "<td data-label=\"Runs\" class=\"name\">%s</td>"
		 "<td data-label=\"Pins of\" class=\"name\">%s</td><td "
		 "data-label=\"Reason\">%s</td></tr>\n",
		 (long long)o->pid, user_name(o->uid), o->program, o->app,
		 o->superseded ? "other pins are in force now"
			       : "a file that it uses was replaced");
}

/* Only root sees the processes of all users. */
static void put_unseen(FILE *out, const struct facts *facts)
{
	if (facts->unseen)
		page_add(out,
			 "<p class=\"note\">%zu process%s could not be read, so more may need a "
			 "restart.%s</p>\n",
			 facts->unseen, facts->unseen == 1 ? "" : "es",
			 geteuid() ? " A report that root writes covers all users." : "");
	else if (facts->hidden)
		page_add(out,
			 "<p class=\"note\">/proc hides processes from the user who wrote this "
			 "report, so more may need a restart.</p>\n");
}

static void put_processes(FILE *out, const struct facts *facts)
{
	page_add(out, "<section id=\"processes\">\n<h2>Processes to restart</h2>\n");
	if (facts->noutdated) {
		table_begin(out, "Processes to restart",
			    (const char *[]){"Process", "User", "Runs", "Pins of", "Reason", NULL});
		for (size_t i = 0; i < facts->noutdated; i++)
			put_process(out, &facts->outdated[i]);
		table_end(out);
	} else {
		page_add(out, "<p>None was seen.</p>\n");
	}
	put_unseen(out, facts);
	page_add(out, "</section>\n");
}

/* -- upgrades and changes -- */

static void put_kept(FILE *out, const struct kept *k)
{
	page_add(out, "<tr><th scope=\"row\">");
	put_time(out, k->time);
	page_add(out,
		 "</th><td data-label=\"Library\" class=\"name\">%s %s</td>"
		 "<td data-label=\"Reason\">%s</td><td data-label=\"Used by\" class=\"name\">",
		 k->name, k->version, k->why);
	for (size_t i = 0; i < k->apps.count; i++)
		page_add(out, "%s%s", i ? ", " : "", k->apps.items[i]);
	page_add(out, "</td></tr>\n");
}

static void put_rest(FILE *out, size_t count, const char *command)
{
	if (count > ROWS_MAX)
		page_add(out, "<p class=\"note\">%zu older: <code>%s</code> lists all.</p>\n",
			 count - ROWS_MAX, command);
}

static void put_upgrades(FILE *out, const struct facts *facts)
{
	const struct kepts *kept = &facts->kept;

	page_add(out, "<section id=\"upgrades\">\n<h2>Kept by the last upgrades</h2>\n");
	if (kept->count == 0) {
		page_add(out,
			 "<p>Nothing was kept. <code>pinlib keep enable</code> has upgrades keep "
			 "the libraries that they remove.</p>\n</section>\n");
		return;
	}
	table_begin(out, "Kept by the last upgrades",
		    (const char *[]){"When", "Library", "Reason", "Used by", NULL});
	for (size_t i = 0; i < kept->count && i < ROWS_MAX; i++)
		put_kept(out, &kept->items[i]);
	table_end(out);
	put_rest(out, kept->count, "pinlib keep");
	page_add(out, "</section>\n");
}

static void put_history(FILE *out, const struct facts *facts)
{
	const struct generations *all = &facts->generations;

	page_add(out, "<section id=\"history\">\n<h2>Last changes of pins</h2>\n");
	table_begin(out, "Last changes of pins",
		    (const char *[]){"Generation", "When", "User", "Command", NULL});
	for (size_t i = 0; i < all->count && i < ROWS_MAX; i++) {
		const struct generation *g = &all->items[all->count - 1 - i];

		page_add(out, "<tr><th scope=\"row\">%lld%s</th><td data-label=\"When\">",
			 (long long)g->id, i ? "" : ", in force");
		put_time(out, g->time);
		page_add(out,
			 "</td><td data-label=\"User\">%s</td>"
			 "<td data-label=\"Command\" class=\"name\">%s</td></tr>\n",
			 g->user, g->command);
	}
	table_end(out);
	put_rest(out, all->count, "pinlib history");
	page_add(out, "</section>\n");
}

void page_write(FILE *out, const struct facts *facts, const char *svg, const char *why)
{
	char host[256] = "this machine";

	gethostname(host, sizeof host - 1);
	put_head(out, host);
	put_summary(out, facts);
	put_alerts(out, facts);
	put_picture(out, svg, why);
	put_programs(out, facts);
	put_processes(out, facts);
	put_upgrades(out, facts);
	put_history(out, facts);
	page_add(out,
		 "</main>\n<footer><p>For this report no view was tested and no library was read: "
		 "<code>pinlib check</code> and <code>pinlib doctor</code> do that, as root."
		 "</p></footer>\n</body>\n</html>\n");
}
