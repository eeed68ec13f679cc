/*
 * process_usage - the CPU time and memory of a process, from /proc.
 *
 * Failure  A process that is gone, or a /proc that does not show it, is no
 *          failure: nothing is known of it then.
 */
#ifndef FRONTEND_EXPORTER_PROCESS_USAGE_H
#define FRONTEND_EXPORTER_PROCESS_USAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/slice.h"

struct process_usage {
	bool is_known;
	uint64_t cpu_ns; /* in user and kernel mode */
	uint64_t resident_bytes;
	uint64_t virtual_bytes;
	uint64_t thread_count;
};

/* Reads one process; one system call's worth of /proc/PID/stat. */
void process_usage_read(uint32_t pid, struct process_usage *out);

/* Takes the content of /proc/PID/stat; false if it is none. */
bool process_usage_parse(struct slice stat, uint64_t ticks_per_second,
    uint64_t page_bytes, struct process_usage *out);

#endif
