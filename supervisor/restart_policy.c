#include "supervisor/restart_policy.h"

#include "common/base/check.h"

uint64_t
restart_policy_on_failure(struct restart_policy *policy, uint64_t ready_ms)
{
	uint64_t stable_ms = 2 * policy->delay_ms_last;
	uint64_t delay_ms = policy->delay_ms;

	CHECK(policy->delay_ms > 0);
	CHECK(policy->delay_ms_max >= policy->delay_ms);
	if (stable_ms < RESTART_STABLE_MS_MIN)
		stable_ms = RESTART_STABLE_MS_MIN;
	if (ready_ms >= stable_ms)
		restart_policy_reset(policy);
	policy->failures++;
	if (policy->failures == 1) {
		policy->delay_ms_last = 0;
		return 0;
	}
	for (unsigned i = 2; i < policy->failures; i++) {
		if (delay_ms >= policy->delay_ms_max / 2) {
			delay_ms = policy->delay_ms_max;
			break;
		}
		delay_ms *= 2;
	}
	policy->delay_ms_last = delay_ms;
	return delay_ms;
}

void
restart_policy_reset(struct restart_policy *policy)
{
	policy->failures = 0;
	policy->delay_ms_last = 0;
}
