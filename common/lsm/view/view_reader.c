#include "common/lsm/view/view_reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/codec/checksum.h"
#include "common/lsm/table/block_cache.h"
#include "common/lsm/view/control.h"
#include "common/lsm/view/view.h"
#include "common/lsm/view/view_description.h"
#include "common/lsm/view/view_path.h"
#include "common/lsm/view/view_scan.h"
#include "common/os/bus_guard.h"
#include "common/os/clock.h"
#include "common/os/file.h"

/* Views that may come and go while one refresh tries to open them. */
#define RELOADS_MAX 64

/* A view that cannot be opened is not tried again at once for each request. */
#define RETRY_INTERVAL_NS (10 * UINT64_C(1000000))

struct view_reader {
	char runtime[PATH_BYTES_MAX];
	char tables[PATH_BYTES_MAX];
	unsigned shard;
	const struct clock *clock; /* borrowed */
	struct block_cache *cache;
	struct control *control; /* NULL until there is one */
	struct view *view; /* kept after a failure, to share with */
	uint64_t view_number; /* of `view` under `control`; 0: neither */
	struct control_state state; /* at the last refresh */
	uint64_t adopted_count;
	uint64_t now_ms; /* 0: not asked for since the refresh */
	bool is_fresh; /* the last refresh succeeded */
	/* The last failure to open a view, and until when it stands. */
	struct error failure;
	uint64_t failed_number; /* 0: none */
	uint64_t retry_ns;
};

static enum status move_on(struct view_reader *reader, struct error *err);
static enum status load_state(struct view_reader *reader, struct error *err);
static enum status load_guarded(void *context, struct error *err);
static enum status find_control(struct view_reader *reader, struct error *err);
static enum status try_view(struct view_reader *reader, uint64_t number,
    bool *is_final, struct error *err);
static enum status
adopt(struct view_reader *reader, uint64_t number, struct error *err);
static enum status load_description(const struct view_reader *reader,
    uint64_t number, struct view_description *out, struct error *err);
static void remember_failure(
    struct view_reader *reader, uint64_t number, const struct error *err);
static enum status
give_up(struct view_reader *reader, uint64_t number, struct error *err);

struct view_reader *
view_reader_create(const struct view_reader_options *options)
{
	struct view_reader *reader = mem_new(sizeof(*reader));
	char shard[32];
	char folder[PATH_BYTES_MAX];

	bus_guard_install();
	snprintf(shard, sizeof(shard), "shard-%u", options->shard);
	path_join(reader->runtime, options->runtime_directory, shard);
	path_join(folder, options->data_directory, shard);
	path_join(reader->tables, folder, "tables");
	reader->shard = options->shard;
	reader->clock = options->clock;
	reader->cache = block_cache_create(options->cache_bytes);
	return reader;
}

void
view_reader_close(struct view_reader *reader)
{
	if (reader == NULL)
		return;
	view_close(reader->view);
	control_close(reader->control);
	block_cache_close(reader->cache);
	mem_free(reader);
}

enum status
view_reader_refresh(struct view_reader *reader, struct error *err)
{
	/*
	 * The sequence is loaded before the view number; the header says why.
	 * A block that cannot be read is looked for again by move_on().
	 */
	if (LIKELY(reader->view_number != 0) &&
	    LIKELY(load_state(reader, err) == STATUS_OK) &&
	    LIKELY(reader->state.view_number == reader->view_number)) {
		reader->now_ms = 0;
		reader->is_fresh = true;
		return STATUS_OK;
	}
	return move_on(reader, err);
}

enum status
view_reader_idle_refresh(struct view_reader *reader, struct error *err)
{
	if (find_control(reader, err) != STATUS_OK)
		return give_up(reader, 0, err);
	return view_reader_refresh(reader, err);
}

enum status
view_reader_get(struct view_reader *reader, struct slice key, struct entry *out,
    enum lookup *found, struct error *err)
{
	struct memtable_query query = {
	    key, hash64(key), reader->state.published_sequence};

	*found = LOOKUP_ABSENT;
	if (UNLIKELY(!reader->is_fresh))
		return error_set(
		    err, STATUS_UNAVAILABLE, "no current view is open");
	if (view_find(reader->view, &query, out, found, err) != STATUS_OK)
		return err->code;
	if (*found == LOOKUP_FOUND && out->deadline_ms != 0 &&
	    entry_is_expired(out, view_reader_now_ms(reader)))
		*found = LOOKUP_ABSENT;
	return STATUS_OK;
}

void
view_reader_prefetch(
    struct view_reader *reader, const struct slice *keys, size_t count)
{
	struct memtable_query queries[VIEW_PREFETCH_MAX];

	if (!reader->is_fresh)
		return;
	if (count > VIEW_PREFETCH_MAX)
		count = VIEW_PREFETCH_MAX;
	for (size_t i = 0; i < count; i++)
		queries[i] = (struct memtable_query){
		    keys[i], hash64(keys[i]), reader->state.published_sequence};
	view_prefetch(reader->view, queries, count);
}

enum status
view_reader_scan(struct view_reader *reader, struct slice start,
    struct slice end, struct view_scan **out, struct error *err)
{
	struct view_scan_options options = {.start = start, .end = end};

	*out = NULL;
	if (!reader->is_fresh)
		return error_set(
		    err, STATUS_UNAVAILABLE, "no current view is open");
	options.sequence_max = reader->state.published_sequence;
	options.now_ms = view_reader_now_ms(reader);
	*out = view_scan_create(reader->view, &options);
	return STATUS_OK;
}

uint64_t
view_reader_now_ms(struct view_reader *reader)
{
	/* Few entries have a deadline, so the clock is read when one does. */
	if (reader->now_ms == 0 && reader->control != NULL)
		reader->now_ms = control_now_ms(&reader->state, reader->clock);
	return reader->now_ms;
}

uint64_t
view_reader_sequence(const struct view_reader *reader)
{
	return reader->state.published_sequence;
}

uint64_t
view_reader_adopted_count(const struct view_reader *reader)
{
	return reader->adopted_count;
}

uint64_t
view_reader_key_estimate(const struct view_reader *reader)
{
	uint64_t puts = 0;
	uint64_t tombstones = 0;

	if (reader->view == NULL)
		return 0;
	for (unsigned level = 0; level < VIEW_LEVELS_MAX; level++) {
		struct view_size size = view_level_size(reader->view, level);

		puts += size.entry_count - size.tombstone_count;
		tombstones += size.tombstone_count;
	}
	return puts > tombstones ? puts - tombstones : 0;
}

/* Opens what is current now, whatever was before. */
static enum status
move_on(struct view_reader *reader, struct error *err)
{
	uint64_t number = 0;

	reader->is_fresh = false;
	for (int attempt = 0; attempt < RELOADS_MAX; attempt++) {
		bool is_final = false;

		if (find_control(reader, err) != STATUS_OK ||
		    load_state(reader, err) != STATUS_OK)
			return give_up(reader, 0, err);
		number = reader->state.view_number;
		if (try_view(reader, number, &is_final, err) == STATUS_OK) {
			if (!is_final)
				continue;
			reader->now_ms = 0;
			reader->is_fresh = true;
			reader->failed_number = 0;
			return STATUS_OK;
		}
		if (is_final)
			return give_up(reader, number, err);
	}
	error_set(err, STATUS_UNAVAILABLE,
	    "%d views came and went while they were opened", RELOADS_MAX);
	return give_up(reader, number, err);
}

/* A block whose page cannot be read is let go of. */
static enum status
load_state(struct view_reader *reader, struct error *err)
{
	if (LIKELY(bus_guard_run(load_guarded, reader, err) == STATUS_OK))
		return STATUS_OK;
	control_close(reader->control);
	reader->control = NULL;
	reader->view_number = 0;
	return error_wrap(err, "control block");
}

static enum status
load_guarded(void *context, struct error *err)
{
	struct view_reader *reader = context;

	control_load(reader->control, &reader->state);
	return STATUS_OK;
}

/* Makes sure that the control block is the one under its path, if any is. */
static enum status
find_control(struct view_reader *reader, struct error *err)
{
	char path[PATH_BYTES_MAX];
	struct control *found;

	view_path_control(path, reader->runtime);
	if (reader->control != NULL && control_is_at(reader->control, path))
		return STATUS_OK;
	if (control_open(path, reader->shard, &found, err) != STATUS_OK) {
		/* One whose file was removed still tells what is current. */
		return reader->control != NULL ? STATUS_OK : err->code;
	}
	/* Another block: its numbers have nothing to do with the old ones. */
	view_close(reader->view);
	reader->view = NULL;
	control_close(reader->control);
	reader->control = found;
	reader->view_number = 0;
	reader->failed_number = 0;
	reader->is_fresh = false;
	return STATUS_OK;
}

/*
 * Opens one view and loads the sequence for it. Not *is_final: the view is
 * no longer current, so that trying again leads to another one.
 */
static enum status
try_view(struct view_reader *reader, uint64_t number, bool *is_final,
    struct error *err)
{
	char path[PATH_BYTES_MAX];

	*is_final = true;
	if (number == 0)
		return error_set(
		    err, STATUS_UNAVAILABLE, "no view was published yet");
	if (number == reader->failed_number &&
	    clock_monotonic_ns(reader->clock) < reader->retry_ns)
		return error_copy(err, &reader->failure);
	if (number != reader->view_number &&
	    adopt(reader, number, err) != STATUS_OK) {
		struct error unused;

		view_path_control(path, reader->runtime);
		*is_final = load_state(reader, &unused) == STATUS_OK &&
		    reader->state.view_number == number &&
		    control_is_at(reader->control, path);
		if (*is_final)
			remember_failure(reader, number, err);
		return err->code;
	}
	if (load_state(reader, err) != STATUS_OK)
		return err->code;
	/* The view came first here, so the sequence might not be for it. */
	*is_final = reader->state.incarnation ==
		view_describe(reader->view)->incarnation ||
	    reader->state.view_number == number;
	return STATUS_OK;
}

static enum status
adopt(struct view_reader *reader, uint64_t number, struct error *err)
{
	struct view_description description = {0};
	struct view_sources sources = {
	    .folders = {reader->runtime, reader->tables},
	    .cache = reader->cache,
	    .previous = reader->view};
	struct view *opened;

	if (load_description(reader, number, &description, err) != STATUS_OK ||
	    view_open(&description, &sources, &opened, err) != STATUS_OK) {
		view_description_deinit(&description);
		return err->code;
	}
	view_description_deinit(&description);
	view_close(reader->view);
	reader->view = opened;
	reader->view_number = number;
	reader->adopted_count++;
	return STATUS_OK;
}

static enum status
load_description(const struct view_reader *reader, uint64_t number,
    struct view_description *out, struct error *err)
{
	struct buffer bytes = {0};
	char path[PATH_BYTES_MAX];
	enum status status;

	view_path_view(path, reader->runtime, number);
	status = file_read_whole(
	    file_system_real(), path, VIEW_FILE_BYTES_MAX, &bytes, err);
	if (status == STATUS_OK) {
		status =
		    view_description_decode(buffer_slice(&bytes), out, err);
		if (status != STATUS_OK)
			status = error_wrap(err, "%s", path);
	}
	buffer_deinit(&bytes);
	if (status != STATUS_OK)
		return status;
	if (out->number != number || out->shard != reader->shard ||
	    memcmp(out->store_id, control_store_id(reader->control),
		VIEW_STORE_ID_BYTES) != 0)
		return error_set(err, STATUS_CORRUPT,
		    "%s: of another view, shard or store", path);
	return STATUS_OK;
}

static void
remember_failure(
    struct view_reader *reader, uint64_t number, const struct error *err)
{
	reader->failed_number = number;
	reader->retry_ns =
	    clock_monotonic_ns(reader->clock) + RETRY_INTERVAL_NS;
	reader->failure = *err;
}

/* Nothing can be read until a later refresh succeeds. */
static enum status
give_up(struct view_reader *reader, uint64_t number, struct error *err)
{
	struct error cause = *err;

	reader->is_fresh = false;
	return error_set(err, STATUS_UNAVAILABLE,
	    "shard %u: view %" PRIu64 ": %s", reader->shard, number,
	    cause.text);
}
