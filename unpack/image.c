/*
 * The parser of images: picks one package, or one library, out of the image's file tree. It reads each layer twice: for
 * the tree and the texts of dpkg's database, then for the content of the chosen files.
 */
#include "unpack/layout.h"
#include "unpack/tree.h"
#include "unpack/unpack.h"

#include "elf/elf.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INDEX_DEPTH 4
#define LIST_MAX 1000 /* images of an index */
#define OUTPUTS_MAX 50000

#define DPKG "var/lib/dpkg/"
#define DISTROLESS DPKG "status.d/"

/* A file of the version: its content is a member of a layer. */
struct image_output {
	int layer;
	char *from, *to;
};

struct container_image {
	struct unpack_pick pick;
	struct layout layout;
	const char *manifest, *config; /* config: of docker's archives; else NULL */
	unsigned long number;	       /* of the image in docker's archive */
	int layers;
	bool listed; /* the index is of one image for several machines */
	bool single; /* a library alone, and its other name */
	char *link;
	struct tree tree;
	struct image_output *outputs;
	size_t noutputs, sent;
};

static void image_free(void *ctx)
{
	struct container_image *im = ctx;

	tree_free(&im->tree);
	for (size_t i = 0; i < im->noutputs; i++) {
		free(im->outputs[i].from);
		free(im->outputs[i].to);
	}
	free(im->outputs);
}

/* -- the manifest -- */

static bool is_equal(const char *a, const char *b)
{
	return a && strcmp(a, b) == 0;
}

static const char *index_value(struct unpack *u, struct container_image *im, const char *index,
			       unsigned long i, const char *key)
{
	char path[128];

	snprintf(path, sizeof path, "$.manifests[%lu].%s", i, key);
	return layout_find_value(u, &im->layout, index, path);
}

#define REF_NAME "annotations.\"org.opencontainers.image.ref.name\""

/* How well an image of the index fits: 0, it does not; 2, it is for this machine; 1, it may be. */
static int image_fit(struct unpack *u, struct container_image *im, const char *index,
		     unsigned long i, const char *tag)
{
	const char *arch;

	if (*tag && !is_equal(index_value(u, im, index, i, REF_NAME), tag))
		return 0;
	arch = index_value(u, im, index, i, "platform.architecture");
	if (is_equal(arch, "unknown")) /* buildkit's attestation: no image */
		return 0;
	if (is_equal(arch, im->pick.arch))
		return is_equal(index_value(u, im, index, i, "platform.os"), "linux") ? 2 : 0;
	return 1;
}

/* The one that is for this machine, or the only one. */
static unsigned long choose_image(struct unpack *u, struct container_image *im, const char *index,
				  const char *tag)
{
	unsigned long count = layout_number(u, &im->layout, index, "$.manifests.#"), chosen = 0;
	int best = 0, equal = 0;

	if (count > LIST_MAX)
		unpack_fail(u, EFBIG, "", "it holds too many images");
	for (unsigned long i = 0; i < count; i++) {
		int fit = image_fit(u, im, index, i, tag);

		equal = fit > best ? 1 : equal + (fit && fit == best);
		if (fit > best)
			chosen = i;
		best = fit > best ? fit : best;
	}
	if (best == 0)
		unpack_fail(u, EPERM, "", *tag ? "it has no image of that tag" : "it has no image");
	if (equal > 1 && best == 2 && im->listed)
		equal = 1; /* variants of one processor in a list: the first */
	if (equal > 1)
		unpack_fail(u, EPERM, "",
			    "it has several images: write which one, as in oci:DIR:TAG#NAME");
	return chosen;
}

static void find_manifest(struct unpack *u, struct container_image *im)
{
	const char *index, *tag = im->pick.tag;

	layout_open(u, &im->layout, "index.json");
	index = layout_text(u);
	for (int depth = 0; depth < INDEX_DEPTH; depth++) {
		unsigned long i = choose_image(u, im, index, tag);
		char type[128], path[64], blob[256];
		const char *value = index_value(u, im, index, i, "mediaType");

		snprintf(type, sizeof type, "%s", value ? value : "");
		snprintf(path, sizeof path, "$.manifests[%lu].digest", i);
		layout_blob(u, &im->layout, index, path, blob);
		im->manifest = layout_blob_text(u, &im->layout, blob);
		if (!strstr(type, ".index.") && !strstr(type, ".list."))
			return;
		index = im->manifest;
		tag = "";
		im->listed = true;
	}
	unpack_fail(u, EFBIG, "", "its indexes are nested too deep");
}

#define REPO_TAGS_MAX 32

/* "demo:1" is docker's word for "docker.io/library/demo:1", too. */
static bool has_repo_tag(struct unpack *u, struct container_image *im, unsigned long i,
			 const char *tag)
{
	for (int j = 0; j < REPO_TAGS_MAX; j++) {
		char path[64];
		const char *value;
		size_t len;

		snprintf(path, sizeof path, "$[%lu].RepoTags[%d]", i, j);
		value = layout_find_value(u, &im->layout, im->manifest, path);
		if (!value)
			return false;
		len = strlen(value);
		if (strcmp(value, tag) == 0 ||
		    (len > strlen(tag) && strcmp(value + len - strlen(tag), tag) == 0 &&
		     value[len - strlen(tag) - 1] == '/'))
			return true;
	}
	return false;
}

static void choose_docker_image(struct unpack *u, struct container_image *im)
{
	unsigned long count = layout_number(u, &im->layout, im->manifest, "$.#");
	const char *tag = im->pick.tag;

	if (count > LIST_MAX)
		unpack_fail(u, EFBIG, "", "it holds too many images");
	if (!*tag && count > 1)
		unpack_fail(u, EPERM, "",
			    "it has several images: write which one, as in "
			    "docker-archive:FILE:TAG#NAME");
	while (*tag && im->number < count && !has_repo_tag(u, im, im->number, tag))
		im->number++;
	if (im->number >= count)
		unpack_fail(u, EPERM, "", *tag ? "it has no image of that tag" : "it has no image");
}

/* The configuration, whose name is its digest. */
static void read_docker_config(struct unpack *u, struct container_image *im)
{
	char path[64], name[256];
	struct digest named, found;
	struct err ignored;
	char *base;

	snprintf(path, sizeof path, "$[%lu].Config", im->number);
	snprintf(name, sizeof name, "%s", layout_value(u, &im->layout, im->manifest, path));
	layout_open(u, &im->layout, name);
	im->config = layout_text(u);
	base = strrchr(name, '/');
	base = base ? base + 1 : name;
	base[strcspn(base, ".")] = '\0';
	if (!digest_parse(base, &named))
		return;
	if (digest_data(im->config, strlen(im->config), &found, &ignored) < 0 ||
	    (UNPACK_COMPARE_DIGESTS && !digest_equal(&found, &named)))
		unpack_fail(u, EBADMSG, name, "does not match its name");
}

/* docker's manifest.json has Config, RepoTags and Layers of each image. */
static void find_docker_manifest(struct unpack *u, struct container_image *im)
{
	layout_open(u, &im->layout, "manifest.json");
	im->manifest = layout_text(u);
	choose_docker_image(u, im);
	read_docker_config(u, im);
}

static void count_layers(struct unpack *u, struct container_image *im)
{
	char path[64] = "$.layers.#";
	unsigned long layers;

	if (im->config)
		snprintf(path, sizeof path, "$[%lu].Layers.#", im->number);
	layers = layout_number(u, &im->layout, im->manifest, path);
	if (layers < 1 || layers > OCI_LAYERS_MAX)
		unpack_fail(u, EFBIG, "", "it has no layers or too many");
	im->layers = (int)layers;
}

/* -- layers -- */

/* name: for layout_check_sha. docker names layers as it likes, and the configuration has the digests of what is in
 * them. */
static void open_image_layer(struct unpack *u, struct container_image *im, int layer,
			     char name[256])
{
	char path[64], member[256];

	if (im->config) {
		snprintf(path, sizeof path, "$.rootfs.diff_ids[%d]", layer);
		layout_blob(u, &im->layout, im->config, path, name);
		snprintf(path, sizeof path, "$[%lu].Layers[%d]", im->number, layer);
		snprintf(member, sizeof member, "%s",
			 layout_value(u, &im->layout, im->manifest, path));
		layout_open(u, &im->layout, member);
	} else {
		snprintf(path, sizeof path, "$.layers[%d].digest", layer);
		layout_blob(u, &im->layout, im->manifest, path, name);
		layout_open(u, &im->layout, name);
	}
	layout_begin_sha(u);
	u->sha_inner = im->config != NULL;
	unpack_open(u);
}

/* Texts of dpkg's database: the packages, and the files of each. */
static bool is_kept(const char *path)
{
	size_t len = strlen(path);

	if (strcmp(path, DPKG "status") == 0 || strncmp(path, DISTROLESS, strlen(DISTROLESS)) == 0)
		return true;
	return strncmp(path, DPKG "info/", strlen(DPKG "info/")) == 0 && len > 5 &&
	       strcmp(path + len - 5, ".list") == 0;
}

static void keep_text(struct unpack *u, struct container_image *im, struct tree_node *n,
		      struct archive_entry *e)
{
	uint64_t size = (uint64_t)archive_entry_size(e);

	if (size > TREE_TEXT_MAX - im->tree.text)
		unpack_fail(u, EFBIG, n->path, "is too large");
	im->tree.text += size;
	n->text = calloc(1, size + 1);
	if (!n->text)
		unpack_fail(u, EBADMSG, "", "out of memory");
	if (archive_read_data(u->tar, n->text, size) < 0)
		unpack_damaged(u, u->tar);
}

static void read_tree(struct unpack *u, struct container_image *im)
{
	for (int layer = im->layers; layer-- > 0;) {
		struct archive_entry *e;
		struct tree_node *n;
		const char *name;
		char blob[256];

		open_image_layer(u, im, layer, blob);
		while ((e = unpack_next(u, &name)))
			if (tree_add(u, &im->tree, layer, e, name, &n) && n->type == AE_IFREG &&
			    is_kept(n->path))
				keep_text(u, im, n, e);
		unpack_close(u);
		layout_check_sha(u, blob);
	}
}

/* -- dpkg's database -- */

struct stanza {
	const char *package, *version, *arch,
		*status;   /* "" where it lacks the field; each ends at a newline */
	const char *owner; /* distroless: the name of the file in status.d; else NULL */
};

static const char *stanza_field(const char *text, const char *field, const char *end)
{
	size_t len = strlen(field);

	for (const char *line = text; line && line < end; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, field, len) == 0)
			return line + len + strspn(line + len, " \t");
	}
	return "";
}

static bool line_equal(const char *line, const char *text, size_t len)
{
	size_t n = strcspn(line, "\n");

	return n == len && strncmp(line, text, len) == 0;
}

typedef bool stanza_fn(struct container_image *im, const struct stanza *s, void *ctx);

/* Calls fn for each installed package of the text, until it is false. */
static bool each_stanza(struct container_image *im, const char *text, const char *owner,
			stanza_fn *fn, void *ctx)
{
	while (*text) {
		const char *end = strstr(text, "\n\n");
		struct stanza s;

		if (!end)
			end = text + strlen(text);
		s = (struct stanza){.package = stanza_field(text, "Package:", end),
				    .version = stanza_field(text, "Version:", end),
				    .arch = stanza_field(text, "Architecture:", end),
				    .status = stanza_field(text, "Status:", end),
				    .owner = owner};
		if (*s.package && *s.version && *s.arch &&
		    (owner ||
		     strncmp(s.status + strcspn(s.status, " \n"), " ok installed", 13) == 0) &&
		    !fn(im, &s, ctx))
			return false;
		text = end + strspn(end, "\n");
	}
	return true;
}

struct stanza_search {
	struct container_image *im;
	stanza_fn *fn;
	void *ctx;
	bool stopped;
};

static void visit_status(const struct tree_node *n, void *ctx)
{
	struct stanza_search *s = ctx;
	size_t len = strlen(n->path);

	if (s->stopped || !n->text)
		return;
	if (strcmp(n->path, DPKG "status") == 0)
		s->stopped = !each_stanza(s->im, n->text, NULL, s->fn, s->ctx);
	else if (strncmp(n->path, DISTROLESS, strlen(DISTROLESS)) == 0 &&
		 (len < 8 || strcmp(n->path + len - 8, ".md5sums") != 0))
		s->stopped =
			!each_stanza(s->im, n->text, n->path + strlen(DISTROLESS), s->fn, s->ctx);
}

static void each_package(struct container_image *im, stanza_fn *fn, void *ctx)
{
	struct stanza_search s = {im, fn, ctx, false};

	tree_each(&im->tree, visit_status, &s);
}

/* The text with the package's files, and how much of a line precedes the path. */
static const char *package_list(struct container_image *im, const struct stanza *s, size_t *skip)
{
	int name = (int)strcspn(s->package, "\n"), arch = (int)strcspn(s->arch, "\n");
	const struct tree_node *n;
	char path[PATH_MAX];

	*skip = s->owner ? 34 : 1; /* md5sums: 32 digits and two blanks; lists: the first '/' */
	if (s->owner)
		snprintf(path, sizeof path, DISTROLESS "%s.md5sums", s->owner);
	else
		snprintf(path, sizeof path, DPKG "info/%.*s.list", name, s->package);
	n = tree_find(&im->tree, path);
	if (!n && !s->owner) {
		snprintf(path, sizeof path, DPKG "info/%.*s:%.*s.list", name, s->package, arch,
			 s->arch);
		n = tree_find(&im->tree, path);
	}
	return n ? n->text : NULL;
}

/* The next path of a list, "usr/lib/libz.so.1". */
static bool next_listed(const char **text, size_t skip, char path[PATH_MAX])
{
	while (*text && **text) {
		size_t len = strcspn(*text, "\n");
		const char *line = *text;

		*text += len + ((*text)[len] == '\n');
		if (len <= skip || len - skip >= PATH_MAX)
			continue;
		snprintf(path, PATH_MAX, "%.*s", (int)(len - skip), line + skip);
		return true;
	}
	return false;
}

/* -- what is picked -- */

struct picked {
	struct stanza stanza; /* with package: the package */
	int count;	      /* of packages that match */
	const char *name;
	size_t name_len;
	const char *arch;	      /* NULL: any */
	const struct tree_node *file; /* the package that has it is looked for */
};

static bool match_name(struct container_image *im, const struct stanza *s, void *ctx)
{
	struct picked *p = ctx;

	(void)im;
	if (line_equal(s->package, p->name, p->name_len) &&
	    (!p->arch || line_equal(s->arch, p->arch, strlen(p->arch)))) {
		p->stanza = *s;
		p->count++;
	}
	return true;
}

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The paths of a list may lead through links: /lib is one today. */
static bool match_file(struct container_image *im, const struct stanza *s, void *ctx)
{
	struct picked *p = ctx;
	size_t skip;
	const char *text = package_list(im, s, &skip);
	char path[PATH_MAX];

	while (next_listed(&text, skip, path))
		if (strcmp(base_of(path), base_of(p->file->path)) == 0 &&
		    tree_resolve(&im->tree, path, true) == p->file) {
			p->stanza = *s;
			p->count++;
			return false;
		}
	return true;
}

/* The library by its name: in the directories of loaders, else wherever there is one. */
struct library_search {
	const char *base;
	const struct tree_node *found;
	int count;
};

static void visit_library(const struct tree_node *n, void *ctx)
{
	struct library_search *s = ctx;

	if (strcmp(base_of(n->path), s->base) != 0 || n->type == AE_IFDIR)
		return;
	s->found = n;
	s->count++;
}

static const struct tree_node *find_library(struct unpack *u, struct container_image *im)
{
	static const struct {
		const char *dir;
		bool multiarch;
	} dirs[] = {{"usr/lib64", false},	{"lib64", false},
		    {"usr/lib", true},		{"lib", true},
		    {"usr/lib", false},		{"lib", false},
		    {"usr/local/lib64", false}, {"usr/local/lib", false}};
	struct library_search s = {.base = im->pick.name};
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
		const struct tree_node *n;

		snprintf(path, sizeof path, "%s%s%s/%s", dirs[i].dir, dirs[i].multiarch ? "/" : "",
			 dirs[i].multiarch ? im->pick.triplet : "", im->pick.name);
		n = tree_resolve(&im->tree, path, false);
		if (n)
			return n;
	}
	tree_each(&im->tree, visit_library, &s);
	if (s.count > 1)
		unpack_fail(u, EPERM, im->pick.name, "is in several directories of the image");
	return s.found;
}

/* -- the version -- */

static void add_output(struct unpack *u, struct container_image *im, const struct tree_node *n,
		       const char *to)
{
	struct image_output *more, *o;
	char from[PATH_MAX];

	if (im->noutputs == OUTPUTS_MAX)
		unpack_fail(u, EFBIG, "", "the package has too many files");
	more = realloc(im->outputs, (im->noutputs + 1) * sizeof *more);
	if (!more)
		unpack_fail(u, EBADMSG, "", "out of memory");
	im->outputs = more;
	o = &more[im->noutputs];
	if (!tree_normal(n->type ? n->path : n->target, from))
		unpack_fail(u, EPERM, n->path, "is a hard link to nowhere");
	*o = (struct image_output){.layer = n->layer, .from = strdup(from), .to = strdup(to)};
	im->noutputs++;
	if (!o->from || !o->to)
		unpack_fail(u, EBADMSG, "", "out of memory");
}

static void put_node(struct unpack *u, struct container_image *im, const struct tree_node *n,
		     const char *to)
{
	if (n->type == AE_IFDIR)
		unpack_emit(u, (struct frame){.type = FRAME_DIR, .time = n->time}, to, "");
	else if (n->type == AE_IFLNK)
		unpack_emit(u, (struct frame){.type = FRAME_LINK}, to, n->target ? n->target : "");
	else if (n->type == AE_IFREG || n->type == 0)
		add_output(u, im, n, to);
	else
		unpack_fail(u, EPERM, n->path, "is neither a file, a directory nor a link");
}

/* A list of distroless has no links: those beside a file that lead to it belong to it. */
struct link_search {
	struct unpack *u;
	struct container_image *im;
	const struct tree_node *file;
};

static void visit_link(const struct tree_node *n, void *ctx)
{
	struct link_search *s = ctx;
	size_t dir = (size_t)(base_of(s->file->path) - s->file->path);

	if (n->type == AE_IFLNK && strncmp(n->path, s->file->path, dir) == 0 &&
	    base_of(n->path) == n->path + dir &&
	    tree_resolve(&s->im->tree, n->path, true) == s->file)
		put_node(s->u, s->im, n, n->path);
}

static void put_stanza(struct unpack *u, const char *field, const char *line)
{
	char value[512];

	snprintf(value, sizeof value, "%.*s", (int)strcspn(line, "\n"), line);
	unpack_emit(u, (struct frame){.type = FRAME_FIELD}, field, value);
}

/* Whether the list has paths below this one, which is a directory of the package then, and a link in the image: a
 * merged /lib. */
static bool lists_below(const char *list, const char *path)
{
	char below[PATH_MAX + 4];

	snprintf(below, sizeof below, "\n/%s/", path);
	return strstr(list, below) != NULL;
}

/* An image may lack files of its packages, such as manuals. */
static void put_files(struct unpack *u, struct container_image *im, const struct stanza *s)
{
	size_t skip;
	const char *list = package_list(im, s, &skip), *text = list;
	char path[PATH_MAX];

	while (next_listed(&text, skip, path)) {
		const struct tree_node *n = tree_resolve(&im->tree, path, false);
		struct link_search links = {u, im, n};

		if (!n || strcmp(path, ".") == 0)
			continue;
		if (n->type == AE_IFLNK && lists_below(list, path))
			continue;
		put_node(u, im, n, path);
		if (s->owner && n->type == AE_IFREG && unpack_is_library(base_of(n->path)))
			tree_each(&im->tree, visit_link, &links);
	}
}

static void put_package(struct unpack *u, struct container_image *im, const struct stanza *s)
{
	put_stanza(u, "Package", s->package);
	put_stanza(u, "Version", s->version);
	put_stanza(u, "Architecture", s->arch);
	put_files(u, im, s);
	if (im->noutputs == 0)
		unpack_fail(u, EPERM, im->pick.name, "has no files in the image");
}

static void put_library(struct unpack *u, struct container_image *im, const struct tree_node *n)
{
	const struct tree_node *file = tree_resolve(&im->tree, n->path, true);
	const char *base = base_of(n->path);
	char link[PATH_MAX];

	if (!file || (file->type != AE_IFREG && file->type != 0))
		unpack_fail(u, EPERM, n->path, "leads to no file");
	im->single = true;
	add_output(u, im, file, file->path);
	if (strcmp(base, base_of(file->path)) == 0)
		return;
	snprintf(link, sizeof link, "%.*s%s", (int)(base_of(file->path) - file->path), file->path,
		 base);
	im->link = strdup(link);
	if (!im->link)
		unpack_fail(u, EBADMSG, "", "out of memory");
	unpack_hold(u, im->link);
}

static void refuse_pick(struct unpack *u, struct container_image *im)
{
	char musl[64];
	static const char *const machines[] = {"x86_64", "aarch64", "i386", "armhf"};

	for (size_t i = 0; i < sizeof machines / sizeof *machines; i++) {
		snprintf(musl, sizeof musl, "lib/ld-musl-%s.so.1", machines[i]);
		if (tree_resolve(&im->tree, musl, true))
			unpack_fail(u, EPERM, im->pick.name,
				    "is no library of the image, whose C library is musl: its "
				    "libraries cannot share a process with glibc");
	}
	unpack_fail(u, EPERM, im->pick.name,
		    "is neither a package in dpkg's database of the image nor a library in it");
}

static void pick_version(struct unpack *u, struct container_image *im)
{
	const char *colon = strchr(im->pick.name, ':');
	struct picked p = {.name = im->pick.name,
			   .name_len = strcspn(im->pick.name, ":"),
			   .arch = colon ? colon + 1 : NULL};
	const struct tree_node *n;

	each_package(im, match_name, &p);
	if (p.count > 1)
		unpack_fail(u, EPERM, im->pick.name,
			    "is installed for several architectures: write NAME:ARCH");
	if (p.count == 0 && unpack_is_library(im->pick.name) && (n = find_library(u, im))) {
		p.file = tree_resolve(&im->tree, n->path, true);
		if (p.file)
			each_package(im, match_file, &p);
		if (p.count == 0) {
			put_library(u, im, n);
			return;
		}
	}
	if (p.count == 0)
		refuse_pick(u, im);
	put_package(u, im, &p.stanza);
}

/* -- content -- */

/* Moves a library that no package names to Debian's directory for the machine that its first bytes name. */
static void put_single(struct unpack *u, struct container_image *im, struct archive_entry *e,
		       const char *to)
{
	unsigned char head[20] = {0};
	la_ssize_t n = archive_read_data(u->tar, head, sizeof head);
	char path[UNPACK_PATH], link[UNPACK_PATH], base[PATH_MAX];

	if (n < 0)
		unpack_damaged(u, u->tar);
	if (n == sizeof head && memcmp(head, ELFMAG, SELFMAG) == 0)
		u->triplet = elf_triplet(head[EI_CLASS] == ELFCLASS64 ? 64 : 32,
					 head[18] | head[19] << 8);
	if (u->triplet && !*u->triplet)
		u->triplet = NULL;
	to = unpack_place(u, to, path);
	unpack_file_after(u, e, to, head, (size_t)n);
	if (!im->link)
		return;
	snprintf(base, sizeof base, "%s", base_of(to));
	unpack_emit(u, (struct frame){.type = FRAME_LINK}, unpack_place(u, im->link, link), base);
}

static void put_outputs(struct unpack *u, struct container_image *im, int layer,
			struct archive_entry *e, const char *name)
{
	const char *first = NULL;
	char path[PATH_MAX];

	if (archive_entry_hardlink(e) || archive_entry_filetype(e) != AE_IFREG ||
	    !tree_normal(name, path))
		return;
	for (size_t i = 0; i < im->noutputs; i++) {
		const struct image_output *o = &im->outputs[i];

		if (o->layer != layer || strcmp(o->from, path) != 0)
			continue;
		im->sent++;
		if (first) {
			unpack_emit(u,
				    (struct frame){.type = FRAME_HARD,
						   .mode = (uint32_t)archive_entry_perm(e)},
				    o->to, first);
			continue;
		}
		first = o->to;
		unpack_check(u, e, name);
		if (im->single)
			put_single(u, im, e, o->to);
		else
			unpack_file(u, e, o->to);
	}
}

static bool has_output(const struct container_image *im, int layer)
{
	for (size_t i = 0; i < im->noutputs; i++)
		if (im->outputs[i].layer == layer)
			return true;
	return false;
}

static void read_content(struct unpack *u, struct container_image *im)
{
	u->stream = 0;
	for (int layer = 0; layer < im->layers; layer++) {
		struct archive_entry *e;
		const char *name;
		char blob[256];

		if (!has_output(im, layer))
			continue;
		open_image_layer(u, im, layer, blob);
		while ((e = unpack_next(u, &name)))
			put_outputs(u, im, layer, e, name);
		unpack_close(u);
		layout_check_sha(u, blob);
	}
	if (im->sent < im->noutputs)
		unpack_fail(u, EBADMSG, "", "a hard link in it leads to nothing");
}

static void read_container(struct unpack *u, int archive, const void *ctx)
{
	struct container_image *im = *(struct container_image *const *)ctx;

	u->any_name = true;
	im->layout.archive = im->pick.directory ? -1 : archive;
	if (im->pick.docker)
		find_docker_manifest(u, im);
	else
		find_manifest(u, im);
	count_layers(u, im);
	read_tree(u, im);
	pick_version(u, im);
	read_content(u, im);
	unpack_emit(u, (struct frame){.type = FRAME_END}, "", "");
}

void unpack_image(const struct unpack_pick *pick, int input, int out)
{
	struct container_image im = {.pick = *pick}, *ctx = &im;

	layout_begin(&im.layout);
	unpack_confined(read_container, &ctx, input, out);
}

void unpack_image_stream(const struct unpack_pick *pick, int input, int out)
{
	struct container_image im = {.pick = *pick}, *ctx = &im;

	layout_begin(&im.layout);
	unpack_run(read_container, &ctx, input, out);
	layout_end(&im.layout);
	image_free(&im);
}
