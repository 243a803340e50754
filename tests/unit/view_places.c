/* Views: the files that they show where the loader may look, and the covered directories. The cases
 * are those of the tables in view/places.h, view/compose.h and view/covers.h. */
#include "base/path.h"
#include "tests/unit/child.h"
#include "tests/unit/loader_help.h"
#include "view/compose.h"
#include "view/covers.h"
#include "view/places.h"

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>

static struct place_loader loader;
static char usual[PATH_MAX]; /* /usr/lib/TRIPLET */
static bool amd64;

/* -- versions, and the resulting views -- */

static struct entry file_entry(const char *path, const char *soname)
{
	struct entry e = {
		.type = ENTRY_FILE, .path = (char *)path, .mode = 0644, .soname = (char *)soname};

	MUST(digest_data(path, strlen(path), &e.content, &err) == 0);
	return e;
}

/* A line for each path that the view shows, with the directories cut to SCR and LIB. */
static const char *listed(const struct composition *c)
{
	static char text[8192];
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < c->count; i++) {
		const struct composed *it = &c->items[i];
		const char *parts[2] = {it->path, it->target};
		static const char *const types[] = {[LAYER_DIR] = "/",
						    [LAYER_FILE] = "",
						    [LAYER_LINK] = "",
						    [LAYER_WHITEOUT] = " gone"};

		for (int k = 0; k < 2 && parts[k]; k++) {
			const char *root = path_below(parts[k], scratch) ? scratch : usual;
			bool cut = path_below(parts[k], root);

			used += (size_t)snprintf(text + used, sizeof text - used, "%s%s%s%s",
						 k ? " -> " : "",
						 cut ? (root == usual ? "LIB" : "SCR") : "",
						 parts[k] + (cut ? strlen(root) : 0),
						 k ? "" : types[it->entry.type]);
		}
		used += (size_t)snprintf(text + used, sizeof text - used, "\n");
	}
	return text;
}

/* The view of one version with these entries, or the error. */
static const char *shown(struct entry *entries, size_t n)
{
	CLEANUP(composition_free) struct composition c = {0};
	struct version v = {
		.name = (char *)"pt", .version = (char *)"1", .entries = entries, .nentries = n};
	struct compose_dir last = {0};
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		r = compose_entry(&c, &last, &v, &entries[i], &err);
		if (r == 0)
			r = places_add(&c, &loader, &last, &v, &entries[i], &err);
	}
	if (r == 0)
		r = composition_settle(&c, &err);
	return r < 0 ? err.text : listed(&c);
}

static const char *in_usual(const char *name)
{
	static char paths[4][PATH_MAX];
	static unsigned int next;
	char *path = paths[next++ % 4];

	MUST(path_join(usual, name, path, &err) == 0);
	return path;
}

/* -- places -- */

static void soname_and_places(void)
{
	struct entry e = file_entry(in_usual("libpt.so.1.5"), "libpt.so.1");
	struct entry lone = file_entry(in_usual("liblone.so.1.5"), "liblone.so.1");

	CHECK_STR(shown(&lone, 1), "LIB/liblone.so.1 -> liblone.so.1.5\nLIB/liblone.so.1.5\n");
	CHECK_STR(shown(&e, 1),
		  amd64 ? "SCR/lib/glibc-hwcaps/x86-64-v2/libpt.so.1 -> LIB/libpt.so.1.5\n"
			  "SCR/lib/glibc-hwcaps/x86-64-v3/libpt.so.1 -> LIB/libpt.so.1.5\n"
			  "SCR/lib/glibc-hwcaps/x86-64-v4/libpt.so.1 -> LIB/libpt.so.1.5\n"
			  "SCR/lib/libpt.so.1 -> LIB/libpt.so.1.5\n"
			  "LIB/libpt.so.1 -> libpt.so.1.5\nLIB/libpt.so.1.5\n"
			: "SCR/lib/libpt.so.1 -> LIB/libpt.so.1.5\n"
			  "LIB/libpt.so.1 -> libpt.so.1.5\nLIB/libpt.so.1.5\n");
	e.soname = (char *)"a/libpt.so.1";
	CHECK_STR(shown(&e, 1), "LIB/libpt.so.1.5\n");
}

/* The live system has libm.so.6 in LIB, and variants may come. */
static void variants(void)
{
	struct entry e[2] = {file_entry(in_usual("libm.so.6"), "libm.so.6"),
			     file_entry(in_usual("glibc-hwcaps/x86-64-v3/libm.so.6"), "libm.so.6")};

	if (!amd64) {
		SKIP("variants", "only amd64 has them");
		return;
	}
	CHECK_STR(shown(e, 1), "LIB/glibc-hwcaps/x86-64-v2/libm.so.6 gone\n"
			       "LIB/glibc-hwcaps/x86-64-v3/libm.so.6 gone\n"
			       "LIB/glibc-hwcaps/x86-64-v4/libm.so.6 gone\n"
			       "LIB/libm.so.6\n");
	CHECK_STR(shown(e, 2), "LIB/glibc-hwcaps/x86-64-v2/libm.so.6 gone\n"
			       "LIB/glibc-hwcaps/x86-64-v3/libm.so.6\n"
			       "LIB/glibc-hwcaps/x86-64-v4/libm.so.6 -> "
			       "LIB/glibc-hwcaps/x86-64-v3/libm.so.6\n"
			       "LIB/libm.so.6\n");
}

static void other_directories(void)
{
	struct entry own = file_entry("/opt/pt/libpt2.so.1", "libpt2.so.1");
	struct entry plain = file_entry(in_usual("libplain.so"), NULL);
	struct entry module = file_entry("/usr/lib/pt/module.so", NULL);
	struct entry plugin = file_entry("/usr/lib/pt/plugin.so", "plugin.so");

	CHECK_STR(shown(&own, 1), "/opt/pt/libpt2.so.1\nLIB/libpt2.so.1 -> /opt/pt/libpt2.so.1\n");
	CHECK_STR(shown(&plain, 1), "SCR/lib/libplain.so -> LIB/libplain.so\nLIB/libplain.so\n");
	CHECK_STR(shown(&module, 1), "/usr/lib/pt/module.so\n");
	CHECK_STR(shown(&plugin, 1), "/usr/lib/pt/plugin.so\n");
}

/* -- composing -- */

static void entries(void)
{
	struct entry e[3] = {
		{.type = ENTRY_DIR, .path = (char *)in("lib")},
		{.type = ENTRY_DIR, .path = (char *)in("new")},
		{.type = ENTRY_LINK, .path = (char *)in("lib"), .target = (char *)"elsewhere"},
	};

	CHECK_STR(shown(e, 3), "SCR/new/\n");
	CHECK(compose_shows("/usr/lib/x") && compose_shows("/usr/binary") &&
	      !compose_shows("/usr/bin/x") && !compose_shows("/etc"));
}

static void add_file(struct composition *c, const struct version *from, const char *content)
{
	struct composed file = {.from = from, .entry.type = LAYER_FILE};

	MUST(digest_data(content, strlen(content), &file.entry.content, &err) == 0);
	MUST(composition_add(c, in("lib/x"), NULL, file, &err) == 0);
}

static void two_versions(void)
{
	const struct version a = {.name = (char *)"a", .version = (char *)"1"};
	const struct version b = {.name = (char *)"b", .version = (char *)"2"};
	CLEANUP(composition_free) struct composition same = {0};
	CLEANUP(composition_free) struct composition differ = {0};
	CLEANUP(composition_free) struct composition preferred = {0};

	add_file(&same, &a, "x");
	add_file(&same, &b, "x");
	CHECK(composition_settle(&same, &err) == 0 && same.count == 1);
	add_file(&differ, &a, "x");
	add_file(&differ, &b, "y");
	CHECK(composition_settle(&differ, &err) == -EEXIST &&
	      strstr(err.text, "a 1 and b 2 both have the file"));
	add_file(&preferred, &a, "x");
	add_file(&preferred, &b, "y");
	composition_prefer(&preferred, 1);
	CHECK(composition_settle(&preferred, &err) == 0 && preferred.count == 1 &&
	      preferred.items[0].from == &b);
}

static void hidden(void)
{
	CLEANUP(composition_free) struct composition c = {0};

	sh("mkdir own && touch own/live own/pinned");
	CHECK(composition_hide_live(&c, in("own"), &err) == 0 && c.count == 0);
	MUST(composition_add(&c, in("own/pinned"), NULL,
			     (struct composed){.entry.type = LAYER_FILE}, &err) == 0);
	CHECK(composition_hide_live(&c, in("own"), &err) == 0);
	CHECK_STR(listed(&c), "SCR/own/pinned\nSCR/own/live gone\n");
}

/* -- covers -- */

static const char *cover(const char *path)
{
	static char dir[PATH_MAX];

	return cover_of_path(path, dir, &err) < 0 ? err.text : dir;
}

static void covers(void)
{
	CLEANUP(composition_free) struct composition c = {0};
	AUTO_STRINGS struct strings chosen = {0};
	const struct composed file = {.entry.type = LAYER_FILE};

	CHECK_STR(cover(in_usual("none/deep/x.so")), usual);
	CHECK_STR(cover(in_usual("x.so")), usual);
	CHECK_STR(cover("/usr/share/none/deep/x"), "/usr/share");
	CHECK_STR(cover("/usr/share/misc/none/x"), "/usr/share/misc");
	CHECK_STR(cover("/usr/share/misc-none/x"), "/usr/share");
	CHECK_STR(cover("/usr/lib/locale/none/x"), "/usr/lib/locale");
	CHECK_STR(cover("/usr/local/lib/none/x"), "/usr/local/lib");
	CHECK_STR(cover("/usr/lib/none/x"), "/usr/lib");
	CHECK(strstr(cover("/etc/none/x"), "no view shows files in or below /etc"));
	CHECK(strstr(cover("/pt-none/lib/x"), "cover all of /: create the directory"));
	MUST(composition_add(&c, "/usr/lib/none-a/x", NULL, file, &err) == 0);
	MUST(composition_add(&c, in_usual("x"), NULL, file, &err) == 0);
	MUST(composition_add(&c, "/usr/share/x", NULL, file, &err) == 0);
	CHECK(covers_choose(&c, &chosen, &err) == 0 && chosen.count == 2);
	CHECK_STR(chosen.items[0], "/usr/lib");
	CHECK(covers_index(&chosen, "/usr/share/x") == 1);
}

/* The covers of two files, or the error; exempt is that of the first. */
static const char *chosen_for(const char *path, bool exempt)
{
	static char text[2 * PATH_MAX];
	CLEANUP(composition_free) struct composition c = {0};
	AUTO_STRINGS struct strings chosen = {0};
	const struct composed file = {.entry.type = LAYER_FILE, .exempt = exempt},
			      other = {.entry.type = LAYER_FILE};

	MUST(composition_add(&c, path, NULL, file, &err) == 0);
	MUST(composition_add(&c, "/usr/share/x", NULL, other, &err) == 0);
	if (covers_choose(&c, &chosen, &err) < 0)
		return err.text;
	snprintf(text, sizeof text, "%s %s", chosen.items[0], chosen.items[1]);
	return text;
}

static void exempt_covers(void)
{
	CHECK_STR(chosen_for("/usr/bin/none", true), "/usr/bin /usr/share");
	CHECK(strstr(chosen_for("/usr/bin/none", false), "below /usr/bin"));
	CHECK_STR(chosen_for("/etc/default/none", true), "/etc/default /usr/share");
	CHECK(strstr(chosen_for("/etc/default/none", false), "below /etc"));
	CHECK(strstr(chosen_for("/etc/none", true), "below /etc"));
	CHECK(strstr(chosen_for("/etc/none/none", true), "below /etc"));
	CHECK(strstr(chosen_for("/root/none", true), "below /root"));
}

static void mount_between(void)
{
	CHECK_STR(cover("/usr/share/doc/none/x"), "/usr/share");
	if (!has_private_mounts("a mount below a cover"))
		return;
	MUST(private_mounts());
	MUST(mount("tmpfs", "/usr/share/doc", "tmpfs", 0, "mode=0755") == 0);
	CHECK_STR(cover("/usr/share/doc/none/x"), "/usr/share/doc");
}

int main(void)
{
	scratch_make();
	sh("mkdir lib && echo 'int main(void) { return 0; }' | gcc -x c - -o app "
	   "-Wl,-rpath,%s/lib",
	   scratch);
	MUST(program_read(in("app"), &loader.program, &err) == 0);
	loader.path = in("app");
	places_default_dir(&loader.program.elf, usual);
	amd64 = strcmp(usual, "/usr/lib/x86_64-linux-gnu") == 0;
	/* Live copies where the app's DT_RUNPATH leads. */
	sh("for name in libpt.so.1 libplain.so module.so; do cp %s/libm.so.6 lib/$name; done",
	   usual);
	soname_and_places();
	variants();
	other_directories();
	entries();
	two_versions();
	hidden();
	covers();
	exempt_covers();
	mount_between();
	program_free(&loader.program);
	scratch_remove();
	return test_end();
}
