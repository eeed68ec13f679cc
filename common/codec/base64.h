/*
 * base64 - bytes as text (RFC 4648, section 4, with padding).
 */
#ifndef COMMON_CODEC_BASE64_H
#define COMMON_CODEC_BASE64_H

#include <stdbool.h>

#include "common/base/buffer.h"
#include "common/base/slice.h"

/* Appends the text of `bytes`. */
void base64_encode(struct buffer *out, struct slice bytes);

/*
 * Appends the bytes of `text`. False, and nothing appended, unless it is what
 * base64_encode() makes of some bytes, to the letter.
 */
bool base64_decode(struct buffer *out, struct slice text);

#endif
