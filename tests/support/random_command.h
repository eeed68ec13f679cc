/*
 * random_command - valid commands out of a random number generator.
 *
 * Keys are few, so that commands meet; one in some hundred keys and values is
 * as large as the caller allows.
 */
#ifndef TESTS_SUPPORT_RANDOM_COMMAND_H
#define TESTS_SUPPORT_RANDOM_COMMAND_H

#include <stddef.h>

#include "common/base/arena.h"
#include "common/base/rng.h"
#include "common/command/command.h"

struct random_command_options {
	size_t key_count; /* distinct keys */
	size_t value_bytes_max; /* of ordinary values */
	uint64_t now_ms; /* deadlines gather around it */
	uint64_t sequence_max; /* sequences asked for lie below it */
};

/* A command that passes command_check(); its bytes lie in `arena`. */
struct command random_command(struct rng *rng, struct arena *arena,
    const struct random_command_options *options);

#endif
