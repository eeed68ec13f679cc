/*
 * exporter - shows how a node is: to Prometheus, to whoever watches over the
 * node, and to people.
 *
 * Job         Serves /metrics, /livez, /readyz and a status page over HTTP.
 * Peers       The supervisor over descriptor 3; nobody else: it reads what
 *             the other workers leave in shared memory.
 * Privileges  Writes nothing; the listening socket is inherited.
 * Files       RUNTIME/shard-N and DATA/shard-N/tables, to read.
 * Signals     SIGTERM as STOP; SIGINT and SIGHUP are ignored.
 * Exit codes  sysexits: 0 after STOP, 70 for metrics segments of another
 *             build.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/loop/loop.h"
#include "common/os/clock.h"
#include "common/worker/settings.h"
#include "common/worker/worker.h"
#include "frontend/exporter/door.h"
#include "frontend/exporter/node_probe.h"

#define TICK_MS 1000

struct exporter {
	struct worker *worker;
	struct node_probe *probe;
	struct door *door;
	struct loop_timer *tick;
};

static void
on_drained(void *context)
{
	struct exporter *exporter = context;

	worker_stopped(exporter->worker);
}

static void
on_tick(void *context)
{
	struct exporter *exporter = context;

	node_probe_refresh(exporter->probe);
	door_tick(exporter->door);
	loop_timer_start(exporter->tick, TICK_MS);
}

static enum status
probe_open(struct exporter *exporter, const struct settings *settings,
    struct error *err)
{
	size_t count = (size_t)settings_u64(settings, "segments");
	int *fds = mem_new_array(count + 1, sizeof(*fds));
	struct node_probe_options options = {
	    .node_id = settings_string(settings, "node_id"),
	    .store_id = settings_string(settings, "store_id"),
	    .runtime_directory = settings_string(settings, "runtime_dir"),
	    .data_directory = settings_string(settings, "data_dir"),
	    .clock = &clock_system,
	    .server_pid = (uint32_t)getppid(),
	    .segment_fds = fds,
	    .segment_count = count,
	};
	enum status status;

	for (size_t i = 0; i < count; i++) {
		char key[32];

		snprintf(key, sizeof(key), "segment_%zu_fd", i);
		fds[i] = (int)settings_u64(settings, key);
	}
	status = node_probe_open(&options, &exporter->probe, err);
	mem_free(fds);
	return status;
}

static enum status
on_start(void *context, struct worker *worker, struct error *err)
{
	struct exporter *exporter = context;
	const struct settings *settings = worker_settings(worker);
	struct door_options door = {
	    .loop = worker_loop(worker),
	    .clock = &clock_system,
	    .listen_fd = (int)settings_u64(settings, "listen_fd"),
	    .connections_max =
		(unsigned)settings_u64(settings, "connections_max"),
	    .idle_ms = settings_u64(settings, "idle_timeout_ms"),
	    .request_ms = settings_u64(settings, "request_timeout_ms"),
	    .is_open_to_all =
		strcmp(settings_string(settings, "access"), "open") == 0,
	    .on_drained = on_drained,
	    .context = exporter,
	};

	exporter->worker = worker;
	if (probe_open(exporter, settings, err) != STATUS_OK)
		return err->code;
	door.probe = exporter->probe;
	exporter->door = door_open(&door);
	exporter->tick =
	    loop_timer_create(worker_loop(worker), on_tick, exporter);
	loop_timer_start(exporter->tick, TICK_MS);
	worker_ready(worker);
	return STATUS_OK;
}

static void
on_stop(void *context, struct worker *worker)
{
	struct exporter *exporter = context;

	door_drain(exporter->door);
}

static void
on_status(void *context, struct buffer *json)
{
	struct exporter *exporter = context;

	buffer_printf(json, "{\"requests\":%" PRIu64 "}",
	    door_request_count(exporter->door));
}

static void
on_close(void *context)
{
	struct exporter *exporter = context;

	door_close(exporter->door);
	loop_timer_close(exporter->tick);
	node_probe_close(exporter->probe);
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
	struct exporter exporter = {0};

	return worker_main(&job, &exporter);
}
