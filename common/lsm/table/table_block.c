#include "common/lsm/table/table_block.h"

#include <string.h>

#include "common/base/check.h"

static size_t
header_size(const struct entry *entry)
{
	return TABLE_ENTRY_HEADER_BYTES +
	    (entry->deadline_ms != 0 ? TABLE_ENTRY_DEADLINE_BYTES : 0);
}

size_t
block_entry_size(const struct entry *entry)
{
	size_t size = header_size(entry) + entry->key.size + entry->value.size;

	return (size + TABLE_ENTRY_ALIGN - 1) &
	    ~(size_t)(TABLE_ENTRY_ALIGN - 1);
}

void
block_entry_write(uint8_t *out, const struct entry *entry)
{
	size_t header = header_size(entry);
	uint64_t tag =
	    entry->sequence << TABLE_TAG_SEQUENCE_SHIFT | (uint64_t)entry->kind;
	uint8_t *end = out + header + entry->key.size + entry->value.size;

	if (entry->deadline_ms != 0) {
		tag |= TABLE_TAG_DEADLINE;
		u64_store(out + TABLE_ENTRY_HEADER_BYTES, entry->deadline_ms);
	}
	u64_store(out, tag);
	u32_store(out + 8, (uint32_t)entry->value.size);
	u16_store(out + 12, (uint16_t)entry->key.size);
	memcpy(out + header, entry->key.data, entry->key.size);
	if (entry->value.size > 0)
		memcpy(out + header + entry->key.size, entry->value.data,
		    entry->value.size);
	while ((size_t)(end - out) % TABLE_ENTRY_ALIGN != 0)
		*end++ = 0;
}

bool
block_view_open(struct slice raw, struct block_view *out)
{
	size_t array_size;

	if (raw.size < 2)
		return false;
	out->data = raw.data;
	out->count = u16_load(raw.data + raw.size - 2);
	array_size = table_block_array_size(out->count);
	if (out->count == 0 || raw.size < array_size)
		return false;
	out->entries_size = (uint32_t)(raw.size - array_size);
	return true;
}

bool
block_view_seek(const struct block_view *view, struct slice key, uint32_t share,
    uint32_t *index, uint32_t *position)
{
	uint32_t low = 0;
	uint32_t high = view->count;
	uint32_t middle = (uint32_t)((uint64_t)view->count * share >> 16);
	uint32_t step = 1;
	struct entry entry;
	uint32_t next;

	/*
	 * From the guess the steps grow until the place lies between two of
	 * them; what is between is then halved.
	 */
	middle = middle < high ? middle : high - 1;
	while (low < high) {
		if (!block_entry_read(view->data, view->entries_size,
			block_view_position(view, middle), &entry, &next))
			return false;
		if (slice_compare(entry.key, key) < 0)
			low = middle + 1;
		else
			high = middle;
		if (low > 0 && high < view->count)
			middle = low + (high - low) / 2;
		else if (low > 0)
			middle = high - low > step ? low + step - 1 : high - 1;
		else
			middle = high > step ? high - step : 0;
		step *= 2;
	}
	*index = low;
	*position = low < view->count ? block_view_position(view, low)
				      : view->entries_size;
	return true;
}
