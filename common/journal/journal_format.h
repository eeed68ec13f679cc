/*
 * journal_format - the bytes of a journal segment, for writer and reader.
 *
 * storaged/FORMAT.md, "Journal", is the prose. Encoders fill whole headers;
 * decoders answer false for bytes that are not an intact one.
 */
#ifndef COMMON_JOURNAL_JOURNAL_FORMAT_H
#define COMMON_JOURNAL_JOURNAL_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/slice.h"

#define JOURNAL_FORMAT_VERSION 1
#define JOURNAL_PAGE_BYTES 4096
#define JOURNAL_SEGMENT_HEADER_BYTES 64
#define JOURNAL_RECORD_HEADER_BYTES_MAX 36
#define JOURNAL_FORMAT_STORE_ID_BYTES 16

struct journal_segment_header {
	uint32_t version;
	uint32_t shard;
	uint8_t store_id[JOURNAL_FORMAT_STORE_ID_BYTES];
	uint64_t number;
	uint64_t first_sequence;
	uint64_t size_bytes;
};

/* What the records of a segment are written against. */
struct journal_base {
	uint64_t seed;
	uint64_t first_sequence; /* of the segment */
};

struct journal_record_header {
	uint32_t payload_bytes;
	uint32_t count;
	uint64_t first_sequence;
	/* Of this segment, when it was written; rounded down when decoded. */
	uint32_t durable_bytes;
	/* Set by decoding: */
	uint32_t header_bytes;
	uint64_t payload_seed;
	uint64_t payload_checksum;
};

/* Bytes of a decoded record, up to where the next one begins. */
static inline uint64_t
journal_record_bytes(const struct journal_record_header *record)
{
	return (uint64_t)record->header_bytes + record->payload_bytes;
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

/*
 * Encodes the header of a record that begins at `offset`; `payload` follows it
 * without a gap. Of `record` the count, the sequence and the durable bytes are
 * used, these at most `offset`. Returns the header's bytes.
 */
size_t
journal_record_header_encode(uint8_t bytes[JOURNAL_RECORD_HEADER_BYTES_MAX],
    const struct journal_record_header *record, struct slice payload,
    const struct journal_base *base, uint64_t offset);

/* `bytes` begin with the record, and may end anywhere behind its header. */
bool journal_record_header_decode(struct slice bytes,
    const struct journal_base *base, uint64_t offset,
    struct journal_record_header *record);

bool journal_record_payload_is_intact(
    const struct journal_record_header *record, struct slice payload);

#endif
