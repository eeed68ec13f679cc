/*
 * restart_policy - how long to wait before a worker that ended is started
 * again. Pure: time comes in as arguments.
 *
 * The first restart is immediate, so that one accident costs clients a
 * moment; each further failure doubles the wait up to a bound. A worker that
 * was ready for long enough has a clean record again. What is long enough
 * grows with the wait, so that one which keeps dying cannot earn it.
 */
#ifndef SUPERVISOR_RESTART_POLICY_H
#define SUPERVISOR_RESTART_POLICY_H

#include <stdint.h>

#define RESTART_STABLE_MS_MIN 1000

struct restart_policy {
	uint64_t delay_ms; /* of the second restart */
	uint64_t delay_ms_max;
	uint64_t delay_ms_last; /* what was waited before this run */
	unsigned failures; /* in a row */
};

/*
 * A worker ended without being told to, after it was ready for `ready_ms`
 * (0 if it never was). Returns how long to wait.
 */
uint64_t
restart_policy_on_failure(struct restart_policy *policy, uint64_t ready_ms);

/* Forgets all failures: somebody asked for the restart. */
void restart_policy_reset(struct restart_policy *policy);

#endif
