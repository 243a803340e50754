#include "host/sealed.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "host/original.h"
#include "late/mentions.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WAITING ".sealed-"

/* Opens a regular file and gets its size; -1: it is none. */
static int open_file(const char *path, off_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))) {
		close(fd);
		return -1;
	}
	*size = fd < 0 ? 0 : st.st_size;
	return fd;
}

static bool is_elf(int fd)
{
	char magic[SELFMAG];

	return pread(fd, magic, SELFMAG, 0) == SELFMAG && memcmp(magic, ELFMAG, SELFMAG) == 0;
}

bool sealed_read(const char *path, char app[PATH_MAX])
{
	char end[SEALED_MARK_MAX], *text;
	off_t size, at;
	AUTO_FD int fd = open_file(path, &size);
	ssize_t n;

	if (fd < 0 || !is_elf(fd))
		return false;
	at = size > (off_t)sizeof end ? size - (off_t)sizeof end : 0;
	n = pread(fd, end, sizeof end, at);
	if (n < 2 || end[n - 1] != '\0')
		return false;
	text = memrchr(end, '\0', (size_t)n - 1);
	text = text ? text + 1 : end;
	if (strncmp(text, SEALED_MARK, strlen(SEALED_MARK)) != 0 ||
	    strlen(text) - strlen(SEALED_MARK) >= PATH_MAX)
		return false;
	strcpy(app, text + strlen(SEALED_MARK));
	return true;
}

/* Whether the file is an ELF file that ends before its segments do, as after a write that was interrupted. */
static bool is_cut_off(const char *path)
{
	ElfW(Ehdr) file;
	ElfW(Phdr) segment;
	off_t size;
	AUTO_FD int fd = open_file(path, &size);

	if (fd < 0 || !is_elf(fd))
		return false;
	if (pread(fd, &file, sizeof file, 0) != sizeof file)
		return true;
	if (file.e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) ||
	    file.e_phentsize != sizeof segment || file.e_phoff > (size_t)size)
		return false;
	for (size_t i = 0; i < file.e_phnum; i++) {
		if (pread(fd, &segment, sizeof segment,
			  (off_t)(file.e_phoff + i * sizeof segment)) != sizeof segment)
			return true;
		if (segment.p_type == PT_LOAD &&
		    (segment.p_offset > (size_t)size ||
		     segment.p_filesz > (size_t)size - segment.p_offset))
			return true;
	}
	return false;
}

/* Whether the file was the app's sealed file, before a program (strip, say) wrote to it. */
static bool has_mark_inside(const char *path, const char *app)
{
	AUTO_MENTIONS struct mentions m = {0};
	char mark[SEALED_MARK_MAX];
	struct err ignored;

	snprintf(mark, sizeof mark, SEALED_MARK "%s", app);
	return mentions_read(path, &m, &ignored) == 0 && mentions_find(&m, mark, NULL);
}

bool sealed_is_present(const char *app)
{
	char named[PATH_MAX], real[PATH_MAX];
	struct err ignored;
	bool sealed = sealed_read(app, named);

	if (sealed && strcmp(named, app) == 0)
		return true;
	return original_path(app, real, &ignored) == 0 && original_exists(real) &&
	       !original_is_same(app, real) &&
	       (sealed || is_cut_off(app) || has_mark_inside(app, app));
}

int sealed_waiting(const char *app, char path[PATH_MAX], struct err *err)
{
	char real[PATH_MAX], dir[PATH_MAX];
	int n, r = original_path(app, real, err);

	if (r < 0)
		return r;
	path_dir(real, dir);
	n = snprintf(path, PATH_MAX, "%s/" WAITING "%s", dir, path_base(app));
	return n < 0 || n >= PATH_MAX ? err_set(err, ENAMETOOLONG, "%.64s...: path too long", app)
				      : 0;
}

void sealed_drop_waiting(const char *app)
{
	char path[PATH_MAX];
	struct err ignored;

	if (sealed_waiting(app, path, &ignored) == 0)
		unlink(path);
}
