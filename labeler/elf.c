#include "labeler/elf.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <gelf.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define NEEDED_MAX 4096
#define DYNAMIC_MAX 65536 /* entries of the dynamic section */
#define STRINGS_MAX (64u << 20)
/* One string: a search path. Entries can share a string, copies cannot. */
#define STRING_MAX 65536

static void cleanup_elf(Elf **e)
{
	if (*e)
		elf_end(*e);
}

void elf_free(struct elf *elf)
{
	free(elf->interp);
	free(elf->soname);
	free(elf->rpath);
	free(elf->runpath);
	for (size_t i = 0; i < elf->nneeded; i++)
		free(elf->needed[i]);
	free(elf->needed);
	*elf = (struct elf){0};
}

static int malformed(struct err *err, const char *what)
{
	return err_set(err, EBADMSG, "malformed ELF file: %s", what);
}

/* Bytes of the file, checked against its size by libelf. */
static Elf_Data *chunk(Elf *e, uint64_t at, uint64_t len, Elf_Type type)
{
	if (at > INT64_MAX || len == 0 || len > STRINGS_MAX)
		return NULL;
	return elf_getdata_rawchunk(e, (int64_t)at, len, type);
}

static int read_interp(Elf *e, const GElf_Phdr *ph, struct elf *out, struct err *err)
{
	Elf_Data *d;

	if (out->interp)
		return 0; /* the kernel takes the first */
	d = ph->p_filesz <= PATH_MAX ? chunk(e, ph->p_offset, ph->p_filesz, ELF_T_BYTE) : NULL;
	if (!d || !memchr(d->d_buf, '\0', d->d_size))
		return malformed(err, "the interpreter's name");
	out->interp = strdup(d->d_buf);
	return out->interp ? 0 : err_nomem(err);
}

/* Where in the file an address is: by the program headers, as the loader maps them. */
static bool file_offset(Elf *e, size_t phnum, uint64_t address, uint64_t *offset)
{
	for (size_t i = 0; i < phnum; i++) {
		GElf_Phdr ph;

		if (!gelf_getphdr(e, (int)i, &ph) || ph.p_type != PT_LOAD)
			continue;
		if (address >= ph.p_vaddr && address - ph.p_vaddr < ph.p_filesz) {
			*offset = ph.p_offset + (address - ph.p_vaddr);
			return *offset >= ph.p_offset;
		}
	}
	return false;
}

static int copy_string(const Elf_Data *strings, uint64_t at, size_t max, char **out,
		       struct err *err)
{
	const char *s, *end;

	if (!strings || at >= strings->d_size)
		return malformed(err, "a string out of range");
	s = (const char *)strings->d_buf + at;
	end = memchr(s, '\0', strings->d_size - at);
	if (!end)
		return malformed(err, "a string without an end");
	if ((size_t)(end - s) >= max)
		return malformed(err, "a string that is too long");
	free(*out);
	*out = strdup(s);
	return *out ? 0 : err_nomem(err);
}

static int add_needed(struct elf *out, const Elf_Data *strings, uint64_t at, struct err *err)
{
	char **more;

	if (out->nneeded == NEEDED_MAX)
		return malformed(err, "too many needed libraries");
	more = reallocarray(out->needed, out->nneeded + 1, sizeof *more);
	if (!more)
		return err_nomem(err);
	out->needed = more;
	more[out->nneeded] = NULL;
	out->nneeded++;
	return copy_string(strings, at, PATH_MAX, &more[out->nneeded - 1], err);
}

static int take_dynamic(const GElf_Dyn *dyn, const Elf_Data *strings, struct elf *out,
			struct err *err)
{
	switch (dyn->d_tag) {
	case DT_NEEDED:
		return add_needed(out, strings, dyn->d_un.d_val, err);
	case DT_SONAME:
		return copy_string(strings, dyn->d_un.d_val, PATH_MAX, &out->soname, err);
	case DT_RPATH:
		return copy_string(strings, dyn->d_un.d_val, STRING_MAX, &out->rpath, err);
	case DT_RUNPATH:
		return copy_string(strings, dyn->d_un.d_val, STRING_MAX, &out->runpath, err);
	case DT_FLAGS_1:
		out->nodeflib = dyn->d_un.d_val & DF_1_NODEFLIB;
		return 0;
	}
	return 0;
}

/* The string table, by DT_STRTAB and DT_STRSZ; section headers may be gone. */
static Elf_Data *string_table(Elf *e, size_t phnum, Elf_Data *dynamic, size_t n)
{
	uint64_t address = 0, size = 0, offset;

	for (size_t i = 0; i < n; i++) {
		GElf_Dyn dyn;

		if (!gelf_getdyn(dynamic, (int)i, &dyn) || dyn.d_tag == DT_NULL)
			break;
		if (dyn.d_tag == DT_STRTAB)
			address = dyn.d_un.d_ptr;
		if (dyn.d_tag == DT_STRSZ)
			size = dyn.d_un.d_val;
	}
	if (!file_offset(e, phnum, address, &offset))
		return NULL;
	return chunk(e, offset, size, ELF_T_BYTE);
}

static int read_dynamic(Elf *e, size_t phnum, const GElf_Phdr *ph, struct elf *out, struct err *err)
{
	size_t entry = gelf_fsize(e, ELF_T_DYN, 1, EV_CURRENT);
	size_t n = entry ? ph->p_filesz / entry : 0;
	Elf_Data *dynamic, *strings;

	if (n == 0 || n > DYNAMIC_MAX)
		return malformed(err, "the dynamic section's size");
	dynamic = chunk(e, ph->p_offset, n * entry, ELF_T_DYN);
	if (!dynamic)
		return malformed(err, "the dynamic section is out of range");
	strings = string_table(e, phnum, dynamic, n);
	for (size_t i = 0; i < n; i++) {
		GElf_Dyn dyn;
		int r;

		if (!gelf_getdyn(dynamic, (int)i, &dyn))
			return malformed(err, "the dynamic section");
		if (dyn.d_tag == DT_NULL)
			break;
		r = take_dynamic(&dyn, strings, out, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_headers(Elf *e, struct elf *out, struct err *err)
{
	GElf_Ehdr eh;
	size_t phnum;

	if (!gelf_getehdr(e, &eh) || elf_getphdrnum(e, &phnum) < 0)
		return malformed(err, elf_errmsg(-1));
	out->class = gelf_getclass(e) == ELFCLASS64 ? 64 : 32;
	out->machine = eh.e_machine;
	out->shared = eh.e_type == ET_DYN;
	for (size_t i = 0; i < phnum; i++) {
		GElf_Phdr ph;
		int r = 0;

		if (!gelf_getphdr(e, (int)i, &ph))
			return malformed(err, elf_errmsg(-1));
		if (ph.p_type == PT_INTERP)
			r = read_interp(e, &ph, out, err);
		if (ph.p_type == PT_DYNAMIC && !out->dynamic) {
			out->dynamic = true;
			r = read_dynamic(e, phnum, &ph, out, err);
		}
		if (r < 0)
			return r;
	}
	/* DT_RUNPATH makes the loader ignore DT_RPATH. */
	if (out->runpath) {
		free(out->rpath);
		out->rpath = NULL;
	}
	return 0;
}

int elf_read(int fd, struct elf *out, bool *is_elf, struct err *err)
{
	__attribute__((cleanup(cleanup_elf))) Elf *e = NULL;
	char magic[EI_NIDENT];
	struct stat st;
	ssize_t n;
	int r;

	*out = (struct elf){0};
	*is_elf = false;
	if (fstat(fd, &st) < 0)
		return err_sys(err, errno, "cannot stat");
	if (!S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "not a regular file");
	n = pread(fd, magic, sizeof magic, 0);
	if (n < 0)
		return err_sys(err, errno, "cannot read");
	if (n < (ssize_t)sizeof magic || memcmp(magic, ELFMAG, SELFMAG) != 0)
		return 0;
	*is_elf = true;
	if (elf_version(EV_CURRENT) == EV_NONE)
		return err_set(err, EIO, "libelf is of another version");
	/* Read, not mapped: a file that is cut while it is mapped kills its reader. */
	e = elf_begin(fd, ELF_C_READ, NULL);
	if (!e || elf_kind(e) != ELF_K_ELF)
		return malformed(err, elf_errmsg(-1));
	r = read_headers(e, out, err);
	if (r < 0)
		elf_free(out);
	return r;
}

int elf_read_path(const char *path, struct elf *out, bool *is_elf, struct err *err)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int r;

	if (fd < 0)
		return err_sys(err, errno, "cannot open %s", path);
	r = elf_read(fd, out, is_elf, err);
	return r < 0 ? err_wrap(err, r, "%s", path) : 0;
}

static const struct {
	int class, machine;
	const char *arch, *triplet;
} machines[] = {
	{64, EM_X86_64, "amd64", "x86_64-linux-gnu"},
	{32, EM_386, "i386", "i386-linux-gnu"},
	{32, EM_X86_64, "x32", "x86_64-linux-gnux32"},
	{64, EM_AARCH64, "arm64", "aarch64-linux-gnu"},
	{32, EM_ARM, "armhf", "arm-linux-gnueabihf"},
	{64, EM_RISCV, "riscv64", "riscv64-linux-gnu"},
	{64, EM_PPC64, "ppc64el", "powerpc64le-linux-gnu"},
	{64, EM_S390, "s390x", "s390x-linux-gnu"},
};

const char *elf_arch(int class, int machine)
{
	for (size_t i = 0; i < sizeof machines / sizeof *machines; i++)
		if (machines[i].class == class && machines[i].machine == machine)
			return machines[i].arch;
	return "";
}

const char *elf_triplet(int class, int machine)
{
	for (size_t i = 0; i < sizeof machines / sizeof *machines; i++)
		if (machines[i].class == class && machines[i].machine == machine)
			return machines[i].triplet;
	return "";
}

int elf_facts(int fd, char *soname, char *arch, struct err *err)
{
	AUTO_ELF struct elf elf = {0};
	bool is_elf;
	int r = elf_read(fd, &elf, &is_elf, err);

	soname[0] = arch[0] = '\0';
	if (r < 0 || !is_elf)
		return r;
	if (elf.soname && strlen(elf.soname) >= 256)
		return malformed(err, "the soname is too long");
	snprintf(soname, 256, "%s", elf.soname ? elf.soname : "");
	snprintf(arch, 256, "%s", elf_arch(elf.class, elf.machine));
	return 0;
}
