#include "storaged/apply/apply.h"

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/codec/checksum.h"
#include "common/codec/integer.h"
#include "common/command/batch.h"
#include "common/command/reply.h"
#include "common/lsm/record/entry.h"
#include "storaged/apply/evaluate.h"
#include "storaged/apply/write_set.h"

#define STATE_VERSION 1
#define STATE_HEADER_BYTES 16
#define STATE_OFFSET_VERSION 0
#define STATE_OFFSET_ZERO 1
#define STATE_ZERO_BYTES 7
#define STATE_OFFSET_CLOCK 8

/* Memory for a reply that is kept from batch to batch. */
#define REPLY_KEEP_BYTES_MAX (1u << 20)

struct apply {
	uint64_t clock_ms;
	struct writers *writers; /* owned */
	struct write_set *writes; /* owned; empty between batches */
	struct buffer reply_buffer; /* the last reply */
};

static enum status apply_writes(struct apply *apply, const struct batch *batch,
    uint64_t first_sequence, const struct apply_store *store, uint64_t now_ms,
    struct error *err);
static struct slice registration_reply(struct apply *apply);

struct apply *
apply_create(void)
{
	struct apply *apply = mem_new(sizeof(*apply));

	apply->writers = writers_create();
	apply->writes = write_set_create();
	return apply;
}

void
apply_close(struct apply *apply)
{
	if (apply == NULL)
		return;
	writers_close(apply->writers);
	write_set_close(apply->writes);
	buffer_deinit(&apply->reply_buffer);
	mem_free(apply);
}

/* The verdict on the batch at `now_ms`, and the reply if it has one. */
static struct apply_result
judge(struct apply *apply, const struct batch *batch, uint64_t now_ms)
{
	struct apply_result result = {.verdict = WRITERS_NEW};

	switch (batch->kind) {
	case BATCH_TICK:
		break;
	case BATCH_REGISTRATION:
		if (!writers_is_known(
			apply->writers, batch->origin.writer, now_ms))
			break;
		result.verdict = WRITERS_REPEATED;
		result.reply = registration_reply(apply);
		break;
	case BATCH_WRITES:
		result.verdict = writers_judge(
		    apply->writers, &batch->origin, now_ms, &result.reply);
		break;
	}
	return result;
}

/*
 * The clock goes on, and who is idle by then is forgotten, whatever becomes of
 * the batch: it has its place among all that are applied.
 */
static void
advance(struct apply *apply, uint64_t now_ms)
{
	apply->clock_ms = now_ms;
	writers_expire(apply->writers, now_ms);
}

enum status
apply_batch(struct apply *apply, const struct batch *batch,
    uint64_t first_sequence, const struct apply_store *store,
    struct apply_result *out, struct error *err)
{
	uint64_t now_ms = batch->stamp_ms > apply->clock_ms ? batch->stamp_ms
							    : apply->clock_ms;

	CHECK(first_sequence > 0);
	*out = judge(apply, batch, now_ms);
	if (out->verdict != WRITERS_NEW || batch->kind == BATCH_TICK) {
		advance(apply, now_ms);
		return STATUS_OK;
	}
	if (batch->kind == BATCH_REGISTRATION) {
		advance(apply, now_ms);
		writers_register(apply->writers, batch->origin.writer, now_ms);
		out->reply = registration_reply(apply);
		return STATUS_OK;
	}
	if (apply_writes(apply, batch, first_sequence, store, now_ms, err) !=
	    STATUS_OK) {
		*out = (struct apply_result){.verdict = WRITERS_NEW};
		return err->code;
	}
	advance(apply, now_ms);
	out->reply = buffer_slice(&apply->reply_buffer);
	writers_record(apply->writers, &batch->origin, now_ms, out->reply);
	return STATUS_OK;
}

static enum status
apply_writes(struct apply *apply, const struct batch *batch,
    uint64_t first_sequence, const struct apply_store *store, uint64_t now_ms,
    struct error *err)
{
	struct evaluation evaluation = {
	    .batch = batch,
	    .first_sequence = first_sequence,
	    .now_ms = now_ms,
	    .store = store,
	    .writes = apply->writes,
	};
	enum status status;

	buffer_clear(&apply->reply_buffer, REPLY_KEEP_BYTES_MAX);
	if (batch->reads)
		status =
		    evaluate_reading(&evaluation, &apply->reply_buffer, err);
	else
		status = evaluate_plain(&evaluation, &apply->reply_buffer, err);
	write_set_reset(apply->writes, 0);
	return status;
}

/* A registration changes no key, and its reply is the same each time. */
static struct slice
registration_reply(struct apply *apply)
{
	struct reply_builder builder;

	buffer_clear(&apply->reply_buffer, REPLY_KEEP_BYTES_MAX);
	reply_builder_start(&builder, &apply->reply_buffer, 0, 0, 0);
	return reply_builder_finish(&builder);
}

struct apply_result
apply_judge(struct apply *apply, const struct batch *batch)
{
	return judge(apply, batch, apply->clock_ms);
}

uint64_t
apply_clock_ms(const struct apply *apply)
{
	return apply->clock_ms;
}

size_t
apply_writer_count(const struct apply *apply)
{
	return writers_count(apply->writers);
}

void
apply_encode(const struct apply *apply, struct buffer *out)
{
	uint8_t *header = buffer_reserve(out, STATE_HEADER_BYTES);

	memset(header, 0, STATE_HEADER_BYTES);
	header[STATE_OFFSET_VERSION] = STATE_VERSION;
	u64_store(header + STATE_OFFSET_CLOCK, apply->clock_ms);
	buffer_commit(out, STATE_HEADER_BYTES);
	writers_encode(apply->writers, out);
}

static enum status
check_header(struct slice bytes, struct error *err)
{
	static const uint8_t zeroes[STATE_ZERO_BYTES];
	const uint8_t *data = bytes.data;

	if (bytes.size < STATE_HEADER_BYTES)
		return error_set(err, STATUS_CORRUPT,
		    "applied state: only %zu bytes", bytes.size);
	if (data[STATE_OFFSET_VERSION] != STATE_VERSION)
		return error_set(err, STATUS_VERSION,
		    "applied state: version %u, this program knows %u",
		    data[STATE_OFFSET_VERSION], STATE_VERSION);
	if (memcmp(data + STATE_OFFSET_ZERO, zeroes, STATE_ZERO_BYTES) != 0 ||
	    u64_load(data + STATE_OFFSET_CLOCK) > STAMP_MS_MAX)
		return error_set(
		    err, STATUS_CORRUPT, "applied state: a malformed header");
	return STATUS_OK;
}

enum status
apply_decode(struct slice bytes, struct apply **out, struct error *err)
{
	struct slice rest = bytes;
	struct writers *writers;
	struct apply *apply;
	struct slice header;
	uint64_t clock_ms;

	*out = NULL;
	if (check_header(bytes, err) != STATUS_OK)
		return err->code;
	CHECK(bytes_take(&rest, STATE_HEADER_BYTES, &header));
	if (writers_decode(&rest, &writers, err) != STATUS_OK)
		return error_wrap(err, "applied state");
	clock_ms = u64_load(header.data + STATE_OFFSET_CLOCK);
	if (rest.size > 0 || writers_clock_ms(writers) > clock_ms) {
		writers_close(writers);
		return error_set(err, STATUS_CORRUPT,
		    "applied state: %zu bytes behind it, or writers later "
		    "than its clock",
		    rest.size);
	}
	apply = apply_create();
	writers_close(apply->writers);
	apply->writers = writers;
	apply->clock_ms = clock_ms;
	*out = apply;
	return STATUS_OK;
}
