#include "storaged/manifest/edit.h"

#include <inttypes.h>

#include "common/base/check.h"
#include "common/codec/integer.h"
#include "storaged/manifest/manifest_format.h"

#define TABLE_FIXED_FIELDS 13

static void
put_varint(struct buffer *out, uint64_t value)
{
	uint8_t bytes[VARINT_BYTES_MAX];

	buffer_append(out, bytes, varint_store(bytes, value));
}

static void
put_bytes(struct buffer *out, struct slice bytes)
{
	put_varint(out, bytes.size);
	buffer_append_slice(out, bytes);
}

static bool
take_bytes(struct slice *input, struct slice *out)
{
	uint64_t size;

	return varint_take(input, &size) && size <= input->size &&
	    bytes_take(input, (size_t)size, out);
}

static void
encode_table(const struct table_file *table, struct buffer *out)
{
	const struct table_summary *summary = &table->summary;
	const uint64_t fields[TABLE_FIXED_FIELDS] = {
	    table->level,
	    summary->number,
	    summary->size_bytes,
	    summary->entry_count,
	    summary->tombstone_count,
	    summary->range_count,
	    summary->raw_bytes,
	    summary->sequence_min,
	    summary->sequence_max,
	    summary->deadline_min,
	    summary->deadline_max,
	    summary->expiring_count,
	    (uint64_t)table->compression << 3 |
		(uint64_t)summary->last_is_exclusive << 2 |
		(uint64_t)summary->every_entry_expires << 1 |
		(uint64_t)summary->last_unbounded,
	};

	buffer_append_byte(out, EDIT_ADD_TABLE);
	for (size_t i = 0; i < TABLE_FIXED_FIELDS; i++)
		put_varint(out, fields[i]);
	put_bytes(out, buffer_slice(&summary->first_key));
	put_bytes(out, buffer_slice(&summary->last_key));
	put_varint(out, summary->deadlines.count);
	for (size_t i = 0; i < summary->deadlines.count; i++) {
		put_varint(out, summary->deadlines.steps[i].deadline_ms);
		put_varint(out, summary->deadlines.steps[i].entry_count);
		put_varint(out, summary->deadlines.steps[i].raw_bytes);
	}
}

void
edit_encode(const struct edit *edit, struct buffer *out)
{
	/* Removals first: a table that changes its level is both. */
	for (size_t i = 0; i < edit->removed_count; i++) {
		buffer_append_byte(out, EDIT_REMOVE_TABLE);
		put_varint(out, edit->removed[i]);
	}
	for (size_t i = 0; i < edit->added_count; i++)
		encode_table(edit->added[i], out);
	if (edit->recovery != NULL) {
		buffer_append_byte(out, EDIT_RECOVERY);
		put_varint(out, edit->recovery->sequence);
		put_varint(out, edit->recovery->clock_ms);
		put_varint(out, edit->recovery->applied_index);
		put_bytes(out, buffer_slice(&edit->recovery->writers));
	}
	if (edit->number_ceiling != 0) {
		buffer_append_byte(out, EDIT_NUMBER_CEILING);
		put_varint(out, edit->number_ceiling);
	}
}

static bool
take_steps(struct slice *input, struct deadline_steps *out)
{
	uint64_t count;

	if (!varint_take(input, &count) || count > DEADLINE_STEPS_MAX)
		return false;
	out->count = (size_t)count;
	for (size_t i = 0; i < out->count; i++) {
		if (!varint_take(input, &out->steps[i].deadline_ms) ||
		    !varint_take(input, &out->steps[i].entry_count) ||
		    !varint_take(input, &out->steps[i].raw_bytes))
			return false;
	}
	return true;
}

static enum status
replay_add(struct slice *input, struct catalog *catalog, struct error *err)
{
	uint64_t fields[TABLE_FIXED_FIELDS];
	struct table_summary summary = {0};
	struct slice first;
	struct slice last;

	for (size_t i = 0; i < TABLE_FIXED_FIELDS; i++) {
		if (!varint_take(input, &fields[i]))
			return error_set(
			    err, STATUS_CORRUPT, "table record cut short");
	}
	if (!take_bytes(input, &first) || !take_bytes(input, &last) ||
	    !take_steps(input, &summary.deadlines))
		return error_set(err, STATUS_CORRUPT, "table record cut short");
	if (fields[0] >= LEVEL_COUNT || fields[12] >> 3 > COMPRESSION_ZSTD)
		return error_set(err, STATUS_CORRUPT,
		    "table %016" PRIx64 ": level %" PRIu64 " or flags %" PRIu64
		    " unknown",
		    fields[1], fields[0], fields[12]);
	summary.number = fields[1];
	summary.size_bytes = fields[2];
	summary.entry_count = fields[3];
	summary.tombstone_count = fields[4];
	summary.range_count = fields[5];
	summary.raw_bytes = fields[6];
	summary.sequence_min = fields[7];
	summary.sequence_max = fields[8];
	summary.deadline_min = fields[9];
	summary.deadline_max = fields[10];
	summary.expiring_count = fields[11];
	if (!deadline_steps_are_sound(&summary.deadlines, summary.deadline_max,
		summary.expiring_count))
		return error_set(err, STATUS_CORRUPT,
		    "table %016" PRIx64 ": its deadlines make no sense",
		    fields[1]);
	summary.last_is_exclusive = (fields[12] & 4) != 0;
	summary.every_entry_expires = (fields[12] & 2) != 0;
	summary.last_unbounded = (fields[12] & 1) != 0;
	buffer_append_slice(&summary.first_key, first);
	buffer_append_slice(&summary.last_key, last);
	catalog_add(catalog,
	    table_file_create(&summary, (enum compression)(fields[12] >> 3),
		(unsigned)fields[0]));
	return STATUS_OK;
}

static enum status
replay_remove(struct slice *input, struct catalog *catalog, struct error *err)
{
	struct table_file *table;
	uint64_t number;

	if (!varint_take(input, &number))
		return error_set(err, STATUS_CORRUPT, "removal cut short");
	table = catalog_remove(catalog, number);
	if (table == NULL)
		return error_set(err, STATUS_CORRUPT,
		    "removes table %016" PRIx64 ", which is not there", number);
	table_file_close(table);
	return STATUS_OK;
}

static enum status
replay_recovery(struct slice *input, struct catalog *catalog, struct error *err)
{
	struct recovery_point *recovery = &catalog->recovery;
	uint64_t sequence;
	struct slice writers;

	if (!varint_take(input, &sequence) ||
	    !varint_take(input, &recovery->clock_ms) ||
	    !varint_take(input, &recovery->applied_index) ||
	    !take_bytes(input, &writers))
		return error_set(
		    err, STATUS_CORRUPT, "recovery point cut short");
	if (sequence < recovery->sequence)
		return error_set(err, STATUS_CORRUPT,
		    "recovery point goes back from %" PRIu64 " to %" PRIu64,
		    recovery->sequence, sequence);
	recovery->sequence = sequence;
	buffer_clear(&recovery->writers, SIZE_MAX);
	buffer_append_slice(&recovery->writers, writers);
	return STATUS_OK;
}

enum status
edit_replay(struct slice bytes, struct catalog *catalog, struct error *err)
{
	uint8_t tag;

	while (u8_take(&bytes, &tag)) {
		enum status status = STATUS_OK;

		if (tag == EDIT_ADD_TABLE)
			status = replay_add(&bytes, catalog, err);
		else if (tag == EDIT_REMOVE_TABLE)
			status = replay_remove(&bytes, catalog, err);
		else if (tag == EDIT_RECOVERY)
			status = replay_recovery(&bytes, catalog, err);
		else if (tag != EDIT_NUMBER_CEILING ||
		    !varint_take(&bytes, &catalog->number_ceiling))
			status = error_set(err, STATUS_CORRUPT,
			    "unknown or cut field %u", tag);
		if (status != STATUS_OK)
			return status;
	}
	return STATUS_OK;
}
