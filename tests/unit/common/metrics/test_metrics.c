#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/metrics/metrics.h"
#include "common/metrics/metrics_segment.h"
#include "tests/support/suite.h"

#define THREADS 4
#define ROUNDS 20000

/* Each case publishes, which a process does once: so each runs in a child. */
static void
in_child(void (*run)(int fd), int fd)
{
	pid_t child = fork();
	int status = -1;

	CHECK(child >= 0);
	if (child == 0) {
		run(fd);
		_exit(0);
	}
	CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
	CU_ASSERT_EQUAL(status, 0);
}

static int
segment_fd(const char *name)
{
	struct error err;
	int fd;

	ASSERT_OK(
	    metrics_segment_create(name, METRIC_PLACE_FRONTEND, &fd, &err),
	    &err);
	return fd;
}

static struct metrics_segment *
segment_reader(int fd)
{
	struct metrics_segment *segment;
	struct error err;

	ASSERT_OK(metrics_segment_open(fd, false, &segment, &err), &err);
	return segment;
}

static void
count_some(int fd)
{
	struct error err;

	metrics_add(
	    METRIC_OPERATIONS, METRIC_OPERATION_GET, METRIC_PROTOCOL_RESP, 3);
	metrics_set(METRIC_LEVEL_FILES, 6, 0, 7);
	CHECK(metrics_publish(fd, &err) == STATUS_OK);
	metrics_add(
	    METRIC_OPERATIONS, METRIC_OPERATION_GET, METRIC_PROTOCOL_RESP, 4);
	metrics_add(
	    METRIC_OPERATIONS, METRIC_OPERATION_PUT, METRIC_PROTOCOL_HTTP, 1);
	metrics_move(METRIC_CONNECTIONS, METRIC_PROTOCOL_RESP, 0, 5);
	metrics_move(METRIC_CONNECTIONS, METRIC_PROTOCOL_RESP, 0, -2);
}

static void
count_nothing(int fd)
{
	struct error err;

	CHECK(metrics_publish(fd, &err) == STATUS_OK);
}

static void
counters_outlive_the_worker_and_gauges_start_again(void)
{
	int fd = segment_fd("tcp-0");
	struct metrics_segment *segment = segment_reader(fd);

	in_child(count_some, fd);
	in_child(count_some, fd);
	CU_ASSERT_EQUAL(metrics_segment_value(segment, METRIC_OPERATIONS,
			    METRIC_OPERATION_GET, METRIC_PROTOCOL_RESP),
	    14);
	CU_ASSERT_EQUAL(metrics_segment_value(segment, METRIC_OPERATIONS,
			    METRIC_OPERATION_PUT, METRIC_PROTOCOL_HTTP),
	    2);
	CU_ASSERT_EQUAL(metrics_segment_value(segment, METRIC_OPERATIONS,
			    METRIC_OPERATION_PUT, METRIC_PROTOCOL_RESP),
	    0);
	CU_ASSERT_EQUAL(metrics_segment_value(segment, METRIC_CONNECTIONS,
			    METRIC_PROTOCOL_RESP, 0),
	    3);
	CU_ASSERT_EQUAL(
	    metrics_segment_value(segment, METRIC_LEVEL_FILES, 6, 0), 7);
	in_child(count_nothing, fd);
	CU_ASSERT_EQUAL(metrics_segment_value(segment, METRIC_CONNECTIONS,
			    METRIC_PROTOCOL_RESP, 0),
	    0);
	CU_ASSERT_EQUAL(metrics_segment_value(segment, METRIC_OPERATIONS,
			    METRIC_OPERATION_GET, METRIC_PROTOCOL_RESP),
	    14);
	metrics_segment_close(segment);
	close(fd);
}

static void *
count_in_thread(void *context)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		metrics_add(METRIC_FLUSHES, 0, 0, 1);
		metrics_observe(METRIC_JOURNAL_SYNC_SECONDS, 0, 0, i);
		metrics_set(METRIC_SEQUENCE, 0, 0, i);
	}
	return NULL;
}

static void
count_in_threads(int fd)
{
	struct metrics_segment *segment;
	struct metric_histogram histogram;
	pthread_t threads[THREADS];
	struct error err;

	CHECK(metrics_segment_open(fd, false, &segment, &err) == STATUS_OK);
	CHECK(metrics_publish(fd, &err) == STATUS_OK);
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_create(
			  &threads[i], NULL, count_in_thread, NULL) == 0);
	for (int i = 0; i < 100; i++)
		metrics_segment_histogram(
		    segment, METRIC_JOURNAL_SYNC_SECONDS, 0, 0, &histogram);
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	metrics_segment_close(segment);
}

static void
threads_lose_no_count(void)
{
	int fd = segment_fd("storaged-0");
	struct metrics_segment *segment = segment_reader(fd);
	struct metric_histogram histogram;

	in_child(count_in_threads, fd);
	CU_ASSERT_EQUAL(metrics_segment_value(segment, METRIC_FLUSHES, 0, 0),
	    THREADS * ROUNDS);
	CU_ASSERT_EQUAL(
	    metrics_segment_value(segment, METRIC_SEQUENCE, 0, 0), ROUNDS - 1);
	metrics_segment_histogram(
	    segment, METRIC_JOURNAL_SYNC_SECONDS, 0, 0, &histogram);
	CU_ASSERT_EQUAL(histogram.count, THREADS * ROUNDS);
	CU_ASSERT_EQUAL(
	    histogram.sum, (uint64_t)THREADS * ROUNDS * (ROUNDS - 1) / 2);
	metrics_segment_close(segment);
	close(fd);
}

static void
observe_sizes(int fd)
{
	struct error err;

	CHECK(metrics_publish(fd, &err) == STATUS_OK);
	for (uint64_t i = 0; i <= 4096; i++)
		metrics_observe(METRIC_COMMIT_BATCHES, 0, 0, i);
	metrics_observe(METRIC_COMMIT_BATCHES, 0, 0, UINT64_MAX / 2);
	metrics_observe(METRIC_FLUSH_SECONDS, 0, 0, 0);
	metrics_observe(METRIC_FLUSH_SECONDS, 0, 0, 1024);
	metrics_observe_many(METRIC_FLUSH_SECONDS, 0, 0, 1025, 3);
	metrics_observe(METRIC_FLUSH_SECONDS, 0, 0, 1000000000);
}

static void
values_fall_into_the_bucket_whose_bounds_hold_them(void)
{
	int fd = segment_fd("storaged-0");
	struct metrics_segment *segment = segment_reader(fd);
	struct metric_histogram histogram;
	uint64_t below = 0;
	double bound = 0;

	in_child(observe_sizes, fd);
	metrics_segment_histogram(
	    segment, METRIC_COMMIT_BATCHES, 0, 0, &histogram);
	for (unsigned i = 0; bound < 4096; i++) {
		bound = metric_bucket_bound(METRIC_KIND_SIZES, i);
		below += histogram.buckets[i];
		CU_ASSERT_EQUAL(below, (uint64_t)bound + 1);
	}
	CU_ASSERT_EQUAL(histogram.buckets[METRIC_BUCKET_COUNT - 1], 1);
	CU_ASSERT_EQUAL(histogram.count, 4098);
	metrics_segment_histogram(
	    segment, METRIC_FLUSH_SECONDS, 0, 0, &histogram);
	CU_ASSERT_EQUAL(histogram.buckets[0], 2);
	CU_ASSERT_EQUAL(histogram.buckets[1], 3);
	for (unsigned i = 2; i < METRIC_BUCKET_COUNT - 1; i++) {
		double seconds = metric_bucket_bound(METRIC_KIND_SECONDS, i);

		if (histogram.buckets[i] == 1) {
			CU_ASSERT_TRUE(seconds >= 1 && seconds < 1.5);
		}
	}
	metrics_segment_close(segment);
	close(fd);
}

static void
supervisor_notes_the_worker_in_its_segment(void)
{
	int fd = segment_fd("http-1");
	struct metrics_segment *segment = segment_reader(fd);
	struct metrics_segment *writable;
	struct metrics_worker worker;
	struct error err;

	metrics_segment_worker(segment, &worker);
	CU_ASSERT_FALSE(worker.up);
	CU_ASSERT_STRING_EQUAL(worker.name, "http-1");
	CU_ASSERT_EQUAL(worker.place, METRIC_PLACE_FRONTEND);
	ASSERT_OK(metrics_segment_open(fd, true, &writable, &err), &err);
	metrics_segment_note(writable, true, 4711, 3, 1700000000000);
	metrics_segment_worker(segment, &worker);
	CU_ASSERT_TRUE(worker.up);
	CU_ASSERT_EQUAL(worker.pid, 4711);
	CU_ASSERT_EQUAL(worker.restarts, 3);
	CU_ASSERT_EQUAL(worker.started_ms, 1700000000000);
	CU_ASSERT_EQUAL(ftruncate(fd, 0), -1);
	metrics_segment_close(writable);
	metrics_segment_close(segment);
	close(fd);
}

static void
files_that_are_no_segment_are_refused(void)
{
	struct metrics_segment *segment;
	struct error err;
	int fd = segment_fd("x");
	int foreign = memfd_create("foreign", MFD_CLOEXEC);
	uint64_t zero = 0;

	CU_ASSERT_EQUAL(metrics_segment_open(foreign, false, &segment, &err),
	    STATUS_VERSION);
	CU_ASSERT_PTR_NULL(segment);
	CU_ASSERT_EQUAL(pwrite(fd, &zero, sizeof(zero), 8), sizeof(zero));
	CU_ASSERT_EQUAL(
	    metrics_segment_open(fd, false, &segment, &err), STATUS_VERSION);
	close(foreign);
	close(fd);
	CU_ASSERT_NOT_EQUAL(
	    metrics_segment_open(fd, false, &segment, &err), STATUS_OK);
}

static void
every_label_value_has_a_word_and_names_are_distinct(void)
{
	for (unsigned i = 0; i < METRIC_COUNT; i++) {
		const struct metric_info *info = metric_info((enum metric)i);

		for (unsigned label = 0; label < METRIC_LABELS_MAX; label++) {
			if (info->label_names[label] == NULL) {
				CU_ASSERT_EQUAL(info->label_counts[label], 1);
				continue;
			}
			for (unsigned v = 0; v < info->label_counts[label]; v++)
				CU_ASSERT_TRUE(
				    strlen(metric_label_word(
					(enum metric)i, label, v)) > 0);
		}
		for (unsigned j = 0; j < i; j++)
			CU_ASSERT_STRING_NOT_EQUAL(
			    info->name, metric_info((enum metric)j)->name);
	}
	CU_ASSERT_STRING_EQUAL(
	    metric_label_word(METRIC_OPERATIONS, 0, METRIC_OPERATION_DELETE),
	    "delete");
	CU_ASSERT_STRING_EQUAL(
	    metric_label_word(METRIC_LEVEL_FILES, 0, 5), "5");
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(counters_outlive_the_worker_and_gauges_start_again),
	    SUITE_CASE(threads_lose_no_count),
	    SUITE_CASE(values_fall_into_the_bucket_whose_bounds_hold_them),
	    SUITE_CASE(supervisor_notes_the_worker_in_its_segment),
	    SUITE_CASE(files_that_are_no_segment_are_refused),
	    SUITE_CASE(every_label_value_has_a_word_and_names_are_distinct),
	};

	return suite_run("metrics", cases, SUITE_COUNT(cases), argc, argv);
}
