#include <sys/mman.h>

#include "common/base/attributes.h"
#include "common/lsm/table/point_index.h"
#include "common/lsm/table/table_reader.h"
#include "common/lsm/table/table_reader_private.h"

#define BRING_PAGES_MAX 256
/* So often a table is found in memory before it counts as warm. */
#define COLD_COUNT 64

static bool
is_in_memory(const uint8_t *pages, size_t size)
{
	unsigned char present[BRING_PAGES_MAX];
	size_t count =
	    (size + TABLE_READER_PAGE_BYTES - 1) / TABLE_READER_PAGE_BYTES;

	if (mincore((void *)(uintptr_t)pages, size, present) != 0)
		return true;
	for (size_t i = 0; i < count; i++)
		if ((present[i] & 1) == 0)
			return false;
	return true;
}

void
table_reader_bring(struct table_reader *reader, uint64_t offset, uint64_t size)
{
	uint64_t page = TABLE_READER_PAGE_BYTES;
	uint64_t end = reader->footer.sections[0].offset;
	uint64_t start = offset & ~(page - 1);
	const uint8_t *pages = reader->map + start;

	if (offset >= end)
		return;
	if (size < end - offset)
		end = offset + size;
	if (end - start > BRING_PAGES_MAX * page)
		end = start + BRING_PAGES_MAX * page;
	if (is_in_memory(pages, (size_t)(end - start))) {
		reader->cold_left -= reader->cold_left > 0;
		return;
	}
	reader->cold_left = COLD_COUNT;
	/* Advice: where it fails, there is a wait for each page. */
	if (end - start > page)
		(void)madvise((void *)(uintptr_t)pages, (size_t)(end - start),
		    MADV_WILLNEED);
}

void
table_reader_bring_entry(struct table_reader *reader, uint64_t offset)
{
	const struct table_summary *summary = &reader->summary;

	if (summary->entry_count > 0)
		table_reader_bring(
		    reader, offset, summary->raw_bytes / summary->entry_count);
}

void
table_reader_prefetch(const struct table_reader *reader, uint64_t hash)
{
	__builtin_prefetch(reader->sections[TABLE_SECTION_INDEX].data +
	    point_index_home(hash, reader->line_count) * TABLE_LINE_BYTES);
}

void
table_reader_prefetch_entry(const struct table_reader *reader, uint64_t hash)
{
	const uint8_t *line = reader->sections[TABLE_SECTION_INDEX].data +
	    point_index_home(hash, reader->line_count) * TABLE_LINE_BYTES;
	struct point_matches matches;
	unsigned slot;

	/* Elsewhere the way to an entry leads through its block. */
	if (reader->seen_pages == NULL || reader->line_count == 0)
		return;
	matches = point_index_match(line, point_index_fingerprint(hash));
	while (point_index_next(&matches, &slot)) {
		uint64_t offset = (uint64_t)point_index_locator(line, slot) *
		    TABLE_ENTRY_ALIGN;

		if (offset >= reader->footer.sections[0].offset)
			return;
		table_reader_fetch(reader, reader->map + offset);
	}
}
