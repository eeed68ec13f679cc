/*
 * deadline_steps - when the entries of a table expire, in a few numbers.
 *
 * A table knows its first and its last deadline, but not what lies between:
 * where most keys live for a minute and a few for a year, that span says
 * nothing. So the distribution is kept as up to sixteen steps, each saying
 * how many entries, of how many bytes, have a deadline no later than its own.
 * That never says too much, so nothing is rewritten in vain.
 *
 * Ownership  Steps are a plain value; a gatherer belongs to its creator.
 * Threads    None.
 */
#ifndef COMMON_LSM_TABLE_DEADLINE_STEPS_H
#define COMMON_LSM_TABLE_DEADLINE_STEPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEADLINE_STEPS_MAX 16

struct deadline_step {
	uint64_t deadline_ms;
	uint64_t entry_count; /* with a deadline up to this one */
	uint64_t raw_bytes; /* of those entries */
};

/* Deadlines ascend strictly, and so do the numbers of entries. */
struct deadline_steps {
	size_t count;
	struct deadline_step steps[DEADLINE_STEPS_MAX];
};

/* What has expired at `clock_ms`, at least; zeroes where nothing has. */
struct deadline_step
deadline_steps_expired(const struct deadline_steps *steps, uint64_t clock_ms);

/* The place of the step that counts a deadline first; `count` if none does. */
size_t
deadline_steps_find(const struct deadline_steps *steps, uint64_t deadline_ms);

/* True if they ascend as they must and end with these two. */
bool deadline_steps_are_sound(const struct deadline_steps *steps,
    uint64_t deadline_max, uint64_t expiring_count);

struct deadline_gatherer;

/*
 * Gathers deadlines in any order. Those soon after `clock_ms` are told apart
 * by a quarter of a second, later ones by an ever longer time.
 */
struct deadline_gatherer *deadline_gatherer_create(uint64_t clock_ms);
void deadline_gatherer_add(struct deadline_gatherer *gatherer,
    uint64_t deadline_ms, uint64_t raw_bytes);
struct deadline_steps
deadline_gatherer_finish(const struct deadline_gatherer *gatherer);
void deadline_gatherer_close(struct deadline_gatherer *gatherer);

#endif
