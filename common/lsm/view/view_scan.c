#include "common/lsm/view/view_scan.h"

#include <string.h>

#include "common/base/attributes.h"
#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/lsm/record/iterator.h"
#include "common/lsm/record/range_set.h"
#include "common/lsm/view/view.h"
#include "common/lsm/view/view_private.h"
#include "common/os/bus_guard.h"

/* What is kept from one page to the next, and from a scan to another. */
#define BYTES_KEEP_MAX (1u << 20)
#define RESUME_KEEP_MAX 4096
#define ENTRIES_KEEP_MAX 4096
#define ENTRIES_CAPACITY_MIN 16

/* So many entries are taken at a time at most. */
#define TAKE_MAX 32

struct view_scan {
	struct view *view; /* retained */
	uint64_t sequence_max;
	uint64_t now_ms;
	struct buffer end;
	/* Made by the first call, under the guard. */
	struct range_set ranges;
	struct iterator *it;
	struct iterator *spare_it; /* of the scan before, without shadows */
	/* What was taken from it: those before `at` were inspected. */
	struct entry *taken; /* room for TAKE_MAX */
	size_t at;
	size_t count;
	/*
	 * The least key that may not have been inspected: the start; then the
	 * key at `at`, or, if all were, the last with a zero byte behind.
	 */
	struct buffer resume;
	bool is_end;
	bool is_failed;
	/* The page. */
	struct entry *entries;
	size_t entry_count;
	size_t entry_capacity;
	struct buffer bytes;
};

/* One guarded call; a count has no place to show entries in. */
struct scan_call {
	struct view_scan *scan;
	struct view_scan_limits limits;
	bool is_count;
	bool is_full; /* the next entry would be too much */
	uint64_t counted;
	size_t bytes; /* of keys and values shown */
};

static void spare(struct view_scan *scan);
static enum status scan_run(struct scan_call *call, struct error *err);
static enum status scan_guarded(void *context, struct error *err);
static enum status scan_start(struct view_scan *scan, struct error *err);
static bool is_live(const struct view_scan *scan, const struct entry *entry);
static void show(struct scan_call *call, const struct entry *entry);
static void fix_page(struct view_scan *scan);

struct view_scan *
view_scan_create(struct view *view, const struct view_scan_options *options)
{
	struct view_scan *scan = view->spare_scan;

	view->spare_scan = NULL;
	if (scan == NULL) {
		scan = mem_new(sizeof(*scan));
		scan->taken = mem_new_array(TAKE_MAX, sizeof(struct entry));
	}
	scan->view = view_retain(view);
	scan->sequence_max = options->sequence_max;
	scan->now_ms = options->now_ms;
	buffer_append_slice(&scan->resume, options->start);
	buffer_append_slice(&scan->end, options->end);
	return scan;
}

void
view_scan_close(struct view_scan *scan)
{
	struct view *view;

	if (scan == NULL)
		return;
	view = scan->view;
	if (scan->it != NULL && !scan->is_failed && scan->spare_it == NULL &&
	    range_set_is_empty(&scan->ranges))
		scan->spare_it = scan->it;
	else
		iterator_close(scan->it);
	range_set_deinit(&scan->ranges);
	if (view->spare_scan != NULL)
		view_scan_free(scan);
	else
		spare(scan);
	view_close(view);
}

void
view_scan_free(struct view_scan *scan)
{
	if (scan == NULL)
		return;
	iterator_close(scan->spare_it);
	buffer_deinit(&scan->resume);
	buffer_deinit(&scan->end);
	buffer_deinit(&scan->bytes);
	mem_free(scan->entries);
	mem_free(scan->taken);
	mem_free(scan);
}

/*
 * Leaves an empty scan to its view, with the memory for a page: that of a
 * large one would have to come from the kernel each time, and page by page.
 */
static void
spare(struct view_scan *scan)
{
	struct view_scan empty = {.resume = scan->resume,
	    .end = scan->end,
	    .bytes = scan->bytes,
	    .taken = scan->taken,
	    .spare_it = scan->spare_it};

	buffer_clear(&empty.resume, RESUME_KEEP_MAX);
	buffer_clear(&empty.end, RESUME_KEEP_MAX);
	buffer_clear(&empty.bytes, BYTES_KEEP_MAX);
	if (scan->entry_capacity <= ENTRIES_KEEP_MAX) {
		empty.entries = scan->entries;
		empty.entry_capacity = scan->entry_capacity;
	} else {
		mem_free(scan->entries);
	}
	scan->view->spare_scan = scan;
	*scan = empty;
}

enum status
view_scan_read(struct view_scan *scan, const struct view_scan_limits *limits,
    struct view_scan_page *out, struct error *err)
{
	struct scan_call call = {.scan = scan, .limits = *limits};

	CHECK(limits->entries_max > 0);
	CHECK(limits->steps_max > 0);
	scan->entry_count = 0;
	buffer_clear(&scan->bytes, BYTES_KEEP_MAX);
	if (scan_run(&call, err) != STATUS_OK)
		return err->code;
	fix_page(scan);
	*out = (struct view_scan_page){
	    scan->entries, scan->entry_count, scan->is_end};
	return STATUS_OK;
}

enum status
view_scan_count(struct view_scan *scan, size_t steps_max, uint64_t *count,
    bool *is_end, struct error *err)
{
	struct scan_call call = {.scan = scan,
	    .limits = {.entries_max = SIZE_MAX,
		.bytes_max = SIZE_MAX,
		.steps_max = steps_max},
	    .is_count = true};

	CHECK(steps_max > 0);
	if (scan_run(&call, err) != STATUS_OK)
		return err->code;
	*count += call.counted;
	*is_end = scan->is_end;
	return STATUS_OK;
}

struct slice
view_scan_resume_key(const struct view_scan *scan)
{
	return buffer_slice(&scan->resume);
}

void
view_scan_prefix_end(struct slice prefix, struct buffer *out)
{
	while (prefix.size > 0 && prefix.data[prefix.size - 1] == 0xff)
		prefix.size--;
	if (prefix.size == 0)
		return;
	buffer_append(out, prefix.data, prefix.size - 1);
	buffer_append_byte(out, (uint8_t)(prefix.data[prefix.size - 1] + 1));
}

static enum status
scan_run(struct scan_call *call, struct error *err)
{
	struct view_scan *scan = call->scan;

	CHECK(!scan->is_failed);
	if (scan->is_end)
		return STATUS_OK;
	if (bus_guard_run(scan_guarded, call, err) != STATUS_OK) {
		scan->is_failed = true;
		return err->code;
	}
	return STATUS_OK;
}

/* Takes up to `wanted` further entries; none are left at the end. */
static enum status
scan_take(struct view_scan *scan, size_t wanted, struct error *err)
{
	bool is_first = scan->it == NULL;

	scan->at = 0;
	scan->count = 0;
	if (!is_first)
		return iterator_take(scan->it, scan->taken,
		    wanted < TAKE_MAX ? wanted : TAKE_MAX, &scan->count, err);
	if (scan_start(scan, err) != STATUS_OK)
		return err->code;
	if (scan->it->valid)
		scan->taken[scan->count++] = scan->it->entry;
	return STATUS_OK;
}

/* Inspects what was taken, as far as the limits allow. */
static void
inspect(struct scan_call *call, size_t *steps)
{
	struct view_scan *scan = call->scan;
	const struct view_scan_limits *limits = &call->limits;
	const struct slice end = buffer_slice(&scan->end);

	while (scan->at < scan->count && *steps < limits->steps_max &&
	    call->counted < limits->entries_max) {
		const struct entry *entry = &scan->taken[scan->at];

		if (end.size > 0 && slice_compare(entry->key, end) >= 0) {
			scan->is_end = true;
			return;
		}
		if (is_live(scan, entry)) {
			size_t size = entry->key.size +
			    (limits->keys_only ? 0 : entry->value.size);

			/* What does not fit comes with the next call. */
			if (call->counted > 0 && !call->is_count &&
			    call->bytes + size > limits->bytes_max) {
				call->is_full = true;
				return;
			}
			call->bytes += size;
			call->counted++;
			if (!call->is_count)
				show(call, entry);
		}
		scan->at++;
		++*steps;
	}
}

static enum status
scan_guarded(void *context, struct error *err)
{
	struct scan_call *call = context;
	struct view_scan *scan = call->scan;
	const struct view_scan_limits *limits = &call->limits;
	size_t steps = 0;

	while (!scan->is_end && !call->is_full && steps < limits->steps_max &&
	    call->counted < limits->entries_max) {
		if (scan->at == scan->count) {
			if (scan_take(scan, limits->entries_max - call->counted,
				err) != STATUS_OK)
				return err->code;
			scan->is_end = scan->count == 0;
		}
		inspect(call, &steps);
	}
	if (!scan->is_end) {
		bool is_inspected = scan->at == scan->count;

		buffer_clear(&scan->resume, BYTES_KEEP_MAX);
		buffer_append_slice(&scan->resume,
		    scan->taken[is_inspected ? scan->at - 1 : scan->at].key);
		if (is_inspected)
			buffer_append_byte(&scan->resume, 0);
	}
	return STATUS_OK;
}

static enum status
scan_start(struct view_scan *scan, struct error *err)
{
	if (view_ranges(scan->view, scan->sequence_max, &scan->ranges, err) !=
	    STATUS_OK)
		return err->code;
	if (range_set_is_empty(&scan->ranges) && scan->spare_it != NULL) {
		scan->it = scan->spare_it;
		scan->spare_it = NULL;
		view_iterator_renew(scan->view, scan->it, scan->sequence_max);
	} else {
		scan->it = view_iterator_create(scan->view, scan->sequence_max,
		    range_set_is_empty(&scan->ranges) ? NULL : &scan->ranges);
	}
	return iterator_seek(scan->it, buffer_slice(&scan->resume), err);
}

static bool
is_live(const struct view_scan *scan, const struct entry *entry)
{
	return entry->kind == ENTRY_PUT &&
	    !entry_is_expired(entry, scan->now_ms) &&
	    (range_set_is_empty(&scan->ranges) ||
		entry->sequence > range_set_cover(&scan->ranges, entry->key));
}

/*
 * Copies an entry into the page. Its bytes may move until the page is full,
 * so only their sizes are kept, and fix_page() finds them again.
 */
static void
show(struct scan_call *call, const struct entry *entry)
{
	struct view_scan *scan = call->scan;
	struct entry *shown;
	uint8_t *place;
	size_t size;

	if (scan->entry_count == scan->entry_capacity) {
		scan->entry_capacity = scan->entry_capacity == 0
		    ? ENTRIES_CAPACITY_MIN
		    : 2 * scan->entry_capacity;
		scan->entries = mem_resize(scan->entries,
		    scan->entry_capacity * sizeof(*scan->entries));
	}
	shown = &scan->entries[scan->entry_count++];
	*shown = *entry;
	if (call->limits.keys_only)
		shown->value = SLICE_EMPTY;
	size = shown->key.size + shown->value.size;
	if (UNLIKELY(scan->bytes.capacity - scan->bytes.end < size))
		(void)buffer_reserve(&scan->bytes, size);
	place = scan->bytes.data + scan->bytes.end;
	/* In a table a value stands right behind its key. */
	if (LIKELY(shown->value.data == shown->key.data + shown->key.size)) {
		memcpy(place, shown->key.data, size);
	} else {
		memcpy(place, shown->key.data, shown->key.size);
		if (shown->value.size > 0)
			memcpy(place + shown->key.size, shown->value.data,
			    shown->value.size);
	}
	scan->bytes.end += size;
}

static void
fix_page(struct view_scan *scan)
{
	const uint8_t *place = scan->bytes.data + scan->bytes.start;

	for (size_t i = 0; i < scan->entry_count; i++) {
		struct entry *entry = &scan->entries[i];

		entry->key.data = place;
		place += entry->key.size;
		entry->value.data = place;
		place += entry->value.size;
	}
}
