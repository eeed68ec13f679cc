/*
 * memtable_format - the bytes of a memtable, for its writer and its reader.
 *
 *	| header | buckets | entries ->  ...  free  ...  <- order |
 *
 * Integers are the machine's own: the file never leaves it, nor outlives its
 * run of the kernel. Offsets are 32-bit numbers of 8-byte units from the
 * start of the file; 0 is "none". Everything begins at a whole unit.
 *
 * Entries grow upwards. A *node* stands for one distinct key; the buckets
 * (by the hash's low bits) lead to nodes through `next`, and each node to
 * its *versions*, newest first, through `older`. A node also leads to the
 * one created before it. *Range tombstones* are a list of their own.
 *
 * A bucket's low half is its newest node's offset. The upper half has a bit
 * set, one of 32 by the hash's top bits, for each of its nodes: so a lookup
 * of a key that is not here nearly always ends without touching a node.
 *
 * Order grows downwards. The first MEMTABLE_TAIL_COUNT nodes are sorted into
 * a *run*, an array of node offsets; so are the next, and so on. After each of
 * these a fresh *order* lists the runs that hold all nodes but the newest few.
 * Five runs of one size are merged into one, which stands in their place in
 * the first order after it is complete: it is written over the time of many
 * puts, and nothing leads to it before. Runs that were replaced stay where they
 * are, for those who read them.
 *
 * A run's nodes have the first `prefix_size` bytes of their keys in common.
 * The 8 bytes behind these, read as a big-endian number and filled up with
 * zeroes, are a key's *digest*; `fences` holds the digest of every 8th node,
 * so that a search touches few keys.
 *
 * A field marked (shared) changes after it was published, always to a greater
 * offset; all others are written once, before anything leads to them.
 */
#ifndef COMMON_LSM_MEMTABLE_MEMTABLE_FORMAT_H
#define COMMON_LSM_MEMTABLE_MEMTABLE_FORMAT_H

#include <endian.h>
#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/base/slice.h"

#define MEMTABLE_MAGIC UINT64_C(0x6c6261746d656d6b) /* "kmemtabl" */
#define MEMTABLE_VERSION 1
#define MEMTABLE_STORE_ID_BYTES 16

#define MEMTABLE_UNIT_BYTES 8
#define MEMTABLE_TAIL_COUNT 32
#define MEMTABLE_RUNS_MAX 48
#define MEMTABLE_FENCE_EVERY 8

struct memtable_header {
	uint64_t magic;
	uint32_t version;
	uint32_t shard;
	uint64_t number;
	uint8_t store_id[MEMTABLE_STORE_ID_BYTES];
	uint64_t first_sequence;
	uint64_t capacity_bytes;
	uint32_t bucket_count; /* a power of two */
	uint32_t unused;
	uint64_t checksum; /* of all bytes before it */
	uint8_t unused_line[56];
	/* Apart from what every insert changes, for readers' caches. */
	_Atomic uint32_t newest_range; /* (shared) */
	uint8_t unused_range_line[60];
	_Atomic uint32_t newest_node; /* (shared) */
	_Atomic uint32_t order; /* (shared); towards smaller offsets */
	uint8_t unused_node_line[56];
};

/* The bit in a bucket that stands for keys with this hash. */
static inline uint64_t
memtable_bucket_mark(uint64_t hash)
{
	return UINT64_C(1) << (32 + (hash >> 59));
}

struct memtable_node {
	uint32_t next; /* node in the same bucket */
	uint32_t previous; /* node created before this one */
	_Atomic uint32_t newest; /* version (shared) */
	uint32_t hash; /* the hash's high half */
	uint32_t key_size;
	uint8_t key[];
};

/* In a version's tag, below the sequence. */
#define MEMTABLE_TAG_KIND UINT64_C(0x03) /* enum entry_kind */
#define MEMTABLE_TAG_DEADLINE UINT64_C(0x04) /* 8 bytes before the value */
#define MEMTABLE_TAG_SEQUENCE_SHIFT 8

struct memtable_version {
	uint64_t tag;
	uint32_t older; /* version */
	uint32_t value_size;
	uint8_t bytes[]; /* [u64 deadline_ms], value */
};

struct memtable_range {
	uint64_t sequence;
	uint32_t previous; /* range */
	uint32_t start_size;
	uint32_t end_size;
	uint8_t bytes[]; /* start, end */
};

struct memtable_run {
	uint32_t count; /* of nodes: MEMTABLE_TAIL_COUNT times a power of 5 */
	uint32_t prefix_size;
	uint64_t fences[]; /* count / MEMTABLE_FENCE_EVERY, then the nodes */
};

struct memtable_order {
	uint32_t newest_covered; /* node */
	uint32_t covered_count;
	uint32_t prefix_size; /* in common to all nodes that are covered */
	uint32_t run_count;
	uint32_t runs[]; /* from long to short */
};

static_assert(sizeof(struct memtable_header) == 256, "three parts of lines");
static_assert(offsetof(struct memtable_header, checksum) == 64, "packed");
static_assert(offsetof(struct memtable_header, newest_range) == 128, "line");
static_assert(offsetof(struct memtable_header, newest_node) == 192, "line");
static_assert(offsetof(struct memtable_node, key) == 20, "packed");
static_assert(offsetof(struct memtable_version, bytes) == 16, "packed");
static_assert(offsetof(struct memtable_range, bytes) == 20, "packed");
static_assert(sizeof(_Atomic uint32_t) == 4, "plain words");
static_assert(sizeof(_Atomic uint64_t) == 8, "plain words");
static_assert(ATOMIC_INT_LOCK_FREE == 2, "shared between processes");
static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "shared between processes");

/* `size` rounded up to whole units. */
static inline size_t
memtable_round(size_t size)
{
	return (size + MEMTABLE_UNIT_BYTES - 1) &
	    ~(size_t)(MEMTABLE_UNIT_BYTES - 1);
}

/* Bytes of a run of `count` nodes; whole units. */
static inline size_t
memtable_run_bytes(size_t count)
{
	return offsetof(struct memtable_run, fences) +
	    count / MEMTABLE_FENCE_EVERY * sizeof(uint64_t) +
	    count * sizeof(uint32_t);
}

/* How many bytes, at most `size_max`, two keys have in common in front. */
static inline size_t
memtable_common_prefix(struct slice a, struct slice b, size_t size_max)
{
	size_t size = a.size < b.size ? a.size : b.size;
	size_t same = 0;

	size = size < size_max ? size : size_max;
	for (; size - same >= sizeof(uint64_t); same += sizeof(uint64_t)) {
		uint64_t x;
		uint64_t y;

		memcpy(&x, a.data + same, sizeof(x));
		memcpy(&y, b.data + same, sizeof(y));
		if (x != y)
			return same +
			    (size_t)__builtin_ctzll(le64toh(x ^ y)) / 8;
	}
	while (same < size && a.data[same] == b.data[same])
		same++;
	return same;
}

#endif
