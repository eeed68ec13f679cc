/*
 * report - answers what kvctl asks on the control socket, and tells a person
 * at the terminal where the node listens.
 */
#ifndef SUPERVISOR_REPORT_H
#define SUPERVISOR_REPORT_H

#include "common/base/buffer.h"

struct supervisor;

/* Answers one request of README.md's table; `context` is the supervisor. */
void report_on_request(void *context, const char *line, struct buffer *answer);

/* Appends where the node listens and what to type next. */
void report_banner(const struct supervisor *supervisor, struct buffer *out);

#endif
