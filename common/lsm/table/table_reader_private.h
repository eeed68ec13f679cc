/*
 * table_reader_private - an open table, as its own parts see it: lookups
 * (table_reader), ordered walks (table_iterator), the proof that all of it is
 * sound (table_verify).
 */
#ifndef COMMON_LSM_TABLE_TABLE_READER_PRIVATE_H
#define COMMON_LSM_TABLE_TABLE_READER_PRIVATE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/status.h"
#include "common/lsm/table/cached_block.h"
#include "common/lsm/table/seek_index.h"
#include "common/lsm/table/table_footer.h"
#include "common/lsm/table/table_reader.h"
#include "common/lsm/table/table_section.h"
#include "common/lsm/table/table_summary.h"

#define TABLE_READER_PAGE_BYTES 4096
#define TABLE_READER_FETCH_BYTES_MAX 1024

struct block_codec;

struct table_reader {
	char *path;
	const uint8_t *map; /* the whole file */
	size_t map_size;
	struct table_footer footer;
	struct buffer tail; /* the sections' checksums point into it */
	struct table_summary summary;
	struct table_section sections[TABLE_SECTION_COUNT];
	struct seek_index seek_index;
	uint64_t block_count;
	uint64_t line_count;
	uint64_t
	    *seen_blocks; /* a bit for each uncompressed one found intact */
	/*
	 * Where locators are offsets in the file: a bit for each page of it
	 * that holds bytes of intact blocks only. Else NULL.
	 */
	uint64_t *seen_pages;
	uint32_t fetch_bytes; /* as many as an average entry has */
	uint64_t fault_count; /* of the thread, when an iterator last asked */
	/*
	 * How many more times what is to be read is asked for beforehand, as
	 * some of it was not in memory lately; 0 where all comes from there.
	 */
	unsigned cold_left;
	struct block_codec *codec;
	struct block_cache *cache; /* borrowed; may be NULL */
	struct table_block_list cached;
	uint64_t id; /* in the cache */
};

/*
 * Lets all lines of the entry at `bytes` come at once: how many there are,
 * its header would tell only once it has come itself.
 */
static inline void
table_reader_fetch(const struct table_reader *reader, const uint8_t *bytes)
{
	const uint8_t *end = bytes + reader->fetch_bytes;

	for (; bytes < end; bytes += TABLE_LINE_BYTES)
		__builtin_prefetch(bytes);
	__builtin_prefetch(end);
}

/*
 * Asks the kernel for `size` bytes at `offset` of the file if they are not all
 * in memory, so that there is one wait for the disk instead of one a page.
 * Costs system calls. Missing bytes make the table cold; when nothing has been
 * missing often enough, it is no longer.
 */
void
table_reader_bring(struct table_reader *reader, uint64_t offset, uint64_t size);

/* The same for the entry at `offset`, supposing that it is an average one. */
void table_reader_bring_entry(struct table_reader *reader, uint64_t offset);

/*
 * The raw bytes of block `number`, checked, borrowed until the pin is released
 * or used again, and no longer than the reader is open.
 */
enum status table_reader_block(struct table_reader *reader, uint64_t number,
    struct table_pin *pin, struct slice *raw, struct error *err) MUST_CHECK;

/*
 * Lets come what a search in an uncompressed block will touch: its end, and
 * the entries around the place. A mere hint: nothing is checked.
 */
void table_reader_fetch_block(
    const struct table_reader *reader, const struct seek_place *place);

/* Lets come the end of an uncompressed block: a mere hint. */
void table_reader_fetch_end(const struct table_reader *reader, uint64_t number);

/* The same as table_reader_block(), always from the file and past the cache. */
enum status
table_reader_block_afresh(struct table_reader *reader, uint64_t number,
    struct table_pin *pin, struct slice *raw, struct error *err) MUST_CHECK;

/* Where a block that has been loaded begins in the file. */
uint64_t
table_reader_block_offset(const struct table_reader *reader, uint64_t number);

/*
 * Checks the block that `offset` of the file lies in. Where all the blocks
 * that share its page are intact, the page is marked as seen, and the next
 * lookup there need not find out which block it is about. As long as the table
 * is cold, the others are not brought from the disk to be checked.
 */
enum status table_reader_check_place(
    struct table_reader *reader, uint64_t offset, struct error *err) MUST_CHECK;

/* STATUS_CORRUPT, naming the block. */
enum status
table_reader_block_error(uint64_t number, const char *what, struct error *err);

/* As table_reader_ranges(), without the path in the error. */
enum status table_reader_read_ranges(struct table_reader *reader,
    struct range_set *into, struct error *err) MUST_CHECK;

/* Puts the file's path before the text of `err`. */
enum status
table_reader_wrap(const struct table_reader *reader, struct error *err);

#endif
