/* Sources that name a package which apt downloads. */
#include "intake/intake.h"
#include "intake/source.h"
#include "provenance/gather.h"

#include "base/file.h"
#include "base/path.h"
#include "base/progress.h"
#include "dpkg/apt.h"
#include "dpkg/apt_release.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* The archives of one download, and what vouches for them. */
struct fetched_debs {
	int dir;
	struct strings names;
	struct apt_voucher *vouchers; /* as many */
};

#define FETCHED_NONE ((struct fetched_debs){.dir = -1})

static void fetched_end(struct fetched_debs *debs)
{
	for (size_t i = 0; debs->vouchers && i < debs->names.count; i++)
		apt_voucher_free(&debs->vouchers[i]);
	free(debs->vouchers);
	strings_free(&debs->names);
	cleanup_fd(&debs->dir);
}

/* Downloads packages into a new directory below dir, which becomes debs->dir. */
static int download_into(const struct store *store, const char *dir_name, int dir,
			 const struct strings *packages, const struct apt_place *place,
			 bool *authentic, struct fetched_debs *debs, struct err *err)
{
	AUTO_FREE char *where = NULL;
	int r;

	if (asprintf(&where, "%s/tmp/%s/apt", store->root, dir_name) < 0) {
		where = NULL;
		return err_nomem(err);
	}
	if (mkdirat(dir, "apt", 0755) < 0)
		return err_sys(err, errno, "cannot create a directory in the store");
	debs->dir = openat(dir, "apt", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (debs->dir < 0)
		return err_sys(err, errno, "cannot open a directory in the store");
	progress_begin("waiting for apt-get", PROGRESS_ITEMS, 0);
	r = apt_download(packages, place, where, authentic, err);
	progress_begin("reading", PROGRESS_BYTES, 0);
	return r;
}

static int found_deb(void *ctx, int dir, const char *name, struct err *err)
{
	(void)dir;
	return path_ends(name, ".deb") ? strings_add(ctx, name, err) : 0;
}

static int open_deb(const struct fetched_debs *debs, size_t i, struct err *err)
{
	int fd = openat(debs->dir, debs->names.items[i],
			O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	return fd < 0 ? err_sys(err, errno, "cannot open %s", debs->names.items[i]) : fd;
}

/* Nobody but root can write the directory, so an archive has the same bytes when it is unpacked. */
static int hash_debs(struct fetched_debs *debs, struct err *err)
{
	debs->vouchers = calloc(debs->names.count + 1, sizeof *debs->vouchers);
	if (!debs->vouchers)
		return err_nomem(err);
	for (size_t i = 0; i < debs->names.count; i++) {
		AUTO_FD int fd = open_deb(debs, i, err);
		int r = fd < 0 ? fd : digest_fd(fd, &debs->vouchers[i].archive, err);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Without authentic no voucher is asked for: apt has no accepted signature for one of them, or does not want it. */
static int vouch_debs(struct fetched_debs *debs, bool authentic, const struct apt_place *place,
		      struct err *err)
{
	if (authentic)
		return apt_vouch(debs->vouchers, debs->names.count, place, err);
	for (size_t i = 0; i < debs->names.count; i++) {
		debs->vouchers[i].lacks = strdup("apt-get says that it cannot be authenticated");
		if (!debs->vouchers[i].lacks)
			return err_nomem(err);
	}
	return 0;
}

static int fetch_debs(struct staging *holder, const struct strings *packages,
		      const struct apt_place *place, struct fetched_debs *debs, struct err *err)
{
	bool authentic = false;
	int r = download_into(holder->store, holder->dir_name, holder->dir, packages, place,
			      &authentic, debs, err);

	if (r == 0)
		r = file_each_name(debs->dir, found_deb, &debs->names, err);
	strings_sort(&debs->names);
	if (r == 0)
		r = hash_debs(debs, err);
	return r < 0 ? r : vouch_debs(debs, authentic, place, err);
}

/* The Packages file must list the archive for what its own control file says. */
static const char *find_lack(const struct staging *s, const struct apt_voucher *v)
{
	if (v->lacks)
		return v->lacks;
	return strcmp(v->package, s->name) == 0 && strcmp(v->version, s->version) == 0 &&
			       strcmp(v->arch, s->arch) == 0
		       ? NULL
		       : "apt's list has its SHA-256 for another package or version";
}

static int add_fetched(struct staging *s, const struct fetched_debs *debs, size_t i,
		       struct err *err)
{
	AUTO_FD int fd = open_deb(debs, i, err);
	const char *lack;
	int r = fd < 0 ? fd : source_archive(s, UNPACK_DEB, fd, debs->names.items[i], err);

	if (r < 0)
		return r;
	lack = find_lack(s, &debs->vouchers[i]);
	if (!lack)
		return provenance_take_voucher(&s->provenance, &debs->vouchers[i], err);
	s->unverified = strdup(lack);
	return s->unverified ? 0 : err_nomem(err);
}

/* Downloads into the staging directory, which is removed as a whole. */
int source_apt(struct staging *s, const char *package, struct err *err)
{
	CLEANUP(fetched_end) struct fetched_debs debs = FETCHED_NONE;
	AUTO_FREE char *name = strdup(package);
	char *slash = name ? strchr(name, '/') : NULL;
	const struct apt_place place = {s->options->apt_config, slash ? slash + 1 : NULL};
	int r = name ? source_check_name(package, true, err) : err_nomem(err);

	/* apt takes PACKAGE/SUITE for that suite's version or none, but no suite beside a version. */
	if (slash && strchr(name, '='))
		*slash = '\0';
	if (r == 0)
		r = fetch_debs(s, &(struct strings){.items = &name, .count = 1}, &place, &debs,
			       err);
	if (r == 0 && debs.names.count != 1)
		r = err_set(err, EIO, "apt-get fetched %s",
			    debs.names.count ? "more than one package" : "nothing");
	if (r == 0)
		r = add_fetched(s, &debs, 0, err);
	return r < 0 ? err_wrap(err, r, "apt:%s", package) : 0;
}

/* -- several packages at once -- */

struct fetched_package {
	const struct fetched_debs *debs;
	size_t number;
	const char *suite;
};

/* The origin of each is "apt:libicu67:amd64=67.1-7/bullseye". */
static int add_with_origin(struct staging *s, const void *ctx, struct err *err)
{
	const struct fetched_package *p = ctx;
	bool all;
	int r = add_fetched(s, p->debs, p->number, err);

	if (r < 0)
		return r;
	all = strcmp(s->arch, "all") == 0;
	if (asprintf(&s->source, "apt:%s%s%s=%s%s%s", s->name, all ? "" : ":", all ? "" : s->arch,
		     s->version, p->suite ? "/" : "", p->suite ? p->suite : "") < 0) {
		s->source = NULL;
		return err_nomem(err);
	}
	return 0;
}

int intake_fetch(struct store *store, const struct strings *packages, const struct apt_place *place,
		 struct strings *unverified, intake_fetched_fn *fetched, void *ctx, struct err *err)
{
	const struct intake_options how = {.apt_config = place->config, .unverified = unverified};
	CLEANUP(fetched_end) struct fetched_debs debs = FETCHED_NONE;
	AUTO_STAGING struct staging holder = STAGING_NONE;
	int r = staging_begin(store, &how, &holder, err);

	if (r == 0)
		r = fetch_debs(&holder, packages, place, &debs, err);
	for (size_t i = 0; r == 0 && i < debs.names.count; i++) {
		struct fetched_package p = {&debs, i, place->suite};
		AUTO_VERSION struct version v = {0};
		struct err why;
		bool known;

		r = source_add(store, add_with_origin, &p, "apt:", &how, &v, &known, &why);
		if (r != -ENOMEM)
			r = fetched(ctx, r == 0 ? &v : NULL, r == 0 ? NULL : &why, err);
	}
	progress_end();
	return r;
}
