/*
 * storaged - owns the data of one shard: journal, memtables, tables.
 *
 * Job         Takes batches of writes over its nng socket, makes them durable,
 *             applies and publishes them; flushes and compacts.
 * Peers       The supervisor over descriptor 3; frontends (or the replicator)
 *             as clients of its socket. Readers need no word from it.
 * Privileges  Writes the data and runtime directories; opens no internet
 *             socket.
 * Files       DATA/shard-N (storaged/FORMAT.md), RUNTIME/shard-N, the socket.
 * Signals     SIGTERM as STOP; SIGINT and SIGHUP are ignored.
 * Exit codes  sysexits: 0 after STOP, 65 for damaged data, 74 for a failed
 *             disk, 70 otherwise.
 *
 *     message            handler
 *     WRITE              add_write, answered by write_group
 *     STATUS             service_status
 *     FLUSH, COMPACT     flush
 *     CHECKPOINT         begin_checkpoint, answered by answer_checkpoint
 */
#include <stdio.h>
#include <string.h>

#include "common/base/check.h"
#include "common/log/log.h"
#include "common/worker/settings.h"
#include "common/worker/worker.h"
#include "storaged/service/service.h"

struct storaged {
	struct service *service;
};

static void
read_store_id(const char *hex, uint8_t id[16])
{
	CHECK(strlen(hex) == 32);
	for (size_t i = 0; i < 16; i++)
		CHECK(sscanf(hex + 2 * i, "%2hhx", &id[i]) == 1);
}

static enum engine_sync
read_sync(const char *word)
{
	if (strcmp(word, "interval") == 0)
		return ENGINE_SYNC_INTERVAL;
	if (strcmp(word, "never") == 0)
		return ENGINE_SYNC_NEVER;
	CHECK(strcmp(word, "always") == 0);
	return ENGINE_SYNC_ALWAYS;
}

/* Young levels stay uncompressed: they are rewritten soon and read often. */
static void
set_compression(struct engine_options *options, const char *word)
{
	enum compression compression;

	CHECK(compression_find(word, &compression));
	for (unsigned i = 2; i < ENGINE_LEVEL_COUNT; i++)
		options->compression[i] = compression;
}

/* An engine option of zero asks for the default; a setting means zero. */
static uint64_t
setting(const struct settings *settings, const char *key)
{
	uint64_t value = settings_u64(settings, key);

	return value == 0 ? 1 : value;
}

static enum status
on_start(void *context, struct worker *worker, struct error *err)
{
	struct storaged *storaged = context;
	const struct settings *settings = worker_settings(worker);
	struct engine_options options = {
	    .data_directory = settings_string(settings, "data_dir"),
	    .runtime_directory = settings_string(settings, "runtime_dir"),
	    .shard = (unsigned)settings_u64(settings, "shard"),
	    .memtable_bytes = (size_t)settings_u64(settings, "max_mem_bytes"),
	    .cache_bytes = (size_t)setting(settings, "cache_bytes"),
	    .journal_segment_bytes =
		settings_u64(settings, "journal_segment_bytes"),
	    .sync = read_sync(settings_string(settings, "journal_sync")),
	    .sync_interval_ms =
		settings_u64(settings, "journal_sync_interval_ms"),
	    .scrub_bytes_per_s = settings_u64(settings, "scrub_bytes_per_s"),
	    .scrub_interval_ms = settings_u64(settings, "scrub_interval_ms"),
	    .disk_soft_bytes = settings_u64(settings, "disk_soft_bytes"),
	    .disk_hard_bytes = settings_u64(settings, "disk_hard_bytes"),
	    .disk_reserve_bytes = settings_u64(settings, "disk_reserve_bytes"),
	};

	read_store_id(settings_string(settings, "store_id"), options.store_id);
	set_compression(&options, settings_string(settings, "compression"));
	if (service_create(worker, &options, settings_string(settings, "sink"),
		&storaged->service, err) != STATUS_OK) {
		if (err->code == STATUS_CORRUPT)
			log_event(LOG_ERROR, "data_damaged",
			    "text=\"'kvctl db repair %s' says what can be "
			    "saved, "
			    "and changes nothing yet\"",
			    options.data_directory);
		return err->code;
	}
	worker_ready(worker);
	return STATUS_OK;
}

static void
on_stop(void *context, struct worker *worker)
{
	struct storaged *storaged = context;

	service_close(storaged->service);
	storaged->service = NULL;
	worker_stopped(worker);
}

static void
on_status(void *context, struct buffer *json)
{
	struct storaged *storaged = context;

	service_status(storaged->service, json);
}

static void
on_close(void *context)
{
	struct storaged *storaged = context;

	service_close(storaged->service);
	storaged->service = NULL;
}

int
main(void)
{
	static const struct worker_job job = {
	    .on_start = on_start,
	    .on_stop = on_stop,
	    .on_status = on_status,
	    .on_close = on_close,
	};
	struct storaged storaged = {0};

	return worker_main(&job, &storaged);
}
