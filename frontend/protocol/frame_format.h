/*
 * frame_format - numbers of the binary protocol, for both of its ends.
 *
 * The prose is frontend/tcp/PROTOCOL.md; a change here is a change there.
 * All integers are little-endian.
 */
#ifndef FRONTEND_PROTOCOL_FRAME_FORMAT_H
#define FRONTEND_PROTOCOL_FRAME_FORMAT_H

#include "common/command/limits.h"

/*
 * First bytes of a frame. Bytes 0x80 to 0xbf begin no text in UTF-8 or ASCII,
 * so neither is the first byte of a Redis or HTTP request; nor is it of TLS.
 */
#define FRAME_MAGIC_REQUEST 0xabu
#define FRAME_MAGIC_REPLY 0xacu

#define FRAME_VERSION 1u

/* Where the fields of a header are. */
#define FRAME_MAGIC_OFFSET 0
#define FRAME_VERSION_OFFSET 1
#define FRAME_OPCODE_OFFSET 2
#define FRAME_CODE_OFFSET 3 /* flags of a request, status of a reply */
#define FRAME_SIZE_OFFSET 4
#define FRAME_ID_OFFSET 8
#define FRAME_HEADER_BYTES 16

/* No payload is larger, whatever the server is configured to. */
#define FRAME_PAYLOAD_BYTES_MAX BATCH_BYTES_MAX

/* Bytes a PING may carry. */
#define FRAME_PING_BYTES_MAX 1024u

/* Keys of a MULTI_GET, commands of a BATCH. */
#define FRAME_COUNT_MAX 65536u

/* A scan's page when the request leaves it to the server, and at most. */
#define FRAME_SCAN_COUNT_DEFAULT 1000u
#define FRAME_SCAN_COUNT_MAX 65536u
#define FRAME_SCAN_BYTES_DEFAULT (1u << 20)
#define FRAME_SCAN_BYTES_MAX (16u << 20)

/* Longest time to live and latest deadline: some 31,000 years. */
#define FRAME_TTL_MS_MAX 1000000000000000u

/* Flags of PUT, DELETE and INCREMENT. */
#define FRAME_IF_ABSENT 0x01u
#define FRAME_IF_PRESENT 0x02u
#define FRAME_IF_SEQUENCE 0x04u
#define FRAME_KEEP_TTL 0x08u
#define FRAME_RETURN_OLD 0x10u
/* Of PUT and EXPIRE: the ttl field is milliseconds since 1970. */
#define FRAME_TTL_IS_DEADLINE 0x20u

/* Flags of EXPIRE: conditions on the deadline that the entry has. */
#define FRAME_IF_NO_TTL 0x01u
#define FRAME_IF_TTL 0x02u
#define FRAME_IF_LATER 0x04u
#define FRAME_IF_SOONER 0x08u

/* Flag of SCAN. */
#define FRAME_KEYS_ONLY 0x01u

/* What an error says about the write it answers. */
#define FRAME_OUTCOME_NOT_APPLIED 0u
#define FRAME_OUTCOME_APPLIED 1u
#define FRAME_OUTCOME_UNKNOWN 2u

/* State of one key in the reply to MULTI_GET. */
#define FRAME_KEY_ABSENT 0u
#define FRAME_KEY_FOUND 1u
#define FRAME_KEY_OMITTED 2u

/* Bits in the result of one write. */
#define FRAME_RESULT_AFFECTED 0x01u
#define FRAME_RESULT_HAS_OLD 0x02u
#define FRAME_RESULT_HAS_NUMBER 0x04u

#endif
