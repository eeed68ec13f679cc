/*
 * log - one line per event on stderr: level, process, event, key=value pairs.
 *
 *     level=info process=storaged-0 event=recovered sequence=812 ms=14
 *
 * error: a person must act; warn: handled but degraded; info: lifecycle;
 * debug: the rest. Users' keys and values never appear.
 *
 * Threads  All functions but log_open() may be called from any thread.
 */
#ifndef COMMON_LOG_LOG_H
#define COMMON_LOG_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/attributes.h"

enum log_level {
	LOG_DEBUG,
	LOG_INFO,
	LOG_WARN,
	LOG_ERROR,
};

/* Names this process and sets the least level that is written. */
void log_open(const char *process, enum log_level least);

/* Finds a level by its word ("info"); false if there is none. */
bool log_level_find(const char *word, enum log_level *out);

/*
 * Writes one line. `format` makes the key=value pairs and may be "". Lines
 * over 1 KiB are cut. Values that may hold spaces go in quotes: text="%s".
 */
void log_event(enum log_level level, const char *event, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* Lets a repeating warning through at most once per `interval_ms`. */
struct log_limiter {
	uint64_t interval_ms;
	uint64_t next_ms;
	uint64_t suppressed;
};

/*
 * True if the event may be written at `now_ms` (any monotonic clock); then
 * *suppressed is the number of events held back since the last one.
 */
bool log_limiter_pass(
    struct log_limiter *limiter, uint64_t now_ms, uint64_t *suppressed);

#endif
