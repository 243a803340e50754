/* For the tests of store/ and intake/: small files, imitations of ELF files, and .deb files with any member that tar
 * allows. Failures here end the program. */
#pragma once

#include "intake/intake.h"
#include "tests/unit/scratch.h"

#include <archive.h>
#include <archive_entry.h>

static inline void scratch_make(void)
{
	scratch_new();
	umask(077); /* the store's modes must not depend on it */
}

#define PUT_TIME 1600000000 /* of all files that put_file makes */

static inline void set_time(const char *path, time_t time)
{
	MUST(utimensat(AT_FDCWD, path, (struct timespec[]){{time, 0}, {time, 0}},
		       AT_SYMLINK_NOFOLLOW) == 0);
}

static inline time_t time_of(const char *path)
{
	struct stat st;

	MUST(lstat(path, &st) == 0 && st.st_mtim.tv_nsec == 0);
	return st.st_mtim.tv_sec;
}

static inline void put_file(const char *path, const void *data, size_t len)
{
	AUTO_FREE char *dir = strdup(path);
	AUTO_FD int fd = -1;

	MUST(dir);
	*strrchr(dir, '/') = '\0';
	MUST(file_mkdirs(dir, &err) == 0);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	MUST(fd >= 0 && file_write(fd, data, len, &err) == 0 && fchmod(fd, 0644) == 0);
	set_time(path, PUT_TIME);
}

static inline void put_text(const char *path, const char *text)
{
	put_file(path, text, strlen(text));
}

#define FAKE_ELF 256

/* An ELF file for test_facts: the magic number, then soname and architecture. */
static inline void fake_elf(char out[FAKE_ELF], const char *soname, const char *arch,
			    const char *content)
{
	memset(out, 0, FAKE_ELF);
	memcpy(out, "\177ELF", 4);
	snprintf(out + 64, 64, "%s", soname);
	snprintf(out + 128, 32, "%s", arch);
	snprintf(out + 160, 64, "%s", content);
}

static inline int test_facts(int fd, char *soname, char *arch, struct err *e)
{
	char data[FAKE_ELF] = {0};

	soname[0] = arch[0] = '\0';
	if (pread(fd, data, sizeof data, 0) < 0)
		return err_sys(e, errno, "cannot read");
	if (memcmp(data, "\177ELF", 4) != 0)
		return 0;
	snprintf(soname, 256, "%.63s", data + 64);
	snprintf(arch, 256, "%.31s", data + 128);
	return 0;
}

/* Linked in the place of elf_facts (the Makefile's --wrap); a test may replace its reader. */
typedef int facts_fn(int fd, char *soname, char *arch, struct err *e);
facts_fn __wrap_elf_facts, __real_elf_facts;
static facts_fn *facts_reader = test_facts;

int __wrap_elf_facts(int fd, char *soname, char *arch, struct err *e)
{
	return facts_reader(fd, soname, arch, e);
}

static const struct intake_options plain;

/* Archives in memory. */
#define PACK_MAX ((size_t)4 << 20)

struct pack {
	struct archive *a;
	char *data;
	size_t len;
};

typedef int pack_filter_fn(struct archive *);

static inline void pack_begin(struct pack *p, pack_filter_fn *filter, bool ar, bool pax)
{
	p->a = archive_write_new();
	p->data = malloc(PACK_MAX);
	MUST(p->a && p->data);
	MUST((ar    ? archive_write_set_format_ar_svr4(p->a)
	      : pax ? archive_write_set_format_pax(p->a)
		    : archive_write_set_format_gnutar(p->a)) == ARCHIVE_OK);
	if (filter)
		MUST(filter(p->a) == ARCHIVE_OK);
	archive_write_set_bytes_in_last_block(p->a, 1);
	MUST(archive_write_open_memory(p->a, p->data, PACK_MAX, &p->len) == ARCHIVE_OK);
}

static inline void pack_end(struct pack *p)
{
	MUST(archive_write_close(p->a) == ARCHIVE_OK);
	archive_write_free(p->a);
}

struct member {
	const char *path;
	mode_t type; /* AE_IF..., or 0 for a hard link */
	mode_t mode;
	const char *content; /* or target */
	size_t len;	     /* 0: strlen(content) */
	const char *xattr;
	dev_t rdev;
};

/* The time of the next member; each has one second more than the one before it. */
static int64_t pack_time;

static inline void pack_member(struct pack *p, const struct member *m)
{
	struct archive_entry *e = archive_entry_new();
	size_t len = m->type == AE_IFREG && m->content ? (m->len ? m->len : strlen(m->content)) : 0;

	MUST(e);
	archive_entry_set_pathname(e, m->path);
	archive_entry_set_filetype(e, m->type ? m->type : AE_IFREG);
	archive_entry_set_perm(e, m->mode ? m->mode : 0644);
	archive_entry_set_size(e, (la_int64_t)len);
	archive_entry_set_mtime(e, pack_time++, 0);
	if (m->type == AE_IFLNK)
		archive_entry_set_symlink(e, m->content);
	if (m->type == 0)
		archive_entry_set_hardlink(e, m->content);
	if (m->type == AE_IFCHR || m->type == AE_IFBLK)
		archive_entry_set_rdev(e, m->rdev);
	if (m->xattr)
		archive_entry_xattr_add_entry(e, m->xattr, "\1\0\0\2", 4);
	MUST(archive_write_header(p->a, e) >= ARCHIVE_WARN);
	if (len)
		MUST(archive_write_data(p->a, m->content, len) == (la_ssize_t)len);
	archive_entry_free(e);
}

static inline void pack_control(struct pack *p, const char *text, pack_filter_fn *filter)
{
	pack_begin(p, filter, false, false);
	pack_member(p, &(struct member){.path = "./control", .type = AE_IFREG, .content = text});
	pack_end(p);
}

/* A package of two archives, which are freed. */
static inline void put_package(const char *path, const char *control_name, struct pack *control,
			       const char *data_name, struct pack *data)
{
	struct pack ar;

	pack_time = 0; /* ar knows no time before 1970 */
	pack_begin(&ar, NULL, true, false);
	pack_member(&ar, &(struct member){"debian-binary", AE_IFREG, .content = "2.0\n"});
	pack_member(&ar, &(struct member){control_name, AE_IFREG, .content = control->data,
					  .len = control->len});
	pack_member(&ar,
		    &(struct member){data_name, AE_IFREG, .content = data->data, .len = data->len});
	pack_end(&ar);
	put_file(path, ar.data, ar.len);
	free(control->data);
	free(data->data);
	free(ar.data);
}

struct deb {
	const char *control;
	const struct member *members;
	size_t n;
	pack_filter_fn *filter;
	const char *data_name;
	bool pax;
};

static inline void deb_write(const char *path, const struct deb *d)
{
	struct pack control, data;

	pack_control(&control, d->control, archive_write_add_filter_gzip);
	pack_begin(&data, d->filter, false, d->pax);
	for (size_t i = 0; i < d->n; i++)
		pack_member(&data, &d->members[i]);
	pack_end(&data);
	put_package(path, "control.tar.gz", &control, d->data_name ? d->data_name : "data.tar.xz",
		    &data);
}

#define CONTROL                                                                                    \
	"Package: libfoo1\nVersion: 1:1.2.3-1\nArchitecture: amd64\nDescription: foo\n bar\n"

/* Names in the directory, "." and ".." aside. */
static inline size_t count_names(const char *path)
{
	AUTO_DIR DIR *d = opendir(path);
	size_t n = 0;

	while (d && readdir(d))
		n++;
	return n > 2 ? n - 2 : 0;
}

static inline const struct entry *entry_of(const struct version *v, const char *path)
{
	for (size_t i = 0; i < v->nentries; i++)
		if (strcmp(v->entries[i].path, path) == 0)
			return &v->entries[i];
	return NULL;
}
