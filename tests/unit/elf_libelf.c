/* The labeler's own ELF reader against libelf, on every library of the default directory: where
 * both read a file their results have to be the same. */
#include "elf/elf.h"
#include "tests/unit/loader_help.h"

#include <dirent.h>
#include <gelf.h>

static size_t compared;

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* libelf's result, which it finds by the section headers. */
static bool agrees(Elf *e, Elf_Scn *dynamic, const struct elf *ours)
{
	Elf_Data *data = elf_getdata(dynamic, NULL);
	size_t needed = 0;
	GElf_Shdr header;
	GElf_Dyn d;

	if (!data || !gelf_getshdr(dynamic, &header))
		return false;
	for (int i = 0; gelf_getdyn(data, i, &d) && d.d_tag != DT_NULL; i++) {
		const char *text = elf_strptr(e, header.sh_link, d.d_un.d_val);

		if (d.d_tag == DT_NEEDED &&
		    (needed >= ours->nneeded || !same(ours->needed[needed++].name, text)))
			return false;
		if (d.d_tag == DT_SONAME && !same(ours->soname, text))
			return false;
		if (d.d_tag == DT_RUNPATH && !same(ours->runpath, text))
			return false;
		if (d.d_tag == DT_RPATH && !ours->runpath && !same(ours->rpath, text))
			return false;
	}
	return needed == ours->nneeded && ours->class == (gelf_getclass(e) == ELFCLASS64 ? 64 : 32);
}

static bool compare(Elf *e, const struct elf *ours)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr header;

	while ((scn = elf_nextscn(e, scn)))
		if (gelf_getshdr(scn, &header) && header.sh_type == SHT_DYNAMIC) {
			compared++;
			return agrees(e, scn, ours);
		}
	return !ours->dynamic || elf_nextscn(e, NULL) == NULL;
}

static void one(const char *path)
{
	AUTO_ELF struct elf ours = {0};
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	bool is_elf;
	Elf *e;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	MUST(elf_parse(fd, &ours, &is_elf, &err) == 0);
	e = is_elf ? elf_begin(fd, ELF_C_READ, NULL) : NULL;
	if (e && elf_kind(e) == ELF_K_ELF && !compare(e, &ours)) {
		fprintf(stderr, "%s: libelf says otherwise\n", path);
		CHECK(false);
	}
	elf_end(e);
}

int main(void)
{
	char dir[256], path[PATH_MAX];
	struct dirent *entry;
	AUTO_DIR DIR *d = NULL;

	MUST(elf_version(EV_CURRENT) != EV_NONE);
	snprintf(dir, sizeof dir, "/usr/lib/%s",
		 elf_triplet(sizeof(long) == 8 ? 64 : 32,
#if defined __x86_64__
			     EM_X86_64
#elif defined __aarch64__
			     EM_AARCH64
#else
			     EM_386
#endif
			     ));
	d = opendir(dir);
	MUST(d);
	while ((entry = readdir(d))) {
		snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
		one(path);
	}
	CHECK(compared > 20);
	return test_end();
}
