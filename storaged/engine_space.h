/*
 * engine_space - the engine's dealings with the space on its disk: how much
 * is left, which writes that allows, and when the reserve is given up and
 * taken again. What it decides by is commit/space.h.
 *
 * Nobody but the files of the engine includes this.
 */
#ifndef STORAGED_ENGINE_SPACE_H
#define STORAGED_ENGINE_SPACE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/status.h"
#include "storaged/commit/space.h"

struct batch;
struct engine;
struct reserve;

struct engine_space {
	struct space_limits limits;
	enum space_state state;
	struct reserve *reserve; /* owned */
	uint64_t free_bytes; /* the reserve not among them */
	uint64_t next_check_ms;
	uint64_t next_take_ms; /* of the reserve, after a failure */
};

/* Looks for the first time, and makes room for recovery. */
enum status engine_space_open(struct engine *engine, struct error *err);

/* Looks again, if it is time to, and sees to the reserve. */
void engine_space_check(struct engine *engine, uint64_t now_ms);

/*
 * Called when something has just failed for want of `bytes`: gives up that
 * much of the reserve. True if there was any.
 */
bool engine_space_give(struct engine *engine, uint64_t bytes);

/* Whether recovery can write that much and has what it needs to end. */
bool engine_space_is_there(struct engine *engine, uint64_t bytes);

/* "ok", "soft" or "hard". */
const char *engine_space_state_name(const struct engine *engine);

/* OK if the batch may be written as things are; else says why not. */
enum status engine_space_admit(const struct engine *engine,
    const struct batch *batch, uint64_t now_ms, struct error *err) MUST_CHECK;

#endif
