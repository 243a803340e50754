#include "plan/stub.h"

#include "base/cleanup.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REFUSE "refuse:"
#define UNPINNED "unpinned:"

static bool is_plain(unsigned char byte)
{
	return byte > ' ' && byte < 0x7f && byte != '%';
}

int stub_word(const char *app, bool unpinned, char word[STUB_WORD_MAX], struct err *err)
{
	size_t used = (size_t)snprintf(word, STUB_WORD_MAX, "%s", unpinned ? UNPINNED : REFUSE);

	for (const unsigned char *p = (const unsigned char *)app; *p; p++) {
		if (used + 4 > STUB_WORD_MAX)
			return err_set(err, ENAMETOOLONG, "%.64s...: path too long for a stub",
				       app);
		used += (size_t)snprintf(word + used, 4, is_plain(*p) ? "%c" : "%%%02X", *p);
	}
	return 0;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool stub_parse_word(const char *word, char app[PATH_MAX], bool *unpinned)
{
	size_t used = 0;
	const char *p = strchr(word, ':');

	*unpinned = strncmp(word, UNPINNED, strlen(UNPINNED)) == 0;
	if (!p || (!*unpinned && strncmp(word, REFUSE, strlen(REFUSE)) != 0) || *++p != '/')
		return false;
	for (; *p && *p != ' ' && *p != '\t'; p++) {
		char byte = *p;

		if (byte == '%') {
			int high = hex_digit(p[1]), low = high < 0 ? -1 : hex_digit(p[2]);

			if (low < 0 || high * 16 + low == 0)
				return false;
			byte = (char)(high * 16 + low);
			p += 2;
		}
		if (used + 1 >= PATH_MAX)
			return false;
		app[used++] = byte;
	}
	app[used] = '\0';
	return true;
}

int stub_original(const char *app, char original[PATH_MAX])
{
	const char *slash = strrchr(app, '/');
	int n = snprintf(original, PATH_MAX, "%.*s/" PINLIB_REAL_DIR "%s", (int)(slash - app), app,
			 slash);

	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

bool stub_format_kept(const struct stub_kept *kept, char text[STUB_KEPT_MAX])
{
	snprintf(text, STUB_KEPT_MAX, "%jx:%jx:%jx:%jx:", (uintmax_t)kept->stack,
		 (uintmax_t)kept->personality, (uintmax_t)kept->signal, (uintmax_t)kept->parent);
	return kept->stack || kept->personality || kept->signal;
}

static const char *parse_hex(const char *p, uint64_t *out)
{
	static const char digits[] = "0123456789abcdef";
	const char *start = p, *at;

	for (*out = 0; *p && p - start < 16 && (at = strchr(digits, *p)); p++)
		*out = *out << 4 | (uint64_t)(at - digits);
	return p > start && *p == ':' ? p + 1 : NULL;
}

bool stub_parse_kept(const char *text, struct stub_kept *kept)
{
	uint64_t *const fields[] = {&kept->stack, &kept->personality, &kept->signal, &kept->parent};

	*kept = (struct stub_kept){0};
	if (strcmp(text, "-") == 0)
		return true;
	for (size_t i = 0; text && i < sizeof fields / sizeof *fields; i++)
		text = parse_hex(text, fields[i]);
	return text && !*text;
}

/* A stub has two program headers and no section headers, and a truncated one not even these. */
static bool has_stub_headers(const char *data, size_t len)
{
	ElfW(Ehdr) file;
	ElfW(Phdr) segment;

	if (len == 0 || memcmp(data, ELFMAG, len < SELFMAG ? len : SELFMAG) != 0)
		return false;
	if (len < sizeof file + sizeof segment)
		return true;
	memcpy(&file, data, sizeof file);
	memcpy(&segment, data + sizeof file, sizeof segment);
	return file.e_shoff == 0 && file.e_phnum == 2 && file.e_phoff == sizeof file &&
	       segment.p_offset == 0 && segment.p_filesz == STUB_SIZE;
}

static enum stub_form read_elf(const char *data, size_t len, char app[PATH_MAX])
{
	struct stub stub = {0};
	bool unpinned, has_magic;

	if (len >= STUB_AT + sizeof stub)
		memcpy(&stub, data + STUB_AT, sizeof stub);
	has_magic = memcmp(stub.magic, STUB_MAGIC, sizeof stub.magic) == 0;
	if (has_magic && memcmp(data, ELFMAG, SELFMAG) == 0 &&
	    memchr(stub.word, '\0', sizeof stub.word) && stub_parse_word(stub.word, app, &unpinned))
		return STUB_ELF;
	if (len < STUB_FILE_MAX && (has_magic || has_stub_headers(data, len) ||
				    memmem(data, len, STUB_MARK, strlen(STUB_MARK))))
		return STUB_DAMAGED;
	return STUB_NONE;
}

enum stub_form stub_read(const char *path, char app[PATH_MAX])
{
	char data[STUB_FILE_MAX + 1] = {0};
	bool unpinned;
	struct stat st;
	AUTO_FD int fd =
		openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return STUB_NONE;
	/* A script's first line is all that is needed, and a longer ELF file is no stub. */
	n = pread(fd, data, st.st_size > STUB_FILE_MAX ? STUB_LINE_MAX : STUB_FILE_MAX, 0);
	if (strncmp(data, STUB_SHEBANG, strlen(STUB_SHEBANG)) == 0)
		return stub_parse_word(data + strlen(STUB_SHEBANG), app, &unpinned) ? STUB_SCRIPT
										    : STUB_NONE;
	return st.st_size > STUB_FILE_MAX ? STUB_NONE : read_elf(data, n < 0 ? 0 : (size_t)n, app);
}

bool stub_wraps(const char *path, char original[PATH_MAX])
{
	char app[PATH_MAX];

	return path[0] == '/' && stub_original(path, original) == 0 &&
	       access(original, F_OK) == 0 && stub_read(path, app) == STUB_ELF &&
	       strcmp(app, path) == 0;
}
