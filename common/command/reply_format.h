/*
 * reply_format - where the fields of an encoded reply stand.
 *
 * FORMAT.md, "Reply", says what they mean.
 */
#ifndef COMMON_COMMAND_REPLY_FORMAT_H
#define COMMON_COMMAND_REPLY_FORMAT_H

#define REPLY_VERSION 1

#define REPLY_OFFSET_VERSION 0
#define REPLY_OFFSET_ZERO 1
#define REPLY_ZERO_BYTES 3
#define REPLY_OFFSET_SIZE 4
#define REPLY_OFFSET_NUMBER 8
#define REPLY_OFFSET_SEQUENCE 16
#define REPLY_OFFSET_GROUPS 24
#define REPLY_OFFSET_ANSWERED 28

/* The head of a group. */
#define REPLY_HEAD_RESULT 0x07u
#define REPLY_HEAD_SINGLE 0x08u
#define REPLY_HEAD_FLAGS_SHIFT 4

/* What a command's result has. */
#define REPLY_AFFECTED 0x01u
#define REPLY_OLD 0x02u
#define REPLY_INTEGER 0x04u
#define REPLY_DEADLINE 0x08u
#define REPLY_FLAGS 0x0fu

#endif
