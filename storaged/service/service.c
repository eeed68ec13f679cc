#include "storaged/service/service.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/codec/json_text.h"
#include "common/ipc/ipc_server.h"
#include "common/log/log.h"
#include "common/loop/loop.h"
#include "common/os/path.h"
#include "common/worker/worker.h"

#define TICK_MS 100

/* Requests in a group; more than the server hands over at a time. */
#define GROUP_MAX IPC_REQUESTS_MAX

/* Requests that wait for tables; they must not take the room of writes. */
#define WAITING_MAX 8

struct service {
	struct worker *worker;
	struct engine *engine;
	struct ipc_server *server;
	struct loop_timer *tick;
	struct loop_timer *delay; /* running: writes wait for compaction */
	struct loop_watch *watch; /* of the engine's finished jobs */
	struct ipc_request *writes[GROUP_MAX];
	struct engine_request requests[GROUP_MAX];
	size_t write_count;
	struct waiting {
		struct ipc_request *request;
		uint64_t sequence; /* to be in tables */
		bool settled; /* and nothing be left to compact */
	} waiting[WAITING_MAX];
	size_t waiting_count;
	struct ipc_request *checkpoint; /* who waits for one; or NULL */
};

static void tick(struct service *service);

static void
reply_error(struct ipc_request *request, const struct error *err)
{
	ipc_request_reply(request, err->code, slice_of_string(err->text));
}

static void
write_group(struct service *service)
{
	struct error err;
	size_t count = service->write_count;

	service->write_count = 0;
	if (count == 0)
		return;
	if (engine_write(service->engine, service->requests, count, &err) !=
	    STATUS_OK) {
		worker_fail(service->worker, &err);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		struct engine_request *request = &service->requests[i];

		if (request->status == STATUS_OK)
			ipc_request_reply(service->writes[i], STATUS_OK,
			    buffer_slice(&request->reply));
		else
			reply_error(service->writes[i], &request->error);
		buffer_clear(&request->reply, 1 << 20);
	}
	/* A memtable that is full is flushed at once, not at the next tick. */
	if (engine_is_due(service->engine))
		tick(service);
}

static void
on_delay(void *context)
{
	write_group(context);
}

static void
on_turn_end(void *context)
{
	struct service *service = context;
	uint32_t delay_us = engine_delay_us(service->engine);

	if (service->write_count == 0 || loop_timer_is_running(service->delay))
		return;
	if (delay_us == 0)
		write_group(service);
	else
		loop_timer_start_ns(service->delay, (uint64_t)delay_us * 1000);
}

static void
add_write(
    struct service *service, struct ipc_request *request, struct slice payload)
{
	struct engine_request *slot = &service->requests[service->write_count];
	struct buffer reply = slot->reply;

	CHECK(service->write_count < GROUP_MAX);
	/* The message is this process's own copy: it may be stamped. */
	*slot = (struct engine_request){
	    .batch = (uint8_t *)(uintptr_t)payload.data,
	    .batch_size = payload.size,
	    .reply = reply,
	};
	service->writes[service->write_count++] = request;
}

/* True if it has been answered. */
static bool
answer_waiting(struct service *service, const struct waiting *waiting)
{
	struct engine_status status;
	const char *trouble;

	engine_status(service->engine, &status);
	trouble = waiting->settled ? status.trouble : status.flush_trouble;
	if (trouble[0] != '\0')
		ipc_request_reply(waiting->request, STATUS_UNAVAILABLE,
		    slice_of_string(trouble));
	else if (status.recovery_sequence >= waiting->sequence &&
	    !(waiting->settled && engine_busy(service->engine)))
		ipc_request_reply(waiting->request, STATUS_OK, SLICE_EMPTY);
	else
		return false;
	return true;
}

static void
answer_checkpoint(struct service *service)
{
	struct engine_checkpoint made;
	struct buffer json = {0};
	struct error err;

	if (service->checkpoint == NULL ||
	    !engine_checkpoint_take(service->engine, &made, &err))
		return;
	if (err.code != STATUS_OK) {
		log_event(
		    LOG_WARN, "checkpoint_failed", "error=\"%s\"", err.text);
		reply_error(service->checkpoint, &err);
	} else {
		log_event(LOG_INFO, "checkpoint_made",
		    "sequence=%" PRIu64 " tables=%zu bytes=%" PRIu64,
		    made.sequence, made.table_count, made.table_bytes);
		buffer_printf(&json,
		    "{\"sequence\":%" PRIu64 ",\"store_clock_ms\":%" PRIu64
		    ",\"tables\":%zu,\"table_bytes\":%" PRIu64 "}",
		    made.sequence, made.store_clock_ms, made.table_count,
		    made.table_bytes);
		ipc_request_reply(
		    service->checkpoint, STATUS_OK, buffer_slice(&json));
	}
	buffer_deinit(&json);
	service->checkpoint = NULL;
}

static void
tick(struct service *service)
{
	struct error err;
	size_t kept = 0;

	if (engine_tick(service->engine, &err) != STATUS_OK) {
		worker_fail(service->worker, &err);
		return;
	}
	for (size_t i = 0; i < service->waiting_count; i++) {
		if (!answer_waiting(service, &service->waiting[i]))
			service->waiting[kept++] = service->waiting[i];
	}
	service->waiting_count = kept;
	answer_checkpoint(service);
}

static void
flush(struct service *service, struct ipc_request *request, enum ipc_type type)
{
	if (service->waiting_count == WAITING_MAX) {
		ipc_request_reply(request, STATUS_BUSY,
		    slice_of_string("others wait for the same already"));
		return;
	}
	service->waiting[service->waiting_count++] = (struct waiting){
	    .request = request,
	    .sequence = engine_request_flush(service->engine),
	    .settled = type == IPC_COMPACT,
	};
	tick(service);
}

static void
begin_checkpoint(
    struct service *service, struct ipc_request *request, struct slice path)
{
	char target[PATH_BYTES_MAX];
	struct error err;

	if (path.size == 0 || path.size >= sizeof(target) ||
	    memchr(path.data, 0, path.size) != NULL) {
		error_set(&err, STATUS_INVALID, "this is no path of a folder");
		reply_error(request, &err);
		return;
	}
	memcpy(target, path.data, path.size);
	target[path.size] = '\0';
	if (engine_checkpoint_begin(service->engine, target, &err) !=
	    STATUS_OK) {
		reply_error(request, &err);
		return;
	}
	service->checkpoint = request;
	tick(service);
}

static void
on_request(void *context, struct ipc_request *request, enum ipc_type type,
    struct slice payload)
{
	struct service *service = context;
	struct buffer json = {0};

	switch (type) {
	case IPC_WRITE:
		add_write(service, request, payload);
		break;
	case IPC_STATUS:
		service_status(service, &json);
		ipc_request_reply(request, STATUS_OK, buffer_slice(&json));
		buffer_deinit(&json);
		break;
	case IPC_FLUSH:
	case IPC_COMPACT:
		flush(service, request, type);
		break;
	case IPC_CHECKPOINT:
		begin_checkpoint(service, request, payload);
		break;
	case IPC_HELLO:
		/* The server answers this one itself. */
		CHECK(type != IPC_HELLO);
	}
}

static void
on_tick(void *context)
{
	struct service *service = context;

	loop_timer_start(service->tick, TICK_MS);
	tick(service);
}

static void
on_jobs_done(void *context, unsigned ready)
{
	tick(context);
}

static enum status
start(struct service *service, const struct engine_options *options,
    const char *socket_path, struct error *err)
{
	struct loop *loop = worker_loop(service->worker);
	struct ipc_server_options server = {
	    .path = socket_path,
	    .on_request = on_request,
	    .on_turn_end = on_turn_end,
	    .context = service,
	};

	if (engine_open(options, &service->engine, err) != STATUS_OK)
		return err->code;
	service->tick = loop_timer_create(loop, on_tick, service);
	service->delay = loop_timer_create(loop, on_delay, service);
	service->watch = loop_watch_create(
	    loop, engine_descriptor(service->engine), on_jobs_done, service);
	loop_watch_set(service->watch, LOOP_READ);
	loop_timer_start(service->tick, TICK_MS);
	return ipc_server_create(loop, &server, &service->server, err);
}

enum status
service_create(struct worker *worker, const struct engine_options *options,
    const char *socket_path, struct service **out, struct error *err)
{
	struct service *service = mem_new(sizeof(*service));

	*out = NULL;
	service->worker = worker;
	if (start(service, options, socket_path, err) != STATUS_OK) {
		service_close(service);
		return err->code;
	}
	*out = service;
	return STATUS_OK;
}

void
service_status(struct service *service, struct buffer *json)
{
	struct engine_status status;

	engine_status(service->engine, &status);
	buffer_printf(json,
	    "{\"sequence\":%" PRIu64 ",\"recovery_sequence\":%" PRIu64
	    ",\"store_clock_ms\":%" PRIu64 ",\"memtables\":%zu"
	    ",\"memtable_bytes\":%" PRIu64 ",\"tables\":%zu"
	    ",\"table_bytes\":%" PRIu64 ",\"compaction_debt_bytes\":%" PRIu64
	    ",\"disk_free_bytes\":%" PRIu64 ",\"disk_reserve_bytes\":%" PRIu64
	    ",\"disk_state\":\"%s\",\"writers\":%zu"
	    ",\"compacting\":%s,\"levels\":[",
	    status.sequence, status.recovery_sequence, status.store_clock_ms,
	    status.memtable_count, status.memtable_bytes, status.table_count,
	    status.table_bytes, status.compaction_debt_bytes,
	    status.disk_free_bytes, status.disk_reserve_bytes,
	    status.disk_state, status.writer_count,
	    engine_busy(service->engine) ? "true" : "false");
	for (unsigned i = 0; i < ENGINE_LEVEL_COUNT; i++)
		buffer_printf(json, "%s{\"tables\":%zu,\"bytes\":%" PRIu64 "}",
		    i == 0 ? "" : ",", status.levels[i].tables,
		    status.levels[i].bytes);
	buffer_printf(json,
	    "],\"scrub\":{\"rounds\":%" PRIu64 ",\"round_bytes\":%" PRIu64
	    ",\"done_bytes\":%" PRIu64 ",\"errors\":%" PRIu64
	    ",\"damaged_tables\":%zu,\"damage\":",
	    status.scrub.rounds, status.scrub.round_bytes,
	    status.scrub.done_bytes, status.scrub.error_count,
	    status.scrub.damaged_tables);
	json_text_append(json, slice_of_string(status.scrub.damage));
	buffer_printf(json, "}}");
}

void
service_close(struct service *service)
{
	struct error err;

	if (service == NULL)
		return;
	ipc_server_close(service->server);
	loop_timer_close(service->tick);
	loop_timer_close(service->delay);
	loop_watch_close(service->watch);
	if (engine_close(service->engine, &err) != STATUS_OK)
		log_event(LOG_ERROR, "close_failed", "error=\"%s\"", err.text);
	for (size_t i = 0; i < GROUP_MAX; i++)
		buffer_deinit(&service->requests[i].reply);
	mem_free(service);
}
