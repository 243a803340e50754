#include "elf/elf.h"

#include "base/array.h"
#include "base/cleanup.h"
#include "elf/image.h"
#include "elf/isa.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DYNAMIC_MAX 65536   /* entries of the dynamic section */
#define TEXT_MAX (4u << 20) /* bytes of all strings: entries can share one, copies cannot */

void elf_free(struct elf *elf)
{
	free(elf->needed);
	free(elf->verneed);
	free(elf->verdef);
	free(elf->text);
	*elf = (struct elf){0};
}

const char *elf_fault_text(enum elf_fault fault)
{
	switch (fault) {
	case ELF_FAULT_NONE:
		return "";
	case ELF_FAULT_ORDER:
		return "its byte order is not this machine's";
	case ELF_FAULT_IDENT:
		return "the loader does not know its ELF identification";
	case ELF_FAULT_TYPE:
		return "only ET_DYN and ET_EXEC can be loaded";
	case ELF_FAULT_PHDRS:
		return "its program headers have the wrong size";
	case ELF_FAULT_NOTHING:
		return "it has no loadable segments";
	}
	return "";
}

/* Entries of the dynamic section that are followed when all of it was read. */
struct dynamic_tags {
	uint64_t at, count; /* the section itself */
	uint64_t strings, strings_len;
	uint64_t soname, rpath, runpath, audit, depaudit; /* offsets of strings + 1; 0: none */
	uint64_t verneed, verdef;			  /* addresses; 0: none */
};

/* The text grows and moves while the file is parsed, so until the end each string pointer holds an
 * offset in the text, plus 1; settle() makes pointers of them. */
struct elf_reading {
	struct image image;
	struct dynamic_tags tags;
	struct elf elf;
	size_t text_room;
};

static const char *later(size_t offset)
{
	return (const char *)(uintptr_t)(offset + 1);
}

static void settle_one(const struct elf *elf, const char **string)
{
	if (*string)
		*string = elf->text + ((uintptr_t)*string - 1);
}

static void settle(struct elf *elf)
{
	settle_one(elf, &elf->interp);
	settle_one(elf, &elf->soname);
	settle_one(elf, &elf->rpath);
	settle_one(elf, &elf->runpath);
	settle_one(elf, &elf->audit);
	settle_one(elf, &elf->depaudit);
	for (size_t i = 0; i < elf->nneeded; i++)
		settle_one(elf, &elf->needed[i].name);
	for (size_t i = 0; i < elf->nverneed; i++) {
		settle_one(elf, &elf->verneed[i].file);
		settle_one(elf, &elf->verneed[i].name);
	}
	for (size_t i = 0; i < elf->nverdef; i++)
		settle_one(elf, &elf->verdef[i].name);
}

static int text_room(struct elf_reading *r, size_t len, struct err *err)
{
	size_t want = r->elf.text_len + len, room = r->text_room ? r->text_room : 1024;
	char *more;

	if (want > TEXT_MAX)
		return image_malformed(err, "too much text");
	if (want <= r->text_room)
		return 0;
	while (room < want)
		room *= 2;
	more = realloc(r->elf.text, room);
	if (!more)
		return err_nomem(err);
	r->elf.text = more;
	r->text_room = room;
	return 0;
}

/* Copies a string that begins at a file offset; its NUL must be among the next len bytes. */
static int take_string(struct elf_reading *r, uint64_t at, uint64_t len, size_t max,
		       const char **out, struct err *err)
{
	size_t start = r->elf.text_len, had = 0, step = 64;
	int e;

	for (;; step = 1024) {
		char *to, *end;

		if (step > len - had)
			step = (size_t)(len - had);
		if (step == 0)
			return image_malformed(err, "an unterminated string");
		e = text_room(r, had + step, err);
		if (e < 0)
			return e;
		to = r->elf.text + start + had;
		if (!image_get(&r->image, at + had, to, step))
			return image_malformed(err, "a string out of range");
		end = memchr(to, '\0', step);
		had = end ? had + (size_t)(end - to) + 1 : had + step;
		if (had > max)
			return image_malformed(err, "a string that is too long");
		if (!end)
			continue;
		r->elf.text_len = start + had;
		*out = later(start);
		return 0;
	}
}

/* A string of the string table. */
static int table_string(struct elf_reading *r, uint64_t at, size_t max, const char **out,
			struct err *err)
{
	uint64_t offset, len;

	if (!image_offset(&r->image, r->tags.strings, &offset, &len))
		return image_malformed(err, "the string table is out of range");
	if (len > r->tags.strings_len)
		len = r->tags.strings_len;
	if (at >= len)
		return image_malformed(err, "a string out of range");
	return take_string(r, offset + at, len - at, max, out, err);
}

/* -- the dynamic section -- */

static int add_needed(struct elf_reading *r, uint64_t name, enum elf_need_kind kind,
		      struct err *err)
{
	if (r->elf.nneeded == ELF_NEEDED_MAX)
		return image_malformed(err, "too many needed libraries");
	if (ARRAY_GROW(r->elf.needed, r->elf.nneeded, err) < 0)
		return -ENOMEM;
	/* The table may come after this entry: the offset is kept, and read later. */
	r->elf.needed[r->elf.nneeded++] = (struct elf_need){later(name), kind};
	return 0;
}

static int take_tag(struct elf_reading *r, int64_t tag, uint64_t value, struct err *err)
{
	switch (tag) {
	case DT_NEEDED:
		return add_needed(r, value, ELF_NEEDED, err);
	case DT_AUXILIARY:
		return add_needed(r, value, ELF_AUXILIARY, err);
	case DT_FILTER:
		return add_needed(r, value, ELF_FILTER, err);
	case DT_STRTAB:
		r->tags.strings = value;
		break;
	case DT_STRSZ:
		r->tags.strings_len = value;
		break;
	case DT_SONAME:
		r->tags.soname = value + 1;
		break;
	case DT_RPATH:
		r->tags.rpath = value + 1;
		break;
	case DT_RUNPATH:
		r->tags.runpath = value + 1;
		break;
	case DT_AUDIT:
		r->tags.audit = value + 1;
		break;
	case DT_DEPAUDIT:
		r->tags.depaudit = value + 1;
		break;
	case DT_VERNEED:
		r->tags.verneed = value;
		break;
	case DT_VERDEF:
		r->tags.verdef = value;
		break;
	case DT_FLAGS_1:
		r->elf.nodeflib = value & DF_1_NODEFLIB;
		r->elf.pie = value & DF_1_PIE;
		break;
	}
	return 0;
}

static int take_tags(struct elf_reading *r, struct err *err)
{
	for (size_t i = 0; i < r->tags.count; i++) {
		uint64_t value;
		int64_t tag;
		int e;

		if (!image_dyn(&r->image, r->tags.at, i, &tag, &value))
			return image_malformed(err, "the dynamic section is out of range");
		if (tag == DT_NULL)
			return 0;
		e = take_tag(r, tag, value, err);
		if (e < 0)
			return e;
	}
	return 0;
}

static int take_names(struct elf_reading *r, struct err *err)
{
	struct elf *elf = &r->elf;
	const struct dynamic_tags *t = &r->tags;
	int e = 0;

	if (t->soname)
		e = table_string(r, t->soname - 1, PATH_MAX, &elf->soname, err);
	/* DT_RUNPATH makes the loader ignore DT_RPATH. */
	if (e == 0 && t->runpath)
		e = table_string(r, t->runpath - 1, ELF_STRING_MAX, &elf->runpath, err);
	else if (e == 0 && t->rpath)
		e = table_string(r, t->rpath - 1, ELF_STRING_MAX, &elf->rpath, err);
	if (e == 0 && t->audit)
		e = table_string(r, t->audit - 1, ELF_STRING_MAX, &elf->audit, err);
	if (e == 0 && t->depaudit)
		e = table_string(r, t->depaudit - 1, ELF_STRING_MAX, &elf->depaudit, err);
	for (size_t i = 0; e == 0 && i < elf->nneeded; i++) {
		uint64_t at = (uintptr_t)elf->needed[i].name - 1;

		elf->needed[i].name = NULL;
		e = table_string(r, at, PATH_MAX, &elf->needed[i].name, err);
	}
	return e;
}

/* -- versions -- */

/* A version table: the bytes of the file from its start to the end of the segment that maps it. */
struct version_table {
	uint64_t at, len;
};

static bool get_record(struct elf_reading *r, const struct version_table *t, uint64_t at, void *out,
		       size_t len)
{
	return at <= t->len && len <= t->len - at && image_get(&r->image, t->at + at, out, len);
}

static int add_version(struct elf_reading *r, struct elf_version **items, size_t *count,
		       const struct elf_version *v, uint64_t name, struct err *err)
{
	struct elf_version *added;

	if (*count == ELF_VERSIONS_MAX)
		return image_malformed(err, "too many versions (a circular list?)");
	if (ARRAY_GROW(*items, *count, err) < 0)
		return -ENOMEM;
	added = &(*items)[(*count)++];
	*added = *v;
	added->name = NULL;
	return table_string(r, name, PATH_MAX, &added->name, err);
}

/* The versions that are needed of one file. Each record gives the distance to the next, which the
 * loader adds up without a check. Here a chain that leads out of the table, or in a circle, ends at
 * the table's end or at a limit. */
static int take_verneed_of(struct elf_reading *r, const struct version_table *t, uint64_t at,
			   const char *file, struct err *err)
{
	const struct image *i = &r->image;
	Elf64_Vernaux aux;

	for (;; at += image_u32(i, aux.vna_next)) {
		struct elf_version v;
		int e;

		if (!get_record(r, t, at, &aux, sizeof aux))
			return image_malformed(err, "the needed versions are out of range");
		v = (struct elf_version){
			.file = file,
			.hash = image_u32(i, aux.vna_hash),
			.index = image_u16(i, aux.vna_other) & 0x7fff,
			.weak = image_u16(i, aux.vna_flags) & VER_FLG_WEAK,
			.hidden = image_u16(i, aux.vna_other) & 0x8000,
		};
		e = add_version(r, &r->elf.verneed, &r->elf.nverneed, &v,
				image_u32(i, aux.vna_name), err);
		if (e < 0 || aux.vna_next == 0)
			return e;
	}
}

static int take_verneed(struct elf_reading *r, struct err *err)
{
	const struct image *i = &r->image;
	Elf64_Verneed need; /* the same bytes in both classes */
	struct version_table t;
	uint64_t at = 0;

	if (!image_offset(i, r->tags.verneed, &t.at, &t.len))
		return image_malformed(err, "the needed versions are out of range");
	for (size_t n = 0;; n++, at += image_u32(i, need.vn_next)) {
		const char *file = NULL;
		int e;

		if (n == ELF_NEEDED_MAX)
			return image_malformed(err, "versions of too many files");
		if (!get_record(r, &t, at, &need, sizeof need))
			return image_malformed(err, "the needed versions are out of range");
		if (image_u16(i, need.vn_version) != VER_NEED_CURRENT)
			return image_malformed(err, "needed versions of an unknown format");
		e = table_string(r, image_u32(i, need.vn_file), PATH_MAX, &file, err);
		if (e == 0)
			e = take_verneed_of(r, &t, at + image_u32(i, need.vn_aux), file, err);
		if (e < 0 || need.vn_next == 0)
			return e;
	}
}

static int take_verdef(struct elf_reading *r, struct err *err)
{
	const struct image *i = &r->image;
	Elf64_Verdef def;
	Elf64_Verdaux aux;
	struct version_table t;
	uint64_t at = 0;

	if (!image_offset(i, r->tags.verdef, &t.at, &t.len))
		return image_malformed(err, "the defined versions are out of range");
	for (;; at += image_u32(i, def.vd_next)) {
		struct elf_version v = {0};
		int e;

		if (!get_record(r, &t, at, &def, sizeof def) ||
		    !get_record(r, &t, at + image_u32(i, def.vd_aux), &aux, sizeof aux))
			return image_malformed(err, "the defined versions are out of range");
		if (image_u16(i, def.vd_version) != VER_DEF_CURRENT)
			return image_malformed(err, "defined versions of an unknown format");
		v.hash = image_u32(i, def.vd_hash);
		v.index = image_u16(i, def.vd_ndx) & 0x7fff;
		v.weak = image_u16(i, def.vd_flags) & VER_FLG_WEAK;
		v.base = image_u16(i, def.vd_flags) & VER_FLG_BASE;
		e = add_version(r, &r->elf.verdef, &r->elf.nverdef, &v, image_u32(i, aux.vda_name),
				err);
		if (e < 0 || def.vd_next == 0)
			return e;
	}
}

/* -- the whole -- */

static int read_interp(struct elf_reading *r, const Elf64_Phdr *ph, struct err *err)
{
	struct err ignored;

	if (r->elf.interp)
		return 0; /* the kernel takes the first */
	if (ph->p_offset > r->image.size ||
	    take_string(r, ph->p_offset, ph->p_filesz, PATH_MAX, &r->elf.interp, &ignored) < 0)
		return image_malformed(err, "the interpreter's name");
	return 0;
}

static int find_dynamic(struct elf_reading *r, const Elf64_Phdr *ph, struct err *err)
{
	size_t entry = r->image.class == 64 ? sizeof(Elf64_Dyn) : sizeof(Elf32_Dyn);
	uint64_t len;

	/* By its address, as in the loader; files with only debugging information map nothing there. */
	if (!image_offset(&r->image, ph->p_vaddr, &r->tags.at, &len))
		return image_malformed(err, "the dynamic section is not in the file");
	r->tags.count = len / entry;
	if (r->tags.count > DYNAMIC_MAX)
		r->tags.count = DYNAMIC_MAX;
	return 0;
}

static int read_phdrs(struct elf_reading *r, struct err *err)
{
	Elf64_Phdr dynamic = {0}, ph;
	size_t n = r->image.header.e_phnum;
	/* A table that is cut short is an error before any of it counts. */
	int e = n > 0 ? image_phdr(&r->image, n - 1, &ph, err) : 0;

	for (size_t i = 0; e == 0 && i < n; i++) {
		e = image_phdr(&r->image, i, &ph, err);
		if (e == 0 && ph.p_type == PT_LOAD) {
			r->elf.has_code |= (ph.p_flags & PF_X) != 0;
			e = image_add_load(&r->image, &ph, err);
		}
		if (e == 0 && ph.p_type == PT_INTERP)
			e = read_interp(r, &ph, err);
		if (e == 0 && ph.p_type == PT_DYNAMIC) {
			r->elf.dynamic = true;
			dynamic = ph; /* the loader takes the last */
		}
	}
	if (e == 0 && r->elf.dynamic)
		e = find_dynamic(r, &dynamic, err);
	if (e == 0)
		r->elf.isa = isa_needed(&r->image);
	return e;
}

/* In the order of the checks of glibc's open_verify (dl-load.c). */
static enum elf_fault fault_of(const struct image *i)
{
	static const unsigned char zero[EI_NIDENT - EI_PAD];
	const unsigned char *ident = i->header.e_ident;
	size_t phdr = i->class == 64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);

	if (i->swap)
		return ELF_FAULT_ORDER;
	if (ident[EI_VERSION] != EV_CURRENT || i->header.e_version != EV_CURRENT ||
	    (ident[EI_OSABI] != ELFOSABI_SYSV && ident[EI_OSABI] != ELFOSABI_GNU) ||
	    memcmp(ident + EI_PAD, zero, sizeof zero) != 0)
		return ELF_FAULT_IDENT;
	if (i->header.e_type != ET_DYN && i->header.e_type != ET_EXEC)
		return ELF_FAULT_TYPE;
	return i->header.e_phentsize != phdr ? ELF_FAULT_PHDRS : ELF_FAULT_NONE;
}

static int read_image(struct elf_reading *r, struct err *err)
{
	struct elf *elf = &r->elf;
	int e = image_header(&r->image, err);

	if (e < 0)
		return e;
	elf->class = r->image.class;
	elf->machine = r->image.header.e_machine;
	elf->shared = r->image.header.e_type == ET_DYN;
	elf->fault = fault_of(&r->image);
	if (elf->fault == ELF_FAULT_TYPE || elf->fault == ELF_FAULT_PHDRS)
		return 0; /* the loader looks at nothing else */
	e = read_phdrs(r, err);
	if (e == 0 && elf->fault == ELF_FAULT_NONE && r->image.nsegments == 0)
		elf->fault = ELF_FAULT_NOTHING;
	if (e < 0 || !elf->dynamic)
		return e;
	e = take_tags(r, err);
	if (e == 0)
		e = take_names(r, err);
	if (e == 0 && r->tags.verneed)
		e = take_verneed(r, err);
	elf->has_versions = r->tags.verdef != 0;
	if (e == 0 && r->tags.verdef)
		e = take_verdef(r, err);
	return e;
}

int elf_parse(int fd, struct elf *out, bool *is_elf, struct err *err)
{
	struct elf_reading r;
	int e;

	r.tags = (struct dynamic_tags){0};
	r.elf = (struct elf){0};
	r.text_room = 0;
	*out = (struct elf){0};
	*is_elf = false;
	e = image_open(fd, &r.image, err);
	if (e != 0)
		return e < 0 ? e : 0;
	*is_elf = true;
	e = read_image(&r, err);
	image_close(&r.image);
	if (e < 0) {
		int class = r.elf.class, machine = r.elf.machine;

		elf_free(&r.elf);
		out->class = class;
		out->machine = machine;
		return e;
	}
	settle(&r.elf);
	*out = r.elf;
	return 0;
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

/* musl's names of itself and of its loader. glibc has no libc.so without a number. */
static bool needs_musl(const struct elf *elf)
{
	const char *loader = elf->interp ? strrchr(elf->interp, '/') : NULL;

	if (loader && strncmp(loader, "/ld-musl-", 9) == 0)
		return true;
	for (size_t i = 0; i < elf->nneeded; i++)
		if (strncmp(elf->needed[i].name, "libc.musl-", 10) == 0 ||
		    strcmp(elf->needed[i].name, "libc.so") == 0)
			return true;
	return elf->soname && strncmp(elf->soname, "libc.musl-", 10) == 0;
}

int elf_facts(int fd, char *soname, char *arch, struct err *err)
{
	AUTO_ELF struct elf elf = {0};
	bool is_elf;
	int r = elf_parse(fd, &elf, &is_elf, err);

	soname[0] = arch[0] = '\0';
	if (r < 0 || !is_elf)
		return r;
	if (elf.soname && strlen(elf.soname) >= 256)
		return image_malformed(err, "the soname is too long");
	snprintf(soname, 256, "%s", elf.soname ? elf.soname : "");
	snprintf(arch, 256, "%s%s", needs_musl(&elf) ? ELF_MUSL : "",
		 elf_arch(elf.class, elf.machine));
	return 0;
}
