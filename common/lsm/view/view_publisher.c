#include "common/lsm/view/view_publisher.h"

#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/lsm/view/control.h"
#include "common/lsm/view/view_description.h"
#include "common/lsm/view/view_path.h"
#include "common/os/file.h"

struct view_publisher {
	struct file_system *fs; /* borrowed */
	char *runtime;
	unsigned shard;
	struct control *control;
	uint64_t memtable_number_max; /* at the opening */
	bool has_published; /* in this incarnation */
	struct file *next; /* the next view's, empty so far; NULL: none yet */
	uint64_t next_number;
	uint64_t next_bytes; /* that it holds the space for */
};

/* What is held beyond what is asked for: the one after it may be larger. */
#define NEXT_SLACK_BYTES 8192

static enum status
on_name_found(void *context, const char *name, struct error *err);
static enum status
on_name_swept(void *context, const char *name, struct error *err);
static enum status
hold_next(struct view_publisher *publisher, uint64_t bytes, struct error *err);
static void drop_next(struct view_publisher *publisher);
static enum status write_view(struct view_publisher *publisher,
    const struct view_description *description, struct error *err);

enum status
view_publisher_open(struct file_system *fs, const char *runtime, unsigned shard,
    const uint8_t *store_id, struct view_publisher **out, struct error *err)
{
	struct view_publisher *publisher = mem_new(sizeof(*publisher));
	char path[PATH_BYTES_MAX];

	*out = NULL;
	publisher->fs = fs;
	publisher->runtime = mem_dup_string(runtime);
	publisher->shard = shard;
	view_path_control(path, runtime);
	if (control_create(fs, path, shard, store_id, &publisher->control,
		err) != STATUS_OK ||
	    directory_list(runtime, on_name_found, publisher, err) != STATUS_OK)
		goto fail;
	*out = publisher;
	return STATUS_OK;
fail:
	view_publisher_close(publisher);
	return err->code;
}

void
view_publisher_close(struct view_publisher *publisher)
{
	if (publisher == NULL)
		return;
	drop_next(publisher);
	control_close(publisher->control);
	mem_free(publisher->runtime);
	mem_free(publisher);
}

struct control *
view_publisher_control(struct view_publisher *publisher)
{
	return publisher->control;
}

uint64_t
view_publisher_memtable_number_max(const struct view_publisher *publisher)
{
	return publisher->memtable_number_max;
}

enum status
view_publisher_reserve(struct view_publisher *publisher, size_t memtable_count,
    size_t table_count, struct error *err)
{
	if (hold_next(publisher,
		view_description_size(memtable_count, table_count),
		err) != STATUS_OK)
		return error_wrap(err, "no room for the next view");
	return STATUS_OK;
}

enum status
view_publisher_publish(struct view_publisher *publisher,
    struct view_description *description, struct error *err)
{
	struct control_state state;
	char path[PATH_BYTES_MAX];
	struct error ignored;

	control_load(publisher->control, &state);
	description->number = state.view_number + 1;
	description->shard = publisher->shard;
	description->incarnation = state.incarnation;
	memcpy(description->store_id, control_store_id(publisher->control),
	    VIEW_STORE_ID_BYTES);
	if (write_view(publisher, description, err) != STATUS_OK)
		return error_wrap(err, "publish view");
	control_publish_view(publisher->control, description->number);
	publisher->has_published = true;
	/*
	 * A reader that is about to open the old file finds out and loads the
	 * control block again. One that cannot be removed costs a page until
	 * the next incarnation sweeps.
	 */
	view_path_view(path, publisher->runtime, state.view_number);
	(void)!path_remove(publisher->fs, path, &ignored);
	/* While there is the space of that one, before others take it. */
	(void)!view_publisher_reserve(publisher, description->memtable_count,
	    description->table_count, &ignored);
	return STATUS_OK;
}

void
view_publisher_publish_sequence(struct view_publisher *publisher,
    uint64_t sequence, uint64_t store_clock_ms)
{
	/* The view of another incarnation need not hold our sequences. */
	CHECK(publisher->has_published);
	control_publish_sequence(publisher->control, sequence, store_clock_ms);
}

enum status
view_publisher_sweep(struct view_publisher *publisher, struct error *err)
{
	CHECK(publisher->has_published);
	return directory_list(
	    publisher->runtime, on_name_swept, publisher, err);
}

static enum status
on_name_found(void *context, const char *name, struct error *err)
{
	struct view_publisher *publisher = context;
	uint64_t number;

	if (view_path_parse_memtable(name, &number) &&
	    number > publisher->memtable_number_max)
		publisher->memtable_number_max = number;
	return STATUS_OK;
}

static enum status
on_name_swept(void *context, const char *name, struct error *err)
{
	struct view_publisher *publisher = context;
	struct control_state state;
	char path[PATH_BYTES_MAX];
	uint64_t number;

	control_load(publisher->control, &state);
	if (view_path_parse_view(name, &number)) {
		if (number == state.view_number ||
		    (publisher->next != NULL &&
			number == publisher->next_number))
			return STATUS_OK;
	} else if (!view_path_parse_memtable(name, &number) ||
	    number > publisher->memtable_number_max) {
		return STATUS_OK;
	}
	path_join(path, publisher->runtime, name);
	return path_remove(publisher->fs, path, err);
}

/* Sees to it that the next view's file exists and has so much space. */
static enum status
hold_next(struct view_publisher *publisher, uint64_t bytes, struct error *err)
{
	struct control_state state;
	char path[PATH_BYTES_MAX];

	if (publisher->next != NULL && publisher->next_bytes >= bytes)
		return STATUS_OK;
	bytes += bytes / 4 + NEXT_SLACK_BYTES;
	if (publisher->next == NULL) {
		control_load(publisher->control, &state);
		publisher->next_number = state.view_number + 1;
		publisher->next_bytes = 0;
		view_path_view(path, publisher->runtime, state.view_number + 1);
		if (file_create(publisher->fs, path, &publisher->next, err) !=
		    STATUS_OK)
			return err->code;
	}
	if (file_reserve(publisher->next, bytes, err) != STATUS_OK) {
		/* What it held before, it still holds. */
		if (publisher->next_bytes == 0)
			drop_next(publisher);
		return err->code;
	}
	publisher->next_bytes = bytes;
	return STATUS_OK;
}

/* Nobody knows of that file yet. */
static void
drop_next(struct view_publisher *publisher)
{
	char path[PATH_BYTES_MAX];
	struct error ignored;

	if (publisher->next == NULL)
		return;
	file_close(publisher->next);
	publisher->next = NULL;
	view_path_view(path, publisher->runtime, publisher->next_number);
	(void)!path_remove(publisher->fs, path, &ignored);
}

/*
 * Nobody opens the file before its number is stored, so it needs no passing
 * name, and one that a crash left half written is simply written again.
 */
static enum status
write_view(struct view_publisher *publisher,
    const struct view_description *description, struct error *err)
{
	struct buffer bytes = {0};
	enum status status;

	view_description_encode(description, &bytes);
	status = hold_next(publisher, buffer_slice(&bytes).size, err);
	if (status == STATUS_OK) {
		CHECK(publisher->next_number == description->number);
		status = file_write_at(
		    publisher->next, 0, buffer_slice(&bytes), err);
	}
	if (status == STATUS_OK) {
		file_close(publisher->next);
		publisher->next = NULL;
	} else {
		drop_next(publisher);
	}
	buffer_deinit(&bytes);
	return status;
}
