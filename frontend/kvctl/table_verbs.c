/* The verbs of kvctl that have `storaged` work on its tables. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "common/base/buffer.h"
#include "common/os/path.h"
#include "frontend/kvctl/arguments.h"
#include "frontend/kvctl/kvctl.h"
#include "frontend/kvctl/output.h"
#include "frontend/kvctl/sink.h"

static enum exit_code
ask(const struct kvctl *kvctl, enum ipc_type type, struct slice payload,
    struct buffer *reply)
{
	struct sink_options options = {
	    .data_dir = kvctl->arguments->options[OPTION_DATA_DIR],
	    .timeout_ms = kvctl->timeout_ms,
	};
	struct error err;

	return sink_ask(&options, type, payload, reply, &err) == STATUS_OK
	    ? EXIT_DONE
	    : kvctl_fail(&err);
}

/* The target's absolute path: another process is to make it. */
static enum exit_code
resolve(const char *target, char out[PATH_BYTES_MAX])
{
	char copy[PATH_BYTES_MAX];
	size_t size = strlen(target);
	const char *name;
	char *slash;
	char *real;

	while (size > 1 && target[size - 1] == '/')
		size--;
	snprintf(copy, sizeof(copy), "%.*s", (int)size, target);
	slash = strrchr(copy, '/');
	name = slash == NULL ? copy : slash + 1;
	if (size == 0 || size >= sizeof(copy) || name[0] == '\0' ||
	    strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
		fprintf(
		    stderr, "kvctl: \"%.100s\" names no new folder\n", target);
		return EXIT_MISUSED;
	}
	if (slash != NULL)
		*slash = '\0';
	real = realpath(slash == NULL ? "." : slash == copy ? "/" : copy, NULL);
	if (real == NULL) {
		fprintf(stderr, "kvctl: the folder around %.100s: %s\n", target,
		    strerror(errno));
		return EXIT_REFUSED;
	}
	if (strlen(real) + strlen(name) + 2 > PATH_BYTES_MAX) {
		fprintf(stderr, "kvctl: the path is too long\n");
		free(real);
		return EXIT_REFUSED;
	}
	path_join(out, strcmp(real, "/") == 0 ? "" : real, name);
	free(real);
	return EXIT_DONE;
}

enum exit_code
kvctl_checkpoint(const struct kvctl *kvctl)
{
	char target[PATH_BYTES_MAX];
	struct buffer reply = {0};
	json_t *made;
	enum exit_code code = resolve(kvctl->words[0], target);

	if (code == EXIT_DONE)
		code =
		    ask(kvctl, IPC_CHECKPOINT, slice_of_string(target), &reply);
	if (code == EXIT_DONE) {
		made = json_loadb((char *)reply.data + reply.start,
		    buffer_size(&reply), 0, NULL);
		if (kvctl->is_json)
			output_json(made);
		else
			printf("%s: %lld tables, %lld bytes, up to sequence "
			       "%lld\n",
			    target,
			    (long long)json_integer_value(
				json_object_get(made, "tables")),
			    (long long)json_integer_value(
				json_object_get(made, "table_bytes")),
			    (long long)json_integer_value(
				json_object_get(made, "sequence")));
		if (!kvctl->is_json)
			json_decref(made);
	}
	buffer_deinit(&reply);
	return code;
}

static enum exit_code
ask_without_reply(const struct kvctl *kvctl, enum ipc_type type)
{
	struct buffer reply = {0};
	enum exit_code code = ask(kvctl, type, SLICE_EMPTY, &reply);

	buffer_deinit(&reply);
	return code;
}

enum exit_code
kvctl_flush(const struct kvctl *kvctl)
{
	return ask_without_reply(kvctl, IPC_FLUSH);
}

enum exit_code
kvctl_compact(const struct kvctl *kvctl)
{
	return ask_without_reply(kvctl, IPC_COMPACT);
}
