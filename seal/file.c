#include "seal/file.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/path.h"
#include "base/trust.h"
#include "host/wrap.h"
#include "intake/intake.h"
#include "loader/program.h"
#include "seal/record.h"
#include "seal/seal.h"
#include "store/copy.h"
#include "view/verdict.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void file_seal_end(struct file_seal *s)
{
	for (size_t i = 0; i < s->nitems; i++)
		version_free(&s->items[i].version);
	free(s->items);
}

int file_seal_begin(struct file_seal *s, const char *program, struct err *err)
{
	AUTO_PROGRAM struct program p = {0};
	int r;

	snprintf(s->program, sizeof s->program, "%s", program);
	r = wrap_program(program, s->source, err);
	if (r == 0)
		r = program_read(s->source, &p, err);
	if (r == 0 && p.kind == PROGRAM_SCRIPT)
		return err_set(err, EINVAL,
			       "%s is a script: seal its interpreter, %s, and name the sealed file "
			       "in the first line of a copy of the script",
			       program, p.interpreter);
	if (r == 0)
		s->arch = elf_arch(p.elf.class, p.elf.machine);
	return r;
}

/* -- items -- */

static int find_version(struct file_seal *s, const struct spec *spec, struct version *out,
			struct err *err)
{
	AUTO_STORE struct store *machine = NULL;
	struct err ignored;
	int r = store_find(s->store, spec, s->arch, out, err);

	if (r != -ENOENT || !s->home->user ||
	    store_open(PINLIB_STORE, false, &machine, &ignored) < 0)
		return r;
	r = store_find(machine, spec, s->arch, out, err);
	return r < 0 ? r : store_copy(machine, s->store, out, err);
}

static int name_local(const char *path, char version[64], struct err *err)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct digest digest;
	char hex[DIGEST_HEX];
	int r = fd < 0 ? err_sys(err, errno, "cannot open %s", path) : digest_fd(fd, &digest, err);

	if (r < 0)
		return fd < 0 ? r : err_wrap(err, r, "%s", path);
	digest_hex(&digest, hex);
	snprintf(version, 64, "local-%.12s", hex);
	return 0;
}

/* The version has the name that the file is given, up to its ".so". */
static int take_file(struct file_seal *s, const char *soname, const char *path, struct version *out,
		     struct err *err)
{
	char name[256], version[64];
	const struct intake_options how = {.name = name, .version = version};
	const char *so = strstr(soname, ".so");
	bool known;
	int r = name_local(path, version, err);

	snprintf(name, sizeof name, "%.*s", so ? (int)(so - soname) : 255, soname);

	if (r == 0)
		r = intake_add(s->store, path, &how, out, &known, err);
	if (r == 0 && strcmp(out->arch, s->arch) != 0)
		r = err_set(err, ENOEXEC, "%s is for %s, but %s is for %s", path, out->arch,
			    s->program, s->arch);
	return r;
}

int file_seal_add(struct file_seal *s, const char *text, struct err *err)
{
	struct seal_item *item = &s->items[s->nitems++];
	const char *equals = strchr(text, '=');
	struct spec spec;
	int r;

	*item = (struct seal_item){0};
	if (!equals || !strchr(equals, '/')) {
		r = spec_parse(text, &spec, err);
		return r < 0 ? r : find_version(s, &spec, &item->version, err);
	}
	if (equals == text || (size_t)(equals - text) >= sizeof item->soname ||
	    memchr(text, '/', (size_t)(equals - text)))
		return err_set(err, EINVAL, "%s: give SONAME=FILE, as in libz.so.1=./libz.so.1.3",
			       text);
	memcpy(item->soname, text, (size_t)(equals - text));
	return take_file(s, item->soname, equals + 1, &item->version, err);
}

static const struct entry *only_file(const struct version *v)
{
	for (size_t i = 0; i < v->nentries; i++)
		if (v->entries[i].type == ENTRY_FILE)
			return &v->entries[i];
	return NULL;
}

static int fill_set(const struct file_seal *s, const char *triplet, struct seal_set *set,
		    struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->nitems; i++) {
		const struct seal_item *item = &s->items[i];
		const struct entry *e = *item->soname ? only_file(&item->version) : NULL;

		r = e ? set_add(set, item->soname, &e->content, err)
		      : set_add_version(set, &item->version, triplet, err);
	}
	if (r == 0 && set->count == 0)
		r = err_set(err, EINVAL,
			    "%s cannot be sealed: none of these versions has a library",
			    s->program);
	return r;
}

/* -- the proof -- */

static int make_pins(const struct file_seal *s, struct pin **pins, struct versions *versions,
		     struct err *err)
{
	*pins = calloc(s->nitems + 1, sizeof **pins);
	versions->items = calloc(s->nitems + 1, sizeof *versions->items);
	if (!*pins || !versions->items)
		return err_nomem(err);
	for (size_t i = 0; i < s->nitems; i++) {
		const struct version *v = &s->items[i].version;

		(*pins)[i] = (struct pin){.name = v->name,
					  .version = v->version,
					  .arch = v->arch,
					  .digest = v->digest};
		versions->items[i] = *v;
	}
	versions->count = s->nitems;
	return 0;
}

/* Reports a sentence about the image by the name that the file will have. */
static void say_of_file(const struct file_seal *s, const char *image, const char *text,
			report_fn *report, void *ctx)
{
	char said[ERR_TEXT_MAX + PATH_MAX] = "";
	size_t len = 0;

	for (const char *at; len < sizeof said && (at = strstr(text, image));) {
		len += (size_t)snprintf(said + len, sizeof said - len, "%.*s%s", (int)(at - text),
					text, s->file);
		text = at + strlen(image);
	}
	if (len < sizeof said)
		snprintf(said + len, sizeof said - len, "%s", text);
	report(ctx, said);
}

struct prove_refusal {
	const struct file_seal *seal;
	struct err *err;
};

static void refuse_file(void *ctx, const char *text)
{
	const struct prove_refusal *refusal = ctx;

	err_set(refusal->err, ECANCELED, "%s would not work: %s", refusal->seal->file, text);
}

static int prove_file(const struct file_seal *s, const char *image, const char *objects,
		      report_fn *report, void *ctx, struct err *err)
{
	struct prove_refusal refusal = {s, err};
	AUTO_FREE struct pin *pins = NULL;
	AUTO_VERDICT struct verdict v = {0};
	struct versions versions = {0};
	const struct sysroot sysroot = {.objects = objects};
	struct app app = {.path = (char *)image, .sealed = true, .npins = s->nitems};
	int r = make_pins(s, &pins, &versions, err);

	app.pins = pins;
	if (r == 0)
		r = verdict_reach(s->store, &app, &versions, &sysroot, &v, err);
	free(versions.items); /* the versions are the items' */
	for (size_t i = 0; r == 0 && i < v.effects.count; i++)
		say_of_file(s, image, v.effects.items[i], report, ctx);
	for (size_t i = 0; r == 0 && i < v.remarks.count; i++)
		say_of_file(s, image, v.remarks.items[i], report, ctx);
	for (size_t i = 1; r == 0 && i < v.against.count; i++)
		say_of_file(s, image, v.against.items[i], report, ctx);
	if (r < 0 || !v.against.count)
		return r;
	say_of_file(s, image, v.against.items[0], refuse_file, &refusal);
	return -ECANCELED;
}

/* -- the file -- */

static int check_place(const struct file_seal *s, struct err *err)
{
	struct trusted known = {0};
	char normal[PATH_MAX];
	struct stat st, own;
	int r = path_normalise(s->file, normal, err);

	if (r < 0)
		return r;
	if (lstat(s->file, &st) == 0 && !S_ISREG(st.st_mode))
		return err_set(err, EEXIST, "%s exists, and is no regular file", s->file);
	if (stat(s->source, &own) < 0)
		return err_sys(err, errno, "cannot stat %s", s->source);
	if (lstat(s->file, &st) == 0 && st.st_dev == own.st_dev && st.st_ino == own.st_ino)
		return err_set(
			err, EEXIST,
			"%s is the program itself: give --output another file, or seal it in "
			"its place with 'pinlib set --sealed'",
			s->file);
	if (wrap_traces(s->file))
		return err_set(err, EEXIST, "%s is a program with pins: 'pinlib unset' it first",
			       s->file);
	/* Another user could lead root's file to a place of their choice. */
	if (geteuid() == 0 && !trust_dir_of(&known, s->file, err))
		return err_wrap(err, -EPERM,
				"root cannot write %s safely ('pinlib seal' works for every user)",
				s->file);
	return 0;
}

static int write_record(const struct file_seal *s, const char *image, struct seal_set *set,
			struct err *err)
{
	AUTO_FD int fd = open(image, O_RDONLY | O_CLOEXEC);
	AUTO_FREE struct digest *versions = calloc(s->nitems + 1, sizeof *versions);
	struct seal_record record = {.file = (char *)s->file, .set = *set};
	int r;

	if (!versions)
		return err_nomem(err);
	for (size_t i = 0; i < s->nitems; i++)
		versions[i] = s->items[i].version.digest;
	record.versions = (struct digests){versions, s->nitems};
	r = fd < 0 ? err_sys(err, errno, "cannot open %s", image)
		   : digest_fd(fd, &record.content, err);
	return r < 0 ? r : record_write(s->home, &record, err);
}

static int finish_file(const struct file_seal *s, const char *image, struct err *err)
{
	AUTO_FD int fd = open(image, O_RDONLY | O_CLOEXEC);
	mode_t mask = umask(0);
	struct stat st;

	umask(mask);
	if (stat(s->source, &st) < 0)
		return err_sys(err, errno, "cannot stat %s", s->source);
	if (fd < 0 || fchmod(fd, st.st_mode & 0777 & ~mask) < 0 || fsync(fd) < 0)
		return err_sys(err, errno, "cannot finish %s", s->file);
	if (rename(image, s->file) < 0)
		return err_sys(err, errno, "cannot rename %s to %s", image, s->file);
	return file_sync_parent(AT_FDCWD, s->file, err);
}

static int make_file(struct file_seal *s, const char *image, report_fn *report, void *ctx,
		     struct err *err)
{
	AUTO_PROGRAM struct program p = {0};
	AUTO_SET struct seal_set set = {0};
	char objects[PATH_MAX];
	const struct seal_request request = {.program = s->source,
					     .at = s->program,
					     .image = image,
					     .app = "",
					     .unpinned = s->unpinned,
					     .store = s->store,
					     .layers = s->home->layers,
					     .objects = objects};
	int r = program_read(s->source, &p, err);

	if (r == 0)
		r = fill_set(s, elf_triplet(p.elf.class, p.elf.machine), &set, err);
	if (r == 0)
		r = home_objects(s->home, objects, err);
	if (r < 0)
		return r;
	r = seal_make(&request, &set, err);
	if (r == -EINVAL) {
		struct err why = *err;

		return err_set(err, EINVAL, "%s cannot be sealed: %s", s->program, why.text);
	}
	if (r == 0)
		r = prove_file(s, image, objects, report, ctx, err);
	if (r == 0)
		r = write_record(s, image, &set, err);
	return r < 0 ? r : finish_file(s, image, err);
}

int file_seal_write(struct file_seal *s, report_fn *report, void *ctx, struct err *err)
{
	char dir[PATH_MAX], prefix[PATH_MAX], image[PATH_MAX] = "";
	int r = check_place(s, err);

	path_dir(s->file, dir);
	if (r == 0)
		r = path_join(dir, RECORD_IMAGE, prefix, err);
	if (r == 0)
		r = file_temp_name(prefix, image, sizeof image, err);
	if (r == 0)
		r = record_begin(s->home, image, err);
	if (r == 0)
		r = make_file(s, image, report, ctx, err);
	if (r < 0)
		unlink(image);
	record_end(s->home);
	return r;
}
