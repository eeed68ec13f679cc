/*
 * limits - how large what clients write may be.
 *
 * These are limits of the format: every decoder refuses what is beyond them,
 * and applying a batch decides by some of them, so that each replica and each
 * recovery decides alike. Changing one is a change of the batch's version.
 * Configuration may lower what a front door accepts, never raise it.
 *
 * The limits of other modules are made from these, and the README's table is
 * compared with this header by a test.
 */
#ifndef COMMON_COMMAND_LIMITS_H
#define COMMON_COMMAND_LIMITS_H

#include <stdint.h>

#define KEY_BYTES_MAX 65535u
#define VALUE_BYTES_MAX (16u << 20)

/* One encoded batch, its header included, and the reply to it. */
#define BATCH_BYTES_MAX (64u << 20)
#define REPLY_BYTES_MAX (64u << 20)

#define BATCH_COMMANDS_MAX (1u << 20)

/* Range deletions in a batch: fewer than one memtable takes. */
#define BATCH_RANGES_MAX 64u

/*
 * Value bytes that the commands of a batch may write without carrying them:
 * EXPIRE and PERSIST write the value again, INCREMENT a new one.
 */
#define BATCH_EXPANSION_BYTES_MAX (64u << 20)

/* Batches that a writer may have sent without having their replies. */
#define BATCHES_IN_FLIGHT_MAX 8u

/* Times are milliseconds since 1970; later deadlines become this one. */
#define TIME_MS_MAX ((uint64_t)INT64_MAX)

/* The time of a batch: 48 bits, which last to the year 10889. */
#define STAMP_MS_MAX (((uint64_t)1 << 48) - 1)

/*
 * Random, and not to be that of another of the writers known, 1024 at most: 64
 * bits are the same once in 10^16 registrations.
 */
#define WRITER_ID_BYTES 8u

/*
 * Not of the format, but of a frontend's memory: requests larger than the
 * first wait while the second is in hand. That is one to be journaled while
 * the next comes in; more would make small writes wait longer, since results
 * keep their order.
 */
#define LARGE_REQUEST_BYTES (64u << 10)
#define LARGE_REQUESTS_BYTES_MAX (2 * VALUE_BYTES_MAX + (1u << 20))

/* The same of replies that clients have not taken. */
#define LARGE_REPLY_BYTES (64u << 10)
#define LARGE_REPLIES_BYTES_MAX (4 * VALUE_BYTES_MAX + (1u << 20))

#endif
