/*
 * writers - who has sent batches, and how far each has come.
 *
 * A writer (one instance of a frontend) numbers its batches; they apply in that
 * order, each once. Per writer this keeps the last number applied, when that
 * was, and the replies that the writer has not yet said to have, so that a
 * batch that comes again gets its first answer.
 *
 * Everything here follows from the batches applied and their times: replicas
 * and recoveries have the same writers. Bytes: storaged/FORMAT.md, "Writers".
 *
 * Ownership  Replies are copied in; what is handed out is borrowed until the
 *            next call that changes the writers.
 * Threads    None inside; belongs to the thread that applies.
 * Limits     WRITERS_MAX, WRITER_IDLE_MS_MAX, WRITERS_REPLY_BYTES_MAX.
 */
#ifndef STORAGED_APPLY_WRITERS_H
#define STORAGED_APPLY_WRITERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/slice.h"
#include "common/base/status.h"
#include "common/command/batch.h"

/* One more registration removes the writer idle for longest. */
#define WRITERS_MAX 1024u

/* A writer idle for this long is removed. */
#define WRITER_IDLE_MS_MAX (24u * 3600 * 1000)

/* Beyond this the replies of those idle for longest are dropped. */
#define WRITERS_REPLY_BYTES_MAX (128u << 20)

enum writers_verdict {
	WRITERS_NEW, /* the next one of its writer: apply it */
	WRITERS_REPEATED, /* applied before; its reply is here */
	WRITERS_OLD, /* applied before; the writer has its reply */
	WRITERS_FORGOTTEN, /* applied before; its reply had to be dropped */
	WRITERS_GAP, /* batches before it are missing */
	WRITERS_UNKNOWN, /* its writer is not registered (any more) */
};

struct writers;

struct writers *writers_create(void);
void writers_close(struct writers *writers);

/*
 * What a batch of kind BATCH_WRITES with this origin is at `now_ms`. *reply is
 * set if it is REPEATED, else empty.
 */
enum writers_verdict writers_judge(const struct writers *writers,
    const struct batch_origin *origin, uint64_t now_ms, struct slice *reply);

bool writers_is_known(const struct writers *writers,
    const uint8_t id[WRITER_ID_BYTES], uint64_t now_ms);

/* Removes those that are idle too long at `now_ms`, which never goes back. */
void writers_expire(struct writers *writers, uint64_t now_ms);

/* Makes a writer known; nothing if it is already. */
void writers_register(struct writers *writers,
    const uint8_t id[WRITER_ID_BYTES], uint64_t now_ms);

/* Notes that a batch that was NEW has been applied, with its reply. */
void writers_record(struct writers *writers, const struct batch_origin *origin,
    uint64_t now_ms, struct slice reply);

size_t writers_count(const struct writers *writers);

/* The latest time at which one was registered or recorded; 0 for none. */
uint64_t writers_clock_ms(const struct writers *writers);

/* Appends the whole state; equal states give equal bytes. */
void writers_encode(const struct writers *writers, struct buffer *out);

/* Takes a state off the front of `input`; CORRUPT if it is none. */
enum status writers_decode(
    struct slice *input, struct writers **out, struct error *err) MUST_CHECK;

/*
 * The failure that a verdict means for who sent the batch; OK for NEW and
 * REPEATED. UNKNOWN is NOT_FOUND (register under a new id), FORGOTTEN is
 * UNKNOWN (applied, results lost), OLD and GAP are INVALID.
 */
enum status writers_verdict_status(
    enum writers_verdict verdict, struct error *err) MUST_CHECK;

#endif
