#include "tests/fuzz/batch_repair.h"

#include <string.h>

#include "common/codec/integer.h"
#include "common/command/batch.h"
#include "common/command/batch_format.h"

void
batch_repair(uint8_t *bytes, size_t size)
{
	size_t at = BATCH_HEADER_BYTES;
	uint32_t groups = 0;
	uint32_t commands = 0;

	bytes[BATCH_OFFSET_VERSION] = BATCH_VERSION;
	memset(bytes + BATCH_OFFSET_ZERO, 0, BATCH_ZERO_BYTES);
	u32_store(bytes + BATCH_OFFSET_SIZE, (uint32_t)size);
	while (at < size && size - at >= COMMAND_HEADER_BYTES) {
		uint32_t head = u16_load(bytes + at);

		groups += (head & COMMAND_HEAD_GROUP_END) != 0;
		commands++;
		at += COMMAND_HEADER_BYTES +
		    u16_load(bytes + at + COMMAND_OFFSET_KEY_SIZE) +
		    (size_t)u32_load(bytes + at + COMMAND_OFFSET_VALUE_SIZE) +
		    command_number_bytes(head);
	}
	u32_store(bytes + BATCH_OFFSET_GROUPS, groups);
	u32_store(bytes + BATCH_OFFSET_COMMANDS, commands);
	if (groups > 0)
		u64_store(bytes + BATCH_OFFSET_ANSWERED,
		    u64_load(bytes + BATCH_OFFSET_NUMBER) - 1);
}
