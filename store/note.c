#include "store/note.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "store/checksum.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

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
	if (strlen(text) != len || !checksum_holds(text, len))
		return err_set(err, EBADMSG, "%s/%s/%s is damaged", store->root, kind, hex);
	*out = text;
	text = NULL;
	return 0;
}

int note_write(struct store *store, const char *kind, const struct digest *digest, const char *text,
	       struct err *err)
{
	size_t len = 0;
	AUTO_FREE char *sealed = checksum_added(text, &len, err);
	AUTO_FD int dir = -1;
	char hex[DIGEST_HEX];
	int r;

	if (!sealed)
		return -ENOMEM;
	dir = open_kind(store, kind, true, err);
	if (dir < 0)
		return dir;
	digest_hex(digest, hex);
	r = file_publish(dir, hex, sealed, len, 0644, err);
	return r < 0 ? err_wrap(err, r, "%s/%s", store->root, kind) : 0;
}
