/*
 * timer_heap - timers ordered by deadline, equal ones by their start.
 *
 * Private to common/loop: a binary heap of the timers that run. It knows no
 * clock and no descriptor.
 */
#ifndef COMMON_LOOP_TIMER_HEAP_H
#define COMMON_LOOP_TIMER_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct timer_entry {
	uint64_t deadline_ns;
	uint64_t order;
	size_t *place; /* the owner's: index in the heap, plus 1; 0: not in */
	void *owner;
};

/* A zeroed struct timer_heap is an empty one. */
struct timer_heap {
	struct timer_entry *entries;
	size_t count;
	size_t capacity;
	uint64_t next_order;
};

/* Adds an entry; *place must be 0 and is kept up to date. */
void timer_heap_add(
    struct timer_heap *heap, uint64_t deadline_ns, size_t *place, void *owner);

/* Takes out the entry of `place`, which must be in. */
void timer_heap_remove(struct timer_heap *heap, size_t *place);

/* The earliest entry, borrowed until the next change; NULL if none. */
const struct timer_entry *timer_heap_first(const struct timer_heap *heap);

void timer_heap_deinit(struct timer_heap *heap);

#endif
