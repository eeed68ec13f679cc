/*
 * output - what kvctl prints: bytes as they are, as a line of text, as JSON.
 */
#ifndef FRONTEND_KVCTL_OUTPUT_H
#define FRONTEND_KVCTL_OUTPUT_H

#include <jansson.h>

#include "common/base/slice.h"

/* The bytes, and a line feed if a person looks on. */
void output_raw(struct slice bytes);

/*
 * Text that fits in a column: \t, \n, \r, \\ and \xHH stand for bytes that are
 * no printable text; UTF-8 stays as it is.
 */
void output_escaped(struct slice bytes);

/* Sets `name` to the text, or "<name>_b64" if the bytes are no UTF-8. */
void output_set(json_t *object, const char *name, struct slice bytes);

/* Prints the object in one line and releases it. */
void output_json(json_t *object);

#endif
