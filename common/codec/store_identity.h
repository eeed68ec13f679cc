/*
 * store_identity - the file "store" of a data directory: that it is ours, in
 * which format, and the random id by which a store's files know each other.
 *
 * The bytes are specified in supervisor/FORMAT.md.
 */
#ifndef COMMON_CODEC_STORE_IDENTITY_H
#define COMMON_CODEC_STORE_IDENTITY_H

#include <stdint.h>

#include "common/base/slice.h"
#include "common/base/status.h"

#define STORE_IDENTITY_NAME "store" /* in the data directory */
#define STORE_IDENTITY_BYTES 40
#define STORE_IDENTITY_VERSION 1
#define STORE_ID_BYTES 16

void store_identity_encode(
    uint8_t out[STORE_IDENTITY_BYTES], const uint8_t id[STORE_ID_BYTES]);

/*
 * STATUS_INVALID: another program's file; STATUS_VERSION: of a newer format;
 * STATUS_CORRUPT: damaged. The text follows on the directory's name.
 */
enum status store_identity_decode(struct slice bytes,
    uint8_t id[STORE_ID_BYTES], struct error *err) MUST_CHECK;

#endif
