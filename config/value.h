/*
 * value - numbers with units, and addresses, as people write them.
 *
 * Failure  STATUS_INVALID; the text names the value and what to write
 *          instead, and leaves it to the caller to name the setting.
 */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/status.h"

#define ADDRESS_HOST_BYTES_MAX 256

/* Where to listen: an empty host is every interface, port 0 any free port. */
struct address {
	char host[ADDRESS_HOST_BYTES_MAX];
	uint16_t port;
	bool is_off;
};

/* "512KiB", "10MB", "1.5GB", "100B", "100". */
enum status value_parse_size(
    const char *text, uint64_t *bytes, struct error *err) MUST_CHECK;

/* "500ms", "1.5s", "1m30s", "0". */
enum status value_parse_duration(
    const char *text, uint64_t *milliseconds, struct error *err) MUST_CHECK;

/* "12": decimal digits, nothing else. */
enum status value_parse_count(
    const char *text, uint64_t *count, struct error *err) MUST_CHECK;

/* ":8080", "127.0.0.1:0", "[::1]:8080", "name:8080", "off". */
enum status value_parse_address(
    const char *text, struct address *out, struct error *err) MUST_CHECK;

/* Writes sizes and durations so that parsing gives the same again. */
#define VALUE_TEXT_BYTES_MAX 32
void value_format_size(char out[VALUE_TEXT_BYTES_MAX], uint64_t bytes);
void
value_format_duration(char out[VALUE_TEXT_BYTES_MAX], uint64_t milliseconds);

#endif
