/*
 * Our engine. Writers on several threads queue up before it as frontends do
 * before storaged: who finds nobody at work takes along what waits and calls
 * the engine once for all of it. Each put is a batch of its own, as the peers
 * have one put a call; each reader refreshes before each read.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/command/batch.h"
#include "common/log/log.h"
#include "common/lsm/view/view_reader.h"
#include "common/lsm/view/view_scan.h"
#include "storaged/engine.h"
#include "tests/bench/engine/store.h"

/* As the timer of storaged's service. */
#define TICK_MS 100
/* How much a sleep that took too long may spare later ones. */
#define CREDIT_NS_MAX 10000000

struct writer {
	struct batch_builder builder;
	struct batch_origin origin;
	struct engine_request request;
	struct writer *next; /* in the queue */
	pthread_cond_t woken;
	bool done;
};

struct ours {
	struct engine *engine;
	struct view_reader_options reading;
	struct writer writers[BENCH_THREADS_MAX];
	int64_t owed_ns; /* of admission delays; below 0: waited too long */

	pthread_mutex_t mutex; /* of what stands up to the next blank line */
	pthread_cond_t ticked;
	struct writer *first; /* of those that wait */
	struct writer *last;
	bool working; /* somebody is in the engine */
	bool closing;

	atomic_bool tick_wanted;
	pthread_t ticker;
};

static void
must(enum status status, const struct error *err)
{
	if (status != STATUS_OK)
		store_die("ours: %s", err->text);
}

static void
sleep_ns(int64_t ns)
{
	struct timespec time = {ns / 1000000000, ns % 1000000000};

	while (nanosleep(&time, &time) != 0 && errno == EINTR)
		continue;
}

/*
 * Waits as long as admission asks. A sleep takes longer than it was told to,
 * which is put to the credit of the next ones: so the rate is as wanted.
 */
static void
wait_for_admission(struct ours *ours)
{
	uint32_t delay_us = engine_delay_us(ours->engine);
	uint64_t begun_ns;

	if (delay_us == 0)
		return;
	ours->owed_ns += (int64_t)delay_us * 1000;
	if (ours->owed_ns <= 0)
		return;
	begun_ns = clock_monotonic_ns(&clock_system);
	sleep_ns(ours->owed_ns);
	ours->owed_ns -=
	    (int64_t)(clock_monotonic_ns(&clock_system) - begun_ns);
	if (ours->owed_ns < -CREDIT_NS_MAX)
		ours->owed_ns = -CREDIT_NS_MAX;
}

static void
tick(struct ours *ours)
{
	struct error err;

	must(engine_tick(ours->engine, &err), &err);
}

/* Writes until none is told to come again later. */
static void
write_requests(struct ours *ours, struct engine_request *requests, size_t count)
{
	struct error err;

	wait_for_admission(ours);
	must(engine_write(ours->engine, requests, count, &err), &err);
	for (size_t i = 0; i < count; i++) {
		while (requests[i].status == STATUS_BUSY) {
			sleep_ns(1000000);
			tick(ours);
			requests[i].status = STATUS_OK;
			must(engine_write(ours->engine, &requests[i], 1, &err),
			    &err);
		}
		must(requests[i].status, &requests[i].error);
	}
}

/* Called with the queue taken off and the mutex free. */
static void
write_group(struct ours *ours, struct writer *first)
{
	struct engine_request requests[BENCH_THREADS_MAX];
	size_t count = 0;

	if (first->next == NULL) {
		write_requests(ours, &first->request, 1);
		return;
	}
	for (struct writer *each = first; each != NULL; each = each->next)
		requests[count++] = each->request;
	write_requests(ours, requests, count);
	count = 0;
	for (struct writer *each = first; each != NULL; each = each->next)
		each->request = requests[count++];
}

/* Tells a group that it is written, and whoever comes next that it may. */
static void
hand_over(struct ours *ours, struct writer *group, const struct writer *self)
{
	while (group != NULL) {
		struct writer *next = group->next;

		group->done = true;
		if (group != self)
			pthread_cond_signal(&group->woken);
		group = next;
	}
	ours->working = false;
	if (ours->first != NULL)
		pthread_cond_signal(&ours->first->woken);
}

static void
submit(struct ours *ours, struct writer *self)
{
	struct writer *group;

	pthread_mutex_lock(&ours->mutex);
	self->done = false;
	self->next = NULL;
	if (ours->first == NULL)
		ours->first = self;
	else
		ours->last->next = self;
	ours->last = self;
	while (!self->done && (ours->working || ours->first != self))
		pthread_cond_wait(&self->woken, &ours->mutex);
	if (!self->done) {
		ours->working = true;
		group = ours->first;
		ours->first = NULL;
		pthread_mutex_unlock(&ours->mutex);
		if (atomic_load_explicit(
			&ours->tick_wanted, memory_order_relaxed)) {
			tick(ours);
			atomic_store(&ours->tick_wanted, false);
			pthread_cond_signal(&ours->ticked);
		}
		write_group(ours, group);
		/* As storaged's service: what is due is not kept waiting. */
		if (engine_is_due(ours->engine))
			tick(ours);
		pthread_mutex_lock(&ours->mutex);
		hand_over(ours, group, self);
	}
	pthread_mutex_unlock(&ours->mutex);
}

static void
finish_batch(struct writer *writer)
{
	struct engine_request *request = &writer->request;
	struct slice bytes =
	    batch_builder_finish(&writer->builder, &writer->origin, 0);

	buffer_clear(&request->reply, 1 << 20);
	/* The builder's own memory: it may be stamped. */
	request->batch = (uint8_t *)(uintptr_t)bytes.data;
	request->batch_size = bytes.size;
	request->status = STATUS_OK;
}

static void
send(struct ours *ours, struct writer *writer)
{
	finish_batch(writer);
	submit(ours, writer);
	writer->origin.answered = writer->origin.number++;
	batch_builder_reset(&writer->builder);
}

static void
add(struct writer *writer, struct slice key, struct slice value)
{
	struct command put = {.op = COMMAND_PUT, .key = key, .value = value};

	if (!batch_builder_add(&writer->builder, &put))
		store_die("ours: the batch is full");
	batch_builder_end_group(&writer->builder);
}

/* A writer makes itself known with its first batch. */
static struct writer *
writer_of(struct ours *ours, unsigned thread)
{
	struct writer *writer = &ours->writers[thread];

	if (writer->origin.writer[0] == 0) {
		uint64_t now_ns = clock_monotonic_ns(&clock_system);

		memcpy(writer->origin.writer, &now_ns, sizeof(now_ns));
		writer->origin.writer[0] = (uint8_t)(thread + 1);
		send(ours, writer);
	}
	return writer;
}

static void
ours_put(void *store, unsigned thread, struct slice key, struct slice value)
{
	struct writer *writer = writer_of(store, thread);

	add(writer, key, value);
	send(store, writer);
}

static void
ours_put_many(void *store, const struct slice *keys, const struct slice *values,
    size_t count)
{
	struct writer *writer = writer_of(store, 0);

	for (size_t i = 0; i < count; i++)
		add(writer, keys[i], values[i]);
	send(store, writer);
}

/*
 * Ticks when a flush or compaction has something to take in, and every so
 * often: by the thread that is in the engine, or here if there is none.
 */
static void *
tick_when_due(void *argument)
{
	struct ours *ours = argument;
	struct pollfd due = {
	    .fd = engine_descriptor(ours->engine), .events = POLLIN};
	bool closing = false;

	while (!closing) {
		poll(&due, 1, TICK_MS);
		atomic_store(&ours->tick_wanted, true);
		pthread_mutex_lock(&ours->mutex);
		while (ours->working && atomic_load(&ours->tick_wanted)) {
			struct timespec until;

			clock_gettime(CLOCK_REALTIME, &until);
			until.tv_nsec += 1000000;
			until.tv_sec += until.tv_nsec / 1000000000;
			until.tv_nsec %= 1000000000;
			pthread_cond_timedwait(
			    &ours->ticked, &ours->mutex, &until);
		}
		if (!ours->closing &&
		    atomic_exchange(&ours->tick_wanted, false))
			tick(ours);
		closing = ours->closing;
		pthread_mutex_unlock(&ours->mutex);
	}
	return NULL;
}

static void *
ours_open(const struct store_options *options)
{
	struct ours *ours = mem_new(sizeof(*ours));
	struct engine_options engine = {
	    .store_id = {1},
	    .data_directory = options->folder,
	    .runtime_directory = options->runtime,
	    .memtable_bytes = options->memtable_bytes,
	    .sync = options->sync ? ENGINE_SYNC_ALWAYS : ENGINE_SYNC_NEVER,
	};
	struct error err;

	log_open("bench_engine", LOG_WARN);
	/* Admission's delays are short, and rounding them up costs rate. */
	prctl(PR_SET_TIMERSLACK, 1000);
	for (unsigned i = 0; options->compress && i < ENGINE_LEVEL_COUNT; i++)
		engine.compression[i] = COMPRESSION_LZ4;
	ours->reading = (struct view_reader_options){
	    .data_directory = options->folder,
	    .runtime_directory = options->runtime,
	    .clock = &clock_system,
	    .cache_bytes = options->cache_bytes /
		(options->readers == 0 ? 1 : options->readers),
	};
	pthread_mutex_init(&ours->mutex, NULL);
	pthread_cond_init(&ours->ticked, NULL);
	for (size_t i = 0; i < BENCH_THREADS_MAX; i++)
		pthread_cond_init(&ours->writers[i].woken, NULL);
	must(engine_open(&engine, &ours->engine, &err), &err);
	CHECK(pthread_create(&ours->ticker, NULL, tick_when_due, ours) == 0);
	return ours;
}

/* Takes the engine for this thread alone. */
static void
enter(struct ours *ours)
{
	pthread_mutex_lock(&ours->mutex);
	CHECK(!ours->working && ours->first == NULL);
}

static void
ours_settle(void *store)
{
	struct ours *ours = store;
	struct error err;

	enter(ours);
	must(engine_settle(ours->engine, &err), &err);
	pthread_mutex_unlock(&ours->mutex);
}

static void
ours_describe(void *store, char *out, size_t size)
{
	struct ours *ours = store;
	struct engine_status status;
	size_t used;

	enter(ours);
	engine_status(ours->engine, &status);
	pthread_mutex_unlock(&ours->mutex);
	used = (size_t)snprintf(out, size, "tables");
	for (unsigned i = 0; i < ENGINE_LEVEL_COUNT && used < size; i++)
		used += (size_t)snprintf(out + used, size - used, "%c%zu",
		    i == 0 ? ' ' : '/', status.levels[i].tables);
}

static void
ours_close(void *store)
{
	struct ours *ours = store;
	struct error err;

	pthread_mutex_lock(&ours->mutex);
	ours->closing = true;
	pthread_mutex_unlock(&ours->mutex);
	pthread_join(ours->ticker, NULL);
	must(engine_close(ours->engine, &err), &err);
	for (size_t i = 0; i < BENCH_THREADS_MAX; i++) {
		batch_builder_deinit(&ours->writers[i].builder);
		buffer_deinit(&ours->writers[i].request.reply);
	}
	mem_free(ours);
}

static void *
ours_reader_open(void *store)
{
	struct ours *ours = store;

	return view_reader_create(&ours->reading);
}

static bool
ours_get(void *reader, struct slice key, size_t *value_bytes, uint64_t *touched)
{
	struct entry entry;
	enum lookup found;
	struct error err;

	must(view_reader_refresh(reader, &err), &err);
	must(view_reader_get(reader, key, &entry, &found, &err), &err);
	if (found == LOOKUP_ABSENT)
		return false;
	*value_bytes = entry.value.size;
	*touched += store_touch(entry.value.data, entry.value.size);
	return true;
}

static size_t
ours_scan(void *reader, struct slice start, size_t count, uint64_t *touched)
{
	const struct view_scan_limits limits = {
	    .entries_max = count,
	    .bytes_max = 64 << 20,
	    .steps_max = VIEW_SCAN_STEPS_DEFAULT,
	};
	struct view_scan *scan;
	struct view_scan_page page;
	struct error err;

	must(view_reader_refresh(reader, &err), &err);
	must(view_reader_scan(reader, start, SLICE_EMPTY, &scan, &err), &err);
	must(view_scan_read(scan, &limits, &page, &err), &err);
	for (size_t i = 0; i < page.count; i++) {
		struct slice value = page.entries[i].value;

		*touched += store_touch(
		    page.entries[i].key.data, page.entries[i].key.size);
		*touched += store_touch(value.data, value.size);
	}
	view_scan_close(scan);
	return page.count;
}

static void
ours_reader_close(void *reader)
{
	view_reader_close(reader);
}

const struct store store_ours = {
    .name = "ours",
    .open = ours_open,
    .put = ours_put,
    .put_many = ours_put_many,
    .reader_open = ours_reader_open,
    .get = ours_get,
    .scan = ours_scan,
    .reader_close = ours_reader_close,
    .settle = ours_settle,
    .describe = ours_describe,
    .close = ours_close,
};
