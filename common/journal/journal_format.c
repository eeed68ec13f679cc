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

	RECORD_PAYLOAD_BYTES = 0,
	RECORD_COUNT = 4,
	RECORD_FIRST = 8,
	RECORD_DURABLE = 16,
	RECORD_HEADER_CHECKSUM = 20,
	RECORD_PAYLOAD_CHECKSUM = 24,
};

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

/* The offset goes in, so that a block written to a wrong place is noticed. */
static uint32_t
header_checksum(const uint8_t *bytes, uint64_t seed, uint64_t offset)
{
	return checksum32(
	    slice_of(bytes, RECORD_HEADER_CHECKSUM), seed + offset);
}

void
journal_record_header_encode(uint8_t bytes[JOURNAL_RECORD_HEADER_BYTES],
    struct journal_record_header *header, struct slice payload, uint64_t seed,
    uint64_t offset)
{
	CHECK(payload.size > 0 && payload.size <= UINT32_MAX);
	CHECK(header->count > 0);
	header->payload_bytes = (uint32_t)payload.size;
	header->payload_checksum = checksum64(payload, seed + offset);
	u32_store(bytes + RECORD_PAYLOAD_BYTES, header->payload_bytes);
	u32_store(bytes + RECORD_COUNT, header->count);
	u64_store(bytes + RECORD_FIRST, header->first_sequence);
	u32_store(bytes + RECORD_DURABLE, header->durable_bytes);
	u32_store(bytes + RECORD_HEADER_CHECKSUM,
	    header_checksum(bytes, seed, offset));
	u64_store(bytes + RECORD_PAYLOAD_CHECKSUM, header->payload_checksum);
}

bool
journal_record_header_decode(const uint8_t bytes[JOURNAL_RECORD_HEADER_BYTES],
    uint64_t seed, uint64_t offset, struct journal_record_header *header)
{
	header->payload_bytes = u32_load(bytes + RECORD_PAYLOAD_BYTES);
	header->count = u32_load(bytes + RECORD_COUNT);
	if (header->payload_bytes == 0 || header->count == 0 ||
	    u32_load(bytes + RECORD_HEADER_CHECKSUM) !=
		header_checksum(bytes, seed, offset))
		return false;
	header->first_sequence = u64_load(bytes + RECORD_FIRST);
	header->durable_bytes = u32_load(bytes + RECORD_DURABLE);
	header->payload_checksum = u64_load(bytes + RECORD_PAYLOAD_CHECKSUM);
	return header->first_sequence > 0 &&
	    header->first_sequence <= UINT64_MAX - header->count;
}

bool
journal_record_payload_is_intact(const struct journal_record_header *header,
    struct slice payload, uint64_t seed, uint64_t offset)
{
	return checksum64(payload, seed + offset) == header->payload_checksum;
}
