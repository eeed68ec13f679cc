#include "supervisor/restart_policy.h"
#include "tests/support/suite.h"

static void
first_restart_is_immediate_and_later_ones_double(void)
{
	static const uint64_t delays[] = {0, 50, 100, 200, 400, 500, 500, 500};
	struct restart_policy policy = {.delay_ms = 50, .delay_ms_max = 500};

	for (size_t i = 0; i < SUITE_COUNT(delays); i++)
		CU_ASSERT_EQUAL(
		    restart_policy_on_failure(&policy, 0), delays[i]);
}

static void
worker_that_was_ready_long_enough_has_a_clean_record(void)
{
	struct restart_policy policy = {.delay_ms = 50, .delay_ms_max = 10000};

	for (size_t i = 0; i < 5; i++)
		(void)restart_policy_on_failure(&policy, 0);
	CU_ASSERT_EQUAL(restart_policy_on_failure(&policy, 999), 800);
	/* After a wait of 0.8 s it takes 1.6 s, not one. */
	CU_ASSERT_EQUAL(restart_policy_on_failure(&policy, 1599), 1600);
	CU_ASSERT_EQUAL(restart_policy_on_failure(&policy, 3200), 0);
	CU_ASSERT_EQUAL(policy.failures, 1);
	CU_ASSERT_EQUAL(restart_policy_on_failure(&policy, 1000), 0);
	CU_ASSERT_EQUAL(restart_policy_on_failure(&policy, 10), 50);
}

static void
delays_neither_overflow_nor_pass_an_odd_bound(void)
{
	struct restart_policy policy = {.delay_ms = 7, .delay_ms_max = 7};
	struct restart_policy huge = {
	    .delay_ms = 1, .delay_ms_max = UINT64_MAX / 4};

	CU_ASSERT_EQUAL(restart_policy_on_failure(&policy, 0), 0);
	CU_ASSERT_EQUAL(restart_policy_on_failure(&policy, 0), 7);
	CU_ASSERT_EQUAL(restart_policy_on_failure(&policy, 0), 7);
	for (size_t i = 0; i < 200; i++)
		CU_ASSERT_TRUE(
		    restart_policy_on_failure(&huge, 0) <= huge.delay_ms_max);
}

static void
reset_forgets_failures(void)
{
	struct restart_policy policy = {.delay_ms = 50, .delay_ms_max = 500};

	(void)restart_policy_on_failure(&policy, 0);
	(void)restart_policy_on_failure(&policy, 0);
	restart_policy_reset(&policy);
	CU_ASSERT_EQUAL(restart_policy_on_failure(&policy, 0), 0);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(first_restart_is_immediate_and_later_ones_double),
	    SUITE_CASE(worker_that_was_ready_long_enough_has_a_clean_record),
	    SUITE_CASE(delays_neither_overflow_nor_pass_an_odd_bound),
	    SUITE_CASE(reset_forgets_failures),
	};

	return suite_run(
	    "restart_policy", cases, SUITE_COUNT(cases), argc, argv);
}
