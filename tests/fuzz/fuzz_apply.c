/*
 * Applying batches. Whatever a batch that decodes asks for, applying it cannot
 * fail, and is the same when the state was written and read in between: the
 * same replies, the same store, the same state. Every reply decodes.
 *
 * Input: batches, each a size and so many bytes; the header is made right, of
 * one writer and of the number that is next.
 */
#include "common/base/mem.h"
#include "common/codec/integer.h"
#include "common/command/batch_format.h"
#include "common/command/reply.h"
#include "storaged/apply/apply.h"
#include "tests/fuzz/batch_repair.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/apply/map_store.h"

#define BATCH_BYTES_TAKEN 600
#define WRITER 7

struct side {
	struct apply *apply;
	struct map_store map;
	struct buffer replies;
};

static void
apply_one(struct side *side, const struct batch *batch, uint64_t sequence)
{
	struct apply_result result;
	struct reply reply;
	struct error err;

	CHECK(apply_batch(side->apply, batch, sequence, &side->map.store,
		  &result, &err) == STATUS_OK);
	buffer_append_byte(&side->replies, (uint8_t)result.verdict);
	if (batch->kind != BATCH_WRITES || result.reply.size == 0)
		return;
	CHECK(reply_decode(result.reply, &reply, &err) == STATUS_OK);
	CHECK(reply.number == batch->origin.number);
	CHECK(reply.group_count == batch->group_count);
	buffer_append_slice(&side->replies, result.reply);
}

/* Writes the state and goes on with what is read of it. */
static void
reload(struct side *side)
{
	struct buffer state = {0};
	struct error err;

	apply_encode(side->apply, &state);
	apply_close(side->apply);
	CHECK(apply_decode(buffer_slice(&state), &side->apply, &err) ==
	    STATUS_OK);
	buffer_deinit(&state);
}

static void
compare(struct side sides[2])
{
	uint64_t now_ms = apply_clock_ms(sides[0].apply);
	struct buffer bytes[2] = {{0}, {0}};

	for (int i = 0; i < 2; i++) {
		buffer_append_slice(&bytes[i], buffer_slice(&sides[i].replies));
		apply_encode(sides[i].apply, &bytes[i]);
		map_store_dump(&sides[i].map, now_ms, &bytes[i]);
	}
	CHECK(slice_equal(buffer_slice(&bytes[0]), buffer_slice(&bytes[1])));
	buffer_deinit(&bytes[0]);
	buffer_deinit(&bytes[1]);
}

/* The bytes as a batch of the one writer. */
static uint8_t *
take_batch(struct slice *input, uint64_t *number, size_t *size)
{
	struct slice bytes = fuzz_take_bytes(input, BATCH_BYTES_TAKEN);
	uint8_t *copy = mem_new(BATCH_REPAIR_HEADER_BYTES + bytes.size);
	struct batch batch;
	struct error err;

	*size = BATCH_REPAIR_HEADER_BYTES;
	if (bytes.size > *size)
		*size = bytes.size;
	if (bytes.size > 0)
		memcpy(copy, bytes.data, bytes.size);
	memset(copy + BATCH_OFFSET_WRITER, 0, WRITER_ID_BYTES);
	batch_repair(copy, *size);
	copy[BATCH_OFFSET_WRITER] = WRITER;
	copy[BATCH_OFFSET_NUMBER] = (uint8_t)*number;
	if (*number == 0) {
		copy[BATCH_OFFSET_HEAD] = BATCH_VERSION |
		    (unsigned)BATCH_REGISTRATION << BATCH_HEAD_KIND_SHIFT;
		*size = BATCH_OFFSET_NUMBER;
	}
	if (batch_decode(slice_of(copy, *size), &batch, &err) == STATUS_OK &&
	    batch.kind == BATCH_WRITES)
		(*number)++;
	return copy;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_of(data, size);
	struct side sides[2] = {{0}};
	uint64_t sequence = 1;
	uint64_t number = 0;

	for (int i = 0; i < 2; i++) {
		sides[i].apply = apply_create();
		map_store_init(&sides[i].map);
	}
	/* The first is the registration. */
	for (size_t i = 0; i < 20 && (i == 0 || input.size > 0); i++) {
		struct slice none = SLICE_EMPTY;
		size_t batch_size;
		uint8_t *bytes =
		    take_batch(i == 0 ? &none : &input, &number, &batch_size);
		struct batch batch;
		struct error err;

		number += number == 0;
		if (batch_decode(slice_of(bytes, batch_size), &batch, &err) ==
		    STATUS_OK) {
			apply_one(&sides[0], &batch, sequence);
			reload(&sides[1]);
			apply_one(&sides[1], &batch, sequence);
			sequence += 1 + batch.command_count;
		}
		mem_free(bytes);
	}
	compare(sides);
	for (int i = 0; i < 2; i++) {
		apply_close(sides[i].apply);
		map_store_deinit(&sides[i].map);
		buffer_deinit(&sides[i].replies);
	}
	return 0;
}
