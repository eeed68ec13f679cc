#include "common/journal/journal_format.h"

#include "common/base/check.h"
#include "common/codec/checksum.h"
#include "common/codec/integer.h"

static const uint8_t magic[8] = {'k', 'v', 'j', 'o', 'u', 'r', 'n', 'l'};

/* Offsets of fields; FORMAT.md has the table. */
enum {
	SEGMENT_VERSION = 8,
	SEGMENT_SHARD = 12,
	SEGMENT_STORE_ID = 16,
	SEGMENT_NUMBER = 32,
	SEGMENT_FIRST = 40,
	SEGMENT_SIZE = 48,
	SEGMENT_CHECKSUM = 56,
};

/*
 * The first number of a record: the payload's size behind these bits.
 */
enum {
	HEAD_COUNT = 1, /* a count follows; else it is COUNT_USUAL */
	/* What was on disk of the segment: all before the record, or */
	HEAD_DURABLE = 2, /* a number follows: so many units */
	HEAD_UNSYNCED = 4, /* a number follows: all but so many bytes */
	HEAD_BITS = 3,
};

/* That of a batch with one command. */
#define COUNT_USUAL 2u

/* Less than any record has, so that rounding down moves behind none. */
#define DURABLE_UNIT 8u

#define CHECK_BYTES 2u
#define CHECKSUM_BYTES 8u

uint64_t
journal_segment_header_encode(uint8_t bytes[JOURNAL_SEGMENT_HEADER_BYTES],
    const struct journal_segment_header *header)
{
	uint64_t seed;

	memcpy(bytes, magic, sizeof(magic));
	u32_store(bytes + SEGMENT_VERSION, header->version);
	u32_store(bytes + SEGMENT_SHARD, header->shard);
	memcpy(bytes + SEGMENT_STORE_ID, header->store_id,
	    sizeof(header->store_id));
	u64_store(bytes + SEGMENT_NUMBER, header->number);
	u64_store(bytes + SEGMENT_FIRST, header->first_sequence);
	u64_store(bytes + SEGMENT_SIZE, header->size_bytes);
	seed = checksum64(slice_of(bytes, SEGMENT_CHECKSUM), 0);
	u64_store(bytes + SEGMENT_CHECKSUM, seed);
	return seed;
}

bool
journal_segment_header_decode(const uint8_t bytes[JOURNAL_SEGMENT_HEADER_BYTES],
    struct journal_segment_header *header, uint64_t *seed)
{
	*seed = u64_load(bytes + SEGMENT_CHECKSUM);
	if (memcmp(bytes, magic, sizeof(magic)) != 0 ||
	    *seed != checksum64(slice_of(bytes, SEGMENT_CHECKSUM), 0))
		return false;
	header->version = u32_load(bytes + SEGMENT_VERSION);
	header->shard = u32_load(bytes + SEGMENT_SHARD);
	memcpy(header->store_id, bytes + SEGMENT_STORE_ID,
	    sizeof(header->store_id));
	header->number = u64_load(bytes + SEGMENT_NUMBER);
	header->first_sequence = u64_load(bytes + SEGMENT_FIRST);
	header->size_bytes = u64_load(bytes + SEGMENT_SIZE);
	return true;
}

/*
 * The offset goes in, so that a block written to a wrong place is noticed. The
 * low bits stand behind the header; all of them seed the payload's checksum,
 * which so covers the header, too.
 */
static uint64_t
header_hash(const uint8_t *bytes, size_t size, const struct journal_base *base,
    uint64_t offset)
{
	return checksum64(slice_of(bytes, size), base->seed + offset);
}

size_t
journal_record_header_encode(uint8_t bytes[JOURNAL_RECORD_HEADER_BYTES_MAX],
    const struct journal_record_header *record, struct slice payload,
    const struct journal_base *base, uint64_t offset)
{
	uint64_t unsynced = offset - record->durable_bytes;
	uint64_t units = record->durable_bytes / DURABLE_UNIT;
	uint64_t head = (uint64_t)payload.size << HEAD_BITS;
	size_t size;
	uint64_t hash;

	CHECK(payload.size > 0 && payload.size <= UINT32_MAX);
	CHECK(record->count > 0);
	CHECK(record->durable_bytes <= offset);
	CHECK(record->first_sequence >= base->first_sequence);
	head |= record->count == COUNT_USUAL ? 0 : HEAD_COUNT;
	if (unsynced > 0)
		head |= units < unsynced ? HEAD_DURABLE : HEAD_UNSYNCED;
	size = varint_store(bytes, head);
	if ((head & HEAD_COUNT) != 0)
		size += varint_store(bytes + size, record->count);
	size += varint_store(
	    bytes + size, record->first_sequence - base->first_sequence);
	if (unsynced > 0)
		size += varint_store(
		    bytes + size, units < unsynced ? units : unsynced);
	hash = header_hash(bytes, size, base, offset);
	u16_store(bytes + size, (uint16_t)hash);
	size += CHECK_BYTES;
	u64_store(bytes + size, checksum64(payload, hash));
	return size + CHECKSUM_BYTES;
}

/* Takes the numbers in front; false if they make no sense. */
static bool
take_numbers(struct slice *input, const struct journal_base *base,
    uint64_t offset, struct journal_record_header *record)
{
	uint64_t count = COUNT_USUAL;
	uint64_t durable = 0;
	uint64_t sequence;
	uint64_t head;

	if (!varint_take(input, &head) || head >> HEAD_BITS == 0 ||
	    head >> HEAD_BITS > UINT32_MAX ||
	    ((head & HEAD_COUNT) != 0 &&
		(!varint_take(input, &count) || count == 0 ||
		    count > UINT32_MAX)) ||
	    !varint_take(input, &sequence) ||
	    sequence > UINT64_MAX - base->first_sequence)
		return false;
	if ((head & (HEAD_DURABLE | HEAD_UNSYNCED)) != 0 &&
	    !varint_take(input, &durable))
		return false;
	switch (head & (HEAD_DURABLE | HEAD_UNSYNCED)) {
	case HEAD_DURABLE:
		if (durable > offset / DURABLE_UNIT)
			return false;
		durable *= DURABLE_UNIT;
		break;
	default: /* HEAD_UNSYNCED, or the same with nothing unsynced */
		if (durable > offset)
			return false;
		durable = offset - durable;
		break;
	case HEAD_DURABLE | HEAD_UNSYNCED:
		return false;
	}
	record->payload_bytes = (uint32_t)(head >> HEAD_BITS);
	record->count = (uint32_t)count;
	record->first_sequence = base->first_sequence + sequence;
	record->durable_bytes = (uint32_t)durable;
	return record->first_sequence > 0 &&
	    record->first_sequence <= UINT64_MAX - count;
}

bool
journal_record_header_decode(struct slice bytes,
    const struct journal_base *base, uint64_t offset,
    struct journal_record_header *record)
{
	struct slice input = bytes;
	uint64_t hash;
	size_t size;

	if (!take_numbers(&input, base, offset, record) ||
	    input.size < CHECK_BYTES + CHECKSUM_BYTES)
		return false;
	size = bytes.size - input.size;
	hash = header_hash(bytes.data, size, base, offset);
	if (u16_load(input.data) != (uint16_t)hash)
		return false;
	record->payload_seed = hash;
	record->payload_checksum = u64_load(input.data + CHECK_BYTES);
	record->header_bytes = (uint32_t)(size + CHECK_BYTES + CHECKSUM_BYTES);
	return true;
}

bool
journal_record_payload_is_intact(
    const struct journal_record_header *record, struct slice payload)
{
	return checksum64(payload, record->payload_seed) ==
	    record->payload_checksum;
}
