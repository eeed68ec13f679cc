/*
 * decimal - signed 64-bit integers as the text of counters and commands.
 *
 * The rule is that of Redis: one way to write each number. No blanks, no plus
 * sign, no leading zeroes, no "-0", nothing behind the digits.
 */
#ifndef COMMON_CODEC_DECIMAL_H
#define COMMON_CODEC_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/slice.h"

/* Digits and sign of the longest number; no NUL. */
#define DECIMAL_BYTES_MAX 20

/* False if `text` is no integer by the rule above, or out of range. */
bool decimal_parse(struct slice text, int64_t *out);

/* Writes at most DECIMAL_BYTES_MAX bytes; returns how many. */
size_t decimal_format(int64_t value, char *bytes);

#endif
