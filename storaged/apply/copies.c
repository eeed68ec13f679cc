#include "storaged/apply/copies.h"

#include "common/codec/checksum.h"
#include "common/codec/decimal.h"
#include "common/command/batch.h"
#include "common/lsm/record/entry.h"
#include "storaged/apply/apply.h"

static bool
copies_value(const struct command *command)
{
	return command->op == COMMAND_EXPIRE || command->op == COMMAND_PERSIST;
}

bool
copies_any(const struct batch *batch)
{
	struct batch_cursor cursor = batch_cursor_at_start(batch);
	struct command command;
	bool group_end;

	while (batch_cursor_next(&cursor, &command, &group_end)) {
		if (copies_value(&command))
			return true;
	}
	return false;
}

size_t
copies_value_bytes_max(const struct batch *batch)
{
	struct batch_cursor cursor = batch_cursor_at_start(batch);
	struct command command;
	bool group_end;
	size_t most = 0;

	while (batch_cursor_next(&cursor, &command, &group_end)) {
		if (command.op == COMMAND_PUT && command.value.size > most)
			most = command.value.size;
	}
	return most;
}

/* What writing the value of `key` again may take. */
static enum status
value_bytes(const struct apply_store *store, struct slice key, uint64_t now_ms,
    size_t value_bytes_max, size_t *out, struct error *err)
{
	struct apply_key asked = {key, hash64(key), now_ms};
	struct entry entry;
	bool found;

	if (store->get(store->context, &asked, &entry, &found, err) !=
	    STATUS_OK)
		return err->code;
	/* An INCREMENT may have made it meanwhile. */
	*out = DECIMAL_BYTES_MAX;
	if (found && entry.value.size > *out)
		*out = entry.value.size;
	if (value_bytes_max > *out)
		*out = value_bytes_max;
	return STATUS_OK;
}

enum status
copies_bytes_max(const struct batch *batch, const struct apply_store *store,
    uint64_t now_ms, size_t value_bytes_max, size_t *out, struct error *err)
{
	struct batch_cursor cursor = batch_cursor_at_start(batch);
	struct command command;
	size_t bytes = 0;
	bool group_end;

	/* Beyond the limit the groups fail, whatever they would copy. */
	while (bytes < BATCH_EXPANSION_BYTES_MAX &&
	    batch_cursor_next(&cursor, &command, &group_end)) {
		size_t more = 0;

		if (command.op == COMMAND_INCREMENT)
			more = DECIMAL_BYTES_MAX;
		else if (copies_value(&command) &&
		    value_bytes(store, command.key, now_ms, value_bytes_max,
			&more, err) != STATUS_OK)
			return err->code;
		bytes += more;
	}
	*out = bytes < BATCH_EXPANSION_BYTES_MAX ? bytes
						 : BATCH_EXPANSION_BYTES_MAX;
	return STATUS_OK;
}
