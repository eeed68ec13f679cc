#include "common/lsm/table/point_index.h"

#include "common/base/check.h"

/* Lines are looked for this far ahead, since they come in no order. */
#define PREFETCH_DISTANCE 16

uint64_t
point_index_line_count(size_t count, unsigned load)
{
	return (count + load - 1) / load;
}

/* The first empty slot, TABLE_LINE_SLOTS if there is none. */
static unsigned
empty_slot(const uint8_t *line)
{
	struct point_matches matches = point_index_match(line, 0);
	unsigned slot;

	return point_index_next(&matches, &slot) ? slot : TABLE_LINE_SLOTS;
}

static void
add(uint8_t *lines, uint64_t line_count, uint64_t hash, uint32_t locator)
{
	uint64_t number = point_index_home(hash, line_count);
	uint8_t *line = lines + number * TABLE_LINE_BYTES;
	unsigned slot;

	/* There are more slots than keys, so one is found. */
	while ((slot = empty_slot(line)) == TABLE_LINE_SLOTS) {
		uint8_t *marks = line + TABLE_LINE_MARKS_OFFSET;

		u32_store(marks, u32_load(marks) | point_index_mark(hash));
		number = number + 1 == line_count ? 0 : number + 1;
		line = lines + number * TABLE_LINE_BYTES;
	}
	line[slot] = point_index_fingerprint(hash);
	u32_store(line + TABLE_LINE_LOCATORS_OFFSET + 4 * slot, locator);
}

void
point_index_fill(uint8_t *lines, uint64_t line_count, const uint64_t *hashes,
    const uint32_t *locators, size_t count)
{
	CHECK(line_count * TABLE_LINE_SLOTS >= count);
	CHECK(line_count <= UINT32_MAX);
	for (size_t i = 0; i < count; i++) {
		if (i + PREFETCH_DISTANCE < count)
			__builtin_prefetch(lines +
				point_index_home(
				    hashes[i + PREFETCH_DISTANCE], line_count) *
				    TABLE_LINE_BYTES,
			    1);
		add(lines, line_count, hashes[i], locators[i]);
	}
}
