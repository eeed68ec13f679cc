/*
 * crash_workload - a workload that remembers what it was promised, and the
 * check that a store kept the promises.
 *
 * A few writers send batches of atomic groups to an engine, several batches
 * at a time, some of them twice, with flushes, compactions, quiet times and
 * restarts in between. Each batch is a step: the state of the store behind
 * it, its answer, and, in calls of a fault file system, since when it may be
 * on disk and from when on it must be. After a power cut a store must hold
 * the state behind one of the steps that the time of the cut allows, answer
 * all that was asked by then as it did, and go on.
 *
 * Ownership  Everything in the struct is the workload's.
 * Threads    One thread; the engine may have its own.
 */
#ifndef TESTS_SUPPORT_CRASH_WORKLOAD_H
#define TESTS_SUPPORT_CRASH_WORKLOAD_H

#include <stddef.h>

#include "common/base/rng.h"
#include "common/command/batch.h"
#include "storaged/engine.h"
#include "tests/support/kv_model.h"
#include "tests/support/manual_clock.h"

#define CRASH_WRITERS 3
#define CRASH_KEYS 150 /* "key-000" and on, and as many with an "n" behind */
#define CRASH_NEVER UINT64_MAX

struct fault_file_system;
struct view_reader;

struct crash_step {
	unsigned writer;
	uint64_t number; /* of the batch; 0: the writer's registration */
	uint64_t answered; /* the writer had the replies up to this one */
	uint64_t last_sequence;
	uint64_t opened_calls; /* when its engine was opened */
	uint64_t begun_calls; /* before it was sent */
	uint64_t durable_calls; /* when it was promised; CRASH_NEVER: not yet */
	uint64_t answered_ms; /* 0: not answered */
	struct buffer batch;
	struct buffer reply; /* empty as long as it has no answer */
	struct kv_model model; /* what the store holds behind it */
};

struct crash_options {
	uint64_t seed;
	enum engine_sync sync;
	bool threads;
	unsigned rounds;
};

struct crash_workload {
	struct crash_options options;
	struct engine_options engine_options;
	struct manual_clock clock;
	struct rng rng;
	struct engine *engine; /* NULL once it has ended */
	struct view_reader *reader;
	struct fault_file_system *fault; /* borrowed; NULL: not recorded */
	struct crash_step *steps; /* the first is the empty store */
	size_t count;
	struct {
		bool registered;
		uint64_t number; /* of the last batch */
		uint64_t answered;
	} writers[CRASH_WRITERS];
	unsigned busy_rounds; /* for so long nothing but writes */
	unsigned restarts;
	uint64_t opened_calls; /* when the engine was opened */
	uint64_t repeats; /* batches sent again and answered alike */
	struct batch_builder builder;
};

void
crash_workload_init(struct crash_workload *work, const struct crash_options *);
void crash_workload_deinit(struct crash_workload *work);

/*
 * Opens the store in two folders that exist, and writes nothing. `fault` is
 * the recorder whose table it uses, or NULL for the real file system.
 */
enum status crash_workload_open(struct crash_workload *work,
    struct fault_file_system *fault, const char *data, const char *runtime,
    struct error *err) MUST_CHECK;

/*
 * Opens the same store again after its engine has ended, in the same process
 * or after a kill: it must hold what was answered. The steps that are not in
 * it are forgotten, the others promised. INVALID if it does not hold it.
 */
enum status crash_workload_resume(
    struct crash_workload *work, struct error *err) MUST_CHECK;

/* Some rounds more. */
enum status crash_workload_rounds(
    struct crash_workload *work, unsigned rounds, struct error *err) MUST_CHECK;

/* Rounds of writes with nothing in between: all stays in the journal. */
enum status crash_workload_fill(
    struct crash_workload *work, unsigned rounds, struct error *err) MUST_CHECK;

/* All rounds, and then until nothing is due; ends with the first failure. */
enum status
crash_workload_run(struct crash_workload *work, struct error *err) MUST_CHECK;

/* Closes the engine, as a stop of the service does. */
void crash_workload_stop(struct crash_workload *work);

/*
 * After a cut behind `calls` calls: the store must hold the state of a step
 * from *least to *most.
 */
void crash_workload_span(const struct crash_workload *work, uint64_t calls,
    size_t *least, size_t *most);

/* The last step whose batch lies within `sequence`. */
size_t
crash_workload_step_at(const struct crash_workload *work, uint64_t sequence);

/*
 * Opens what `data` holds and compares: the state is that of a step from
 * `least` to `most`, the answers to its batches are remembered, no file is
 * left over, and further rounds and a compaction go as they should. NULL if
 * so; else what is wrong, until the next call. *found: the step.
 */
const char *
crash_workload_check(const struct crash_workload *work, const char *data,
    const char *runtime, size_t least, size_t most, size_t *found);

#endif
