#include "store/note.h"

#include "base/cleanup.h"
#include "base/file.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* A version's note is named by the version, not by its own content: without a seal `pinlib doctor`
 * could not find a flipped bit in it. */
#define SEAL "sha256\t"
#define SEAL_LEN (sizeof SEAL - 1 + DIGEST_HEX) /* the newline in place of the NUL */
#define NOTE_MAX ((size_t)16 << 20)

static int open_kind(struct store *store, const char *kind, bool create, struct err *err)
{
	int fd;

	if (create && mkdirat(store->dir, kind, 0755) < 0 && errno != EEXIST)
		return err_sys(err, errno, "cannot create %s/%s", store->root, kind);
	fd = openat(store->dir, kind, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, errno, "cannot open %s/%s", store->root, kind);
	if (create && fchmod(fd, 0755) < 0) { /* the umask */
		close(fd);
		return err_sys(err, errno, "cannot create %s/%s", store->root, kind);
	}
	return fd;
}

char *note_value(const char *text, const char *key, const char **at)
{
	size_t len = strlen(key);

	for (const char *line = at && *at ? *at : text; *line;) {
		size_t n = strcspn(line, "\n");
		const char *next = line + n + (line[n] == '\n');

		if (n > len && strncmp(line, key, len) == 0 && line[len] == '\t') {
			if (at)
				*at = next;
			return strndup(line + len + 1, n - len - 1);
		}
		line = next;
	}
	return NULL;
}

/* Writes the last line: the SHA-256 of the lines before it. */
static int seal(const char *text, size_t len, char line[SEAL_LEN + 1], struct err *err)
{
	struct digest digest;
	char hex[DIGEST_HEX];
	int r = digest_data(text, len, &digest, err);

	if (r < 0)
		return r;
	digest_hex(&digest, hex);
	snprintf(line, SEAL_LEN + 1, SEAL "%s\n", hex);
	return 0;
}

static bool is_whole(const char *text, size_t len)
{
	char line[SEAL_LEN + 1];
	struct err ignored;

	return len > SEAL_LEN && seal(text, len - SEAL_LEN, line, &ignored) == 0 &&
	       memcmp(text + len - SEAL_LEN, line, SEAL_LEN) == 0;
}

int note_read(struct store *store, const char *kind, const struct digest *digest, char **out,
	      struct err *err)
{
	AUTO_FREE char *text = NULL;
	AUTO_FD int dir = open_kind(store, kind, false, err);
	char hex[DIGEST_HEX];
	size_t len;
	int r;

	if (dir < 0)
		return dir;
	digest_hex(digest, hex);
	r = file_read_at(dir, hex, NOTE_MAX, &text, &len, err);
	if (r < 0)
		return r;
	if (strlen(text) != len || !is_whole(text, len))
		return err_set(err, EBADMSG, "%s/%s/%s is damaged", store->root, kind, hex);
	*out = text;
	text = NULL;
	return 0;
}

int note_write(struct store *store, const char *kind, const struct digest *digest, const char *text,
	       struct err *err)
{
	AUTO_FREE char *sealed = NULL;
	AUTO_FD int dir = -1;
	char hex[DIGEST_HEX], line[SEAL_LEN + 1];
	int r = seal(text, strlen(text), line, err);

	if (r < 0)
		return r;
	if (asprintf(&sealed, "%s%s", text, line) < 0) {
		sealed = NULL;
		return err_nomem(err);
	}
	dir = open_kind(store, kind, true, err);
	if (dir < 0)
		return dir;
	digest_hex(digest, hex);
	r = file_publish(dir, hex, sealed, strlen(sealed), 0644, err);
	return r < 0 ? err_wrap(err, r, "%s/%s", store->root, kind) : 0;
}
