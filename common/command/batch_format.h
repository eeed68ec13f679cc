/*
 * batch_format - where the fields of an encoded batch stand.
 *
 * FORMAT.md, "Batch", says what they mean.
 */
#ifndef COMMON_COMMAND_BATCH_FORMAT_H
#define COMMON_COMMAND_BATCH_FORMAT_H

#define BATCH_VERSION 1

/* The first byte: version, kind, and how many batches are not answered. */
#define BATCH_OFFSET_HEAD 0
#define BATCH_HEAD_VERSION 0x07u
#define BATCH_HEAD_KIND 0x18u
#define BATCH_HEAD_KIND_SHIFT 3
#define BATCH_HEAD_BEFORE_SHIFT 5

#define BATCH_OFFSET_STAMP 1
#define BATCH_OFFSET_WRITER 7
#define BATCH_OFFSET_NUMBER 15

/* The first byte of a command: operation, end of group, flags follow. */
#define COMMAND_HEAD_OP 0x07u
#define COMMAND_HEAD_GROUP_END 0x08u
#define COMMAND_HEAD_FLAGS 0x10u
#define COMMAND_HEAD_ZERO 0xe0u

/* The two bytes of flags are enum command_flag without its four low bits. */
#define COMMAND_FLAGS_BYTES 2u
#define COMMAND_FLAGS_SHIFT 4
#define COMMAND_FLAGS_MAX 0x07ffu

#endif
