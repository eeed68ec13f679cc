#include "frontend/tcp/resp_selection.h"

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/codec/checksum.h"

#define POSITION_END (UINT64_C(1) << RESP_POSITION_BITS)
#define WINDOW (POSITION_END / 64)

struct candidate {
	uint64_t position;
	uint8_t *bytes; /* owned */
	size_t size;
};

/* A heap with the greatest position on top, the first to be turned away. */
struct resp_selection {
	struct candidate *heap;
	size_t count;
	size_t capacity;
	size_t bytes;
	uint64_t cursor;
	uint64_t count_wanted;
	uint64_t limit; /* the smallest position turned away; or the end */
};

struct resp_selection *
resp_selection_create(uint64_t cursor, uint64_t count_wanted)
{
	struct resp_selection *selection = mem_new(sizeof(*selection));

	CHECK(count_wanted > 0);
	selection->cursor = cursor;
	selection->count_wanted = count_wanted < RESP_SELECTION_KEYS_MAX
	    ? count_wanted
	    : RESP_SELECTION_KEYS_MAX;
	selection->limit = POSITION_END;
	return selection;
}

void
resp_selection_close(struct resp_selection *selection)
{
	if (selection == NULL)
		return;
	for (size_t i = 0; i < selection->count; i++)
		mem_free(selection->heap[i].bytes);
	mem_free(selection->heap);
	mem_free(selection);
}

static void
push(struct resp_selection *selection, struct candidate candidate)
{
	size_t at = selection->count;

	if (selection->count == selection->capacity) {
		selection->capacity =
		    selection->capacity == 0 ? 16 : selection->capacity * 2;
		selection->heap = mem_resize(selection->heap,
		    selection->capacity * sizeof(*selection->heap));
	}
	while (at > 0 &&
	    selection->heap[(at - 1) / 2].position < candidate.position) {
		selection->heap[at] = selection->heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	selection->heap[at] = candidate;
	selection->count++;
	selection->bytes += candidate.size;
}

static void
pop(struct resp_selection *selection)
{
	struct candidate *heap = selection->heap;
	struct candidate last = heap[selection->count - 1];
	size_t at = 0;

	selection->bytes -= heap[0].size;
	mem_free(heap[0].bytes);
	selection->count--;
	for (;;) {
		size_t child = 2 * at + 1;

		if (child + 1 < selection->count &&
		    heap[child + 1].position > heap[child].position)
			child++;
		if (child >= selection->count ||
		    heap[child].position <= last.position)
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = last;
}

static bool
is_too_much(const struct resp_selection *selection)
{
	uint64_t greatest = selection->heap[0].position;

	if (selection->count > RESP_SELECTION_KEYS_MAX ||
	    selection->bytes > RESP_SELECTION_BYTES_MAX)
		return true;
	return selection->count > selection->count_wanted &&
	    greatest - selection->cursor >= WINDOW;
}

/*
 * Turns away everything at the greatest position, unless nothing else is
 * there: then the next cursor could not move on.
 */
static bool
turn_away(struct resp_selection *selection)
{
	uint64_t greatest = selection->heap[0].position;
	bool has_smaller = false;

	for (size_t i = 1; i < selection->count && !has_smaller; i++)
		has_smaller = selection->heap[i].position < greatest;
	if (!has_smaller)
		return false;
	selection->limit = greatest;
	while (selection->heap[0].position == greatest)
		pop(selection);
	return true;
}

void
resp_selection_offer(struct resp_selection *selection, struct slice key)
{
	uint64_t position = hash64(key) >> (64 - RESP_POSITION_BITS);
	struct candidate candidate = {.position = position, .size = key.size};

	if (position < selection->cursor || position >= selection->limit)
		return;
	candidate.bytes = mem_dup(key.data, key.size);
	push(selection, candidate);
	while (is_too_much(selection) && turn_away(selection))
		continue;
}

uint64_t
resp_selection_cursor(const struct resp_selection *selection)
{
	return selection->limit == POSITION_END ? 0 : selection->limit;
}

size_t
resp_selection_count(const struct resp_selection *selection)
{
	return selection->count;
}

struct slice
resp_selection_key(const struct resp_selection *selection, size_t index)
{
	return slice_of(
	    selection->heap[index].bytes, selection->heap[index].size);
}
