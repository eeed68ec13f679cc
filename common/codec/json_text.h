/*
 * json_text - bytes as the inside of a JSON string.
 *
 * Bytes that are UTF-8 can stand in a JSON string; others cannot, and whoever
 * writes them chooses another form (base64).
 */
#ifndef COMMON_CODEC_JSON_TEXT_H
#define COMMON_CODEC_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/slice.h"

/*
 * True if `bytes` are UTF-8; *size is then what they take inside of a string,
 * quotes not counted.
 */
bool json_text_measure(struct slice bytes, size_t *size);

/*
 * Writes what json_text_measure() found to be `size` bytes; returns the place
 * behind them.
 */
uint8_t *json_text_write(uint8_t *to, struct slice bytes, size_t size);

/*
 * Appends a string with its quotes. What is no UTF-8 is written with a
 * question mark for each byte that is not ASCII: for texts to be read.
 */
void json_text_append(struct buffer *out, struct slice bytes);

#endif
