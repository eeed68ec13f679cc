/*
 * journal_format - the bytes of a journal segment, for writer and reader.
 *
 * storaged/FORMAT.md, "Journal", is the prose. Encoders fill whole headers;
 * decoders answer false for bytes that are not an intact one.
 */
#ifndef COMMON_JOURNAL_JOURNAL_FORMAT_H
#define COMMON_JOURNAL_JOURNAL_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/slice.h"

#define JOURNAL_FORMAT_VERSION 1
#define JOURNAL_PAGE_BYTES 4096
#define JOURNAL_SEGMENT_HEADER_BYTES 64
#define JOURNAL_RECORD_HEADER_BYTES 32
#define JOURNAL_FORMAT_STORE_ID_BYTES 16

struct journal_segment_header {
	uint32_t version;
	uint32_t shard;
	uint8_t store_id[JOURNAL_FORMAT_STORE_ID_BYTES];
	uint64_t number;
	uint64_t first_sequence;
	uint64_t size_bytes;
};

struct journal_record_header {
	uint32_t payload_bytes;
	uint32_t count;
	uint64_t first_sequence;
	uint32_t durable_bytes; /* of this segment, when it was written */
	uint64_t payload_checksum;
};

/* Bytes of a record with its header, up to where the next one begins. */
static inline uint64_t
journal_record_bytes(uint64_t payload_bytes)
{
	return JOURNAL_RECORD_HEADER_BYTES + ((payload_bytes + 7) & ~7ULL);
}

static inline uint64_t
journal_record_last(const struct journal_record_header *record)
{
	return record->first_sequence + record->count - 1;
}

/* Returns the seed of the segment's records. */
uint64_t
journal_segment_header_encode(uint8_t bytes[JOURNAL_SEGMENT_HEADER_BYTES],
    const struct journal_segment_header *header);

/* Magic and checksum are right; version and identity are the caller's. */
bool
journal_segment_header_decode(const uint8_t bytes[JOURNAL_SEGMENT_HEADER_BYTES],
    struct journal_segment_header *header, uint64_t *seed);

/* `payload` follows the header at offset + JOURNAL_RECORD_HEADER_BYTES. */
void journal_record_header_encode(uint8_t bytes[JOURNAL_RECORD_HEADER_BYTES],
    struct journal_record_header *header, struct slice payload, uint64_t seed,
    uint64_t offset);

bool
journal_record_header_decode(const uint8_t bytes[JOURNAL_RECORD_HEADER_BYTES],
    uint64_t seed, uint64_t offset, struct journal_record_header *header);

bool
journal_record_payload_is_intact(const struct journal_record_header *header,
    struct slice payload, uint64_t seed, uint64_t offset);

#endif
