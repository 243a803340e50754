#include "seal/record.h"

#include "base/array.h"
#include "base/file.h"
#include "base/path.h"
#include "base/trust.h"
#include "host/sealed.h"
#include "store/checksum.h"
#include "store/text.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RECORD_MAX ((size_t)1 << 20)
#define BEGUN ".begun"

static void record_clear(struct seal_record *r)
{
	free(r->file);
	set_free(&r->set);
	free(r->versions.items);
	*r = (struct seal_record){0};
}

void seal_records_free(struct seal_records *records)
{
	for (size_t i = 0; i < records->count; i++)
		record_clear(&records->items[i]);
	free(records->items);
	*records = (struct seal_records){0};
}

static int record_name(const struct seal_record *record, char name[DIGEST_HEX], struct err *err)
{
	char text[PATH_MAX + DIGEST_HEX + 1], hex[DIGEST_HEX];
	struct digest digest;
	int n, r;

	digest_hex(&record->content, hex);
	n = snprintf(text, sizeof text, "%s\n%s", record->file, hex);
	if (n < 0 || (size_t)n >= sizeof text)
		return err_set(err, ENAMETOOLONG, "%.64s...: path too long", record->file);
	r = digest_data(text, (size_t)n, &digest, err);
	if (r == 0)
		digest_hex(&digest, name);
	return r;
}

/* -- writing -- */

static char *record_text(const struct seal_record *record, size_t *len)
{
	char *text = NULL, hex[DIGEST_HEX];
	FILE *f = open_memstream(&text, len);

	if (!f)
		return NULL;
	digest_hex(&record->content, hex);
	fprintf(f, "file\t%s\ncontent\t%s\nset\t%s\n", record->file, hex, record->set.id);
	for (size_t i = 0; i < record->set.count; i++) {
		const struct set_member *m = &record->set.items[i];

		digest_hex(&m->content, hex);
		if (!m->ambiguous)
			fprintf(f, "link\t%s\t%s\n", m->name, hex);
	}
	for (size_t i = 0; i < record->versions.count; i++) {
		digest_hex(&record->versions.items[i], hex);
		fprintf(f, "version\t%s\n", hex);
	}
	return fclose(f) == 0 ? text : NULL;
}

int record_write(const struct home *home, const struct seal_record *record, struct err *err)
{
	size_t len;
	AUTO_FREE char *text = record_text(record, &len);
	AUTO_FREE char *sealed = text ? checksum_added(text, &len, err) : NULL;
	char name[DIGEST_HEX], path[PATH_MAX] = "";
	int r = record_name(record, name, err);

	if (!sealed)
		return text ? -ENOMEM : err_nomem(err);
	if (r == 0)
		r = file_mkdirs(home->sealed, err);
	if (r == 0)
		r = path_join(home->sealed, name, path, err);
	return r < 0 ? r : file_publish(AT_FDCWD, path, sealed, len, 0644, err);
}

/* -- what a killed command leaves -- */

static int begun_path(const struct home *home, char path[PATH_MAX], struct err *err)
{
	return path_join(home->sealed, BEGUN, path, err);
}

/* A name that only this user could have chosen, of a file of theirs. */
static bool is_left(const char *image)
{
	struct trusted known = {0};
	struct err ignored;
	struct stat st;

	return image[0] == '/' &&
	       strncmp(path_base(image), RECORD_IMAGE, strlen(RECORD_IMAGE)) == 0 &&
	       (geteuid() != 0 || trust_dir_of(&known, image, &ignored)) &&
	       lstat(image, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid();
}

void record_end(const struct home *home)
{
	AUTO_FREE char *image = NULL;
	char path[PATH_MAX];
	struct err ignored;
	size_t len;

	if (begun_path(home, path, &ignored) < 0 ||
	    file_read_at(AT_FDCWD, path, PATH_MAX, &image, &len, &ignored) < 0)
		return;
	if (strlen(image) == len && is_left(image))
		unlink(image);
	unlink(path);
}

int record_begin(const struct home *home, const char *image, struct err *err)
{
	char path[PATH_MAX];
	int r = begun_path(home, path, err);

	record_end(home);
	if (r == 0)
		r = file_mkdirs(home->sealed, err);
	return r < 0 ? r : file_publish(AT_FDCWD, path, image, strlen(image), 0644, err);
}

/* -- reading -- */

static bool parse_link(struct seal_record *out, char *value, struct err *err)
{
	char *tab = strchr(value, '\t');
	struct digest content;

	if (!tab || !digest_parse(tab + 1, &content))
		return false;
	*tab = '\0';
	return set_add(&out->set, value, &content, err) == 0;
}

static bool parse_record_line(struct seal_record *out, char *line, struct err *err)
{
	char *value = strchr(line, '\t');
	struct digest digest;

	if (!value)
		return false;
	*value++ = '\0';
	if (strcmp(line, "file") == 0 && !out->file && value[0] == '/')
		return (out->file = strdup(value));
	if (strcmp(line, "content") == 0)
		return digest_parse(value, &out->content);
	if (strcmp(line, "set") == 0 && layer_is_id(value))
		return snprintf(out->set.id, sizeof out->set.id, "%s", value) > 0;
	if (strcmp(line, "link") == 0)
		return parse_link(out, value, err);
	if (strcmp(line, "version") != 0 || !digest_parse(value, &digest) ||
	    ARRAY_GROW(out->versions.items, out->versions.count, err) < 0)
		return false;
	out->versions.items[out->versions.count++] = digest;
	return true;
}

static bool parse_record(struct seal_record *out, char *text, size_t len, struct err *err)
{
	bool whole = checksum_holds(text, len);

	for (char *line; whole && (line = strsep(&text, "\n")) && *line;)
		if (strncmp(line, CHECKSUM, strlen(CHECKSUM)) != 0)
			whole = parse_record_line(out, line, err);
	return whole && out->file && out->set.id[0];
}

static int read_record(void *ctx, int dir, const char *name, struct err *err)
{
	struct seal_records *all = ctx;
	AUTO_FREE char *text = NULL;
	char app[PATH_MAX], buf[TEXT_SHOWN];
	struct seal_record *record;
	size_t len = 0;
	int r;

	if (strncmp(name, FILE_TEMP, strlen(FILE_TEMP)) == 0 || strcmp(name, BEGUN) == 0)
		return 0;
	r = file_read_at(dir, name, RECORD_MAX, &text, &len, err);
	if (r < 0)
		return r;
	if (ARRAY_GROW(all->items, all->count, err) < 0)
		return -ENOMEM;
	record = &all->items[all->count++];
	*record = (struct seal_record){0};
	if (!parse_record(record, text, len, err))
		return err_set(err, EBADMSG,
			       "the record %s of a sealed file is damaged; remove it, and seal the "
			       "file again",
			       text_shown(name, buf));
	record->gone = !sealed_read(record->file, app);
	return 0;
}

static int by_file(const void *a, const void *b)
{
	return strcmp(((const struct seal_record *)a)->file, ((const struct seal_record *)b)->file);
}

static bool has_content(const struct seal_record *record)
{
	AUTO_FD int fd = open(record->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct digest found;
	struct err ignored;

	return fd >= 0 && digest_fd(fd, &found, &ignored) == 0 &&
	       digest_equal(&found, &record->content);
}

/* Of several records of one file the one with its content counts. Without one, all do: somebody wrote to the file. */
static void choose_records(struct seal_records *all)
{
	for (size_t i = 0, end; i < all->count; i = end) {
		size_t own = all->count;

		for (end = i;
		     end < all->count && strcmp(all->items[end].file, all->items[i].file) == 0;
		     end++)
			;
		for (size_t k = i; end - i > 1 && k < end; k++)
			if (has_content(&all->items[k]))
				own = k;
		for (size_t k = i; own < all->count && k < end; k++)
			all->items[k].replaced = k != own;
	}
}

int records_read(const struct home *home, struct seal_records *out, struct err *err)
{
	AUTO_FD int dir = open(home->sealed, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (dir < 0)
		return errno == ENOENT ? 0 : err_sys(err, errno, "cannot open %s", home->sealed);
	r = file_each_name(dir, read_record, out, err);
	if (r < 0)
		return err_wrap(err, r, "%s", home->sealed);
	if (out->count)
		qsort(out->items, out->count, sizeof *out->items, by_file);
	choose_records(out);
	return 0;
}

int records_needs(const struct seal_records *records, struct strings *sets,
		  struct digests *versions, struct err *err)
{
	for (size_t i = 0; i < records->count; i++) {
		const struct seal_record *record = &records->items[i];

		if (record->gone || record->replaced)
			continue;
		if (strings_add(sets, record->set.id, err) < 0)
			return -ENOMEM;
		for (size_t k = 0; k < record->versions.count; k++) {
			if (ARRAY_GROW(versions->items, versions->count, err) < 0)
				return -ENOMEM;
			versions->items[versions->count++] = record->versions.items[k];
		}
	}
	return 0;
}

/* A file that was replaced comes back if the power fails before its directory is on the disk. */
static void sync_file(const struct seal_record *record)
{
	struct err ignored;

	if (record->gone || record->replaced)
		file_sync_parent(AT_FDCWD, record->file, &ignored);
}

int records_sweep(const struct home *home, const struct seal_records *records, struct err *err)
{
	char name[DIGEST_HEX], path[PATH_MAX];
	int r = file_sweep(home->sealed, err);

	record_end(home);
	for (size_t i = 0; r == 0 && i < records->count; i++) {
		r = record_name(&records->items[i], name, err);

		sync_file(&records->items[i]);
		if (r == 0)
			r = path_join(home->sealed, name, path, err);
		if (r < 0)
			return r;
		if ((records->items[i].gone || records->items[i].replaced) && unlink(path) < 0 &&
		    errno != ENOENT)
			return err_sys(err, errno, "cannot remove %s", path);
	}
	return r;
}
