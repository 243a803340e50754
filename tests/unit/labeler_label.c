/* Labels compared with plans, in a private mount namespace, with a tmpfs for pinlib's state. */
#include "labeler/label.h"

#include "base/file.h"
#include "base/paths.h"
#include "plan/write.h"
#include "policy/policy.h"
#include "tests/unit/child.h"

#include <sched.h>
#include <sys/mount.h>

#define LAYER "00128b31c175b5ac5462cbea13ad25e7"
#define OTHER "ff128b31c175b5ac5462cbea13ad25e7"

static struct err err;

/* Wraps the app, with a plan of that layer and generation. */
static const char *publish(const char *app, const char *layer, uint64_t generation)
{
	static char label[PLAN_LABEL_MAX];
	struct plan plan = {
		.kind = PLAN_ELF,
		.on_failure = PLAN_REFUSE,
		.generation = generation,
		.app = app,
		.real = "/usr/bin/.pinlib/x",
		.program = "/usr/bin/.pinlib/x",
		.at = app,
		.label = label,
	};

	plan_label(label, layer, generation, app);
	CHECK(plan_publish(PINLIB_PLANS, &plan, &err) == 0);
	return label;
}

/* "APP GENERATION STATE" */
static const char *label_text(const char *label)
{
	static char text[PATH_MAX + 64];
	struct label_state s;
	int r = label_read(label, &s, &err);

	if (r < 0)
		snprintf(text, sizeof text, "error %d", r);
	else
		snprintf(text, sizeof text, "%s%s %lld %s", s.app, s.cut ? "..." : "",
			 (long long)s.generation, s.superseded ? "superseded" : "current");
	return text;
}

static void test_layers(void)
{
	publish("/usr/bin/demo", LAYER, 3);
	CHECK_STR(label_text(LAYER ":3:/usr/bin/demo"), "/usr/bin/demo 3 current");
	CHECK_STR(label_text(LAYER ":1:/usr/bin/demo"), "/usr/bin/demo 1 current");
	CHECK_STR(label_text(OTHER ":3:/usr/bin/demo"), "/usr/bin/demo 3 superseded");
	CHECK_STR(label_text(LAYER "a:3:/usr/bin/demo"), "/usr/bin/demo 3 superseded");
	CHECK_STR(label_text("0:3:/usr/bin/demo"), "/usr/bin/demo 3 superseded");
	/* The same files, for another app; an app that is not wrapped. */
	CHECK_STR(label_text(LAYER ":3:/usr/bin/demo2"), "/usr/bin/demo2 3 superseded");
	/* Wrapped without pins. */
	publish("/usr/bin/demo", "none", 4);
	CHECK_STR(label_text(LAYER ":3:/usr/bin/demo"), "/usr/bin/demo 3 superseded");
}

static void test_names(void)
{
	const char *label = publish("/opt/a b,c%\\\xc3\xa9\n/x", LAYER, 1);

	CHECK_STR(label_text(label), "/opt/a b,c%\\\xc3\xa9\n/x 1 current");
}

static void test_no_labels(void)
{
	static const char *const labels[] = {
		"",
		":",
		"::",
		LAYER,
		LAYER ":",
		LAYER ":1",
		LAYER ":1:",
		LAYER ":1:usr/bin/demo",
		LAYER ":-1:/usr/bin/demo",
		LAYER ": 1:/usr/bin/demo",
		LAYER ":x:/usr/bin/demo",
		LAYER ":99999999999999999999:/usr/bin/demo",
		LAYER ":1:/usr%2",
		LAYER ":1:/usr%",
		LAYER ":1:/usr%zz",
		LAYER ":1:/usr%00",
		":1:/usr/bin/demo",
	};
	char longest[2 * PATH_MAX];

	for (size_t i = 0; i < sizeof labels / sizeof *labels; i++)
		CHECK_STR(label_text(labels[i]), "error -22");
	memset(longest, '/', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	CHECK_STR(label_text(longest), "error -22");
	memcpy(longest, "a:1:", 4);
	CHECK_STR(label_text(longest), "error -22");
}

/* If a label is too short for the path, the rest comes from the policy. */
static void test_cut(void)
{
	AUTO_POLICY struct policy *p = NULL;
	char app[230], label[PLAN_LABEL_MAX], want[300];
	int64_t generation;

	memset(app, 'x', sizeof app);
	memcpy(app, "/opt/", 5);
	app[sizeof app - 1] = '\0';
	plan_label(label, LAYER, 1, app);
	CHECK(strlen(label) == PLAN_LABEL_MAX - 1);
	snprintf(want, sizeof want, "%s... 1 superseded", strrchr(label, ':') + 1);
	CHECK_STR(label_text(label), want);
	CHECK(policy_begin(&p, &err) == 0 && policy_wrap(p, app, PLAN_REFUSE, false, &err) == 0);
	CHECK(policy_commit(p, "set", &generation, &err) == 0);
	policy_settle(p);
	publish(app, LAYER, 1);
	snprintf(want, sizeof want, "%s 1 current", app);
	CHECK_STR(label_text(label), want);
}

static void test_damaged_plan(void)
{
	publish("/usr/bin/demo", LAYER, 1);
	CHECK(truncate(PINLIB_PLANS "/usr%2Fbin%2Fdemo", 20) == 0);
	CHECK_STR(label_text(LAYER ":1:/usr/bin/demo"), "error -74");
}

int main(void)
{
	if (!has_private_mounts("a mount namespace"))
		return test_end();
	MUST(private_state() && file_mkdirs(PINLIB_PLANS, &err) == 0);
	test_layers();
	test_names();
	test_no_labels();
	test_cut();
	test_damaged_plan();
	return test_end();
}
