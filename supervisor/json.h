/*
 * json - appends JSON values to a buffer, for the answers to kvctl.
 */
#ifndef SUPERVISOR_JSON_H
#define SUPERVISOR_JSON_H

#include "common/base/buffer.h"

/* A string in quotes; bytes that JSON forbids in one are escaped. */
void json_append_string(struct buffer *out, const char *text);

#endif
