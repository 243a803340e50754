#include "plan/write.h"

#include "base/cleanup.h"
#include "base/file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* A zeroed buffer of the largest size of a plan. */
struct plan_writer {
	char *data;
	size_t used;
};

/* Appends a string and returns its offset; 0, where no string can be, if there is no room. */
static uint32_t put_string(struct plan_writer *w, const char *s)
{
	size_t len = strlen(s) + 1, at = w->used;

	if (len > PLAN_SIZE_MAX - 1 - at)
		return 0;
	memcpy(w->data + at, s, len);
	w->used += len;
	return (uint32_t)at;
}

static bool put_covers(struct plan_writer *w, const struct plan *plan, struct plan_cover *covers)
{
	for (size_t i = 0; i < plan->ncovers; i++) {
		covers[i].target = put_string(w, plan->covers[i].target);
		covers[i].layer = put_string(w, plan->covers[i].layer);
		if (!covers[i].target || !covers[i].layer)
			return false;
	}
	return true;
}

/* There is always room: the largest covers and filter take half of PLAN_SIZE_MAX. */
static void put_filter(struct plan_writer *w, const struct plan *plan, struct plan_header *h)
{
	struct plan_filter head = {.ops = (uint32_t)plan->filter_ops};
	size_t len = plan->filter_ops * sizeof *plan->filter;

	if (!plan->filter_ops)
		return;
	h->filter_at = (uint32_t)w->used;
	memcpy(w->data + w->used, &head, sizeof head);
	memcpy(w->data + w->used + sizeof head, plan->filter, len);
	w->used += sizeof head + len;
}

static void put_seal(struct plan_writer *w, const struct plan *plan, struct plan_header *h)
{
	if (!plan->seal)
		return;
	h->seal_at = (uint32_t)w->used;
	memcpy(w->data + w->used, plan->seal, sizeof *plan->seal);
	w->used += sizeof *plan->seal;
}

int plan_encode(const struct plan *plan, void **data, size_t *len, struct err *err)
{
	struct plan check;
	struct plan_cover covers[PLAN_COVERS_MAX] = {0};
	AUTO_FREE char *buf = calloc(1, PLAN_SIZE_MAX);
	struct plan_writer w = {.data = buf};
	struct plan_header h = {
		.magic = PLAN_MAGIC,
		.version = PLAN_VERSION,
		.kind = plan->kind,
		.on_failure = plan->on_failure,
		.covers = (uint32_t)plan->ncovers,
		.generation = plan->generation,
		.covers_at = sizeof h,
	};
	int r;

	if (!buf)
		return err_nomem(err);
	if (plan->ncovers > PLAN_COVERS_MAX)
		return err_set(err, E2BIG, "a plan holds at most %d covers", PLAN_COVERS_MAX);
	if (plan->filter_ops > PLAN_FILTER_MAX)
		return err_set(err, E2BIG, "a plan's filter has at most %d instructions",
			       PLAN_FILTER_MAX);
	w.used = h.covers_at + h.covers * sizeof *covers;
	put_filter(&w, plan, &h);
	put_seal(&w, plan, &h);
	h.strings_at = (uint32_t)w.used;
	h.app = put_string(&w, plan->app);
	h.real = put_string(&w, plan->real);
	h.program = plan_is_supplied(plan) ? put_string(&w, plan->program) : h.real;
	h.at = strcmp(plan->at, plan->app) != 0 ? put_string(&w, plan->at) : h.app;
	h.label = put_string(&w, plan->label);
	if (!h.app || !h.real || !h.program || !h.at || !h.label || !put_covers(&w, plan, covers))
		return err_set(err, E2BIG, "the plan of %s is too large", plan->app);
	h.size = (uint32_t)w.used;
	memcpy(buf, &h, sizeof h);
	memcpy(buf + h.covers_at, covers, plan->ncovers * sizeof *covers);
	h.crc = plan_crc(buf, h.size);
	memcpy(buf, &h, sizeof h);
	r = plan_parse(buf, h.size, &check, err);
	if (r < 0)
		return err_wrap(err, r, "cannot write a plan for %s", plan->app);
	*data = buf;
	*len = h.size;
	buf = NULL;
	return 0;
}

void plan_label(char label[PLAN_LABEL_MAX], const char *layer, uint64_t generation, const char *app)
{
	int n = snprintf(label, PLAN_LABEL_MAX, "%s:%llu:", layer, (unsigned long long)generation);
	size_t used = n > 0 ? (size_t)n : 0;

	for (const unsigned char *p = (const unsigned char *)app; *p; p++) {
		bool plain = *p > ' ' && *p < 0x7f && *p != '%' && *p != '\\' && *p != ',';

		if (used + (plain ? 1 : 3) >= PLAN_LABEL_MAX)
			break;
		used += (size_t)snprintf(label + used, PLAN_LABEL_MAX - used,
					 plain ? "%c" : "%%%02X", *p);
	}
}

static int open_plans(const char *dir, struct err *err)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? err_sys(err, errno, "cannot open %s", dir) : fd;
}

static bool is_published(int dirfd, const char *name, const void *data, size_t len)
{
	AUTO_FREE char *old = NULL;
	size_t old_len;
	struct err ignored;

	return file_read_at(dirfd, name, PLAN_SIZE_MAX, &old, &old_len, &ignored) == 0 &&
	       old_len == len && memcmp(old, data, len) == 0;
}

int plan_publish(const char *dir, const struct plan *plan, struct err *err)
{
	AUTO_FREE void *data = NULL;
	char name[NAME_MAX + 1];
	size_t len = 0;
	int r = plan_file_name(plan->app, name, err);
	AUTO_FD int fd = -1;

	if (r == 0)
		r = plan_encode(plan, &data, &len, err);
	if (r < 0)
		return r;
	fd = open_plans(dir, err);
	if (fd < 0)
		return fd;
	/* A killed command may have published it without the last sync. */
	r = is_published(fd, name, data, len) ? file_sync_parent(fd, name, err)
					      : file_publish(fd, name, data, len, 0644, err);
	return r < 0 ? err_wrap(err, r, "the plan in %s", dir) : 0;
}

int plan_remove(const char *dir, const char *app, struct err *err)
{
	char name[NAME_MAX + 1];
	AUTO_FD int fd = -1;
	int r = plan_file_name(app, name, err);

	if (r == -ENAMETOOLONG) /* such a plan cannot exist */
		return 0;
	if (r < 0)
		return r;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(err, errno, "cannot open %s", dir);
	if (unlinkat(fd, name, 0) < 0) {
		if (errno == ENOENT)
			return 0;
		return err_sys(err, errno, "cannot remove the plan %s/%s", dir, name);
	}
	r = file_sync_parent(fd, name, err);
	return r < 0 ? err_wrap(err, r, "the plan in %s", dir) : 0;
}
