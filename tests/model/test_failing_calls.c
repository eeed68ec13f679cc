/*
 * test_failing_calls - each call of a store's life fails in turn, in every
 * way in which the system may fail it.
 *
 * Whatever fails, nothing that was answered is lost and nothing wrong is read:
 * not by the engine that goes on, not after a restart of the process, not
 * after a power cut. After a failed sync no file that it concerned is trusted
 * again and nothing more is answered. Neither descriptors nor mappings are
 * left. TEST_SEED picks the workload; TEST_EVERY=1 fails every call in every
 * way, instead of some.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <dirent.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/log/log.h"
#include "common/os/path.h"
#include "tests/support/crash_workload.h"
#include "tests/support/fault_file_system.h"
#include "tests/support/scratch.h"
#include "tests/support/suite.h"

#define ROUNDS 60
#define ROUNDS_AFTER 8

struct failure {
	const char *op; /* of the calls that may fail so; "" are all */
	enum fault_kind kind;
	int errnum;
	bool passes; /* nobody may notice it */
};

static const struct failure failures[] = {
    {"open", FAULT_ERROR, EIO, false},
    {"open", FAULT_ERROR, ENOSPC, false},
    {"open", FAULT_ERROR, EMFILE, false},
    {"close", FAULT_ERROR, EIO, false},
    {"pread", FAULT_ERROR, EIO, false},
    {"pread", FAULT_ERROR, EINTR, true},
    {"pread", FAULT_SHORT, 0, true},
    {"pwrite", FAULT_ERROR, EIO, false},
    {"pwrite", FAULT_ERROR, ENOSPC, false},
    {"pwrite", FAULT_ERROR_AFTER_HALF, ENOSPC, false},
    {"pwrite", FAULT_ERROR, EINTR, true},
    {"pwrite", FAULT_SHORT, 0, true},
    {"sync", FAULT_ERROR, EIO, false},
    {"sync", FAULT_ERROR, ENOSPC, false},
    {"allocate", FAULT_ERROR, ENOSPC, false},
    {"allocate", FAULT_ERROR, EINTR, true},
    {"reserve", FAULT_ERROR, ENOSPC, false},
    {"reserve", FAULT_ERROR, EINTR, true},
    {"rename", FAULT_ERROR, EIO, false},
    {"rename", FAULT_ERROR, ENOSPC, false},
    {"link", FAULT_ERROR, EMLINK, false},
    {"unlink", FAULT_ERROR, EIO, false},
    {"mkdir", FAULT_ERROR, ENOSPC, false},
    {"", FAULT_ERROR_FROM, EIO, false},
};

struct stage {
	struct scratch scratch;
	char data[PATH_BYTES_MAX];
	char runtime[PATH_BYTES_MAX];
	struct fault_file_system *fault;
	struct crash_workload work;
};

static bool
all(void)
{
	return getenv("TEST_EVERY") != NULL;
}

static void
stage_init(struct stage *stage)
{
	struct crash_options options = {.seed = suite_seed(), .rounds = ROUNDS};
	struct error err;

	scratch_init(&stage->scratch);
	path_join(stage->data, stage->scratch.path, "data");
	path_join(stage->runtime, stage->scratch.path, "run");
	ASSERT_OK(directory_create(file_system_real(), stage->data, 0700, &err),
	    &err);
	ASSERT_OK(
	    directory_create(file_system_real(), stage->runtime, 0700, &err),
	    &err);
	stage->fault = fault_file_system_create(stage->data);
	crash_workload_init(&stage->work, &options);
}

static void
stage_deinit(struct stage *stage)
{
	crash_workload_deinit(&stage->work);
	fault_file_system_close(stage->fault);
	scratch_deinit(&stage->scratch);
}

static enum status
stage_run(struct stage *stage, struct error *err)
{
	if (crash_workload_open(&stage->work, stage->fault, stage->data,
		stage->runtime, err) != STATUS_OK)
		return err->code;
	return crash_workload_run(&stage->work, err);
}

static size_t
open_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	size_t count = 0;

	CHECK(directory != NULL);
	while (readdir(directory) != NULL)
		count++;
	closedir(directory);
	return count;
}

static size_t
mappings_of(const char *path)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[2 * PATH_BYTES_MAX];
	size_t count = 0;

	CHECK(maps != NULL);
	while (fgets(line, sizeof(line), maps) != NULL)
		count += strstr(line, path) != NULL;
	fclose(maps);
	return count;
}

/* What a power cut now leaves must be right. */
static const char *
cut_now(struct stage *stage, uint64_t seed)
{
	uint64_t calls = fault_file_system_calls(stage->fault);
	char data[PATH_BYTES_MAX];
	char runtime[PATH_BYTES_MAX];
	struct scratch copy;
	const char *wrong;
	struct error err;
	size_t least;
	size_t most;
	size_t found;

	scratch_init(&copy);
	path_join(data, copy.path, "data");
	path_join(runtime, copy.path, "run");
	ASSERT_OK(
	    directory_create(file_system_real(), runtime, 0700, &err), &err);
	fault_file_system_materialise(stage->fault, calls, seed, data);
	crash_workload_span(&stage->work, calls, &least, &most);
	wrong = crash_workload_check(
	    &stage->work, data, runtime, least, most, &found);
	scratch_deinit(&copy);
	return wrong;
}

/* After the engine has ended it does nothing but say so. */
static const char *
check_ended(struct stage *stage, const struct error *first)
{
	uint64_t calls = fault_file_system_calls(stage->fault);
	struct error err;

	if (stage->work.engine == NULL)
		return NULL;
	if (engine_tick(stage->work.engine, &err) == STATUS_OK ||
	    engine_write(stage->work.engine, NULL, 0, &err) == STATUS_OK)
		return "the engine goes on after it has failed";
	if (strcmp(err.text, first->text) != 0)
		return "the engine has another error the second time";
	if (fault_file_system_calls(stage->fault) != calls)
		return "the engine touches files after it has failed";
	return NULL;
}

/* The call with which the next engine begins, if the failed one was closing. */
static uint64_t
next_opening(const struct crash_workload *work, uint64_t failed)
{
	for (size_t i = 1; i < work->count; i++) {
		if (work->steps[i].opened_calls > failed)
			return work->steps[i].opened_calls;
	}
	return UINT64_MAX;
}

/* Nothing is answered that was asked after a sync had failed. */
static const char *
check_sync_failed(struct stage *stage, uint64_t failed)
{
	const struct crash_workload *work = &stage->work;
	const char *retry = fault_file_system_find_retry(
	    stage->fault, failed, next_opening(work, failed));

	if (retry != NULL) {
		fprintf(stderr, "after the failed sync: %s\n", retry);
		return "a file is trusted after a sync of it failed";
	}
	/* One that is being closed says no more; the next engine may. */
	for (size_t i = 1; i < work->count; i++) {
		if (work->steps[i].answered_ms != 0 &&
		    work->steps[i].opened_calls <= failed &&
		    work->steps[i].begun_calls > failed)
			return "a write is answered after a sync failed";
	}
	return NULL;
}

/* The whole of one case; NULL or what is wrong. */
static const char *
live_with(struct stage *stage, uint64_t call, const struct failure *failure,
    bool is_sync)
{
	struct crash_workload *work = &stage->work;
	const char *wrong = NULL;
	struct error err;
	enum status status;
	bool struck;

	fault_file_system_fail(
	    stage->fault, call, failure->kind, failure->errnum);
	status = stage_run(stage, &err);
	struck = fault_file_system_struck(stage->fault);
	if (status != STATUS_OK && (!struck || failure->passes))
		return "the engine fails for no reason";
	if (status != STATUS_OK && status != STATUS_UNAVAILABLE)
		wrong = check_ended(stage, &err);
	crash_workload_stop(work);
	fault_file_system_heal(stage->fault);
	if (wrong == NULL && is_sync && struck)
		wrong = check_sync_failed(stage, call);
	if (wrong == NULL)
		wrong = cut_now(stage, call);
	if (wrong != NULL)
		return wrong;
	if (crash_workload_resume(work, &err) != STATUS_OK ||
	    crash_workload_rounds(work, ROUNDS_AFTER, &err) != STATUS_OK) {
		fprintf(stderr, "%s\n", err.text);
		return "it is wrong after a restart";
	}
	wrong = cut_now(stage, call + 1);
	crash_workload_stop(work);
	return wrong;
}

static void
fail_call(uint64_t call, const struct failure *failure, const char *what)
{
	size_t descriptors = open_descriptors();
	struct stage stage;
	const char *wrong;

	stage_init(&stage);
	wrong = live_with(&stage, call, failure, strncmp(what, "sync", 4) == 0);
	if (wrong == NULL && mappings_of(stage.scratch.path) != 0)
		wrong = "a mapping is left";
	if (wrong == NULL && open_descriptors() != descriptors)
		wrong = "a descriptor is left";
	if (wrong != NULL)
		fprintf(stderr, "call %llu (%s), kind %d, %s: %s\n",
		    (unsigned long long)call, what, (int)failure->kind,
		    strerror(failure->errnum), wrong);
	CU_ASSERT_PTR_NULL(wrong);
	stage_deinit(&stage);
}

/* What each call of the workload is, when nothing fails. */
static char **
list_calls(uint64_t *count)
{
	struct stage stage;
	struct error err;
	char **calls;

	stage_init(&stage);
	ASSERT_OK(stage_run(&stage, &err), &err);
	*count = fault_file_system_calls(stage.fault);
	calls = mem_new_array(*count, sizeof(*calls));
	for (uint64_t i = 0; i < *count; i++)
		calls[i] =
		    mem_dup_string(fault_file_system_describe(stage.fault, i));
	stage_deinit(&stage);
	return calls;
}

static bool
concerns(const struct failure *failure, const char *what)
{
	size_t size = strlen(failure->op);

	return size == 0 ||
	    (strncmp(what, failure->op, size) == 0 && what[size] == ' ');
}

static void
failing_call_loses_nothing_and_leaves_nothing(void)
{
	struct rng rng = rng_seeded(suite_seed());
	unsigned long long cases[SUITE_COUNT(failures)] = {0};
	unsigned long long sum = 0;
	uint64_t count;
	char **calls = list_calls(&count);

	for (uint64_t call = 0; call < count; call++) {
		for (size_t i = 0; i < SUITE_COUNT(failures); i++) {
			if (!concerns(&failures[i], calls[call]) ||
			    (!all() && rng_below(&rng, 8) != 0))
				continue;
			fail_call(call, &failures[i], calls[call]);
			cases[i]++;
			sum++;
		}
	}
	for (size_t i = 0; i < SUITE_COUNT(failures); i++) {
		if (cases[i] > 0)
			printf("%s, kind %d, %s: %llu calls\n", failures[i].op,
			    (int)failures[i].kind, strerror(failures[i].errnum),
			    cases[i]);
	}
	suite_count(sum, "failing calls");
	for (uint64_t call = 0; call < count; call++)
		mem_free(calls[call]);
	mem_free(calls);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(failing_call_loses_nothing_and_leaves_nothing),
	};

	log_open("test", LOG_ERROR);
	return suite_run(
	    "failing_calls", cases, SUITE_COUNT(cases), argc, argv);
}
