#include "tests/fuzz/batch_repair.h"

#include <string.h>

#include "common/codec/integer.h"
#include "common/command/batch.h"
#include "common/command/batch_format.h"

/* Takes a command off the front; false if it is cut short. */
static bool
pass_command(struct slice *input)
{
	uint8_t head = input->data[0];
	bool is_increment = (head & COMMAND_HEAD_OP) == COMMAND_INCREMENT;
	uint64_t key_size;
	uint64_t value_size = 0;
	uint16_t flags = 0;
	uint32_t set;
	uint64_t number;
	struct slice data;

	*input = slice_of(input->data + 1, input->size - 1);
	if (((head & COMMAND_HEAD_FLAGS) != 0 && !u16_take(input, &flags)) ||
	    !varint_take(input, &key_size) ||
	    (command_has_value((enum command_op)(head & COMMAND_HEAD_OP)) &&
		!varint_take(input, &value_size)) ||
	    !bytes_take(input, key_size, &data) ||
	    !bytes_take(input, value_size, &data))
		return false;
	set = (uint32_t)flags << COMMAND_FLAGS_SHIFT;
	if ((set & COMMAND_IF_SEQUENCE) != 0 && !varint_take(input, &number))
		return false;
	if ((set & (COMMAND_EXPIRY_RELATIVE | COMMAND_EXPIRY_ABSOLUTE)) != 0 &&
	    !varint_take(input, &number))
		return false;
	return !is_increment || varint_take(input, &number);
}

void
batch_repair(uint8_t *bytes, size_t size)
{
	struct slice input = slice_of(bytes + BATCH_REPAIR_HEADER_BYTES,
	    size - BATCH_REPAIR_HEADER_BYTES);
	uint8_t *number = bytes + BATCH_OFFSET_NUMBER;
	uint8_t *last = NULL;

	bytes[BATCH_OFFSET_HEAD] =
	    BATCH_VERSION | (unsigned)BATCH_WRITES << BATCH_HEAD_KIND_SHIFT;
	bytes[BATCH_OFFSET_WRITER] |= 1;
	*number = (uint8_t)(*number % 127 + 1);
	while (input.size > 0) {
		last = bytes + (input.data - bytes);
		if (!pass_command(&input))
			return;
	}
	if (last != NULL)
		*last |= COMMAND_HEAD_GROUP_END;
}
