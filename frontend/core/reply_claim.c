#include "frontend/core/reply_claim.h"

#include "common/base/attributes.h"
#include "common/command/limits.h"
#include "common/metrics/metrics.h"
#include "common/net/stream.h"
#include "frontend/core/front.h"

void
reply_claim_init(struct reply_claim *claim,
    void (*on_grant)(struct intake_claim *),
    void (*on_late)(struct intake_claim *))
{
	claim->claim.on_grant = on_grant;
	claim->claim.on_late = on_late;
}

/* In steps, so that a claim need not grow with each reply. */
static size_t
in_steps(size_t bytes)
{
	return (bytes + LARGE_REPLY_BYTES - 1) / LARGE_REPLY_BYTES *
	    LARGE_REPLY_BYTES;
}

bool
reply_claim_fits(struct reply_claim *claim, struct front *front,
    struct stream *stream, size_t before)
{
	size_t waiting = stream_output_waiting(stream);

	claim->is_granted = false;
	if (LIKELY(waiting <= LARGE_REPLY_BYTES && !claim->claim.is_listed))
		return true;
	stream_tell_drained(stream);
	if (waiting <= LARGE_REPLY_BYTES || waiting <= claim->claim.bytes ||
	    intake_ask(
		front_outtake(front), &claim->claim, in_steps(waiting))) {
		/* It has taken enough of the others to get this one. */
		claim->claim.since_ms = 0;
		return true;
	}
	claim->refused_bytes = waiting - before;
	stream_drop_output(stream, before);
	metrics_add(METRIC_REPLIES_HELD, 0, 0, 1);
	return false;
}

void
reply_claim_count(
    struct reply_claim *claim, struct front *front, struct stream *stream)
{
	size_t waiting = stream_output_waiting(stream);

	if (LIKELY(waiting <= LARGE_REPLY_BYTES))
		return;
	intake_take(front_outtake(front), &claim->claim, in_steps(waiting));
	stream_tell_drained(stream);
}

void
reply_claim_keep(struct reply_claim *claim)
{
	claim->is_granted = true;
}

bool
reply_claim_drained(struct reply_claim *claim, struct front *front)
{
	bool waited = claim->claim.waits;

	/* A large reply keeps its place, and what it was granted. */
	if (claim->is_granted ||
	    (waited && claim->refused_bytes > LARGE_REPLY_BYTES))
		return false;
	reply_claim_release(claim, front);
	return waited;
}

void
reply_claim_release(struct reply_claim *claim, struct front *front)
{
	claim->is_granted = false;
	intake_release(front_outtake(front), &claim->claim);
}
