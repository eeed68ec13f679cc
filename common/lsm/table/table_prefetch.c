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
