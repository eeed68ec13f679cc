/* The verbs of kvctl that speak to the supervisor. */
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "common/base/buffer.h"
#include "frontend/kvctl/arguments.h"
#include "frontend/kvctl/control.h"
#include "frontend/kvctl/kvctl.h"
#include "frontend/kvctl/output.h"
#include "frontend/kvctl/sink.h"

#define REQUEST_BYTES_MAX 256
#define STORE_TIMEOUT_MS 2000

static const char *
text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text != NULL ? text : "";
}

static double
seconds_of(const json_t *object, const char *name)
{
	return (double)json_integer_value(json_object_get(object, name)) / 1000;
}

/* DONE and *out the answer, which the caller releases. */
static enum exit_code
ask(const struct kvctl *kvctl, const char *request, json_t **out)
{
	struct control_options options = {
	    .data_dir = kvctl->arguments->options[OPTION_DATA_DIR],
	    .timeout_ms = kvctl->timeout_ms,
	};
	struct buffer line = {0};
	struct error err;
	enum status status = control_ask(&options, request, &line, &err);
	json_t *answer = NULL;

	if (status == STATUS_OK) {
		answer = json_loadb((char *)line.data + line.start,
		    buffer_size(&line), 0, NULL);
		if (!json_is_object(answer))
			status = error_set(&err, STATUS_CORRUPT,
			    "the supervisor's answer is no JSON object");
		else if (!json_is_true(json_object_get(answer, "ok")))
			status = error_set(&err, STATUS_INVALID, "%s",
			    text_of(answer, "error"));
	}
	buffer_deinit(&line);
	if (status == STATUS_OK) {
		*out = answer;
		return EXIT_DONE;
	}
	json_decref(answer);
	return kvctl_fail(&err);
}

/* Prints the answer without the mark that says it is one. */
static void
print_json(json_t *answer)
{
	json_object_del(answer, "ok");
	output_json(answer);
}

static void
print_workers(const json_t *workers)
{
	json_t *worker;
	size_t i;

	printf("%-14s %-10s %8s %9s %10s  %s\n", "WORKER", "STATE", "PID",
	    "RESTARTS", "UP", "LAST EXIT");
	json_array_foreach(workers, i, worker)
	{
		printf("%-14s %-10s %8lld %9lld %9.1fs  %s\n",
		    text_of(worker, "name"), text_of(worker, "state"),
		    (long long)json_integer_value(
			json_object_get(worker, "pid")),
		    (long long)json_integer_value(
			json_object_get(worker, "restarts")),
		    seconds_of(worker, "uptime_ms"),
		    text_of(worker, "last_exit"));
	}
}

/* What `storaged` says of the store; NULL where it does not answer. */
static json_t *
ask_store(const struct kvctl *kvctl)
{
	struct sink_options options = {
	    .data_dir = kvctl->arguments->options[OPTION_DATA_DIR],
	    .timeout_ms = STORE_TIMEOUT_MS,
	};
	struct buffer reply = {0};
	struct error ignored;
	json_t *store = NULL;

	if (sink_ask(&options, IPC_STATUS, SLICE_EMPTY, &reply, &ignored) ==
	    STATUS_OK)
		store = json_loadb((char *)reply.data + reply.start,
		    buffer_size(&reply), 0, NULL);
	buffer_deinit(&reply);
	return store;
}

static long long
number_of(const json_t *object, const char *name)
{
	return (long long)json_integer_value(json_object_get(object, name));
}

static void
print_store(const json_t *store)
{
	const json_t *scrub = json_object_get(store, "scrub");
	long long round_bytes = number_of(scrub, "round_bytes");

	printf("store      %lld tables of %lld bytes, up to sequence %lld\n",
	    number_of(store, "tables"), number_of(store, "table_bytes"),
	    number_of(store, "sequence"));
	printf("scrub      %lld rounds", number_of(scrub, "rounds"));
	if (round_bytes > 0)
		printf(", %lld %% of the next",
		    100 * number_of(scrub, "done_bytes") / round_bytes);
	printf(", %lld damaged tables\n", number_of(scrub, "damaged_tables"));
	if (text_of(scrub, "damage")[0] != '\0')
		printf("DAMAGE     %s\n", text_of(scrub, "damage"));
}

enum exit_code
kvctl_status(const struct kvctl *kvctl)
{
	json_t *answer;
	json_t *listener;
	json_t *store;
	size_t i;
	enum exit_code code = ask(kvctl, "status", &answer);

	if (code != EXIT_DONE)
		return code;
	store = ask_store(kvctl);
	if (store != NULL)
		json_object_set_new(answer, "store", store);
	if (kvctl->is_json) {
		print_json(answer);
		return EXIT_DONE;
	}
	printf("node       %s, %s for %.1f s, version %s\n",
	    text_of(answer, "node_id"), text_of(answer, "state"),
	    seconds_of(answer, "uptime_ms"), text_of(answer, "version"));
	printf("data       %s\n", text_of(answer, "data_dir"));
	printf("runtime    %s\n", text_of(answer, "runtime_dir"));
	json_array_foreach(json_object_get(answer, "listeners"), i, listener)
	    printf("%-10s %s\n", text_of(listener, "role"),
		text_of(listener, "address"));
	if (store != NULL)
		print_store(store);
	putchar('\n');
	print_workers(json_object_get(answer, "workers"));
	json_decref(answer);
	return EXIT_DONE;
}

enum exit_code
kvctl_worker_list(const struct kvctl *kvctl)
{
	json_t *answer;
	enum exit_code code = ask(kvctl, "worker list", &answer);

	if (code != EXIT_DONE)
		return code;
	if (kvctl->is_json) {
		print_json(answer);
		return EXIT_DONE;
	}
	print_workers(json_object_get(answer, "workers"));
	json_decref(answer);
	return EXIT_DONE;
}

enum exit_code
kvctl_worker_restart(const struct kvctl *kvctl)
{
	const char *name = kvctl->words[0];
	char request[REQUEST_BYTES_MAX];
	json_t *answer;
	enum exit_code code;

	if (strlen(name) > REQUEST_BYTES_MAX / 2 ||
	    strpbrk(name, " \r\n") != NULL) {
		fprintf(stderr, "kvctl: no worker has such a name\n");
		return EXIT_REFUSED;
	}
	snprintf(request, sizeof(request), "worker restart %s", name);
	code = ask(kvctl, request, &answer);
	if (code != EXIT_DONE)
		return code;
	if (kvctl->is_json)
		print_json(answer);
	else
		json_decref(answer);
	return EXIT_DONE;
}
