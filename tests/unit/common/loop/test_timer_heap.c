#include "common/base/rng.h"
#include "common/loop/timer_heap.h"
#include "tests/support/suite.h"

#define TIMERS 500

static void
entries_come_out_by_deadline_and_then_by_start(void)
{
	static size_t places[TIMERS];
	static uint64_t deadlines[TIMERS];
	struct rng rng = rng_seeded(suite_seed());
	struct timer_heap heap = {0};
	const struct timer_entry *first;
	uint64_t last_deadline = 0;
	uint64_t last_order = 0;
	size_t seen = 0;
	size_t in = 0;

	for (int step = 0; step < 20000; step++) {
		size_t i = rng_below(&rng, TIMERS);

		if (places[i] != 0) {
			timer_heap_remove(&heap, &places[i]);
			in--;
			continue;
		}
		deadlines[i] = rng_below(&rng, 50);
		timer_heap_add(&heap, deadlines[i], &places[i], &deadlines[i]);
		in++;
	}
	CU_ASSERT_EQUAL(heap.count, in);
	while ((first = timer_heap_first(&heap)) != NULL) {
		CU_ASSERT_EQUAL(*(uint64_t *)first->owner, first->deadline_ns);
		CU_ASSERT_TRUE(first->deadline_ns > last_deadline ||
		    (first->deadline_ns == last_deadline &&
			first->order >= last_order));
		last_deadline = first->deadline_ns;
		last_order = first->order;
		timer_heap_remove(&heap, first->place);
		seen++;
	}
	CU_ASSERT_EQUAL(seen, in);
	timer_heap_deinit(&heap);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(entries_come_out_by_deadline_and_then_by_start),
	};

	return suite_run("timer_heap", cases, SUITE_COUNT(cases), argc, argv);
}
