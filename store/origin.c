#include "store/origin.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "store/check.h"
#include "store/object.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#define SEAL "sha256\t"
#define SEAL_LEN (sizeof SEAL - 1 + DIGEST_HEX) /* the newline in place of the NUL */
#define ORIGIN_MAX ((size_t)4 * PATH_MAX)

void origin_free(struct origin *origin)
{
	free(origin->source);
	free(origin->apt_config);
	free(origin->name);
	free(origin->version);
	*origin = (struct origin){0};
}

static int open_origins(struct store *store, bool create, struct err *err)
{
	int fd;

	if (create && mkdirat(store->dir, "origins", 0755) < 0 && errno != EEXIST)
		return err_sys(err, errno, "cannot make %s/origins", store->root);
	fd = openat(store->dir, "origins", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, errno, "cannot open %s/origins", store->root);
	if (create && fchmod(fd, 0755) < 0) { /* the umask */
		close(fd);
		return err_sys(err, errno, "cannot make %s/origins", store->root);
	}
	return fd;
}

/* One line's value, a copy; NULL if the key is not there. */
static char *value_of(const char *text, const char *key)
{
	size_t len = strlen(key);

	for (const char *line = text; *line;) {
		size_t n = strcspn(line, "\n");

		if (n > len && strncmp(line, key, len) == 0 && line[len] == '\t')
			return strndup(line + len + 1, n - len - 1);
		line += n + (line[n] == '\n');
	}
	return NULL;
}

/* The last line: the SHA-256 of those before it. */
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

int origin_read(struct store *store, const struct digest *digest, struct origin *out,
		struct err *err)
{
	AUTO_FREE char *text = NULL;
	AUTO_FD int dir = open_origins(store, false, err);
	char hex[DIGEST_HEX];
	size_t len;
	int r;

	*out = (struct origin){0};
	if (dir < 0)
		return dir;
	digest_hex(digest, hex);
	r = file_read_at(dir, hex, ORIGIN_MAX, &text, &len, err);
	if (r < 0)
		return r;
	if (strlen(text) != len || !is_whole(text, len))
		return err_set(err, EBADMSG, "%s/origins/%s is damaged", store->root, hex);
	out->source = value_of(text, "source");
	out->apt_config = value_of(text, "apt-config");
	out->name = value_of(text, "name");
	out->version = value_of(text, "version");
	if (!out->source || !out->name || !out->version) {
		origin_free(out);
		return err_set(err, EBADMSG, "%s/origins/%s names no source", store->root, hex);
	}
	return 0;
}

static bool fits_a_line(const char *value)
{
	return text_fault(value) == NULL && strlen(value) < PATH_MAX;
}

int origin_write(struct store *store, const struct version *version, const char *source,
		 const char *apt_config, struct err *err)
{
	AUTO_FREE char *text = NULL, *sealed = NULL;
	AUTO_FD int dir = -1;
	char hex[DIGEST_HEX], path[PATH_MAX], line[SEAL_LEN + 1];
	bool is_package = strncmp(source, "apt:", 4) == 0 || strncmp(source, "dpkg:", 5) == 0;
	bool config;
	int r;

	if (!is_package) {
		if (!realpath(source, path))
			return 0;
		source = path;
	}
	if (!fits_a_line(source))
		return 0;
	config = apt_config && fits_a_line(apt_config);
	if (asprintf(&text, "source\t%s\n%s%s%sname\t%s\nversion\t%s\n", source,
		     config ? "apt-config\t" : "", config ? apt_config : "", config ? "\n" : "",
		     version->name, version->version) < 0) {
		text = NULL;
		return err_nomem(err);
	}
	r = seal(text, strlen(text), line, err);
	if (r < 0)
		return r;
	if (asprintf(&sealed, "%s%s", text, line) < 0) {
		sealed = NULL;
		return err_nomem(err);
	}
	dir = open_origins(store, true, err);
	if (dir < 0)
		return dir;
	digest_hex(&version->digest, hex);
	r = file_publish(dir, hex, sealed, strlen(sealed), 0644, err);
	return r < 0 ? err_wrap(err, r, "%s/origins", store->root) : 0;
}
