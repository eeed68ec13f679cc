#include "common/lsm/table/deadline_steps.h"

#include "common/base/mem.h"

/* The shortest time that is told apart, as a power of two of milliseconds. */
#define UNIT_BITS 8

/* Each doubling of the time until the deadline has so many buckets. */
#define PARTS_BITS 2
#define PARTS (1u << PARTS_BITS)
#define BUCKETS ((64 - UNIT_BITS - PARTS_BITS + 1) * PARTS)

/* Here a step is of one bucket alone, not of all up to it. */
struct deadline_gatherer {
	uint64_t clock_ms;
	uint64_t raw_bytes; /* of all */
	struct deadline_step buckets[BUCKETS];
};

struct deadline_step
deadline_steps_expired(const struct deadline_steps *steps, uint64_t clock_ms)
{
	struct deadline_step found = {0};

	for (size_t i = 0; i < steps->count; i++) {
		if (steps->steps[i].deadline_ms > clock_ms)
			break;
		found = steps->steps[i];
	}
	return found;
}

size_t
deadline_steps_find(const struct deadline_steps *steps, uint64_t deadline_ms)
{
	size_t place = 0;

	while (place < steps->count &&
	    steps->steps[place].deadline_ms < deadline_ms)
		place++;
	return place;
}

bool
deadline_steps_are_sound(const struct deadline_steps *steps,
    uint64_t deadline_max, uint64_t expiring_count)
{
	struct deadline_step last = {0};

	if (steps->count > DEADLINE_STEPS_MAX)
		return false;
	for (size_t i = 0; i < steps->count; i++) {
		const struct deadline_step *step = &steps->steps[i];

		if (step->deadline_ms <= last.deadline_ms ||
		    step->entry_count <= last.entry_count ||
		    step->raw_bytes <= last.raw_bytes)
			return false;
		last = *step;
	}
	return last.deadline_ms == deadline_max &&
	    last.entry_count == expiring_count;
}

struct deadline_gatherer *
deadline_gatherer_create(uint64_t clock_ms)
{
	struct deadline_gatherer *gatherer = mem_new(sizeof(*gatherer));

	gatherer->clock_ms = clock_ms;
	return gatherer;
}

static unsigned
bucket_of(const struct deadline_gatherer *gatherer, uint64_t deadline_ms)
{
	uint64_t units;
	unsigned top;

	if (deadline_ms <= gatherer->clock_ms)
		return 0;
	units = (deadline_ms - gatherer->clock_ms) >> UNIT_BITS;
	if (units < PARTS)
		return (unsigned)units;
	top = 63 - (unsigned)__builtin_clzll(units);
	return (top - PARTS_BITS + 1) * PARTS +
	    (unsigned)(units >> (top - PARTS_BITS)) % PARTS;
}

void
deadline_gatherer_add(struct deadline_gatherer *gatherer, uint64_t deadline_ms,
    uint64_t raw_bytes)
{
	struct deadline_step *bucket =
	    &gatherer->buckets[bucket_of(gatherer, deadline_ms)];

	gatherer->raw_bytes += raw_bytes;
	bucket->entry_count++;
	bucket->raw_bytes += raw_bytes;
	if (deadline_ms > bucket->deadline_ms)
		bucket->deadline_ms = deadline_ms;
}

struct deadline_steps
deadline_gatherer_finish(const struct deadline_gatherer *gatherer)
{
	/*
	 * A step ends where an eighth of the bytes has come together, and
	 * before a pause: what comes long after it must not hide it.
	 */
	uint64_t bytes_min = gatherer->raw_bytes / (DEADLINE_STEPS_MAX / 2) + 1;
	size_t pauses_left = DEADLINE_STEPS_MAX / 2;
	struct deadline_steps steps = {0};
	struct deadline_step sum = {0};
	uint64_t bytes_told = 0;

	for (unsigned i = 0; i < BUCKETS; i++) {
		const struct deadline_step *bucket = &gatherer->buckets[i];
		bool is_last;
		bool is_full;
		bool is_pause;

		if (bucket->entry_count == 0)
			continue;
		sum.deadline_ms = bucket->deadline_ms;
		sum.entry_count += bucket->entry_count;
		sum.raw_bytes += bucket->raw_bytes;
		is_last = sum.raw_bytes == gatherer->raw_bytes;
		is_full = sum.raw_bytes - bytes_told >= bytes_min;
		is_pause = pauses_left > 0 && i + 1 < BUCKETS &&
		    bucket[1].entry_count == 0;
		if (!is_last && !is_full && !is_pause)
			continue;
		if (!is_last && !is_full)
			pauses_left--;
		steps.steps[steps.count++] = sum;
		bytes_told = sum.raw_bytes;
	}
	return steps;
}

void
deadline_gatherer_close(struct deadline_gatherer *gatherer)
{
	mem_free(gatherer);
}
