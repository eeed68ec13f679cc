#include "frontend/exporter/node_probe.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/lsm/view/view_path.h"
#include "common/lsm/view/view_reader.h"
#include "common/os/bus_guard.h"
#include "common/os/clock.h"
#include "common/os/path.h"

#define SHARD 0
#define SHARD_FOLDER "shard-0"

struct node_probe {
	const struct clock *clock;
	char *node_id;
	char *store_id;
	char control_path[PATH_BYTES_MAX];
	uint32_t server_pid;
	struct view_reader *reader;
	struct metrics_segment **segments;
	struct node_worker *workers; /* as many */
	size_t worker_count;
	struct node_state state;
};

static enum status
segments_open(struct node_probe *probe,
    const struct node_probe_options *options, struct error *err)
{
	for (size_t i = 0; i < options->segment_count; i++) {
		if (metrics_segment_open(options->segment_fds[i], false,
			&probe->segments[i], err) != STATUS_OK)
			return error_wrap(err, "segment %zu", i);
		probe->workers[i].segment = probe->segments[i];
	}
	return STATUS_OK;
}

enum status
node_probe_open(const struct node_probe_options *options,
    struct node_probe **out, struct error *err)
{
	struct view_reader_options reader = {
	    .runtime_directory = options->runtime_directory,
	    .data_directory = options->data_directory,
	    .shard = SHARD,
	    .clock = options->clock,
	    .cache_bytes = 0, /* no block is ever read */
	};
	struct node_probe *probe = mem_new(sizeof(*probe));
	char folder[PATH_BYTES_MAX];

	*out = NULL;
	probe->clock = options->clock;
	probe->node_id = mem_dup_string(options->node_id);
	probe->store_id = mem_dup_string(options->store_id);
	path_join(folder, options->runtime_directory, SHARD_FOLDER);
	view_path_control(probe->control_path, folder);
	probe->server_pid = options->server_pid;
	probe->worker_count = options->segment_count;
	probe->segments = mem_new_array(
	    options->segment_count + 1, sizeof(struct metrics_segment *));
	probe->workers = mem_new_array(
	    options->segment_count + 1, sizeof(struct node_worker));
	bus_guard_install();
	probe->reader = view_reader_create(&reader);
	if (segments_open(probe, options, err) != STATUS_OK) {
		node_probe_close(probe);
		return err->code;
	}
	*out = probe;
	return STATUS_OK;
}

/* "http-0" is number 0 of role http; "exporter" has no number. */
static void
name_split(struct node_worker *worker)
{
	const char *name = worker->worker.name;
	const char *dash = strrchr(name, '-');

	if (dash == NULL)
		dash = name + strlen(name);
	memcpy(worker->role, name, (size_t)(dash - name));
	worker->role[dash - name] = '\0';
	worker->number = *dash == '-' ? dash + 1 : dash;
}

static void
look_at_worker(struct node_worker *worker)
{
	metrics_segment_worker(worker->segment, &worker->worker);
	name_split(worker);
	worker->usage = (struct process_usage){0};
	if (worker->worker.pid != 0)
		process_usage_read(worker->worker.pid, &worker->usage);
}

struct control_look {
	const struct control *control;
	struct control_state *out;
};

static enum status
control_read(void *context, struct error *err)
{
	const struct control_look *look = context;

	control_load(look->control, look->out);
	return STATUS_OK;
}

/* Opened anew each time: a damaged block is replaced by another file. */
static enum status
look_at_control(const struct node_probe *probe, struct control_state *out,
    struct error *err)
{
	struct control *control;
	struct control_look look = {.out = out};
	enum status status =
	    control_open(probe->control_path, SHARD, &control, err);

	*out = (struct control_state){.write_state = CONTROL_WRITES_DOWN};
	if (status != STATUS_OK)
		return status;
	look.control = control;
	status = bus_guard_run(control_read, &look, err);
	control_close(control);
	return status;
}

static void
look_at_store(struct node_probe *probe, struct node_store *store)
{
	*store = (struct node_store){0};
	/* A failure leaves its status in the error. */
	if (look_at_control(probe, &store->control, &store->control_error) !=
	    STATUS_OK)
		error_wrap(&store->control_error, "control block");
	if (view_reader_idle_refresh(probe->reader, &store->view_error) ==
	    STATUS_OK)
		store->key_estimate = view_reader_key_estimate(probe->reader);
}

const struct node_state *
node_probe_look(struct node_probe *probe)
{
	struct node_state *state = &probe->state;

	*state = (struct node_state){
	    .version = KVSTORE_VERSION,
	    .node_id = probe->node_id,
	    .store_id = probe->store_id,
	    .now_ms = clock_wall_ms(probe->clock),
	    .workers = probe->workers,
	    .worker_count = probe->worker_count,
	};
	process_usage_read(probe->server_pid, &state->server);
	for (size_t i = 0; i < probe->worker_count; i++)
		look_at_worker(&probe->workers[i]);
	look_at_store(probe, &state->store);
	return state;
}

void
node_probe_refresh(struct node_probe *probe)
{
	struct error err;

	/* Whoever asks how the node is will be told of a failure. */
	(void)!view_reader_idle_refresh(probe->reader, &err);
}

void
node_probe_close(struct node_probe *probe)
{
	if (probe == NULL)
		return;
	view_reader_close(probe->reader);
	for (size_t i = 0; i < probe->worker_count; i++)
		metrics_segment_close(probe->segments[i]);
	mem_free(probe->segments);
	mem_free(probe->workers);
	mem_free(probe->node_id);
	mem_free(probe->store_id);
	mem_free(probe);
}
