/*
 * control_format - the bytes of the control block of a shard.
 *
 * One page, mapped by `storaged` to write and by every reader to read. The
 * first line of it never changes after the file got its name:
 *
 *     0  magic u64    8  version u32   12  shard u32   16  store id, 16 bytes
 *    32  zeroes      56  checksum u64 of bytes 0..55, seeded with the magic
 *
 * The second line holds the words that change, each one atomic and in the
 * machine's own byte order: the block never leaves the machine. They share
 * a line because a reader always wants the first two of them together. The
 * view number keeps its place in all versions: who puts another block under
 * the name stores 0 there, which sends the readers of this one to look.
 */
#ifndef COMMON_LSM_VIEW_CONTROL_FORMAT_H
#define COMMON_LSM_VIEW_CONTROL_FORMAT_H

#include <stdatomic.h>
#include <stdint.h>

#define CONTROL_BYTES 4096
#define CONTROL_MAGIC 0x006c7274636b766bu /* "kvkctrl" */
#define CONTROL_VERSION 1u
#define CONTROL_STORE_ID_BYTES 16

#define CONTROL_VERSION_OFFSET 8
#define CONTROL_SHARD_OFFSET 12
#define CONTROL_STORE_ID_OFFSET 16
#define CONTROL_CHECKSUM_OFFSET 56

struct control_block {
	uint8_t header[64];
	_Atomic uint64_t view_number; /* 0: none was ever published */
	_Atomic uint64_t published_sequence;
	_Atomic uint64_t store_clock_ms;
	_Atomic int64_t clock_offset_ms; /* to add to the monotonic clock */
	_Atomic uint64_t write_state; /* state << 32 | delay in us */
	_Atomic uint64_t incarnation; /* of storaged, from 1 */
	uint64_t spare[2];
};

_Static_assert(sizeof(struct control_block) == 128, "layout");
_Static_assert(sizeof(_Atomic uint64_t) == 8, "layout");

#endif
