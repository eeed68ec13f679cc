/*
 * batch_format - where the fields of an encoded batch stand.
 *
 * FORMAT.md, "Batch", says what they mean.
 */
#ifndef COMMON_COMMAND_BATCH_FORMAT_H
#define COMMON_COMMAND_BATCH_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#include "common/command/command.h"

#define BATCH_VERSION 1

#define BATCH_OFFSET_VERSION 0
#define BATCH_OFFSET_ZERO 1
#define BATCH_ZERO_BYTES 3
#define BATCH_OFFSET_SIZE 4
#define BATCH_OFFSET_WRITER 8
#define BATCH_OFFSET_NUMBER 24
#define BATCH_OFFSET_ANSWERED 32
#define BATCH_OFFSET_STAMP 40
#define BATCH_OFFSET_GROUPS 48
#define BATCH_OFFSET_COMMANDS 52

#define COMMAND_HEADER_BYTES 8
#define COMMAND_OFFSET_HEAD 0
#define COMMAND_OFFSET_KEY_SIZE 2
#define COMMAND_OFFSET_VALUE_SIZE 4

/* The head: operation, end of group, enum command_flag. */
#define COMMAND_HEAD_OP 0x0007u
#define COMMAND_HEAD_GROUP_END 0x0008u
#define COMMAND_HEAD_FLAGS 0x7ff0u

/* Each number that stands behind the value. */
#define COMMAND_NUMBER_BYTES 8u

/* The bytes of the numbers that a command with this head has. */
static inline size_t
command_number_bytes(uint32_t head)
{
	uint32_t expiry = COMMAND_EXPIRY_RELATIVE | COMMAND_EXPIRY_ABSOLUTE;
	unsigned count = (head & COMMAND_IF_SEQUENCE) != 0 ? 1 : 0;

	count += (head & expiry) != 0 ? 1 : 0;
	count += (head & COMMAND_HEAD_OP) == COMMAND_INCREMENT ? 1 : 0;
	return count * COMMAND_NUMBER_BYTES;
}

#endif
