/*
 * view_format - the bytes of a view file, version 1. Little-endian.
 *
 *     0  magic u64            8  version u32         12  shard u32
 *    16  store id, 16 bytes  32  view number u64     40  incarnation u64
 *    48  first sequence u64  56  store clock ms u64  64  applied index u64
 *    72  memtable count u32  76  table count u32     80  size of the file u64
 *    88  the memtables' numbers, u64 each, newest first
 *        the tables, 112 bytes each: level 0 newest first, then each deeper
 *        level in the order of keys
 *        checksum u64 of all bytes before it, seeded with the view number
 *
 * A table:
 *
 *     0  number u64           8  size in bytes u64   16  least sequence u64
 *    24  greatest sequence   32  earliest deadline   40  level u8
 *    41  flags u8            42  first key's size    44  last key's size u16
 *    46  zeroes              48  first key, cut      80  last key, cut
 *
 * Keys are cut to their first 32 bytes and filled up with zeroes; the size is
 * that of the whole key.
 */
#ifndef COMMON_LSM_VIEW_VIEW_FORMAT_H
#define COMMON_LSM_VIEW_VIEW_FORMAT_H

#define VIEW_MAGIC 0x0077656976766b01u
#define VIEW_VERSION 1u
#define VIEW_STORE_ID_BYTES 16
#define VIEW_HEADER_BYTES 88
#define VIEW_MEMTABLE_BYTES 8
#define VIEW_TABLE_BYTES 112
#define VIEW_CHECKSUM_BYTES 8
#define VIEW_BOUND_BYTES 32

#define VIEW_MEMTABLES_MAX 256
#define VIEW_TABLES_MAX 65536
#define VIEW_LEVELS_MAX 8

/* Flags of a table. */
#define VIEW_TABLE_LAST_UNBOUNDED 0x01u
#define VIEW_TABLE_HAS_RANGES 0x02u

#define VIEW_FILE_BYTES_MAX                                             \
	(VIEW_HEADER_BYTES + VIEW_MEMTABLES_MAX * VIEW_MEMTABLE_BYTES + \
	    (size_t)VIEW_TABLES_MAX * VIEW_TABLE_BYTES + VIEW_CHECKSUM_BYTES)

#endif
