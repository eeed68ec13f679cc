#include "supervisor/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/os/clock.h"
#include "config/config.h"
#include "supervisor/data_directory.h"
#include "supervisor/json.h"
#include "supervisor/runtime_directory.h"
#include "supervisor/supervisor.h"

static const struct {
	enum worker_role role;
	const char *flag;
} doors[] = {
    {WORKER_HTTP, "-http-addr"},
    {WORKER_TCP, "-tcp-addr"},
    {WORKER_EXPORTER, "-metrics-addr"},
};
#define DOOR_COUNT (sizeof(doors) / sizeof(doors[0]))

static void
append_key(struct buffer *out, const char *key, const char *text)
{
	buffer_printf(out, ",\"%s\":", key);
	json_append_string(out, text);
}

static void
append_failure(struct buffer *out, const char *text)
{
	buffer_printf(out, "{\"ok\":false,\"error\":");
	json_append_string(out, text);
	buffer_append_byte(out, '}');
}

static void
append_worker(struct buffer *out, const struct child *child, uint64_t now_ms)
{
	buffer_printf(out, "{\"name\":\"%s\"", child->plan->name);
	append_key(out, "role", worker_role_name(child->plan->role));
	append_key(out, "state", child_state_name(child->state));
	buffer_printf(out,
	    ",\"pid\":%d,\"restarts\":%" PRIu64 ",\"uptime_ms\":%" PRIu64,
	    (int)child->pid, child->restarts,
	    child_is_running(child) ? now_ms - child->started_ms : 0);
	append_key(out, "last_exit", child->last_exit);
	buffer_append_byte(out, '}');
}

static void
append_workers(struct buffer *out, const struct supervisor *supervisor)
{
	uint64_t now_ms = clock_monotonic_ms(&clock_system);

	buffer_printf(out, ",\"workers\":[");
	for (size_t i = 0; i < supervisor->child_count; i++) {
		if (i > 0)
			buffer_append_byte(out, ',');
		append_worker(out, &supervisor->children[i], now_ms);
	}
	buffer_append_byte(out, ']');
}

static const char *
state_name(const struct supervisor *supervisor)
{
	switch (supervisor->state) {
	case SUPERVISOR_STARTING:
		return "starting";
	case SUPERVISOR_STOPPING:
		return "stopping";
	case SUPERVISOR_SERVING:
		break;
	}
	return supervisor_is_whole(supervisor) ? "ready" : "degraded";
}

static void
append_listeners(struct buffer *out, const struct supervisor *supervisor)
{
	const char *comma = "";

	buffer_printf(out, ",\"listeners\":[");
	for (size_t i = 0; i < DOOR_COUNT; i++) {
		int fd = supervisor->listeners[doors[i].role];
		char address[LISTEN_TEXT_BYTES_MAX];

		if (fd < 0)
			continue;
		listen_name(fd, address);
		buffer_printf(out,
		    "%s{\"role\":\"%s\",\"flag\":\"%s\",\"address\":\"%s\"}",
		    comma, worker_role_name(doors[i].role), doors[i].flag,
		    address);
		comma = ",";
	}
	buffer_append_byte(out, ']');
}

static void
answer_status(struct supervisor *supervisor, struct buffer *out)
{
	uint64_t now_ms = clock_monotonic_ms(&clock_system);

	buffer_printf(out, "{\"ok\":true");
	append_key(out, "version", KVSTORE_VERSION);
	append_key(out, "state", state_name(supervisor));
	buffer_printf(out, ",\"pid\":%d,\"uptime_ms\":%" PRIu64, (int)getpid(),
	    now_ms - supervisor->started_ms);
	append_key(out, "node_id", supervisor->node_id);
	append_key(out, "data_dir", data_directory_path(supervisor->data));
	append_key(
	    out, "runtime_dir", runtime_directory_path(supervisor->runtime));
	append_key(out, "store_id", data_directory_store_id(supervisor->data));
	append_listeners(out, supervisor);
	append_workers(out, supervisor);
	buffer_append_byte(out, '}');
}

static void
answer_restart(
    struct supervisor *supervisor, const char *name, struct buffer *out)
{
	struct buffer names = {0};

	if (supervisor->state == SUPERVISOR_STOPPING) {
		append_failure(out, "the server is stopping");
		return;
	}
	buffer_printf(
	    &names, "there is no worker \"%s\"; the workers are", name);
	for (size_t i = 0; i < supervisor->child_count; i++) {
		struct child *child = &supervisor->children[i];

		buffer_printf(
		    &names, "%s %s", i == 0 ? "" : ",", child->plan->name);
		if (strcmp(child->plan->name, name) != 0)
			continue;
		supervisor_restart(supervisor, child);
		buffer_printf(out, "{\"ok\":true,\"name\":\"%s\"}", name);
		buffer_deinit(&names);
		return;
	}
	buffer_append_byte(&names, '\0');
	append_failure(out, (char *)names.data + names.start);
	buffer_deinit(&names);
}

void
report_on_request(void *context, const char *line, struct buffer *answer)
{
	static const char restart[] = "worker restart ";
	struct supervisor *supervisor = context;
	char text[400];

	if (strcmp(line, "status") == 0) {
		answer_status(supervisor, answer);
	} else if (strcmp(line, "worker list") == 0) {
		buffer_printf(answer, "{\"ok\":true");
		append_workers(answer, supervisor);
		buffer_append_byte(answer, '}');
	} else if (strncmp(line, restart, strlen(restart)) == 0) {
		answer_restart(supervisor, line + strlen(restart), answer);
	} else {
		snprintf(text, sizeof(text),
		    "unknown request \"%s\"; there are: status, worker list, "
		    "worker restart NAME",
		    line);
		append_failure(answer, text);
	}
}

/* What a person on this machine types to get there. */
static void
reachable_name(int fd, char out[LISTEN_TEXT_BYTES_MAX])
{
	static const char *const wildcards[] = {"[::]:", "0.0.0.0:"};
	char address[LISTEN_TEXT_BYTES_MAX];

	listen_name(fd, address);
	for (size_t i = 0; i < 2; i++) {
		size_t size = strlen(wildcards[i]);

		if (strncmp(address, wildcards[i], size) != 0)
			continue;
		snprintf(out, LISTEN_TEXT_BYTES_MAX, "localhost:%.100s",
		    address + size);
		return;
	}
	snprintf(out, LISTEN_TEXT_BYTES_MAX, "%s", address);
}

static void
append_tcp_examples(struct buffer *out, const struct supervisor *supervisor,
    const char *address)
{
	const char *program = supervisor->program_name;
	const char *slash = strrchr(program, '/');
	int folder_size = slash == NULL ? 0 : (int)(slash + 1 - program);
	const char *port = strrchr(address, ':') + 1;
	char endpoint[LISTEN_TEXT_BYTES_MAX + 16] = "";

	if (strcmp(address, "localhost:9090") != 0)
		snprintf(endpoint, sizeof(endpoint), " --endpoint %s", address);
	buffer_printf(out,
	    "  %.*skvctl put mykey myvalue%s\n"
	    "  %.*skvctl get mykey%s\n",
	    folder_size, program, endpoint, folder_size, program, endpoint);
	buffer_printf(out, "  redis-cli%s%.*s -p %s set a b\n",
	    strncmp(address, "localhost:", 10) == 0 ? "" : " -h ",
	    strncmp(address, "localhost:", 10) == 0 ? 0
						    : (int)(port - 1 - address),
	    address, port);
}

void
report_banner(const struct supervisor *supervisor, struct buffer *out)
{
	char http[LISTEN_TEXT_BYTES_MAX] = "";
	char tcp[LISTEN_TEXT_BYTES_MAX] = "";
	char metrics[LISTEN_TEXT_BYTES_MAX];

	buffer_printf(out, "\nkvstore %s serves %s\n", KVSTORE_VERSION,
	    data_directory_path(supervisor->data));
	if (supervisor->listeners[WORKER_HTTP] >= 0) {
		reachable_name(supervisor->listeners[WORKER_HTTP], http);
		buffer_printf(out, "  HTTP             http://%s\n", http);
	}
	if (supervisor->listeners[WORKER_TCP] >= 0) {
		reachable_name(supervisor->listeners[WORKER_TCP], tcp);
		buffer_printf(out, "  Redis and binary %s\n", tcp);
	}
	if (supervisor->listeners[WORKER_EXPORTER] >= 0) {
		reachable_name(supervisor->listeners[WORKER_EXPORTER], metrics);
		buffer_printf(out, "  metrics, status  http://%s\n", metrics);
	}
	if (http[0] != '\0' || tcp[0] != '\0')
		buffer_printf(out, "Try, in another shell:\n");
	if (http[0] != '\0')
		buffer_printf(out,
		    "  curl -X PUT http://%s/user123 -d "
		    "'{\"value\": \"Saurab\", \"ttl\": 3600}'\n"
		    "  curl http://%s/user123\n",
		    http, http);
	if (tcp[0] != '\0')
		append_tcp_examples(out, supervisor, tcp);
	buffer_printf(out, "Ctrl-C ends it.\n\n");
}
