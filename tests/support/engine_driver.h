/*
 * engine_driver - an engine under test, the model beside it, and a reader as
 * a frontend would have one.
 *
 * Small sizes, drawn from the seed, make every rotation, flush and compaction
 * happen within a few hundred writes, on several levels; keys are drawn from
 * all or, for a while, from a few. Time is the driver's, and without threads
 * all of it takes place in the order of the calls.
 */
#ifndef TESTS_SUPPORT_ENGINE_DRIVER_H
#define TESTS_SUPPORT_ENGINE_DRIVER_H

#include "common/base/rng.h"
#include "common/command/batch.h"
#include "storaged/engine.h"
#include "tests/support/kv_model.h"
#include "tests/support/manual_clock.h"

struct view_reader;

#define DRIVER_KEYS 300
#define DRIVER_VALUE_BYTES_MAX 300

struct engine_driver {
	struct manual_clock clock;
	enum engine_sync sync; /* `always` unless set before the first open */
	struct engine_options options;
	struct engine *engine;
	struct view_reader *reader;
	struct kv_model model;
	struct batch_builder builder;
	struct buffer last_batch; /* to be sent again */
	struct buffer last_reply;
	uint8_t writer[16];
	uint64_t number; /* of the last batch */
	unsigned focus; /* the keys written to at present: first and count */
	unsigned focus_count;
	struct rng rng;
};

/*
 * Opens a store in the two folders, which exist, and registers the driver's
 * writer with it.
 */
enum status
engine_driver_open(struct engine_driver *driver, struct file_system *fs,
    const char *data, const char *runtime, struct error *err) MUST_CHECK;

/* Opens it again, with the model as it is; the writer goes on. */
enum status engine_driver_reopen(
    struct engine_driver *driver, struct error *err) MUST_CHECK;

/* Closes engine and reader and nothing else. */
void engine_driver_stop(struct engine_driver *driver);

/* Frees all. */
void engine_driver_deinit(struct engine_driver *driver);

/* Begins anew with the given seed, before the first open. */
void engine_driver_init(struct engine_driver *driver, uint64_t seed);

/*
 * Sends a batch, each command in a group of its own; once it is answered the
 * model has them, too.
 */
enum status engine_driver_send(struct engine_driver *driver,
    const struct command *commands, size_t count, struct error *err) MUST_CHECK;

/*
 * Does so with up to `commands_max` random commands.
 */
enum status engine_driver_write(struct engine_driver *driver,
    size_t commands_max, struct error *err) MUST_CHECK;

/* Sends the last batch again: true if the answer is the first one. */
bool engine_driver_repeat_is_answered(struct engine_driver *driver);

/* The digest (kv_model.h) of what `reader` sees now. */
enum status engine_driver_digest_of(
    struct view_reader *reader, uint64_t *digest, struct error *err) MUST_CHECK;

/* That of what the driver's reader sees. */
enum status engine_driver_digest(struct engine_driver *driver, uint64_t *digest,
    struct error *err) MUST_CHECK;

/* The digest that it should be. */
uint64_t engine_driver_model_digest(const struct engine_driver *driver);

#endif
