#include "tests/support/crash_workload.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/lsm/view/view_reader.h"
#include "common/os/path.h"
#include "tests/support/engine_driver.h"
#include "tests/support/fault_file_system.h"

#define START_MS 1700000000000u
#define VALUE_BYTES 500
#define GROUPS_MAX 6
#define GROUP_COMMANDS_MAX 4
#define STEP_MS 90
#define SYNC_INTERVAL_MS 400

void
crash_workload_init(
    struct crash_workload *work, const struct crash_options *options)
{
	*work = (struct crash_workload){
	    .options = *options, .rng = rng_seeded(options->seed)};
	manual_clock_init(&work->clock, START_MS);
	work->steps = mem_new(sizeof(*work->steps));
	work->count = 1;
}

static void
step_deinit(struct crash_step *step)
{
	buffer_deinit(&step->batch);
	buffer_deinit(&step->reply);
	kv_model_deinit(&step->model);
}

void
crash_workload_deinit(struct crash_workload *work)
{
	crash_workload_stop(work);
	for (size_t i = 0; i < work->count; i++)
		step_deinit(&work->steps[i]);
	mem_free(work->steps);
	batch_builder_deinit(&work->builder);
}

static uint64_t
calls_now(const struct crash_workload *work)
{
	return work->fault == NULL ? 0 : fault_file_system_calls(work->fault);
}

static void
writer_id(unsigned writer, uint8_t id[WRITER_ID_BYTES])
{
	memset(id, (int)writer + 1, WRITER_ID_BYTES);
}

/* A new step, so far with the state of the one before. */
static struct crash_step *
add_step(struct crash_workload *work, unsigned writer, uint64_t number)
{
	struct crash_step *step;

	work->steps =
	    mem_resize(work->steps, (work->count + 1) * sizeof(*work->steps));
	step = &work->steps[work->count++];
	*step = (struct crash_step){
	    .writer = writer,
	    .number = number,
	    .answered = work->writers[writer].answered,
	    .opened_calls = work->opened_calls,
	    .begun_calls = calls_now(work),
	    .durable_calls = CRASH_NEVER,
	};
	return step;
}

static struct slice
random_key(struct rng *rng, char out[32], const char *end)
{
	snprintf(
	    out, 32, "key-%03u%s", (unsigned)rng_below(rng, CRASH_KEYS), end);
	return slice_of_string(out);
}

static struct command
random_command(struct crash_workload *work, char key[32], char end[32],
    uint8_t value[VALUE_BYTES])
{
	struct rng *rng = &work->rng;
	struct command command = {.key = random_key(rng, key, "")};
	uint64_t dice = rng_below(rng, 100);

	if (dice < 60) {
		command.op = COMMAND_PUT;
		command.value = slice_of(value, rng_below(rng, VALUE_BYTES));
		memset(value, (int)rng_below(rng, 256), VALUE_BYTES);
		if (dice < 15) {
			command.flags |= COMMAND_EXPIRY_RELATIVE;
			command.expiry_ms =
			    1 + (int64_t)rng_below(rng, 40 * STEP_MS);
		}
		if (dice > 50)
			command.flags |= COMMAND_RETURN_OLD;
	} else if (dice < 75) {
		command.op = COMMAND_DELETE;
	} else if (dice < 86) {
		/* Other values are no numbers. */
		command.op = COMMAND_INCREMENT;
		command.key = random_key(rng, key, "n");
		command.delta = (int64_t)rng_below(rng, 1000) - 300;
	} else if (dice < 91) {
		command.op = COMMAND_EXPIRE;
		command.flags |= COMMAND_EXPIRY_RELATIVE;
		command.expiry_ms = 1 + (int64_t)rng_below(rng, 90 * STEP_MS);
	} else if (dice < 96) {
		command.op = COMMAND_PERSIST;
	} else {
		command.op = COMMAND_DELETE_RANGE;
		command.value = random_key(rng, end, "");
		if (slice_compare(command.key, command.value) >= 0)
			command.value =
			    slice_of_string(dice == 99 ? "" : "key-15");
	}
	return command;
}

/* A group that happens as a whole or, where its condition fails, not. */
static void
add_group(struct crash_workload *work)
{
	size_t count = 1 + (size_t)rng_below(&work->rng, GROUP_COMMANDS_MAX);

	for (size_t i = 0; i < count; i++) {
		uint8_t value[VALUE_BYTES];
		char key[32];
		char end[32];
		struct command command = random_command(work, key, end, value);

		if (i == 0 && command.op == COMMAND_PUT &&
		    rng_below(&work->rng, 2) == 0)
			command.flags |= rng_below(&work->rng, 2) == 0
			    ? COMMAND_IF_ABSENT
			    : COMMAND_IF_PRESENT;
		CHECK(batch_builder_add(&work->builder, &command));
	}
	batch_builder_end_group(&work->builder);
}

/* Only the first command of a group has a condition. */
static bool
group_applies(
    const struct kv_model *model, const struct command *first, uint64_t now_ms)
{
	bool live = kv_model_find(model, first->key, now_ms) != NULL;

	return (!live || (first->flags & COMMAND_IF_ABSENT) == 0) &&
	    (live || (first->flags & COMMAND_IF_PRESENT) == 0);
}

/* Gives the step the state behind it, and the place of its end. */
static void
complete_step(
    struct crash_workload *work, struct crash_step *step, uint64_t before)
{
	struct batch_cursor cursor;
	struct command command;
	struct batch batch;
	struct error err;
	bool applies = true;
	bool begins = true;
	bool ends;

	CHECK(batch_decode(buffer_slice(&step->batch), &batch, &err) ==
	    STATUS_OK);
	step->last_sequence = before + 1 + batch.command_count;
	kv_model_deinit(&step->model);
	kv_model_copy(&step->model, &step[-1].model);
	cursor = batch_cursor_at_start(&batch);
	while (batch_cursor_next(&cursor, &command, &ends)) {
		if (begins)
			applies = group_applies(
			    &step->model, &command, work->clock.now_ms);
		if (applies)
			kv_model_apply(
			    &step->model, &command, work->clock.now_ms);
		begins = ends;
	}
}

/* The next batch of a writer, as a step that has no answer yet. */
static void
add_batch(struct crash_workload *work, unsigned writer)
{
	struct batch_origin origin = {
	    .number = work->writers[writer].number + 1};
	struct crash_step *step = add_step(work, writer, origin.number);
	uint64_t lag = rng_below(&work->rng, 4);

	writer_id(writer, origin.writer);
	/* It need not have taken note of all answers. */
	origin.answered = origin.number - 1 > lag ? origin.number - 1 - lag : 0;
	if (origin.answered < step->answered)
		origin.answered = step->answered;
	step->answered = origin.answered;
	batch_builder_reset(&work->builder);
	for (uint64_t n = 1 + rng_below(&work->rng, GROUPS_MAX); n > 0; n--)
		add_group(work);
	buffer_append_slice(
	    &step->batch, batch_builder_finish(&work->builder, &origin, 0));
}

static struct engine_request
request_of(const struct crash_step *step)
{
	struct slice bytes = buffer_slice(&step->batch);

	return (struct engine_request){
	    .batch = mem_dup(bytes.data, bytes.size),
	    .batch_size = bytes.size,
	};
}

/* Sends the step again; true if the answer is the one that it got, if any. */
static bool
is_answered_alike(struct crash_workload *work, const struct crash_step *step)
{
	struct engine_request request = request_of(step);
	struct error err;
	bool same =
	    engine_write(work->engine, &request, 1, &err) == STATUS_OK &&
	    request.status == STATUS_OK &&
	    (buffer_size(&step->reply) == 0 ||
		slice_equal(
		    buffer_slice(&request.reply), buffer_slice(&step->reply)));

	mem_free(request.batch);
	buffer_deinit(&request.reply);
	return same;
}

/* From now on all steps that `is` names must survive a cut. */
static void
promise(struct crash_workload *work,
    bool (*is)(const struct crash_step *step, uint64_t limit), uint64_t limit)
{
	for (size_t i = 1; i < work->count; i++) {
		struct crash_step *step = &work->steps[i];

		if (step->durable_calls == CRASH_NEVER &&
		    step->answered_ms != 0 && is(step, limit))
			step->durable_calls = calls_now(work);
	}
}

static bool
is_in_tables(const struct crash_step *step, uint64_t sequence)
{
	return step->last_sequence <= sequence;
}

static bool
is_as_old(const struct crash_step *step, uint64_t time_ms)
{
	return step->answered_ms <= time_ms;
}

static void
promise_what_is_due(struct crash_workload *work, bool ticked)
{
	struct engine_status status;
	uint64_t now_ms = work->clock.since_boot_ms;

	engine_status(work->engine, &status);
	promise(work, is_in_tables, status.recovery_sequence);
	if (work->options.sync == ENGINE_SYNC_ALWAYS)
		promise(work, is_as_old, now_ms);
	else if (work->options.sync == ENGINE_SYNC_INTERVAL && ticked)
		promise(work, is_as_old, now_ms - SYNC_INTERVAL_MS);
}

/* The steps from `first` on, of which the refused ones did not happen. */
static void
complete_steps(struct crash_workload *work, size_t first, uint64_t before,
    const bool *refused)
{
	size_t kept = first;

	for (size_t i = first; i < work->count; i++) {
		if (refused[i - first]) {
			step_deinit(&work->steps[i]);
			continue;
		}
		work->steps[kept] = work->steps[i];
		complete_step(work, &work->steps[kept], before);
		before = work->steps[kept++].last_sequence;
	}
	work->count = kept;
}

static bool
is_refusal(enum status status)
{
	CHECK(status == STATUS_OK || status == STATUS_BUSY ||
	    status == STATUS_NO_SPACE || status == STATUS_IO);
	return status != STATUS_OK;
}

/*
 * Notes how the steps from `first` on went; `before` is the sequence in front
 * of them. With an engine that has ended those that were not refused are in
 * doubt.
 */
static void
take_answers(struct crash_workload *work, size_t first,
    struct engine_request *requests, uint64_t before, bool ended)
{
	bool refused[CRASH_WRITERS] = {false};

	for (size_t i = first; i < work->count; i++) {
		struct crash_step *step = &work->steps[i];
		struct engine_request *request = &requests[i - first];

		refused[i - first] = is_refusal(request->status);
		if (!ended && !refused[i - first]) {
			step->answered_ms = work->clock.since_boot_ms;
			buffer_append_slice(
			    &step->reply, buffer_slice(&request->reply));
			work->writers[step->writer].registered = true;
			work->writers[step->writer].number = step->number;
			work->writers[step->writer].answered = step->answered;
		}
		mem_free(request->batch);
		buffer_deinit(&request->reply);
	}
	complete_steps(work, first, before, refused);
}

/* The last step of a writer that is among the first `count`; NULL: none. */
static const struct crash_step *
last_of_writer(const struct crash_workload *work, unsigned writer, size_t count)
{
	while (count-- > 1) {
		if (work->steps[count].writer == writer)
			return &work->steps[count];
	}
	return NULL;
}

static enum status
register_writer(struct crash_workload *work, unsigned writer, struct error *err)
{
	struct crash_step *step = add_step(work, writer, 0);
	struct batch_origin origin = {0};
	struct engine_request request;
	struct engine_status status;
	enum status result;

	engine_status(work->engine, &status);
	writer_id(writer, origin.writer);
	batch_builder_reset(&work->builder);
	buffer_append_slice(
	    &step->batch, batch_builder_finish(&work->builder, &origin, 0));
	request = request_of(step);
	result = engine_write(work->engine, &request, 1, err);
	take_answers(work, work->count - 1, &request, status.sequence,
	    result != STATUS_OK);
	if (result == STATUS_OK)
		promise_what_is_due(work, false);
	return result;
}

/* Batches of some writers at once, as one group of the journal. */
static enum status
write_round(struct crash_workload *work, struct error *err)
{
	struct engine_request requests[CRASH_WRITERS];
	struct engine_status status;
	size_t first;
	unsigned writer = (unsigned)rng_below(&work->rng, CRASH_WRITERS);
	unsigned count = 1 + (unsigned)rng_below(&work->rng, CRASH_WRITERS);
	enum status result;

	for (unsigned i = 0; i < CRASH_WRITERS; i++) {
		if (!work->writers[i].registered &&
		    register_writer(work, i, err) != STATUS_OK)
			return err->code;
		if (!work->writers[i].registered) /* refused: later then */
			return STATUS_OK;
	}
	engine_status(work->engine, &status);
	first = work->count;
	for (unsigned i = 0; i < count; i++)
		add_batch(work, (writer + i) % CRASH_WRITERS);
	for (unsigned i = 0; i < count; i++)
		requests[i] = request_of(&work->steps[first + i]);
	result = engine_write(work->engine, requests, count, err);
	take_answers(
	    work, first, requests, status.sequence, result != STATUS_OK);
	if (result == STATUS_OK)
		promise_what_is_due(work, false);
	return result;
}

/* Everything that the writers have no answer to counts: all are asked again. */
static bool
repeats_are_answered(struct crash_workload *work, size_t count)
{
	for (unsigned w = 0; w < CRASH_WRITERS; w++) {
		const struct crash_step *last = last_of_writer(work, w, count);

		for (size_t i = 1; last != NULL && i < count; i++) {
			const struct crash_step *step = &work->steps[i];

			if (step->writer != w || step->number == 0 ||
			    step->number <= last->answered)
				continue;
			if (!is_answered_alike(work, step))
				return false;
			work->repeats++;
		}
	}
	return true;
}

static enum status
start(struct crash_workload *work, struct error *err)
{
	struct view_reader_options reader = {
	    .runtime_directory = work->engine_options.runtime_directory,
	    .data_directory = work->engine_options.data_directory,
	    .clock = &work->clock.clock,
	    .cache_bytes = 1 << 16,
	};

	work->opened_calls = calls_now(work);
	if (engine_open(&work->engine_options, &work->engine, err) != STATUS_OK)
		return err->code;
	work->reader = view_reader_create(&reader);
	return STATUS_OK;
}

static void
set_options(struct crash_workload *work, struct file_system *fs,
    const char *data, const char *runtime)
{
	uint64_t seed = work->options.seed;

	work->engine_options = (struct engine_options){
	    .fs = fs,
	    .clock = &work->clock.clock,
	    .data_directory = data,
	    .runtime_directory = runtime,
	    .store_id = {7},
	    .memtable_bytes = 64 << 10,
	    .table_bytes_max = (uint64_t)(4 << 10) << seed % 3,
	    .level1_bytes_max = (uint64_t)(4 << 10) << seed / 3 % 4,
	    .journal_segment_bytes = (uint64_t)(8 << 10) << seed / 12 % 3,
	    .manifest_bytes_min = 1,
	    .block_bytes = 1024,
	    .disk_reserve_bytes = 1,
	    .memtable_age_ms_max = 60 * STEP_MS,
	    .sync = work->options.sync,
	    .sync_interval_ms = SYNC_INTERVAL_MS,
	    .without_threads = !work->options.threads,
	};
	for (unsigned i = 1; i < ENGINE_LEVEL_COUNT; i++)
		work->engine_options.compression[i] = (i + seed / 36) % 2 == 1
		    ? COMPRESSION_LZ4
		    : COMPRESSION_ZSTD;
}

enum status
crash_workload_open(struct crash_workload *work,
    struct fault_file_system *fault, const char *data, const char *runtime,
    struct error *err)
{
	work->fault = fault;
	set_options(work,
	    fault == NULL ? file_system_real() : fault_file_system_table(fault),
	    data, runtime);
	return start(work, err);
}

static void
halt(struct crash_workload *work, enum status *status, struct error *err)
{
	view_reader_close(work->reader);
	work->reader = NULL;
	*status =
	    work->engine == NULL ? STATUS_OK : engine_close(work->engine, err);
	work->engine = NULL;
}

void
crash_workload_stop(struct crash_workload *work)
{
	halt(work, &(enum status){STATUS_OK}, &(struct error){0});
}

/* A stop makes all that was answered durable, in any mode. */
static enum status
restart(struct crash_workload *work, struct error *err)
{
	enum status status;

	work->restarts++;
	halt(work, &status, err);
	if (status != STATUS_OK)
		return status;
	promise(work, is_as_old, work->clock.since_boot_ms);
	if (start(work, err) != STATUS_OK)
		return err->code;
	CHECK(repeats_are_answered(work, work->count));
	return STATUS_OK;
}

static bool
state_is(struct crash_workload *work, const struct kv_model *model)
{
	struct error err;
	uint64_t digest;

	if (engine_driver_digest_of(work->reader, &digest, &err) != STATUS_OK) {
		fprintf(stderr, "read: %s\n", err.text);
		return false;
	}
	return digest == kv_model_digest(model, work->clock.now_ms);
}

/* What takes place between two rounds of writes. */
static enum status
disturb(struct crash_workload *work, struct error *err)
{
	enum status status = STATUS_OK;

	manual_clock_advance(&work->clock, rng_below(&work->rng, 2 * STEP_MS));
	/* Memtables gather: a recovery has to flush some of them itself. */
	if (work->busy_rounds > 0) {
		work->busy_rounds--;
		return STATUS_OK;
	}
	switch (rng_below(&work->rng, 24)) {
	case 0:
		status = engine_flush(work->engine, err);
		break;
	case 1:
		status = engine_settle(work->engine, err);
		break;
	case 2:
		status = restart(work, err);
		break;
	case 3:
		work->busy_rounds = 40;
		break;
	case 4:
		CHECK(repeats_are_answered(work, work->count));
		break;
	case 5:
		manual_clock_advance(&work->clock, 10 * STEP_MS);
		break;
	case 6:
	case 7:
		engine_request_flush(work->engine);
		break;
	default:
		break;
	}
	/* UNAVAILABLE: tried again by itself. */
	if (status != STATUS_OK && status != STATUS_UNAVAILABLE)
		return status;
	status = engine_tick(work->engine, err);
	if (status == STATUS_OK)
		promise_what_is_due(work, true);
	return status;
}

enum status
crash_workload_rounds(
    struct crash_workload *work, unsigned rounds, struct error *err)
{
	for (unsigned i = 0; i < rounds; i++) {
		if (write_round(work, err) != STATUS_OK ||
		    disturb(work, err) != STATUS_OK)
			return err->code;
		/* Chance may leave these out. */
		if ((i % 40 == 20 &&
			engine_settle(work->engine, err) != STATUS_OK) ||
		    (i % 40 == 30 && restart(work, err) != STATUS_OK))
			return err->code;
	}
	return STATUS_OK;
}

enum status
crash_workload_fill(
    struct crash_workload *work, unsigned rounds, struct error *err)
{
	for (unsigned i = 0; i < rounds; i++) {
		manual_clock_advance(&work->clock, STEP_MS);
		if (write_round(work, err) != STATUS_OK)
			return err->code;
	}
	return STATUS_OK;
}

enum status
crash_workload_run(struct crash_workload *work, struct error *err)
{
	enum status status =
	    crash_workload_rounds(work, work->options.rounds, err);

	if (status == STATUS_OK)
		status = engine_settle(work->engine, err);
	if (status == STATUS_OK)
		promise_what_is_due(work, true);
	return status;
}

void
crash_workload_span(const struct crash_workload *work, uint64_t calls,
    size_t *least, size_t *most)
{
	*least = 0;
	*most = 0;
	for (size_t i = 1; i < work->count; i++) {
		if (work->steps[i].durable_calls <= calls)
			*least = i;
		if (work->steps[i].begun_calls < calls)
			*most = i;
	}
}

size_t
crash_workload_step_at(const struct crash_workload *work, uint64_t sequence)
{
	size_t step = 0;

	while (step + 1 < work->count &&
	    work->steps[step + 1].last_sequence <= sequence)
		step++;
	return step;
}

/* Files in `folder` whose names contain `word`. */
static size_t
files_like(const char *data, const char *folder, const char *word)
{
	char path[PATH_BYTES_MAX];
	struct dirent *entry;
	size_t count = 0;
	DIR *directory;

	path_join(path, data, folder);
	directory = opendir(path);
	CHECK(directory != NULL);
	while ((entry = readdir(directory)) != NULL)
		count += strstr(entry->d_name, word) != NULL;
	closedir(directory);
	return count;
}

static const char *
left_over(const struct crash_workload *work)
{
	const char *data = work->engine_options.data_directory;
	struct engine_status status;

	engine_status(work->engine, &status);
	if (files_like(data, "shard-0/tables", ".sst") != status.table_count)
		return "table files are left over";
	if (files_like(data, "shard-0", "manifest-") != 1)
		return "manifests are left over";
	if (files_like(data, "shard-0/journal", ".new") != 0)
		return "a tail of the journal is left over";
	return NULL;
}

/* Takes over where the writers of `of` stood behind step `found`. */
static void
take_writers(
    struct crash_workload *work, const struct crash_workload *of, size_t found)
{
	for (unsigned w = 0; w < CRASH_WRITERS; w++) {
		const struct crash_step *last =
		    last_of_writer(of, w, found + 1);

		work->writers[w].registered = last != NULL;
		work->writers[w].number = last == NULL ? 0 : last->number;
		work->writers[w].answered = last == NULL ? 0 : last->answered;
	}
}

/* That what was recovered can be worked with. */
static const char *
check_going_on(
    struct crash_workload *work, const struct crash_workload *of, size_t found)
{
	struct error err;

	take_writers(work, of, found);
	kv_model_copy(&work->steps[0].model, &of->steps[found].model);
	if (write_round(work, &err) != STATUS_OK ||
	    engine_tick(work->engine, &err) != STATUS_OK ||
	    engine_settle(work->engine, &err) != STATUS_OK)
		return "what was recovered cannot be worked with";
	if (!state_is(work, &work->steps[work->count - 1].model))
		return "later writes or a compaction give a wrong state";
	return left_over(work);
}

enum status
crash_workload_resume(struct crash_workload *work, struct error *err)
{
	struct engine_status status;
	size_t answered = 0;
	size_t found;

	for (size_t i = 1; i < work->count; i++) {
		if (work->steps[i].answered_ms != 0)
			answered = i;
	}
	if (start(work, err) != STATUS_OK)
		return err->code;
	engine_status(work->engine, &status);
	found = crash_workload_step_at(work, status.sequence);
	if (found < answered)
		return error_set(err, STATUS_INVALID, "an answer is lost");
	if (!state_is(work, &work->steps[found].model) ||
	    !repeats_are_answered(work, found + 1))
		return error_set(err, STATUS_INVALID, "a wrong state");
	while (work->count > found + 1)
		step_deinit(&work->steps[--work->count]);
	/* What a recovery has read is on disk when it returns. */
	for (size_t i = 1; i < work->count; i++) {
		struct crash_step *step = &work->steps[i];

		step->answered_ms = step->answered_ms == 0
		    ? work->clock.since_boot_ms
		    : step->answered_ms;
		if (step->durable_calls == CRASH_NEVER)
			step->durable_calls = calls_now(work);
	}
	take_writers(work, work, found);
	return STATUS_OK;
}

static const char *
check_open(struct crash_workload *again, struct crash_workload *of,
    size_t least, size_t most, size_t *found)
{
	struct engine_status status;
	size_t place;

	engine_status(again->engine, &status);
	place = crash_workload_step_at(of, status.sequence);
	*found = place;
	if (place < least)
		return "a promised batch is lost";
	if (place > most)
		return "there is a batch that was not yet sent";
	if (!state_is(again, &of->steps[place].model))
		return "the state is not that behind the last batch";
	/* The steps are those of `of`; their engine is the new one. */
	of->engine = again->engine;
	if (!repeats_are_answered(of, place + 1))
		return "a batch that was answered is answered otherwise";
	return check_going_on(again, of, place);
}

const char *
crash_workload_check(const struct crash_workload *work, const char *data,
    const char *runtime, size_t least, size_t most, size_t *found)
{
	static char text[2 * ERROR_TEXT_BYTES_MAX];
	struct crash_workload of = *work;
	struct crash_options options = work->options;
	struct crash_workload again;
	const char *wrong = NULL;
	struct error err;

	options.threads = false;
	options.rounds = 0;
	crash_workload_init(&again, &options);
	again.clock = work->clock;
	if (crash_workload_open(&again, NULL, data, runtime, &err) !=
	    STATUS_OK) {
		snprintf(text, sizeof(text), "it does not open: %s", err.text);
		wrong = text;
	} else {
		wrong = check_open(&again, &of, least, most, found);
	}
	crash_workload_deinit(&again);
	return wrong;
}
