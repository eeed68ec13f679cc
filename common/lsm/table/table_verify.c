#include "common/lsm/table/table_reader.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/check.h"
#include "common/codec/checksum.h"
#include "common/codec/integer.h"
#include "common/lsm/record/range_set.h"
#include "common/lsm/table/point_index.h"
#include "common/lsm/table/table_block.h"
#include "common/lsm/table/table_reader_private.h"

/* What has been seen on the way through the table. */
struct survey {
	struct table_reader *reader;
	struct table_pin pin;
	struct table_summary counted;
	/* Of each step of the stored summary, what it adds to the last. */
	struct deadline_steps deadlines;
	struct buffer last_key;
	uint64_t number; /* of the block */
	uint64_t offset; /* of the block in the file */
};

static enum status
check_block(struct survey *survey, struct slice raw, struct error *err);
static enum status
check_separator(struct survey *survey, struct slice key, struct error *err);
static enum status check_point_index(const struct table_reader *reader,
    struct slice key, uint64_t locator, struct error *err);
static enum status
count_slots(const struct table_reader *reader, struct error *err);
static enum status count_ranges(struct survey *survey, struct error *err);
static enum status
compare_counts(const struct survey *survey, struct error *err);

static enum status
verify_sections(struct table_reader *reader, struct error *err)
{
	for (unsigned i = 0; i < TABLE_SECTION_COUNT; i++) {
		struct table_section *section = &reader->sections[i];

		memset(section->seen, 0,
		    (table_piece_count(section->size) / 64 + 1) * 8);
		if (!table_section_check(section, 0, section->size))
			return table_section_error(section, err);
	}
	return STATUS_OK;
}

/*
 * The blocks must follow one another from the start of the file, and nothing
 * but zeroes may lie between the parts: then every byte has a meaning.
 */
static enum status
verify_layout(const struct table_reader *reader, struct error *err)
{
	const struct table_footer *footer = &reader->footer;
	uint64_t end = 0;

	for (uint64_t i = 0; i < reader->block_count; i++) {
		const uint8_t *record =
		    reader->sections[TABLE_SECTION_BLOCKS].data +
		    i * TABLE_BLOCK_RECORD_BYTES;

		if (u64_load(record) != end)
			return error_set(err, STATUS_CORRUPT,
			    "block %" PRIu64 ": not behind the one before", i);
		end += u32_load(record + 8) + TABLE_BLOCK_TRAILER_BYTES;
	}
	for (unsigned i = 0; i <= TABLE_SECTION_COUNT; i++) {
		struct table_extent extent = i < TABLE_SECTION_COUNT
		    ? footer->sections[i]
		    : footer->tail;

		for (; end < extent.offset; end++) {
			if (reader->map[end] != 0)
				return error_set(err, STATUS_CORRUPT,
				    "stray byte at %" PRIu64, end);
		}
		end += extent.size;
	}
	return STATUS_OK;
}

static enum status
verify_all(struct survey *survey, struct error *err)
{
	struct table_reader *reader = survey->reader;
	struct slice raw;

	if (verify_sections(reader, err) != STATUS_OK ||
	    verify_layout(reader, err) != STATUS_OK)
		return err->code;
	for (uint64_t i = 0; i < reader->block_count; i++) {
		survey->number = i;
		survey->offset = table_reader_block_offset(reader, i);
		if (table_reader_block_afresh(
			reader, i, &survey->pin, &raw, err) != STATUS_OK ||
		    check_block(survey, raw, err) != STATUS_OK)
			return err->code;
	}
	if (count_slots(reader, err) != STATUS_OK ||
	    count_ranges(survey, err) != STATUS_OK)
		return err->code;
	return compare_counts(survey, err);
}

enum status
table_reader_verify(struct table_reader *reader, struct error *err)
{
	struct survey survey = {.reader = reader};
	enum status status = verify_all(&survey, err);

	table_pin_release(&survey.pin);
	table_summary_deinit(&survey.counted);
	buffer_deinit(&survey.last_key);
	return status == STATUS_OK ? status : table_reader_wrap(reader, err);
}

static enum status
disagrees(const struct survey *survey, const char *what, struct error *err)
{
	return error_set(
	    err, STATUS_CORRUPT, "block %" PRIu64 ": %s", survey->number, what);
}

static void
replace(struct buffer *buffer, struct slice bytes)
{
	buffer_clear(buffer, SIZE_MAX);
	buffer_append_slice(buffer, bytes);
}

static void
count_deadline(struct survey *survey, const struct entry *entry)
{
	size_t place = deadline_steps_find(
	    &survey->reader->summary.deadlines, entry->deadline_ms);

	table_summary_note_deadline(&survey->counted, entry->deadline_ms);
	if (place < survey->reader->summary.deadlines.count) {
		survey->deadlines.steps[place].entry_count++;
		survey->deadlines.steps[place].raw_bytes +=
		    block_entry_size(entry);
	}
}

static enum status
check_entry(struct survey *survey, const struct entry *entry, uint32_t position,
    struct error *err)
{
	struct table_summary *counted = &survey->counted;
	uint32_t bits = survey->reader->footer.position_bits;
	uint64_t locator = bits == 0
	    ? (survey->offset + position) / TABLE_ENTRY_ALIGN
	    : survey->number << bits | position / TABLE_ENTRY_ALIGN;

	if (entry->key.size == 0 ||
	    slice_compare(buffer_slice(&survey->last_key), entry->key) >= 0)
		return disagrees(survey, "keys do not ascend", err);
	if (counted->entry_count++ == 0)
		buffer_append_slice(&counted->first_key, entry->key);
	replace(&survey->last_key, entry->key);
	table_summary_note_sequence(counted, entry->sequence);
	if (entry->kind == ENTRY_TOMBSTONE)
		counted->tombstone_count++;
	else if (entry->deadline_ms != 0)
		count_deadline(survey, entry);
	return check_point_index(survey->reader, entry->key, locator, err);
}

static enum status
check_block(struct survey *survey, struct slice raw, struct error *err)
{
	struct block_view view;
	struct entry entry;
	uint32_t position = 0;

	if (!block_view_open(raw, &view))
		return disagrees(survey, "malformed", err);
	survey->counted.raw_bytes += raw.size;
	for (uint32_t i = 0; i < view.count; i++) {
		uint32_t next;

		if (block_view_position(&view, i) != position ||
		    !block_entry_read(
			view.data, view.entries_size, position, &entry, &next))
			return disagrees(survey, "malformed entry", err);
		if (i == 0 &&
		    check_separator(survey, entry.key, err) != STATUS_OK)
			return err->code;
		if (check_entry(survey, &entry, position, err) != STATUS_OK)
			return err->code;
		position = next;
	}
	if (position != view.entries_size)
		return disagrees(survey, "bytes behind the last entry", err);
	return check_separator(survey, entry.key, err);
}

static enum status
check_separator(struct survey *survey, struct slice key, struct error *err)
{
	struct seek_place place;

	if (seek_index_find(&survey->reader->seek_index, key, NULL, &place,
		err) != STATUS_OK)
		return err->code;
	if (place.block != survey->number)
		return disagrees(survey, "a separator leads elsewhere", err);
	return STATUS_OK;
}

/* The key's entry must be found by its hash, at exactly that place. */
static enum status
check_point_index(const struct table_reader *reader, struct slice key,
    uint64_t locator, struct error *err)
{
	uint64_t hash = hash64(key);
	uint64_t number = point_index_home(hash, reader->line_count);
	uint8_t fingerprint = point_index_fingerprint(hash);

	for (uint64_t i = 0; i < reader->line_count; i++) {
		const uint8_t *line =
		    reader->sections[TABLE_SECTION_INDEX].data +
		    number * TABLE_LINE_BYTES;
		struct point_matches matches =
		    point_index_match(line, fingerprint);
		unsigned slot;

		while (point_index_next(&matches, &slot)) {
			if (point_index_locator(line, slot) == locator)
				return STATUS_OK;
		}
		if (!point_index_overflowed(line, point_index_mark(hash)))
			break;
		number = number + 1 == reader->line_count ? 0 : number + 1;
	}
	return error_set(
	    err, STATUS_CORRUPT, "point index: an entry is missing");
}

static enum status
count_slots(const struct table_reader *reader, struct error *err)
{
	uint64_t used = 0;

	for (uint64_t i = 0; i < reader->line_count; i++) {
		const uint8_t *line =
		    reader->sections[TABLE_SECTION_INDEX].data +
		    i * TABLE_LINE_BYTES;

		for (unsigned slot = 0; slot < TABLE_LINE_SLOTS; slot++)
			used += line[slot] != 0;
	}
	if (used != reader->summary.entry_count)
		return error_set(err, STATUS_CORRUPT,
		    "point index: %" PRIu64 " slots for %" PRIu64 " entries",
		    used, reader->summary.entry_count);
	return STATUS_OK;
}

/* Takes the ranges into the counted bounds. */
static enum status
count_ranges(struct survey *survey, struct error *err)
{
	struct table_summary *counted = &survey->counted;
	struct range_set set = {0};

	replace(&counted->last_key, buffer_slice(&survey->last_key));
	if (table_reader_read_ranges(survey->reader, &set, err) != STATUS_OK) {
		range_set_deinit(&set);
		return err->code;
	}
	counted->range_count = set.range_count;
	for (size_t i = 0; i < set.range_count; i++) {
		struct range_tombstone range = set.ranges[i];
		struct slice last =
		    range.end.size > 0 ? range.end : range.start;
		bool is_first = counted->entry_count == 0 && i == 0;

		if (is_first ||
		    slice_compare(
			range.start, buffer_slice(&counted->first_key)) < 0)
			replace(&counted->first_key, range.start);
		if (is_first ||
		    slice_compare(last, buffer_slice(&counted->last_key)) > 0) {
			replace(&counted->last_key, last);
			counted->last_is_exclusive = true;
		}
		counted->last_unbounded |= range.end.size == 0;
		table_summary_note_sequence(counted, range.sequence);
	}
	counted->last_is_exclusive &= !counted->last_unbounded;
	range_set_deinit(&set);
	return STATUS_OK;
}

static bool
deadlines_agree(const struct survey *survey)
{
	const struct deadline_steps *stored =
	    &survey->reader->summary.deadlines;
	struct deadline_step sum = {0};

	for (size_t i = 0; i < stored->count; i++) {
		sum.entry_count += survey->deadlines.steps[i].entry_count;
		sum.raw_bytes += survey->deadlines.steps[i].raw_bytes;
		if (stored->steps[i].entry_count != sum.entry_count ||
		    stored->steps[i].raw_bytes != sum.raw_bytes)
			return false;
	}
	return sum.entry_count == survey->counted.expiring_count;
}

static enum status
compare_counts(const struct survey *survey, struct error *err)
{
	const struct table_summary *stored = &survey->reader->summary;
	const struct table_summary *counted = &survey->counted;
	bool every = counted->entry_count > 0 &&
	    counted->expiring_count == counted->entry_count;

	if (stored->entry_count == counted->entry_count &&
	    stored->tombstone_count == counted->tombstone_count &&
	    stored->range_count == counted->range_count &&
	    stored->raw_bytes == counted->raw_bytes &&
	    stored->sequence_min == counted->sequence_min &&
	    stored->sequence_max == counted->sequence_max &&
	    stored->expiring_count == counted->expiring_count &&
	    stored->deadline_min == counted->deadline_min &&
	    stored->deadline_max == counted->deadline_max &&
	    deadlines_agree(survey) && stored->every_entry_expires == every &&
	    stored->last_unbounded == counted->last_unbounded &&
	    stored->last_is_exclusive == counted->last_is_exclusive &&
	    slice_equal(buffer_slice(&stored->first_key),
		buffer_slice(&counted->first_key)) &&
	    slice_equal(buffer_slice(&stored->last_key),
		buffer_slice(&counted->last_key)))
		return STATUS_OK;
	return error_set(
	    err, STATUS_CORRUPT, "the summary disagrees with the entries");
}
