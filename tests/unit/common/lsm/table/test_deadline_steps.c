#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/lsm/table/deadline_steps.h"
#include "tests/support/suite.h"

#define NOW UINT64_C(1700000000000)

static struct deadline_steps
gather(const uint64_t *deadlines, size_t count, uint64_t raw_bytes)
{
	struct deadline_gatherer *gatherer = deadline_gatherer_create(NOW);
	struct deadline_steps steps;

	for (size_t i = 0; i < count; i++)
		deadline_gatherer_add(gatherer, deadlines[i], raw_bytes);
	steps = deadline_gatherer_finish(gatherer);
	deadline_gatherer_close(gatherer);
	return steps;
}

static void
no_deadlines_make_no_steps(void)
{
	struct deadline_steps steps = gather(NULL, 0, 0);

	CU_ASSERT_EQUAL(steps.count, 0);
	CU_ASSERT_TRUE(deadline_steps_are_sound(&steps, 0, 0));
	CU_ASSERT_EQUAL(
	    deadline_steps_expired(&steps, UINT64_MAX).entry_count, 0);
}

/* What is far away does not hide what is near. */
static void
a_minute_and_a_year_are_told_apart(void)
{
	uint64_t deadlines[1000];
	struct deadline_steps steps;

	for (size_t i = 0; i < 1000; i++)
		deadlines[i] = i % 10 == 0 ? NOW + 31536000000 : NOW + 60 * i;
	steps = gather(deadlines, 1000, 100);
	CU_ASSERT_TRUE(
	    deadline_steps_are_sound(&steps, NOW + 31536000000, 1000));
	CU_ASSERT_EQUAL(deadline_steps_expired(&steps, NOW).entry_count, 0);
	CU_ASSERT_EQUAL(
	    deadline_steps_expired(&steps, NOW + 60000).entry_count, 900);
	CU_ASSERT_EQUAL(
	    deadline_steps_expired(&steps, NOW + 60000).raw_bytes, 90000);
	CU_ASSERT_TRUE(
	    deadline_steps_expired(&steps, NOW + 30000).entry_count > 300);
	CU_ASSERT_EQUAL(
	    deadline_steps_expired(&steps, NOW + 31535999999).entry_count, 900);
}

static uint64_t
random_deadline(struct rng *rng)
{
	uint64_t span = UINT64_C(1) << rng_below(rng, 56);
	uint64_t distance = rng_below(rng, span);

	return rng_below(rng, 20) == 0 ? NOW - distance % NOW : NOW + distance;
}

/* Never more than the truth, and not far from it. */
static void
steps_never_say_too_much(void)
{
	struct rng rng = rng_seeded(suite_seed());
	uint64_t *deadlines = mem_new_array(3000, sizeof(*deadlines));

	for (int round = 0; round < 300; round++) {
		size_t count = 1 + rng_below(&rng, 3000);
		struct deadline_steps steps;
		uint64_t greatest = 0;

		for (size_t i = 0; i < count; i++) {
			deadlines[i] = random_deadline(&rng);
			if (deadlines[i] > greatest)
				greatest = deadlines[i];
		}
		steps = gather(deadlines, count, 24);
		CU_ASSERT_TRUE_FATAL(
		    deadline_steps_are_sound(&steps, greatest, count));
		for (size_t s = 0; s < steps.count; s++) {
			const struct deadline_step *step = &steps.steps[s];
			uint64_t clock = step->deadline_ms;
			size_t expired = 0;

			for (size_t i = 0; i < count; i++)
				expired += deadlines[i] <= clock;
			CU_ASSERT_EQUAL_FATAL(step->entry_count, expired);
			CU_ASSERT_EQUAL_FATAL(step->raw_bytes, expired * 24);
			CU_ASSERT_EQUAL(deadline_steps_find(&steps, clock), s);
			CU_ASSERT_EQUAL(
			    deadline_steps_find(&steps, clock + 1), s + 1);
		}
	}
	mem_free(deadlines);
}

static void
unsound_steps_are_refused(void)
{
	const struct deadline_steps good = {
	    .count = 2, .steps = {{5, 1, 10}, {9, 3, 40}}};
	struct deadline_steps bad = good;

	CU_ASSERT_TRUE(deadline_steps_are_sound(&good, 9, 3));
	CU_ASSERT_FALSE(deadline_steps_are_sound(&good, 10, 3));
	CU_ASSERT_FALSE(deadline_steps_are_sound(&good, 9, 4));
	bad.steps[1].deadline_ms = 5;
	CU_ASSERT_FALSE(deadline_steps_are_sound(&bad, 5, 3));
	bad = good;
	bad.steps[1].entry_count = 1;
	CU_ASSERT_FALSE(deadline_steps_are_sound(&bad, 9, 1));
	bad = good;
	bad.steps[0].raw_bytes = 40;
	CU_ASSERT_FALSE(deadline_steps_are_sound(&bad, 9, 3));
	bad = good;
	bad.count = DEADLINE_STEPS_MAX + 1;
	CU_ASSERT_FALSE(deadline_steps_are_sound(&bad, 9, 3));
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(no_deadlines_make_no_steps),
	    SUITE_CASE(a_minute_and_a_year_are_told_apart),
	    SUITE_CASE(steps_never_say_too_much),
	    SUITE_CASE(unsound_steps_are_refused),
	};

	return suite_run(
	    "deadline_steps", cases, SUITE_COUNT(cases), argc, argv);
}
