#include "elf/info.h"

#include "base/cleanup.h"

#include <elf.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void elf_info_clear(struct elf_info *info)
{
	elf_free(&info->elf);
	free(info->why);
	free(info->shebang);
	*info = (struct elf_info){0};
}

/* -- reading -- */

static int read_shebang(int fd, struct elf_info *info)
{
	char buf[INFO_SHEBANG + 2];
	ssize_t n = pread(fd, buf, sizeof buf - 1, 0);
	char *start, *end;

	if (n < 3 || buf[0] != '#' || buf[1] != '!')
		return 0;
	buf[n] = '\0';
	start = buf + 2 + strspn(buf + 2, " \t");
	end = start + strcspn(start, "\n");
	while (end > start && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
		end--;
	*end = '\0';
	if (*start)
		info->shebang = strdup(start);
	return *start && !info->shebang ? -ENOMEM : 0;
}

int elf_info_parse(int fd, struct elf_info *out, struct err *err)
{
	struct elf_info info = {0};
	struct stat st;
	struct err why;
	int r = elf_parse(fd, &info.elf, &info.is_elf, &why);

	/* A file that elf_parse takes for ELF is as long as a header. */
	info.empty = (r < 0 || !info.is_elf) && fstat(fd, &st) == 0 &&
		     st.st_size < (off_t)sizeof(Elf32_Ehdr);
	if (r < 0 && r != -ENOMEM)
		info.why = strdup(why.text);
	else if (r == 0 && !info.is_elf)
		r = read_shebang(fd, &info);
	if (r == -ENOMEM || (r < 0 && !info.why)) {
		elf_info_clear(&info);
		return err_nomem(err);
	}
	info.error = r;
	*out = info;
	return 0;
}

/* -- bytes: a header, three arrays, and the text that their offsets point into -- */

#define NOTHING UINT32_MAX /* no string */

struct info_form {
	uint32_t class, machine, fault;
	uint32_t flags;
	uint32_t interp, soname, rpath, runpath, why, shebang; /* offsets in the text */
	uint32_t nneeded, nverneed, nverdef, text_len;
	uint32_t isa, audit, depaudit;
};

struct info_form_need {
	uint32_t name, kind;
};

struct info_form_version {
	uint32_t file, name, hash, index, flags;
};

enum {
	F_ELF = 1,
	F_EMPTY = 2,
	F_SHARED = 4,
	F_DYNAMIC = 8,
	F_PIE = 16,
	F_NODEFLIB = 32,
	F_VERSIONS = 64,
	F_CODE = 128,
};
enum { V_WEAK = 1, V_HIDDEN = 2, V_BASE = 4 };

static uint32_t offset_of(const struct elf *e, const char *string)
{
	return string ? (uint32_t)(string - e->text) : NOTHING;
}

static struct info_form_version encode_version(const struct elf *e, const struct elf_version *v)
{
	return (struct info_form_version){
		offset_of(e, v->file), offset_of(e, v->name), v->hash, v->index,
		(v->weak ? V_WEAK : 0) | (v->hidden ? V_HIDDEN : 0) | (v->base ? V_BASE : 0)};
}

char *elf_info_encode(const struct elf_info *info, size_t *len)
{
	const struct elf *e = &info->elf;
	size_t why_len = info->why ? strlen(info->why) + 1 : 0;
	size_t shebang_len = info->shebang ? strlen(info->shebang) + 1 : 0;
	struct info_form h = {
		.class = (uint32_t)e->class,
		.machine = (uint32_t)e->machine,
		.fault = (uint32_t)e->fault,
		.flags = (info->is_elf ? F_ELF : 0) | (info->empty ? F_EMPTY : 0) |
			 (e->shared ? F_SHARED : 0) | (e->dynamic ? F_DYNAMIC : 0) |
			 (e->pie ? F_PIE : 0) | (e->nodeflib ? F_NODEFLIB : 0) |
			 (e->has_versions ? F_VERSIONS : 0) | (e->has_code ? F_CODE : 0),
		.isa = e->isa,
		.audit = offset_of(e, e->audit),
		.depaudit = offset_of(e, e->depaudit),
		.interp = offset_of(e, e->interp),
		.soname = offset_of(e, e->soname),
		.rpath = offset_of(e, e->rpath),
		.runpath = offset_of(e, e->runpath),
		.why = info->why ? (uint32_t)e->text_len : NOTHING,
		.shebang = info->shebang ? (uint32_t)(e->text_len + why_len) : NOTHING,
		.nneeded = (uint32_t)e->nneeded,
		.nverneed = (uint32_t)e->nverneed,
		.nverdef = (uint32_t)e->nverdef,
		.text_len = (uint32_t)(e->text_len + why_len + shebang_len),
	};
	char *data, *p;

	*len = sizeof h + e->nneeded * sizeof(struct info_form_need) +
	       (e->nverneed + e->nverdef) * sizeof(struct info_form_version) + h.text_len;
	data = p = malloc(*len);
	if (!data)
		return NULL;
	p = mempcpy(p, &h, sizeof h);
	for (size_t i = 0; i < e->nneeded; i++) {
		struct info_form_need n = {offset_of(e, e->needed[i].name), e->needed[i].kind};

		p = mempcpy(p, &n, sizeof n);
	}
	for (size_t i = 0; i < e->nverneed + e->nverdef; i++) {
		struct info_form_version v = encode_version(
			e, i < e->nverneed ? &e->verneed[i] : &e->verdef[i - e->nverneed]);

		p = mempcpy(p, &v, sizeof v);
	}
	if (e->text_len)
		p = mempcpy(p, e->text, e->text_len);
	if (why_len)
		p = mempcpy(p, info->why, why_len);
	if (shebang_len)
		memcpy(p, info->shebang, shebang_len);
	return data;
}

/* The text ends in a NUL, so every offset in it is a string; max is the limit that elf_parse has for
 * such a string. */
static bool string_at(const struct elf *e, uint32_t at, size_t max, const char **out)
{
	*out = at < e->text_len ? e->text + at : NULL;
	return *out && (e->text_len <= max || strlen(*out) < max);
}

static bool optional_at(const struct elf *e, uint32_t at, size_t max, const char **out)
{
	*out = NULL;
	return at == NOTHING || string_at(e, at, max, out);
}

static bool decode_arrays(const char *p, const struct info_form *h, struct elf *e)
{
	for (size_t i = 0; i < h->nneeded; i++, p += sizeof(struct info_form_need)) {
		struct info_form_need n;

		memcpy(&n, p, sizeof n);
		if (n.kind > ELF_FILTER || !string_at(e, n.name, PATH_MAX, &e->needed[i].name))
			return false;
		e->needed[i].kind = (enum elf_need_kind)n.kind;
	}
	for (size_t i = 0; i < (size_t)h->nverneed + h->nverdef;
	     i++, p += sizeof(struct info_form_version)) {
		bool needed = i < h->nverneed;
		struct elf_version *v = needed ? &e->verneed[i] : &e->verdef[i - h->nverneed];
		struct info_form_version f;

		memcpy(&f, p, sizeof f);
		if (!string_at(e, f.name, PATH_MAX, &v->name) ||
		    (needed ? !string_at(e, f.file, PATH_MAX, &v->file) : f.file != NOTHING))
			return false;
		v->hash = f.hash;
		v->index = (uint16_t)f.index;
		v->weak = f.flags & V_WEAK;
		v->hidden = f.flags & V_HIDDEN;
		v->base = f.flags & V_BASE;
	}
	return true;
}

/* The user sees this text: a terminal must not see control characters that a parser made up. */
static char *plain_copy(const char *text)
{
	char *copy = strdup(text);

	for (char *p = copy; p && *p; p++)
		if ((unsigned char)*p < ' ' || (unsigned char)*p > '~')
			*p = '?';
	return copy;
}

static bool decode_strings(const struct info_form *h, struct elf_info *info)
{
	struct elf *e = &info->elf;
	const char *why, *shebang;

	if (!optional_at(e, h->interp, PATH_MAX, &e->interp) ||
	    !optional_at(e, h->soname, PATH_MAX, &e->soname) ||
	    !optional_at(e, h->rpath, ELF_STRING_MAX, &e->rpath) ||
	    !optional_at(e, h->runpath, ELF_STRING_MAX, &e->runpath) || (e->rpath && e->runpath) ||
	    !optional_at(e, h->audit, ELF_STRING_MAX, &e->audit) ||
	    !optional_at(e, h->depaudit, ELF_STRING_MAX, &e->depaudit) ||
	    !optional_at(e, h->why, ERR_TEXT_MAX, &why) ||
	    !optional_at(e, h->shebang, INFO_SHEBANG, &shebang))
		return false;
	info->error = why ? -EBADMSG : 0;
	info->why = why ? plain_copy(why) : NULL;
	info->shebang = shebang ? strdup(shebang) : NULL;
	return (!why || info->why) && (!shebang || info->shebang);
}

static bool decode_into(const char *data, size_t len, struct elf_info *info)
{
	struct elf *e = &info->elf;
	struct info_form h;
	uint64_t arrays;

	if (len < sizeof h)
		return false;
	memcpy(&h, data, sizeof h);
	arrays = (uint64_t)h.nneeded * sizeof(struct info_form_need) +
		 ((uint64_t)h.nverneed + h.nverdef) * sizeof(struct info_form_version);
	if (h.fault > ELF_FAULT_NOTHING || (h.class != 0 && h.class != 32 && h.class != 64) ||
	    h.machine > UINT16_MAX || h.nneeded > ELF_NEEDED_MAX || h.nverneed > ELF_VERSIONS_MAX ||
	    h.nverdef > ELF_VERSIONS_MAX || arrays > len - sizeof h ||
	    h.text_len != len - sizeof h - arrays || (h.text_len && data[len - 1] != '\0'))
		return false;
	e->needed = calloc(h.nneeded + 1, sizeof *e->needed);
	e->verneed = calloc(h.nverneed + 1, sizeof *e->verneed);
	e->verdef = calloc(h.nverdef + 1, sizeof *e->verdef);
	e->text = malloc(h.text_len + 1);
	if (!e->needed || !e->verneed || !e->verdef || !e->text)
		return false;
	memcpy(e->text, data + sizeof h + arrays, h.text_len);
	e->text_len = h.text_len;
	e->nneeded = h.nneeded;
	e->nverneed = h.nverneed;
	e->nverdef = h.nverdef;
	e->class = (int)h.class;
	e->machine = (int)h.machine;
	e->fault = (enum elf_fault)h.fault;
	e->shared = h.flags & F_SHARED;
	e->dynamic = h.flags & F_DYNAMIC;
	e->pie = h.flags & F_PIE;
	e->nodeflib = h.flags & F_NODEFLIB;
	e->has_versions = h.flags & F_VERSIONS;
	e->has_code = h.flags & F_CODE;
	e->isa = h.isa;
	info->is_elf = h.flags & F_ELF;
	info->empty = h.flags & F_EMPTY;
	return decode_strings(&h, info) && decode_arrays(data + sizeof h, &h, e);
}

bool elf_info_decode(const char *data, size_t len, struct elf_info *out)
{
	struct elf_info info = {0};

	if (!decode_into(data, len, &info)) {
		elf_info_clear(&info);
		return false;
	}
	*out = info;
	return true;
}
