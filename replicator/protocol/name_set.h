/*
 * name_set - the names of a cluster's nodes, sorted.
 *
 * Threads  Pure.
 * Limits   NODES_MAX names of up to NODE_NAME_BYTES_MAX bytes.
 */
#ifndef REPLICATOR_PROTOCOL_NAME_SET_H
#define REPLICATOR_PROTOCOL_NAME_SET_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/buffer.h"
#include "common/base/slice.h"
#include "common/base/status.h"

#define NODES_MAX 16
#define NODE_NAME_BYTES_MAX 63

struct name_set {
	size_t count;
	char names[NODES_MAX][NODE_NAME_BYTES_MAX + 1];
};

/* 1 to NODE_NAME_BYTES_MAX letters, digits, or any of . _ : - */
bool node_name_is_valid(struct slice name);

/* INVALID: no proper name, one that is there already, or too many. */
enum status name_set_add(
    struct name_set *set, struct slice name, struct error *err) MUST_CHECK;

bool name_set_equal(const struct name_set *a, const struct name_set *b);

/* Appends "a, b, c". */
void name_set_print(const struct name_set *set, struct buffer *out);

/*
 * Appends how what was listed differs from who the members are; nothing if it
 * does not: "c is listed and no member; d is a member and not listed".
 */
void name_set_compare(const struct name_set *listed,
    const struct name_set *members, struct buffer *out);

/* The count in 32 bits, then each with its size. */
void name_set_encode(const struct name_set *set, struct buffer *out);

/* Takes it off the front. False unless sorted, and each name proper. */
bool name_set_take(struct slice *input, struct name_set *out);

/* Takes a proper name off the front; `out` ends in a NUL. */
bool node_name_take(struct slice *input, char out[NODE_NAME_BYTES_MAX + 1]);

#endif
