#include "common/lsm/table/table_summary.h"

#include "common/base/check.h"
#include "common/codec/integer.h"
#include "common/lsm/table/table_format.h"

#define FLAG_EVERY_ENTRY_EXPIRES 0x01u
#define FLAG_LAST_UNBOUNDED 0x02u
#define FLAG_LAST_IS_EXCLUSIVE 0x04u
#define FLAGS_ALL 0x07u
#define NUMBER_COUNT 9
#define STEP_BYTES 24

/* The numbers in the order in which they are stored. */
static void
numbers_of(struct table_summary *summary, uint64_t *numbers[NUMBER_COUNT])
{
	numbers[0] = &summary->entry_count;
	numbers[1] = &summary->tombstone_count;
	numbers[2] = &summary->range_count;
	numbers[3] = &summary->raw_bytes;
	numbers[4] = &summary->sequence_min;
	numbers[5] = &summary->sequence_max;
	numbers[6] = &summary->expiring_count;
	numbers[7] = &summary->deadline_min;
	numbers[8] = &summary->deadline_max;
}

bool
table_summary_may_hold(const struct table_summary *summary, struct slice key)
{
	int order;

	if (summary->entry_count == 0 && summary->range_count == 0)
		return false;
	if (slice_compare(key, buffer_slice(&summary->first_key)) < 0)
		return false;
	if (summary->last_unbounded)
		return true;
	order = slice_compare(key, buffer_slice(&summary->last_key));
	return order < 0 || (order == 0 && !summary->last_is_exclusive);
}

void
table_summary_note_sequence(struct table_summary *summary, uint64_t sequence)
{
	if (summary->sequence_min == 0 || sequence < summary->sequence_min)
		summary->sequence_min = sequence;
	if (sequence > summary->sequence_max)
		summary->sequence_max = sequence;
}

void
table_summary_note_deadline(struct table_summary *summary, uint64_t deadline_ms)
{
	if (summary->expiring_count++ == 0 ||
	    deadline_ms < summary->deadline_min)
		summary->deadline_min = deadline_ms;
	if (deadline_ms > summary->deadline_max)
		summary->deadline_max = deadline_ms;
}

void
table_summary_copy(struct table_summary *into, const struct table_summary *from)
{
	*into = *from;
	into->first_key = into->last_key = (struct buffer){0};
	buffer_append_slice(&into->first_key, buffer_slice(&from->first_key));
	buffer_append_slice(&into->last_key, buffer_slice(&from->last_key));
}

void
table_summary_deinit(struct table_summary *summary)
{
	buffer_deinit(&summary->first_key);
	buffer_deinit(&summary->last_key);
	*summary = (struct table_summary){0};
}

static void
encode_steps(const struct deadline_steps *steps, struct buffer *out)
{
	for (size_t i = 0; i < steps->count; i++) {
		uint8_t *place = buffer_reserve(out, STEP_BYTES);

		u64_store(place, steps->steps[i].deadline_ms);
		u64_store(place + 8, steps->steps[i].entry_count);
		u64_store(place + 16, steps->steps[i].raw_bytes);
		buffer_commit(out, STEP_BYTES);
	}
}

static bool
take_steps(struct slice *bytes, uint32_t count, struct deadline_steps *steps)
{
	if (count > DEADLINE_STEPS_MAX)
		return false;
	steps->count = count;
	for (size_t i = 0; i < count; i++) {
		struct deadline_step *step = &steps->steps[i];

		if (!u64_take(bytes, &step->deadline_ms) ||
		    !u64_take(bytes, &step->entry_count) ||
		    !u64_take(bytes, &step->raw_bytes))
			return false;
	}
	return true;
}

void
table_summary_encode(const struct table_summary *summary, struct buffer *out)
{
	struct table_summary copy = *summary;
	uint64_t *numbers[NUMBER_COUNT];
	size_t first_size = buffer_size(&summary->first_key);
	size_t last_size = buffer_size(&summary->last_key);
	uint32_t flags = 0;
	uint8_t *place;

	CHECK(first_size <= TABLE_KEY_BYTES_MAX);
	CHECK(last_size <= TABLE_KEY_BYTES_MAX);
	numbers_of(&copy, numbers);
	for (unsigned i = 0; i < NUMBER_COUNT; i++) {
		u64_store(buffer_reserve(out, 8), *numbers[i]);
		buffer_commit(out, 8);
	}
	if (summary->every_entry_expires)
		flags |= FLAG_EVERY_ENTRY_EXPIRES;
	if (summary->last_unbounded)
		flags |= FLAG_LAST_UNBOUNDED;
	if (summary->last_is_exclusive)
		flags |= FLAG_LAST_IS_EXCLUSIVE;
	place = buffer_reserve(out, 16);
	u32_store(place, flags);
	u32_store(place + 4, (uint32_t)first_size);
	u32_store(place + 8, (uint32_t)last_size);
	u32_store(place + 12, (uint32_t)summary->deadlines.count);
	buffer_commit(out, 16);
	encode_steps(&summary->deadlines, out);
	buffer_append_slice(out, buffer_slice(&summary->first_key));
	buffer_append_slice(out, buffer_slice(&summary->last_key));
}

bool
table_summary_equal(
    const struct table_summary *a, const struct table_summary *b)
{
	struct buffer bytes[2] = {{0}, {0}};
	bool same;

	table_summary_encode(a, &bytes[0]);
	table_summary_encode(b, &bytes[1]);
	same = slice_equal(buffer_slice(&bytes[0]), buffer_slice(&bytes[1]));
	buffer_deinit(&bytes[0]);
	buffer_deinit(&bytes[1]);
	return same;
}

enum status
table_summary_decode(
    struct slice bytes, struct table_summary *out, struct error *err)
{
	uint64_t *numbers[NUMBER_COUNT];
	struct slice first_key;
	struct slice last_key;
	uint32_t first_size = 0;
	uint32_t last_size = 0;
	uint32_t step_count = 0;
	uint32_t flags = 0;
	bool ok = true;

	*out = (struct table_summary){0};
	numbers_of(out, numbers);
	for (unsigned i = 0; i < NUMBER_COUNT; i++)
		ok = ok && u64_take(&bytes, numbers[i]);
	ok = ok && u32_take(&bytes, &flags) && u32_take(&bytes, &first_size) &&
	    u32_take(&bytes, &last_size) && u32_take(&bytes, &step_count) &&
	    take_steps(&bytes, step_count, &out->deadlines) &&
	    deadline_steps_are_sound(
		&out->deadlines, out->deadline_max, out->expiring_count) &&
	    bytes_take(&bytes, first_size, &first_key) &&
	    bytes_take(&bytes, last_size, &last_key) && bytes.size == 0 &&
	    (flags & ~FLAGS_ALL) == 0 && first_size <= TABLE_KEY_BYTES_MAX &&
	    last_size <= TABLE_KEY_BYTES_MAX;
	if (!ok) {
		*out = (struct table_summary){0};
		return error_set(err, STATUS_CORRUPT, "malformed summary");
	}
	out->every_entry_expires = (flags & FLAG_EVERY_ENTRY_EXPIRES) != 0;
	out->last_unbounded = (flags & FLAG_LAST_UNBOUNDED) != 0;
	out->last_is_exclusive = (flags & FLAG_LAST_IS_EXCLUSIVE) != 0;
	buffer_append_slice(&out->first_key, first_key);
	buffer_append_slice(&out->last_key, last_key);
	return STATUS_OK;
}
