/*
 * settings - what a worker is told at its start: lines of key=value.
 *
 * The supervisor has checked every value, so that a worker only takes them.
 * A key has letters, digits, '_' and '.'; a value any bytes but NUL (line
 * feeds and backslashes are escaped on the way).
 *
 * Keys that every worker is given:
 *   name          its name ("http-0"), for log lines
 *   log_level     least level of log lines
 *   metrics_fd    descriptor of its metrics segment (absent: not published)
 *   heartbeat_ms  how often HEARTBEAT is sent
 *   stop_ms       how long finishing after STOP may take
 *
 * Failure    A key that must be there and is not, or whose value is no such
 *            thing, is a bug of the supervisor and aborts.
 * Ownership  Strings are borrowed until settings_close().
 * Limits     SETTINGS_COUNT_MAX keys.
 */
#ifndef COMMON_WORKER_SETTINGS_H
#define COMMON_WORKER_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/slice.h"
#include "common/base/status.h"

#define SETTINGS_COUNT_MAX 256

struct settings;

/* Appends one line; the writing half, used by the supervisor. */
void settings_add(struct buffer *text, const char *key, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* STATUS_INVALID for a line that is no setting or a key that repeats. */
enum status settings_parse(
    struct slice text, struct settings **out, struct error *err) MUST_CHECK;

bool settings_has(const struct settings *settings, const char *key);
const char *settings_string(const struct settings *settings, const char *key);
uint64_t settings_u64(const struct settings *settings, const char *key);

/* NULL is allowed. */
void settings_close(struct settings *settings);

#endif
