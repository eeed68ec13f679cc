/*
 * control - questions to the supervisor of a node on this host.
 *
 * Speaks to the UNIX socket "control.sock" in the node's runtime directory;
 * supervisor/README.md lists requests and answers.
 */
#ifndef FRONTEND_KVCTL_CONTROL_H
#define FRONTEND_KVCTL_CONTROL_H

#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/status.h"
#include "common/os/path.h"

struct control_options {
	const char *data_dir; /* NULL: ./data, else the system's node */
	uint64_t timeout_ms;
};

/* Puts the runtime directory of the node into `path`; UNAVAILABLE: none. */
enum status control_find_runtime(const char *data_dir,
    char path[PATH_BYTES_MAX], struct error *err) MUST_CHECK;

/*
 * Sends one line and appends the line of the answer. UNAVAILABLE when no node
 * runs there; UNKNOWN when the request went out and no answer came.
 */
enum status control_ask(const struct control_options *options,
    const char *request, struct buffer *answer, struct error *err) MUST_CHECK;

#endif
