/*
 * spawn - starts a worker: fork, descriptors in their places, exec.
 *
 * The child has descriptor 0 at /dev/null, 1 and 2 of the server, its end of
 * the control channel at CONTROL_FD and `fds` behind it, and no other. It
 * dies with the server, ignores a terminal's interrupt and hang-up (the
 * server says when to stop), and is not told of the server's service manager.
 *
 * Failure    The text names the program; also when exec failed in the child.
 * Ownership  *control_fd is the caller's to close; it is non-blocking.
 */
#ifndef SUPERVISOR_SPAWN_H
#define SUPERVISOR_SPAWN_H

#include <stddef.h>
#include <sys/types.h>

#include "common/base/status.h"

struct spawn_options {
	const char *path; /* of the executable */
	const char *name; /* its only argument, for those who look with ps */
	const int *fds; /* they stay the caller's */
	size_t fd_count;
};

enum status spawn_start(const struct spawn_options *options, pid_t *pid,
    int *control_fd, struct error *err) MUST_CHECK;

#endif
