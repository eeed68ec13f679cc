#include "common/lsm/table/table_reader.h"

#include <sys/mman.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/lsm/record/iterator.h"
#include "common/lsm/table/table_block.h"
#include "common/lsm/table/table_reader_private.h"
#include "common/os/file.h"

/*
 * The mapping is not read ahead by the kernel, since lookups come from
 * anywhere. An iterator that has gone through some blocks on end is likely
 * to go on: it looks whether anybody has had to wait for the disk, and then
 * asks for what comes next before it needs it. Asking for what is in memory
 * is not free, so now and then it looks again instead.
 */
#define LOOK_AFTER_BLOCKS 8
#define LOOK_INTERVAL_BLOCKS_MAX 64
#define AHEAD_BYTES (1u << 20)

/*
 * From memory to the processor the iterator lets lines come that many bytes
 * ahead; less after a seek, since most walks are short.
 */
#define FETCH_BYTES_MIN 2048
#define FETCH_BYTES_MAX 4096

/* How far a seek has come. */
enum approach {
	APPROACH_NONE,
	APPROACH_NARROWED, /* the range is known */
	APPROACH_PLACED, /* the block is known, and on its way */
};

struct table_iterator {
	struct iterator base;
	struct table_reader *reader; /* borrowed */
	struct table_pin pin; /* of the block below */
	uint64_t number; /* of the block it stands in */
	struct block_view view;
	/* What was found out on the way to a seek. */
	enum approach approach;
	struct seek_range range;
	struct seek_place place;
	uint32_t next; /* where the entry behind this one begins */
	unsigned run; /* blocks gone through since the last seek */
	unsigned look_at; /* the run at which to look for faults */
	bool is_cold; /* there were some */
	uint64_t ahead; /* the kernel was asked for the file up to here */
	const uint8_t *fetched; /* lines up to here were let come */
	size_t fetch_bytes; /* so far ahead */
};

static enum status
malformed(struct table_iterator *it, struct error *err)
{
	error_set(err, STATUS_CORRUPT, "block %llu: malformed",
	    (unsigned long long)it->number);
	return table_reader_wrap(it->reader, err);
}

/*
 * Blocks follow one another, so what comes behind an entry is what comes
 * next; but decompressed ones lie elsewhere.
 */
static inline void
fetch(struct table_iterator *it, const uint8_t *here)
{
	const struct table_reader *reader = it->reader;
	const uint8_t *limit = here + it->fetch_bytes;

	if (reader->seen_pages == NULL)
		return;
	if (limit > reader->map + reader->footer.sections[0].offset)
		limit = reader->map + reader->footer.sections[0].offset;
	if (it->fetched < here)
		it->fetched = here;
	for (; it->fetched < limit; it->fetched += TABLE_LINE_BYTES)
		__builtin_prefetch(it->fetched);
	if (it->fetch_bytes < FETCH_BYTES_MAX)
		it->fetch_bytes *= 2;
}

/* Stands on the entry at `position`, or behind the last of the block. */
static enum status
stand_at(struct table_iterator *it, uint32_t position, struct error *err)
{
	if (!block_entry_read(it->view.data, it->view.entries_size, position,
		&it->base.entry, &it->next))
		return malformed(it, err);
	it->base.valid = true;
	fetch(it, it->view.data + position);
	return STATUS_OK;
}

static enum status
load(struct table_iterator *it, uint64_t number, struct error *err)
{
	struct slice raw;

	it->number = number;
	if (table_reader_block(it->reader, number, &it->pin, &raw, err) !=
	    STATUS_OK)
		return table_reader_wrap(it->reader, err);
	if (!block_view_open(raw, &it->view))
		return malformed(it, err);
	if (it->reader->seen_pages != NULL)
		table_reader_fetch_end(it->reader, number + 1);
	return STATUS_OK;
}

/* Asks for the next bytes when half of what was asked for is used up. */
static void
read_ahead(struct table_iterator *it)
{
	const struct table_reader *reader = it->reader;
	uint64_t here = table_reader_block_offset(reader, it->number);
	uint64_t end = reader->footer.sections[0].offset;
	uint64_t from = it->ahead > here ? it->ahead : here;
	uint64_t size = end - from < AHEAD_BYTES ? end - from : AHEAD_BYTES;

	if (from - here > AHEAD_BYTES / 2 || size == 0)
		return;
	from &= ~(uint64_t)(TABLE_READER_PAGE_BYTES - 1);
	/* Advice: where it fails, the walk is slower and still right. */
	(void)madvise((void *)(uintptr_t)(reader->map + from), (size_t)size,
	    MADV_WILLNEED);
	it->ahead = from + size;
}

/* Finds out whether reading ahead is of use. */
static void
look(struct table_iterator *it)
{
	uint64_t count = file_fault_count();

	it->is_cold = count != it->reader->fault_count;
	it->reader->fault_count = count;
	it->look_at += it->look_at < LOOK_INTERVAL_BLOCKS_MAX
	    ? it->look_at
	    : LOOK_INTERVAL_BLOCKS_MAX;
}

/* Goes to the first entry of the block behind, if there is one. */
static enum status
next_block(struct table_iterator *it, struct error *err)
{
	if (it->number + 1 >= it->reader->block_count)
		return STATUS_OK;
	if (load(it, it->number + 1, err) != STATUS_OK)
		return err->code;
	if (++it->run == it->look_at && !it->is_cold)
		look(it);
	if (it->is_cold)
		read_ahead(it);
	return stand_at(it, 0, err);
}

static enum status
find_place(struct table_iterator *it, struct slice key, struct error *err)
{
	struct table_reader *reader = it->reader;

	if (seek_index_find(&reader->seek_index, key, &it->range, &it->place,
		err) != STATUS_OK)
		return table_reader_wrap(reader, err);
	/* Those that are compressed lie elsewhere, if in memory. */
	if (reader->seen_pages != NULL)
		table_reader_fetch_block(reader, &it->place);
	it->approach = APPROACH_PLACED;
	return STATUS_OK;
}

static bool
approach(struct iterator *base, struct slice key)
{
	struct table_iterator *it = (struct table_iterator *)base;
	struct table_reader *reader = it->reader;
	struct error ignored;

	if (reader->block_count == 0)
		return false;
	if (it->approach == APPROACH_NONE) {
		seek_index_narrow(&reader->seek_index, key, &it->range);
		seek_index_fetch(&reader->sections[TABLE_SECTION_BLOCKS],
		    it->range.guess, TABLE_BLOCK_RECORD_BYTES);
		it->approach = APPROACH_NARROWED;
		return true;
	}
	if (it->approach == APPROACH_NARROWED)
		(void)!find_place(it, key, &ignored);
	return false;
}

static enum status
seek(struct iterator *base, struct slice key, struct error *err)
{
	struct table_iterator *it = (struct table_iterator *)base;
	uint32_t index;
	uint32_t position;

	base->valid = false;
	it->run = 0;
	it->look_at = LOOK_AFTER_BLOCKS;
	it->is_cold = false;
	it->ahead = 0;
	if (it->reader->block_count == 0)
		return STATUS_OK;
	while (approach(base, key))
		;
	/* It has come so far, or here is why not. */
	if (it->approach == APPROACH_NARROWED &&
	    find_place(it, key, err) != STATUS_OK) {
		it->approach = APPROACH_NONE;
		return err->code;
	}
	it->approach = APPROACH_NONE;
	if (load(it, it->place.block, err) != STATUS_OK)
		return err->code;
	if (!block_view_seek(
		&it->view, key, it->place.share, &index, &position))
		return malformed(it, err);
	it->fetched = it->view.data + position;
	it->fetch_bytes = FETCH_BYTES_MIN;
	/* The separator promises no more than that it is not in a later one. */
	if (index == it->view.count)
		return next_block(it, err);
	return stand_at(it, position, err);
}

static enum status
next(struct iterator *base, struct error *err)
{
	struct table_iterator *it = (struct table_iterator *)base;

	CHECK(base->valid);
	base->valid = false;
	if (it->next < it->view.entries_size)
		return stand_at(it, it->next, err);
	return next_block(it, err);
}

/*
 * Takes no more than the block holds, so that one pin does for all; and no
 * entry is malformed before it is shown to be.
 */
static enum status
take(struct iterator *base, struct entry *out, size_t count_max, size_t *count,
    struct error *err)
{
	struct table_iterator *it = (struct table_iterator *)base;
	uint32_t position = it->next;
	size_t taken = 0;

	CHECK(base->valid);
	if (position >= it->view.entries_size) {
		base->valid = false;
		if (next_block(it, err) != STATUS_OK)
			return err->code;
		if (!base->valid)
			return STATUS_OK;
		out[taken++] = base->entry;
		position = it->next;
	}
	fetch(it, it->view.data + position);
	while (taken < count_max && position < it->view.entries_size) {
		if (UNLIKELY(
			!block_entry_read(it->view.data, it->view.entries_size,
			    position, &out[taken], &position))) {
			if (taken > 0)
				break;
			base->valid = false;
			return malformed(it, err);
		}
		taken++;
		it->next = position;
	}
	*count = taken;
	return STATUS_OK;
}

static void
close(struct iterator *base)
{
	struct table_iterator *it = (struct table_iterator *)base;

	table_pin_release(&it->pin);
	mem_free(it);
}

struct iterator *
table_iterator_create(struct table_reader *reader)
{
	static const struct iterator_ops ops = {
	    .seek = seek,
	    .next = next,
	    .close = close,
	    .approach = approach,
	    .take = take,
	};
	struct table_iterator *it = mem_new(sizeof(*it));

	it->base.ops = &ops;
	it->reader = reader;
	return &it->base;
}
