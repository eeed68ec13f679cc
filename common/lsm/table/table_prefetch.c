#include "common/base/attributes.h"
#include "common/lsm/table/point_index.h"
#include "common/lsm/table/table_reader.h"
#include "common/lsm/table/table_reader_private.h"

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
