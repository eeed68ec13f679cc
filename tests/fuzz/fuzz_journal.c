/*
 * A journal of up to three segments in any state, as it is and with the
 * checksums made right. Opening it gives records that follow on without a gap,
 * the first not behind the next one expected. What was opened, opened again,
 * gives the very same records, is not torn, and takes further ones.
 *
 * Input: the sequence recovered to, a mask of records whose checksums stay as
 * they are, the number of segments; then for each but the last its size in
 * units of 64, and the bytes.
 */
#include <stdio.h>

#include "common/base/mem.h"
#include "common/codec/append.h"
#include "common/codec/checksum.h"
#include "common/codec/integer.h"
#include "common/journal/journal.h"
#include "common/journal/journal_format.h"
#include "tests/fuzz/fuzz.h"

#define SEGMENT_BYTES 8192
#define SEGMENTS_MAX 3

static const uint8_t store_id[JOURNAL_STORE_ID_BYTES] = "0123456789abcdef";

struct plan {
	uint64_t after;
	unsigned mask;
	unsigned count;
	struct slice segments[SEGMENTS_MAX];
};

struct records {
	struct buffer all;
	uint64_t after;
	uint64_t next; /* 0: any up to after + 1 */
};

static enum status
on_record(void *context, uint64_t first_sequence, uint32_t count,
    struct slice payload, struct error *err)
{
	struct records *records = context;

	CHECK(payload.size > 0 && payload.size <= JOURNAL_PAYLOAD_BYTES_MAX);
	CHECK(count > 0);
	CHECK(first_sequence + count - 1 > records->after);
	if (records->next == 0)
		CHECK(first_sequence <= records->after + 1);
	else
		CHECK(first_sequence == records->next);
	records->next = first_sequence + count;
	u64_append(&records->all, first_sequence);
	u32_append(&records->all, count);
	sized_append(&records->all, payload);
	return STATUS_OK;
}

static enum status
open_journal(const char *folder, uint64_t after, struct records *records,
    struct journal_recovery *recovery, struct journal **journal)
{
	static struct journal_options options;
	struct error err;

	options = (struct journal_options){
	    .fs = file_system_real(),
	    .directory = folder,
	    .store_id = store_id,
	    .segment_bytes = SEGMENT_BYTES,
	    .spares_max = 1,
	};
	*records = (struct records){.after = after};
	return journal_open(
	    &options, after, on_record, records, recovery, journal, &err);
}

static void
append_some(struct journal *journal)
{
	uint8_t payload[3000] = {1};
	struct error err;

	for (int i = 0; i < 4; i++)
		CHECK(
		    journal_append(journal, journal_last_sequence(journal) + 1,
			2, slice_of(payload, sizeof(payload)),
			&err) == STATUS_OK);
	CHECK(journal_commit(journal, true, &err) == STATUS_OK);
}

static void
open_again(
    const char *folder, uint64_t after, const struct records *first, bool added)
{
	struct journal_recovery recovery;
	struct records records;
	struct journal *journal;
	size_t size = buffer_size(&first->all);

	CHECK(open_journal(folder, after, &records, &recovery, &journal) ==
	    STATUS_OK);
	CHECK(!recovery.torn);
	CHECK(buffer_size(&records.all) >= size);
	CHECK(slice_equal(buffer_slice(&first->all),
	    slice_of(records.all.data + records.all.start, size)));
	CHECK(added == (buffer_size(&records.all) > size));
	if (!added) {
		append_some(journal);
		journal_close(journal);
		open_again(folder, after, first, true);
	} else {
		journal_close(journal);
	}
	buffer_deinit(&records.all);
}

static void
recover(const struct plan *plan)
{
	const char *folder = fuzz_folder();
	struct journal_recovery recovery;
	struct records records;
	struct journal *journal;

	for (unsigned i = 0; i < plan->count; i++) {
		char name[32];

		snprintf(name, sizeof(name), "%016x.log", i + 1);
		fuzz_file(name, plan->segments[i]);
	}
	if (open_journal(folder, plan->after, &records, &recovery, &journal) ==
	    STATUS_OK) {
		/* What goes up to the last number leaves none to append. */
		bool room = journal_last_sequence(journal) < 1ull << 60;

		journal_close(journal);
		if (room)
			open_again(folder, plan->after, &records, false);
	}
	buffer_deinit(&records.all);
}

/*
 * The bytes of the numbers that a record begins with and, in *payload_bytes,
 * what they say of the payload; 0 if they are cut short.
 */
static size_t
numbers_size(struct slice bytes, uint64_t *payload_bytes)
{
	struct slice input = bytes;
	uint64_t head;
	uint64_t number;
	/* The sequence, and what the lowest three bits announce. */
	unsigned count = 1;

	if (!varint_take(&input, &head))
		return 0;
	count += (head & 1) != 0;
	count += (head & 6) != 0;
	for (unsigned i = 0; i < count; i++) {
		if (!varint_take(&input, &number))
			return 0;
	}
	*payload_bytes = head >> 3;
	return bytes.size - input.size;
}

static void
repair_segment(uint8_t *bytes, size_t size, uint64_t number, unsigned mask)
{
	struct journal_segment_header header = {
	    .version = JOURNAL_FORMAT_VERSION,
	    .number = number,
	};
	size_t at = JOURNAL_SEGMENT_HEADER_BYTES;
	uint64_t seed;

	if (size < JOURNAL_SEGMENT_HEADER_BYTES)
		return;
	memcpy(header.store_id, store_id, sizeof(store_id));
	header.first_sequence = u64_load(bytes + 40);
	/* As much as that will be written: not too much. */
	header.size_bytes = u64_load(bytes + 48) & 0x1ffff;
	seed = journal_segment_header_encode(bytes, &header);
	for (;;) {
		uint8_t *place = bytes + at;
		size_t left = size - at;
		uint64_t payload_bytes;
		size_t head =
		    numbers_size(slice_of(place, left), &payload_bytes);
		uint64_t hash;

		if (head == 0 || payload_bytes == 0 || left < head + 10 ||
		    payload_bytes > left - head - 10)
			break;
		mask = mask >> 1 | (mask & 1) << 7;
		if ((mask & 1) == 0) {
			hash = checksum64(slice_of(place, head), seed + at);
			u16_store(place + head, (uint16_t)hash);
			u64_store(place + head + 2,
			    checksum64(slice_of(place + head + 10,
					   (size_t)payload_bytes),
				hash));
		}
		at += head + 10 + (size_t)payload_bytes;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_of(data, size);
	struct plan plan = {
	    .after = fuzz_take_number(&input, 0, 255),
	    .mask = (unsigned)fuzz_take_number(&input, 0, 255),
	    .count = (unsigned)fuzz_take_number(&input, 1, SEGMENTS_MAX),
	};

	for (unsigned i = 0; i + 1 < plan.count; i++) {
		size_t part = (size_t)fuzz_take_number(&input, 0, 128) * 64;

		part = part < input.size ? part : input.size;
		plan.segments[i] = slice_of(input.data, part);
		input = slice_of(input.data + part, input.size - part);
	}
	plan.segments[plan.count - 1] = input;
	recover(&plan);
	for (unsigned i = 0; i < plan.count; i++) {
		uint8_t *copy = fuzz_copy(plan.segments[i]);

		repair_segment(copy, plan.segments[i].size, i + 1, plan.mask);
		plan.segments[i].data = copy;
	}
	recover(&plan);
	for (unsigned i = 0; i < plan.count; i++)
		mem_free((void *)(uintptr_t)plan.segments[i].data);
	return 0;
}
