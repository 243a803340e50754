/* plan_parse, which runs in every launch. The second time size and checksum are corrected, or
 * nothing would get past them. */
#include "plan/read.h"
#include "tests/fuzz/fuzz.h"

static void check(const char *data, size_t len)
{
	static struct plan plan;
	struct err err;
	const char *end = data + len;

	if (plan_parse(data, len, &plan, &err) < 0)
		return;
	HOLD(plan.kind == PLAN_ELF || plan.kind == PLAN_SCRIPT);
	HOLD(plan.app > data && plan.app + strlen(plan.app) < end && plan.app[0] == '/');
	HOLD(plan.real > data && plan.real + strlen(plan.real) < end && plan.real[0] == '/');
	HOLD(plan.program > data && plan.program + strlen(plan.program) < end &&
	     plan.program[0] == '/');
	HOLD(plan.label > data && strlen(plan.label) < PLAN_LABEL_MAX);
	HOLD(plan.ncovers <= PLAN_COVERS_MAX);
	for (size_t i = 0; i < plan.ncovers; i++) {
		HOLD(plan.covers[i].target[0] == '/' && plan.covers[i].layer[0] == '/');
		HOLD(strlen(plan.covers[i].target) < PATH_MAX);
		HOLD(i == 0 || strcmp(plan.covers[i - 1].target, plan.covers[i].target) < 0);
	}
	HOLD(!plan.filter == !plan.filter_ops && plan.filter_ops <= PLAN_FILTER_MAX);
	if (plan.filter) {
		HOLD((uintptr_t)plan.filter % _Alignof(struct sock_filter) == 0);
		HOLD((const char *)plan.filter >= data + sizeof(struct plan_header));
		HOLD((const char *)(plan.filter + plan.filter_ops) < end);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *copy = fuzz_copy(data, size, 0);
	struct plan_header *h = (struct plan_header *)copy;

	check(copy, size);
	if (size < sizeof *h || size > PLAN_SIZE_MAX)
		return 0;
	h->size = (uint32_t)size;
	h->version = PLAN_VERSION;
	h->crc = plan_crc(copy, size);
	check(copy, size);
	return 0;
}
