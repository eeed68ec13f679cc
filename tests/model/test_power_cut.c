/*
 * test_power_cut - a workload on a disk that loses power at every call that
 * changes what it holds, also a second time while the store recovers.
 *
 * After each cut the store must open, hold exactly the state behind some
 * batch that the time of the cut allows, answer what was asked before as it
 * did then, and be good for more. TEST_SEED picks the workloads and what the
 * disk keeps of unsynced writes; TEST_CUTS is how many outcomes of each cut
 * are tried, 0 (the usual) for one of every few cuts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/log/log.h"
#include "common/os/path.h"
#include "tests/support/crash_workload.h"
#include "tests/support/fault_file_system.h"
#include "tests/support/scratch.h"
#include "tests/support/suite.h"

struct folders {
	struct scratch scratch;
	char data[PATH_BYTES_MAX];
	char runtime[PATH_BYTES_MAX];
};

struct stage {
	struct folders folders;
	struct fault_file_system *fault;
	struct crash_workload work;
};

struct tally {
	unsigned long long cuts;
	unsigned long long again; /* during a recovery */
};

static void
make_folder(const char *path)
{
	struct error err;

	ASSERT_OK(directory_create(file_system_real(), path, 0700, &err), &err);
}

/* `data` is made only where something is to be written by the test. */
static void
folders_init(struct folders *folders, bool with_data)
{
	scratch_init(&folders->scratch);
	path_join(folders->data, folders->scratch.path, "data");
	path_join(folders->runtime, folders->scratch.path, "run");
	if (with_data)
		make_folder(folders->data);
	make_folder(folders->runtime);
}

static unsigned long
outcomes(void)
{
	const char *given = getenv("TEST_CUTS");

	return given == NULL ? 0 : strtoul(given, NULL, 10);
}

static void
stage_run(struct stage *stage, const struct crash_options *options)
{
	struct error err;

	folders_init(&stage->folders, true);
	stage->fault = fault_file_system_create(stage->folders.data);
	crash_workload_init(&stage->work, options);
	ASSERT_OK(crash_workload_open(&stage->work, stage->fault,
		      stage->folders.data, stage->folders.runtime, &err),
	    &err);
	ASSERT_OK(crash_workload_run(&stage->work, &err), &err);
	crash_workload_stop(&stage->work);
}

static void
stage_deinit(struct stage *stage)
{
	crash_workload_deinit(&stage->work);
	fault_file_system_close(stage->fault);
	scratch_deinit(&stage->folders.scratch);
}

static void
assert_nothing_wrong(
    const char *wrong, uint64_t calls, uint64_t seed, const char *what)
{
	if (wrong != NULL)
		fprintf(stderr, "cut behind %llu calls (%s), seed %llu: %s\n",
		    (unsigned long long)calls, what, (unsigned long long)seed,
		    wrong);
	CU_ASSERT_PTR_NULL_FATAL(wrong);
}

/* What the folder holds after the first `calls` calls; *found: which step. */
static void
check_cut(const struct crash_workload *work, struct fault_file_system *fault,
    uint64_t calls, uint64_t seed, size_t least, size_t most)
{
	struct folders copy;
	size_t found;

	folders_init(&copy, false);
	fault_file_system_materialise(fault, calls, seed, copy.data);
	assert_nothing_wrong(crash_workload_check(work, copy.data, copy.runtime,
				 least, most, &found),
	    calls, seed,
	    calls == 0 ? "none" : fault_file_system_describe(fault, calls - 1));
	scratch_deinit(&copy.scratch);
}

static bool
is_worth_a_cut(struct fault_file_system *fault, uint64_t calls)
{
	return calls == 0 || fault_file_system_call_matters(fault, calls - 1);
}

static unsigned long long
cut_everywhere(struct stage *stage, struct rng *rng)
{
	uint64_t end = fault_file_system_calls(stage->fault);
	unsigned long each = outcomes();
	unsigned long long cuts = 0;

	for (uint64_t calls = 0; calls <= end; calls++) {
		size_t least;
		size_t most;

		if (!is_worth_a_cut(stage->fault, calls) ||
		    (each == 0 && rng_below(rng, 8) != 0))
			continue;
		crash_workload_span(&stage->work, calls, &least, &most);
		for (unsigned long i = 0; i < (each == 0 ? 1 : each); i++) {
			check_cut(&stage->work, stage->fault, calls,
			    rng_next(rng), least, most);
			cuts++;
		}
	}
	return cuts;
}

/*
 * Recovers what a cut has left on a disk that loses power once more, at each
 * call of the recovery. What an opening that returned has read must stay.
 */
static unsigned long long
cut_recovery(struct stage *stage, uint64_t calls, struct rng *rng)
{
	struct crash_workload again;
	struct fault_file_system *fault;
	struct engine_status status;
	struct folders copy;
	struct error err;
	uint64_t opened;
	uint64_t end;
	size_t least;
	size_t most;
	size_t step;
	unsigned long long cuts = 0;

	crash_workload_span(&stage->work, calls, &least, &most);
	folders_init(&copy, false);
	fault_file_system_materialise(
	    stage->fault, calls, rng_next(rng), copy.data);
	fault = fault_file_system_create(copy.data);
	crash_workload_init(&again, &stage->work.options);
	again.clock = stage->work.clock;
	ASSERT_OK(
	    crash_workload_open(&again, fault, copy.data, copy.runtime, &err),
	    &err);
	opened = fault_file_system_calls(fault);
	engine_status(again.engine, &status);
	step = crash_workload_step_at(&stage->work, status.sequence);
	crash_workload_stop(&again);
	end = fault_file_system_calls(fault);
	for (uint64_t now = 1; now <= end; now++) {
		struct crash_workload past = stage->work;

		if (!is_worth_a_cut(fault, now))
			continue;
		if (now >= opened)
			least = most = step;
		/* Its own ticks have the sequences of what was lost. */
		past.count = most + 1;
		check_cut(&past, fault, now, rng_next(rng), least, most);
		cuts++;
	}
	crash_workload_deinit(&again);
	fault_file_system_close(fault);
	scratch_deinit(&copy.scratch);
	return cuts;
}

static unsigned long long
cut_recoveries(struct stage *stage, struct rng *rng)
{
	uint64_t end = fault_file_system_calls(stage->fault);
	uint64_t wanted = outcomes() == 0 ? 5 : 100 * outcomes();
	unsigned long long cuts = 0;

	for (uint64_t i = 0; i < wanted; i++) {
		uint64_t calls = end * i / wanted + rng_below(rng, 10);

		if (calls <= end)
			cuts += cut_recovery(stage, calls, rng);
	}
	return cuts;
}

static uint64_t
count_calls(struct fault_file_system *fault, const char *op, const char *about)
{
	uint64_t end = fault_file_system_calls(fault);
	uint64_t count = 0;

	for (uint64_t call = 0; call < end; call++) {
		const char *what = fault_file_system_describe(fault, call);

		count += strncmp(what, op, strlen(op)) == 0 &&
		    strstr(what, about) != NULL;
	}
	return count;
}

/*
 * What a disk can see of the lives that were cut, and how often it must have
 * seen it: a cut beside a step that no life took proves nothing. It is asked of
 * all lives together, since a short one may do without any one step.
 */
static struct {
	const char *op;
	const char *about;
	uint64_t least;
	uint64_t seen;
} steps[] = {
    {"rename", ".log to", 1, 0}, /* a segment used again */
    {"rename", ".spare to", 1, 0},
    {"rename", ".log.new to", 1, 0},
    {"rename", "current.new to", 0, 0}, /* see note_steps() */
    {"unlink", ".sst", 1, 0},
    {"unlink", "manifest-", 1, 0},
    {"sync", ".sst", 1, 0},
    {"sync", "manifest-", 1, 0},
    {"sync", ".log", 1, 0},
};

static uint64_t repeats;

static void
note_steps(const struct stage *stage)
{
	for (size_t i = 0; i < SUITE_COUNT(steps); i++) {
		steps[i].seen +=
		    count_calls(stage->fault, steps[i].op, steps[i].about);
		/* Opening begins a manifest, and each renewal one more. */
		if (strcmp(steps[i].about, "current.new to") == 0)
			steps[i].least += stage->work.restarts + 2;
	}
	repeats += stage->work.repeats;
}

static void
cut_power(enum engine_sync sync, bool threads, struct tally *tally)
{
	struct crash_options options = {
	    .seed = suite_seed() + (uint64_t)sync,
	    .sync = sync,
	    .threads = threads,
	    .rounds = outcomes() == 0 ? 150 : 300,
	};
	struct rng rng = rng_seeded(options.seed);
	struct stage stage;

	stage_run(&stage, &options);
	note_steps(&stage);
	tally->cuts += cut_everywhere(&stage, &rng);
	tally->again += cut_recoveries(&stage, &rng);
	stage_deinit(&stage);
}

static void
say(const struct tally *tally, const char *what)
{
	char text[80];

	snprintf(text, sizeof(text), "power cuts, %s", what);
	suite_count(tally->cuts, text);
	snprintf(text, sizeof(text), "second cuts while recovering, %s", what);
	suite_count(tally->again, text);
}

static void
power_cut_loses_nothing_that_was_answered(void)
{
	struct tally tally = {0};

	cut_power(ENGINE_SYNC_ALWAYS, false, &tally);
	say(&tally, "sync always");
}

static void
power_cut_under_lax_sync_keeps_what_was_promised(void)
{
	struct tally interval = {0};
	struct tally never = {0};

	cut_power(ENGINE_SYNC_INTERVAL, false, &interval);
	say(&interval, "sync interval");
	cut_power(ENGINE_SYNC_NEVER, false, &never);
	say(&never, "sync never");
}

static void
power_cut_beside_background_threads_loses_nothing(void)
{
	struct tally tally = {0};

	cut_power(ENGINE_SYNC_ALWAYS, true, &tally);
	cut_power(ENGINE_SYNC_INTERVAL, true, &tally);
	say(&tally, "with threads");
}

/* Behind the lives above. */
static void
lives_that_were_cut_took_every_step(void)
{
	for (size_t i = 0; i < SUITE_COUNT(steps); i++) {
		if (steps[i].seen < steps[i].least)
			fprintf(stderr, "%llu x %s %s\n",
			    (unsigned long long)steps[i].seen, steps[i].op,
			    steps[i].about);
		CU_ASSERT_TRUE(steps[i].seen >= steps[i].least);
	}
	CU_ASSERT_TRUE(repeats > 0);
}

/* A cut behind `calls` calls; NULL, or what is wrong afterwards. */
static const char *
wrong_after(struct stage *stage, uint64_t calls, uint64_t seed)
{
	struct folders copy;
	const char *wrong;
	size_t least;
	size_t most;
	size_t found;

	crash_workload_span(&stage->work, calls, &least, &most);
	folders_init(&copy, false);
	fault_file_system_materialise(stage->fault, calls, seed, copy.data);
	wrong = crash_workload_check(
	    &stage->work, copy.data, copy.runtime, least, most, &found);
	scratch_deinit(&copy.scratch);
	return wrong;
}

static const char *
wrong_at_the_end(struct stage *stage)
{
	return wrong_after(
	    stage, fault_file_system_calls(stage->fault), suite_seed());
}

/* The first complaint about any cut; NULL if there is none. */
static const char *
find_wrong(struct stage *stage, struct rng *rng)
{
	uint64_t end = fault_file_system_calls(stage->fault);
	const char *wrong = NULL;

	for (uint64_t calls = 0; calls <= end && wrong == NULL; calls++) {
		if (is_worth_a_cut(stage->fault, calls))
			wrong = wrong_after(stage, calls, rng_next(rng));
	}
	return wrong;
}

/* What proves that these tests would see a sync that is not made. */
static void
disk_that_ignores_a_kind_of_sync_is_found_out(void)
{
	static const char *const patterns[] = {
	    "shard-0/journal/*.log",
	    "shard-0/journal/*.log.new",
	    "shard-0/tables/*.sst",
	    "shard-0/manifest-*",
	    "shard-0/current.new",
	    "shard-0/journal",
	    "shard-0/tables",
	    "shard-0",
	};
	struct crash_options options = {.seed = suite_seed(), .rounds = 150};
	struct rng rng = rng_seeded(suite_seed());
	struct stage stage;

	stage_run(&stage, &options);
	for (size_t i = 0; i < SUITE_COUNT(patterns); i++) {
		const char *wrong;

		fault_file_system_ignore_syncs(stage.fault, patterns[i]);
		wrong = find_wrong(&stage, &rng);
		printf("without syncs of %s: %s\n", patterns[i],
		    wrong == NULL ? "NOTHING WRONG" : wrong);
		CU_ASSERT_PTR_NOT_NULL(wrong);
	}
	fault_file_system_ignore_syncs(stage.fault, NULL);
	CU_ASSERT_PTR_NULL(find_wrong(&stage, &rng));
	stage_deinit(&stage);
}

/* Nor do they take a store for right that holds something else. */
static void
doctored_history_is_found_out(void)
{
	struct crash_options options = {.seed = suite_seed(), .rounds = 60};
	struct stage stage;
	struct crash_step *last;
	uint8_t *byte;

	stage_run(&stage, &options);
	last = &stage.work.steps[stage.work.count - 1];
	CU_ASSERT_PTR_NULL(wrong_at_the_end(&stage));
	/* The store has less, and then more, than it should. */
	last->last_sequence += 1000;
	CU_ASSERT_PTR_NOT_NULL(wrong_at_the_end(&stage));
	last->last_sequence -= 1000;
	last->durable_calls = CRASH_NEVER;
	last->begun_calls = CRASH_NEVER;
	CU_ASSERT_PTR_NOT_NULL(wrong_at_the_end(&stage));
	last->durable_calls = 0;
	last->begun_calls = 0;
	/* Another answer, another state. */
	byte = last->reply.data + last->reply.start;
	*byte ^= 1;
	CU_ASSERT_PTR_NOT_NULL(wrong_at_the_end(&stage));
	*byte ^= 1;
	if (last->model.count > 0) {
		uint64_t *deadline_ms = &last->model.entries[0].deadline_ms;

		*deadline_ms ^= (uint64_t)1 << 50;
		CU_ASSERT_PTR_NOT_NULL(wrong_at_the_end(&stage));
		*deadline_ms ^= (uint64_t)1 << 50;
	}
	CU_ASSERT_PTR_NULL(wrong_at_the_end(&stage));
	stage_deinit(&stage);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(disk_that_ignores_a_kind_of_sync_is_found_out),
	    SUITE_CASE(doctored_history_is_found_out),
	    SUITE_CASE(power_cut_loses_nothing_that_was_answered),
	    SUITE_CASE(power_cut_under_lax_sync_keeps_what_was_promised),
	    SUITE_CASE(power_cut_beside_background_threads_loses_nothing),
	    SUITE_CASE(lives_that_were_cut_took_every_step),
	};

	log_open("test", LOG_ERROR);
	return suite_run("power_cut", cases, SUITE_COUNT(cases), argc, argv);
}
