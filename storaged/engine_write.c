/* engine_write - the path of a batch: journal, sync, apply, publish. */
#include <inttypes.h>

#include "common/base/check.h"
#include "common/codec/checksum.h"
#include "common/command/batch.h"
#include "common/journal/journal.h"
#include "common/metrics/metrics.h"
#include "storaged/apply/copies.h"
#include "storaged/commit/admission.h"
#include "storaged/engine_state.h"
#include "storaged/maintenance/maintenance.h"
#include "storaged/tree/tree.h"

/*
 * Batches that are journaled together before any of them is applied. The
 * bound is for the array; a round that is full is just followed by another.
 */
#define ROUND_BATCHES_MAX 64

struct round {
	struct engine_request *requests[ROUND_BATCHES_MAX];
	struct batch batches[ROUND_BATCHES_MAX];
	uint64_t first_sequences[ROUND_BATCHES_MAX];
	size_t count;
	struct apply_need need; /* of all of them together */
};

static enum status
store_get(void *context, const struct apply_key *key, struct entry *out,
    bool *found, struct error *err)
{
	struct engine *engine = context;

	struct memtable_query query = {
	    .key = key->key,
	    .hash = key->hash,
	    .sequence_max = UINT64_MAX,
	};

	return tree_get(engine->tree, &query, key->now_ms, out, found, err);
}

static enum status
rotate(struct engine *engine, const struct apply_need *need, struct error *err)
{
	struct recovery_point point = {
	    .sequence = engine->applied_sequence,
	    .clock_ms = apply_clock_ms(engine->apply),
	};

	apply_encode(engine->apply, &point.writers);
	if (tree_rotate(engine->tree, &point, need->entries, need->bytes,
		need->ranges, err) != STATUS_OK)
		return error_wrap(err, "new memtable");
	engine->active_since_ms = 0;
	engine->tick_wanted = true;
	return STATUS_OK;
}

/*
 * Where the disk is full the memtables stay: there was memory for as many
 * before the end, and the store opens.
 */
static enum status
flush_in_recovery(struct engine *engine, struct error *err)
{
	size_t frozen = tree_frozen_count(engine->tree);
	enum status status;

	if (frozen < FROZEN_RECOVERY_MAX ||
	    (frozen < 2 * FROZEN_COUNT_MAX &&
		!engine_space_is_there(
		    engine, tree_memtable_bytes(engine->tree))))
		return STATUS_OK;
	status = maintenance_flush_now(engine->maintenance, err);
	return status == STATUS_NO_SPACE && frozen < 2 * FROZEN_COUNT_MAX
	    ? STATUS_OK
	    : status;
}

/* Called with all that a batch writes, after it has been journaled. */
static enum status
store_reserve(void *context, const struct apply_need *need, struct error *err)
{
	struct engine *engine = context;

	/* make_room() has seen to it, before the batch was journaled. */
	CHECK_SLOW(engine->journal == NULL ||
	    tree_has_room(
		engine->tree, need->entries, need->bytes, need->ranges));
	if (!tree_fits(
		engine->tree, need->entries, need->bytes, need->ranges)) {
		if (rotate(engine, need, err) != STATUS_OK)
			return err->code;
		/* Recovery has nobody else to make room. */
		if (engine->journal == NULL &&
		    flush_in_recovery(engine, err) != STATUS_OK)
			return err->code;
	}
	if (engine->active_since_ms == 0)
		engine->active_since_ms =
		    clock_monotonic_ms(engine->options.clock);
	return STATUS_OK;
}

static void
store_put(void *context, const struct entry *entry, uint64_t hash)
{
	struct engine *engine = context;

	tree_add(engine->tree, entry, hash);
}

static void
store_delete_range(void *context, const struct range_tombstone *range)
{
	struct engine *engine = context;

	tree_add_range(engine->tree, range);
}

struct apply_store
engine_store(struct engine *engine)
{
	return (struct apply_store){
	    .context = engine,
	    .get = store_get,
	    .reserve = store_reserve,
	    .put = store_put,
	    .delete_range = store_delete_range,
	};
}

enum status
engine_freeze(struct engine *engine, struct error *err)
{
	static const struct apply_need nothing = {0};

	/* Without entries there may still be a point to move: ticks. */
	if (engine->applied_sequence == tree_frozen_sequence(engine->tree))
		return STATUS_OK;
	return rotate(engine, &nothing, err);
}

/*
 * Answers a request that is not to be journaled; false if it is. A verdict
 * that depends on batches still in the round is not asked for: see the
 * caller.
 */
static bool
answer_at_once(struct engine *engine, struct engine_request *request,
    const struct batch *batch)
{
	struct apply_result known;

	if (batch->kind == BATCH_TICK) {
		request->status = error_set(&request->error, STATUS_INVALID,
		    "a batch without a writer is the store's own");
		return true;
	}
	known = apply_judge(engine->apply, batch);
	if (known.verdict == WRITERS_NEW)
		return false;
	request->status =
	    writers_verdict_status(known.verdict, &request->error);
	if (request->status == STATUS_OK) {
		buffer_append_slice(&request->reply, known.reply);
		metrics_add(METRIC_BATCHES_REPEATED, 0, 0, 1);
	}
	return true;
}

/* True if the round holds a batch of the same writer. */
static bool
round_has_writer(const struct round *round, const struct batch *batch)
{
	for (size_t i = 0; i < round->count; i++) {
		if (memcmp(round->batches[i].origin.writer,
			batch->origin.writer, WRITER_ID_BYTES) == 0)
			return true;
	}
	return false;
}

static enum status
journal_batch(struct engine *engine, struct slice bytes, uint32_t commands,
    uint64_t *first_sequence, struct error *err)
{
	*first_sequence = journal_last_sequence(engine->journal) + 1;
	if (journal_append(engine->journal, *first_sequence, commands + 1,
		bytes, err) != STATUS_OK)
		return error_wrap(err, "journal");
	metrics_add(METRIC_JOURNAL_BYTES, 0, 0, bytes.size);
	return STATUS_OK;
}

static enum status
commit_journal(struct engine *engine, struct error *err)
{
	bool sync = engine->options.sync == ENGINE_SYNC_ALWAYS;
	uint64_t begun_ns =
	    sync ? clock_monotonic_ns(engine->options.clock) : 0;

	if (journal_commit(engine->journal, sync, err) != STATUS_OK)
		return error_wrap(err, "journal");
	engine->unsynced = !sync;
	metrics_add(METRIC_JOURNAL_COMMITS, 0, 0, 1);
	if (sync)
		metrics_observe(METRIC_JOURNAL_SYNC_SECONDS, 0, 0,
		    clock_monotonic_ns(engine->options.clock) - begun_ns);
	return STATUS_OK;
}

static enum status
apply_one(struct engine *engine, const struct batch *batch,
    uint64_t first_sequence, struct apply_result *result, struct error *err)
{
	if (apply_batch(engine->apply, batch, first_sequence, &engine->store,
		result, err) != STATUS_OK)
		return error_wrap(
		    err, "apply batch at sequence %" PRIu64, first_sequence);
	engine->applied_sequence = first_sequence + batch->command_count;
	metrics_add(METRIC_COMMANDS_APPLIED, 0, 0, batch->command_count);
	return STATUS_OK;
}

/* Makes a round durable, applies it and lets readers see it. */
static enum status
commit_round(struct engine *engine, struct round *round, struct error *err)
{
	if (round->count == 0)
		return STATUS_OK;
	if (commit_journal(engine, err) != STATUS_OK)
		return err->code;
	metrics_observe(METRIC_COMMIT_BATCHES, 0, 0, round->count);
	for (size_t i = 0; i < round->count; i++) {
		struct engine_request *request = round->requests[i];
		struct apply_result result;

		if (apply_one(engine, &round->batches[i],
			round->first_sequences[i], &result, err) != STATUS_OK)
			return err->code;
		request->status =
		    writers_verdict_status(result.verdict, &request->error);
		if (request->status == STATUS_OK)
			buffer_append_slice(&request->reply, result.reply);
	}
	tree_publish(engine->tree, engine->applied_sequence,
	    apply_clock_ms(engine->apply));
	round->count = 0;
	round->need = (struct apply_need){0};
	return STATUS_OK;
}

/*
 * Reads all that applying the batch will read. What cannot be read must be
 * found out before the batch is in the journal: behind that it can only be
 * applied, at every start again.
 */
static enum status
check_reads(struct engine *engine, const struct batch *batch, uint64_t now_ms,
    struct error *err)
{
	struct batch_cursor cursor = batch_cursor_at_start(batch);
	struct command command;
	bool group_end;

	while (batch_cursor_next(&cursor, &command, &group_end)) {
		struct apply_key key = {
		    command.key, hash64(command.key), now_ms};
		struct entry entry;
		bool found;

		if (command_reads(&command) &&
		    store_get(engine, &key, &entry, &found, err) != STATUS_OK)
			return err->code;
	}
	return STATUS_OK;
}

/* All that the batch may write, which comes on top of the round. */
static enum status
find_need(struct engine *engine, const struct round *round,
    const struct batch *batch, uint64_t now_ms, struct apply_need *out,
    struct error *err)
{
	size_t value_bytes_max;
	bool copies;

	*out = (struct apply_need){
	    .entries = batch->command_count - batch->range_count,
	    .bytes = batch->data_bytes,
	    .ranges = batch->range_count,
	};
	if (!batch->reads)
		return STATUS_OK;
	if (check_reads(engine, batch, now_ms, err) != STATUS_OK)
		return err->code;
	/* Keys may be written before it copies them, also by itself. */
	value_bytes_max = copies_value_bytes_max(batch);
	copies = copies_any(batch);
	for (size_t i = 0; copies && i < round->count; i++) {
		size_t most = copies_value_bytes_max(&round->batches[i]);

		if (most > value_bytes_max)
			value_bytes_max = most;
	}
	if (copies_bytes_max(batch, &engine->store, now_ms, value_bytes_max,
		&value_bytes_max, err) != STATUS_OK)
		return err->code;
	out->bytes += value_bytes_max;
	return STATUS_OK;
}

static struct apply_need
need_with(const struct round *round, const struct apply_need *more)
{
	return (struct apply_need){
	    .entries = round->need.entries + more->entries,
	    .bytes = round->need.bytes + more->bytes,
	    .ranges = round->need.ranges + more->ranges,
	};
}

/*
 * What is in the journal has to be applied, so the memory for it is found
 * first. Memtables are made ahead of need: the request is refused only where
 * the runtime directory is full.
 */
static enum status
make_room(struct engine *engine, struct round *round,
    struct engine_request *request, const struct batch *batch, uint64_t now_ms,
    struct error *err)
{
	struct apply_need more;
	struct apply_need need;

	request->status =
	    find_need(engine, round, batch, now_ms, &more, &request->error);
	if (request->status != STATUS_OK)
		return STATUS_OK;
	need = need_with(round, &more);
	if (!tree_has_room(
		engine->tree, need.entries, need.bytes, need.ranges)) {
		if (commit_round(engine, round, err) != STATUS_OK)
			return err->code;
		need = more;
	}
	if (!tree_fits(engine->tree, need.entries, need.bytes, need.ranges))
		request->status = tree_make_room(engine->tree, need.entries,
		    need.bytes, need.ranges, &request->error);
	/* What is refused must not be the reason to refuse the next one. */
	if (request->status == STATUS_OK)
		round->need = need;
	return STATUS_OK;
}

static enum status
add_to_round(struct engine *engine, struct round *round,
    struct engine_request *request, const struct batch *batch, uint64_t now_ms,
    struct error *err)
{
	struct slice bytes = slice_of(request->batch, request->batch_size);
	size_t place = round->count;
	enum status status;

	batch_set_stamp(request->batch, now_ms);
	round->requests[place] = request;
	round->batches[place] = *batch;
	round->batches[place].stamp_ms = now_ms;
	status = journal_batch(engine, bytes, batch->command_count,
	    &round->first_sequences[place], err);
	/* There is no next segment to be had, and nothing was appended. */
	if (status == STATUS_NO_SPACE &&
	    engine_space_give(
		engine, engine->options.journal_segment_bytes + bytes.size))
		status = journal_batch(engine, bytes, batch->command_count,
		    &round->first_sequences[place], err);
	if (status == STATUS_NO_SPACE) {
		request->status = error_copy(&request->error, err);
		return STATUS_OK;
	}
	round->count++;
	return status;
}

/* Why the batch is not taken at present; OK if it is. */
static enum status
check_admission(const struct engine *engine, const struct batch *batch,
    uint64_t now_ms, struct error *err)
{
	struct admission_load load = engine_load(engine);

	if (engine_space_admit(engine, batch, now_ms, err) != STATUS_OK)
		return err->code;

	if (admission_refuses(&load))
		return error_set(err, STATUS_BUSY,
		    "%zu memtables wait to be flushed%s%s", load.frozen_count,
		    maintenance_trouble(engine->maintenance)[0] == '\0' ? ""
									: ": ",
		    maintenance_trouble(engine->maintenance));
	return STATUS_OK;
}

static enum status
write_one(struct engine *engine, struct round *round,
    struct engine_request *request, uint64_t now_ms, struct error *err)
{
	struct batch batch;

	request->status =
	    batch_decode(slice_of(request->batch, request->batch_size), &batch,
		&request->error);
	if (request->status != STATUS_OK)
		return STATUS_OK;
	/* Only one that has been applied says what its writer's next is. */
	if ((round->count == ROUND_BATCHES_MAX ||
		round_has_writer(round, &batch)) &&
	    commit_round(engine, round, err) != STATUS_OK)
		return err->code;
	if (answer_at_once(engine, request, &batch))
		return STATUS_OK;
	request->status =
	    check_admission(engine, &batch, now_ms, &request->error);
	if (request->status == STATUS_OK &&
	    make_room(engine, round, request, &batch, now_ms, err) != STATUS_OK)
		return err->code;
	if (request->status != STATUS_OK)
		return STATUS_OK;
	return add_to_round(engine, round, request, &batch, now_ms, err);
}

enum status
engine_write(struct engine *engine, struct engine_request *requests,
    size_t count, struct error *err)
{
	struct round round; /* its arrays are large: filled as they are used */
	uint64_t now_ms;

	if (engine->failure.code != STATUS_OK)
		return error_copy(err, &engine->failure);
	round.count = 0;
	round.need = (struct apply_need){0};
	now_ms = engine_now_ms(engine);
	for (size_t i = 0; i < count; i++) {
		if (write_one(engine, &round, &requests[i], now_ms, err) !=
		    STATUS_OK)
			return engine_fail(engine, err);
	}
	if (commit_round(engine, &round, err) != STATUS_OK)
		return engine_fail(engine, err);
	return STATUS_OK;
}

enum status
engine_write_clock(struct engine *engine, struct error *err)
{
	static const struct batch_origin own = {0};
	struct batch_builder builder = {0};
	uint64_t now_ms = engine_now_ms(engine);
	struct slice bytes = batch_builder_finish(&builder, &own, now_ms);
	struct apply_result result;
	struct batch batch;
	uint64_t first_sequence;
	enum status status = batch_decode(bytes, &batch, err);

	CHECK(status == STATUS_OK);
	status = journal_batch(engine, bytes, 0, &first_sequence, err);
	if (status == STATUS_OK)
		status = commit_journal(engine, err);
	if (status == STATUS_OK)
		status =
		    apply_one(engine, &batch, first_sequence, &result, err);
	if (status == STATUS_OK)
		tree_publish(engine->tree, engine->applied_sequence,
		    apply_clock_ms(engine->apply));
	batch_builder_deinit(&builder);
	/* Without space for a segment the time comes with a later tick. */
	return status == STATUS_NO_SPACE ? STATUS_OK : status;
}
