#include "tests/support/engine_driver.h"

#include <stdio.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/lsm/view/view_reader.h"
#include "common/lsm/view/view_scan.h"

#define START_MS 1700000000000u

void
engine_driver_init(struct engine_driver *driver, uint64_t seed)
{
	*driver = (struct engine_driver){.rng = rng_seeded(seed)};
	manual_clock_init(&driver->clock, START_MS);
	for (size_t i = 0; i < sizeof(driver->writer); i++)
		driver->writer[i] = (uint8_t)(i + 1);
}

static enum status
send(struct engine_driver *driver, struct engine_request *request,
    struct slice bytes, struct error *err)
{
	uint8_t *copy = mem_dup(bytes.data, bytes.size);
	enum status status;

	*request =
	    (struct engine_request){.batch = copy, .batch_size = bytes.size};
	status = engine_write(driver->engine, request, 1, err);
	mem_free(copy);
	request->batch = NULL;
	return status;
}

static enum status
register_writer(struct engine_driver *driver, struct error *err)
{
	struct batch_origin origin = {0};
	struct engine_request request;
	struct slice bytes;

	memcpy(origin.writer, driver->writer, sizeof(origin.writer));
	bytes = batch_builder_finish(&driver->builder, &origin, 0);
	if (send(driver, &request, bytes, err) != STATUS_OK)
		return err->code;
	batch_builder_reset(&driver->builder);
	buffer_deinit(&request.reply);
	return request.status == STATUS_OK ? STATUS_OK
					   : error_copy(err, &request.error);
}

enum status
engine_driver_reopen(struct engine_driver *driver, struct error *err)
{
	struct view_reader_options reader = {
	    .runtime_directory = driver->options.runtime_directory,
	    .data_directory = driver->options.data_directory,
	    .clock = &driver->clock.clock,
	    .cache_bytes = 1 << 16,
	};

	if (engine_open(&driver->options, &driver->engine, err) != STATUS_OK)
		return err->code;
	driver->reader = view_reader_create(&reader);
	return STATUS_OK;
}

enum status
engine_driver_open(struct engine_driver *driver, struct file_system *fs,
    const char *data, const char *runtime, struct error *err)
{
	struct rng *rng = &driver->rng;

	driver->options = (struct engine_options){
	    .fs = fs,
	    .clock = &driver->clock.clock,
	    .data_directory = data,
	    .runtime_directory = runtime,
	    .store_id = {7},
	    .memtable_bytes = 64 << 10,
	    .table_bytes_max = (uint64_t)(4 << 10) << rng_below(rng, 3),
	    .level1_bytes_max = (uint64_t)(4 << 10) << rng_below(rng, 5),
	    .journal_segment_bytes = 64 << 10,
	    .block_bytes = 1024,
	    .disk_soft_bytes = 1,
	    .disk_hard_bytes = 1,
	    .disk_reserve_bytes = 1,
	    .sync = driver->sync,
	    .without_threads = true,
	};
	for (unsigned i = 2; i < ENGINE_LEVEL_COUNT; i++)
		driver->options.compression[i] = COMPRESSION_LZ4;
	if (engine_driver_reopen(driver, err) != STATUS_OK)
		return err->code;
	return register_writer(driver, err);
}

void
engine_driver_stop(struct engine_driver *driver)
{
	struct error ignored;

	view_reader_close(driver->reader);
	driver->reader = NULL;
	(void)engine_close(driver->engine, &ignored);
	driver->engine = NULL;
}

void
engine_driver_deinit(struct engine_driver *driver)
{
	engine_driver_stop(driver);
	kv_model_deinit(&driver->model);
	batch_builder_deinit(&driver->builder);
	buffer_deinit(&driver->last_batch);
	buffer_deinit(&driver->last_reply);
}

struct words {
	char key[32];
	char end[32];
	uint8_t value[DRIVER_VALUE_BYTES_MAX];
};

/* Tables that have few keys, far from one another, come of a narrow focus. */
static void
move_focus(struct engine_driver *driver)
{
	struct rng *rng = &driver->rng;

	if (driver->focus_count > 0 && rng_below(rng, 80) != 0)
		return;
	driver->focus_count = rng_below(rng, 2) == 0
	    ? DRIVER_KEYS
	    : 1 + (unsigned)rng_below(rng, 30);
	driver->focus =
	    (unsigned)rng_below(rng, DRIVER_KEYS - driver->focus_count + 1);
}

static struct slice
random_key(struct engine_driver *driver, char out[32])
{
	/* Counters have names of their own: other values are no numbers. */
	snprintf(out, 32, "key-%04u",
	    driver->focus +
		(unsigned)rng_below(&driver->rng, driver->focus_count));
	return slice_of_string(out);
}

static void
random_expiry(struct rng *rng, struct command *command)
{
	command->flags |= COMMAND_EXPIRY_RELATIVE;
	command->expiry_ms = 1 + (int64_t)rng_below(rng, 20000);
}

static struct command
random_command(struct engine_driver *driver, struct words *words)
{
	struct rng *rng = &driver->rng;
	struct command command = {.key = random_key(driver, words->key)};
	uint64_t dice = rng_below(rng, 100);

	if (dice < 60) {
		command.op = COMMAND_PUT;
		command.value = slice_of(
		    words->value, rng_below(rng, DRIVER_VALUE_BYTES_MAX));
		for (size_t i = 0; i < command.value.size; i++)
			words->value[i] = (uint8_t)rng_below(rng, 7);
		if (dice < 12)
			random_expiry(rng, &command);
	} else if (dice < 76) {
		command.op = COMMAND_DELETE;
	} else if (dice < 86) {
		command.op = COMMAND_INCREMENT;
		words->key[command.key.size++] = 'n';
		command.delta = (int64_t)rng_below(rng, 1000) - 300;
	} else if (dice < 92) {
		command.op = COMMAND_EXPIRE;
		random_expiry(rng, &command);
	} else if (dice < 98) {
		command.op = COMMAND_PERSIST;
	} else {
		command.op = COMMAND_DELETE_RANGE;
		command.value = random_key(driver, words->end);
		if (slice_compare(command.key, command.value) >= 0)
			command.value = SLICE_EMPTY;
		/* The whole store is deleted now and then, not all the time. */
		if (command.value.size == 0 && rng_below(rng, 4) != 0)
			command.value = slice_of_string("key-9");
	}
	return command;
}

enum status
engine_driver_send(struct engine_driver *driver, const struct command *commands,
    size_t count, struct error *err)
{
	struct batch_origin origin = {
	    .number = driver->number + 1, .answered = driver->number};
	struct engine_request request;
	struct slice bytes;

	memcpy(origin.writer, driver->writer, sizeof(origin.writer));
	batch_builder_reset(&driver->builder);
	for (size_t i = 0; i < count; i++) {
		CHECK(batch_builder_add(&driver->builder, &commands[i]));
		batch_builder_end_group(&driver->builder);
	}
	bytes = batch_builder_finish(&driver->builder, &origin, 0);
	buffer_clear(&driver->last_batch, SIZE_MAX);
	buffer_append_slice(&driver->last_batch, bytes);
	if (send(driver, &request, bytes, err) != STATUS_OK)
		return err->code;
	if (request.status != STATUS_OK) {
		buffer_deinit(&request.reply);
		return error_copy(err, &request.error);
	}
	driver->number++;
	for (size_t i = 0; i < count; i++)
		kv_model_apply(
		    &driver->model, &commands[i], driver->clock.now_ms);
	buffer_deinit(&driver->last_reply);
	driver->last_reply = request.reply;
	return STATUS_OK;
}

enum status
engine_driver_write(
    struct engine_driver *driver, size_t commands_max, struct error *err)
{
	size_t count = 1 + rng_below(&driver->rng, commands_max);
	struct words *words = mem_new_array(count, sizeof(*words));
	struct command *commands = mem_new_array(count, sizeof(*commands));
	enum status status;

	move_focus(driver);
	for (size_t i = 0; i < count; i++)
		commands[i] = random_command(driver, &words[i]);
	status = engine_driver_send(driver, commands, count, err);
	mem_free(words);
	mem_free(commands);
	return status;
}

bool
engine_driver_repeat_is_answered(struct engine_driver *driver)
{
	struct engine_request request;
	struct error err;
	bool same;

	if (buffer_size(&driver->last_batch) == 0)
		return true;
	same = send(driver, &request, buffer_slice(&driver->last_batch),
		   &err) == STATUS_OK &&
	    request.status == STATUS_OK &&
	    slice_equal(buffer_slice(&request.reply),
		buffer_slice(&driver->last_reply));
	buffer_deinit(&request.reply);
	return same;
}

static enum status
digest_scan(struct view_scan *scan, uint64_t *digest, struct error *err)
{
	const struct view_scan_limits limits = {
	    .entries_max = 50, .bytes_max = 1 << 20, .steps_max = 100};
	struct view_scan_page page;

	do {
		if (view_scan_read(scan, &limits, &page, err) != STATUS_OK)
			return err->code;
		for (size_t i = 0; i < page.count; i++)
			*digest = kv_model_digest_add(*digest,
			    page.entries[i].key, page.entries[i].value,
			    page.entries[i].deadline_ms);
	} while (!page.is_end);
	return STATUS_OK;
}

enum status
engine_driver_digest(
    struct engine_driver *driver, uint64_t *digest, struct error *err)
{
	return engine_driver_digest_of(driver->reader, digest, err);
}

enum status
engine_driver_digest_of(
    struct view_reader *reader, uint64_t *digest, struct error *err)
{
	struct view_scan *scan;
	enum status status;

	*digest = 0;
	if (view_reader_refresh(reader, err) != STATUS_OK ||
	    view_reader_scan(reader, SLICE_EMPTY, SLICE_EMPTY, &scan, err) !=
		STATUS_OK)
		return err->code;
	status = digest_scan(scan, digest, err);
	view_scan_close(scan);
	return status;
}

uint64_t
engine_driver_model_digest(const struct engine_driver *driver)
{
	return kv_model_digest(&driver->model, driver->clock.now_ms);
}
