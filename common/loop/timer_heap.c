#include "common/loop/timer_heap.h"

#include "common/base/check.h"
#include "common/base/mem.h"

#define CAPACITY_MIN 16

static bool
is_before(const struct timer_entry *a, const struct timer_entry *b)
{
	if (a->deadline_ns != b->deadline_ns)
		return a->deadline_ns < b->deadline_ns;
	return a->order < b->order;
}

static void
put_at(struct timer_heap *heap, size_t index, struct timer_entry entry)
{
	heap->entries[index] = entry;
	*entry.place = index + 1;
}

static void
move_up(struct timer_heap *heap, size_t index)
{
	struct timer_entry entry = heap->entries[index];

	while (index > 0) {
		size_t parent = (index - 1) / 2;

		if (!is_before(&entry, &heap->entries[parent]))
			break;
		put_at(heap, index, heap->entries[parent]);
		index = parent;
	}
	put_at(heap, index, entry);
}

static void
move_down(struct timer_heap *heap, size_t index)
{
	struct timer_entry entry = heap->entries[index];

	for (;;) {
		size_t child = 2 * index + 1;

		if (child >= heap->count)
			break;
		if (child + 1 < heap->count &&
		    is_before(&heap->entries[child + 1], &heap->entries[child]))
			child++;
		if (!is_before(&heap->entries[child], &entry))
			break;
		put_at(heap, index, heap->entries[child]);
		index = child;
	}
	put_at(heap, index, entry);
}

void
timer_heap_add(
    struct timer_heap *heap, uint64_t deadline_ns, size_t *place, void *owner)
{
	CHECK(*place == 0);
	if (heap->count == heap->capacity) {
		heap->capacity =
		    heap->capacity == 0 ? CAPACITY_MIN : 2 * heap->capacity;
		heap->entries = mem_resize(
		    heap->entries, heap->capacity * sizeof(*heap->entries));
	}
	heap->entries[heap->count] =
	    (struct timer_entry){deadline_ns, heap->next_order++, place, owner};
	heap->count++;
	move_up(heap, heap->count - 1);
}

void
timer_heap_remove(struct timer_heap *heap, size_t *place)
{
	size_t index = *place - 1;

	CHECK(*place > 0 && index < heap->count);
	CHECK(heap->entries[index].place == place);
	*place = 0;
	heap->count--;
	if (index == heap->count)
		return;
	put_at(heap, index, heap->entries[heap->count]);
	move_up(heap, index);
	move_down(heap, *heap->entries[index].place - 1);
}

const struct timer_entry *
timer_heap_first(const struct timer_heap *heap)
{
	return heap->count == 0 ? NULL : &heap->entries[0];
}

void
timer_heap_deinit(struct timer_heap *heap)
{
	mem_free(heap->entries);
	*heap = (struct timer_heap){0};
}
