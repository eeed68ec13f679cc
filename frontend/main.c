/*
 * frontend - serves clients: one role per process.
 *
 * Job         The setting `role` says which: `tcp` serves the binary and the
 *             Redis protocol, `http` serves REST. Reads are answered here,
 *             from the memtables and tables of storaged; writes go to the
 *             write sink and come back with their results.
 * Peers       The supervisor over descriptor 3; the write sink (storaged) over
 *             nng; clients on the listening socket that the supervisor opened.
 * Privileges  Reads the data and the runtime directory, writes no file, opens
 *             no internet socket.
 * Signals     SIGTERM as STOP; SIGINT and SIGHUP are ignored.
 * Exit codes  sysexits: 0 stopped, 64 not started by a supervisor, 69 and 74
 *             failed, 75 did not finish in time, 78 wrong settings.
 */
#include <string.h>

#include "common/worker/settings.h"
#include "common/worker/worker.h"
#include "frontend/core/front.h"
#include "frontend/http/http_door.h"
#include "frontend/tcp/tcp_door.h"

static const struct {
	const char *name;
	void (*serve)(struct front *front);
} roles[] = {
    {"http", http_door_serve},
    {"tcp", tcp_door_serve},
};
#define ROLE_COUNT (sizeof(roles) / sizeof(roles[0]))

static enum status
on_start(void *context, struct worker *worker, struct error *err)
{
	struct front **front = context;
	const char *role = settings_string(worker_settings(worker), "role");

	for (size_t i = 0; i < ROLE_COUNT; i++) {
		if (strcmp(role, roles[i].name) != 0)
			continue;
		if (front_create(worker, front, err) != STATUS_OK)
			return err->code;
		roles[i].serve(*front);
		return STATUS_OK;
	}
	return error_set(
	    err, STATUS_INVALID, "no frontend has the role \"%s\"", role);
}

static void
on_stop(void *context, struct worker *worker)
{
	struct front **front = context;

	front_stop(*front);
}

static void
on_status(void *context, struct buffer *json)
{
	struct front **front = context;

	front_status(*front, json);
}

static void
on_close(void *context)
{
	struct front **front = context;

	front_close(*front);
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
	struct front *front = NULL;

	return worker_main(&job, &front);
}
