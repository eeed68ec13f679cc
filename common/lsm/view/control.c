#include "common/lsm/view/control.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/codec/checksum.h"
#include "common/codec/integer.h"
#include "common/lsm/view/control_format.h"
#include "common/os/clock.h"
#include "common/os/file.h"
#include "common/os/path.h"

struct control {
	struct control_block *block; /* mapped; read-only for readers */
	struct file *file; /* kept open to be told from another at its path */
};

static void header_encode(uint8_t *header, unsigned shard, const uint8_t *id);
static enum status header_check(
    const uint8_t *header, const char *path, unsigned shard, struct error *err);
static enum status map_block(
    struct control *control, bool writable, unsigned shard, struct error *err);
static enum status
adopt(struct file_system *fs, const char *path, unsigned shard,
    const uint8_t *store_id, struct control *control, struct error *err);
static void retire(struct file_system *fs, const char *path);
static enum status put_fresh(struct file_system *fs, const char *path,
    unsigned shard, const uint8_t *store_id, struct error *err);

enum status
control_create(struct file_system *fs, const char *path, unsigned shard,
    const uint8_t *store_id, struct control **out, struct error *err)
{
	struct control *control = mem_new(sizeof(*control));
	enum status status;

	*out = NULL;
	status = adopt(fs, path, shard, store_id, control, err);
	if (status == STATUS_NOT_FOUND || status == STATUS_CORRUPT ||
	    status == STATUS_VERSION) {
		retire(fs, path);
		if (put_fresh(fs, path, shard, store_id, err) != STATUS_OK)
			goto fail;
		status = adopt(fs, path, shard, store_id, control, err);
	}
	if (status != STATUS_OK)
		goto fail;
	control_set_write_state(control, CONTROL_WRITES_DOWN, 0);
	atomic_fetch_add_explicit(
	    &control->block->incarnation, 1, memory_order_release);
	*out = control;
	return STATUS_OK;
fail:
	control_close(control);
	return error_wrap(err, "control block");
}

enum status
control_open(
    const char *path, unsigned shard, struct control **out, struct error *err)
{
	struct control *control = mem_new(sizeof(*control));

	*out = NULL;
	if (file_open(file_system_real(), path, &control->file, err) !=
		STATUS_OK ||
	    map_block(control, false, shard, err) != STATUS_OK)
		goto fail;
	*out = control;
	return STATUS_OK;
fail:
	control_close(control);
	return error_wrap(err, "control block");
}

void
control_close(struct control *control)
{
	if (control == NULL)
		return;
	file_unmap(control->block, CONTROL_BYTES);
	file_close(control->file);
	mem_free(control);
}

bool
control_is_at(const struct control *control, const char *path)
{
	struct stat ours;
	struct stat there;

	return fstat(file_descriptor(control->file), &ours) == 0 &&
	    stat(path, &there) == 0 && ours.st_dev == there.st_dev &&
	    ours.st_ino == there.st_ino;
}

const uint8_t *
control_store_id(const struct control *control)
{
	return control->block->header + CONTROL_STORE_ID_OFFSET;
}

void
control_load(const struct control *control, struct control_state *out)
{
	const struct control_block *block = control->block;
	uint64_t word;

	out->published_sequence = atomic_load_explicit(
	    &block->published_sequence, memory_order_acquire);
	out->view_number =
	    atomic_load_explicit(&block->view_number, memory_order_acquire);
	out->incarnation =
	    atomic_load_explicit(&block->incarnation, memory_order_acquire);
	out->store_clock_ms =
	    atomic_load_explicit(&block->store_clock_ms, memory_order_acquire);
	out->clock_offset_ms =
	    atomic_load_explicit(&block->clock_offset_ms, memory_order_relaxed);
	word = atomic_load_explicit(&block->write_state, memory_order_acquire);
	/* A word of nobody's making means that writes cannot be trusted. */
	out->write_state = word >> 32 <= CONTROL_WRITES_DELETES_ONLY
	    ? (enum control_write_state)(word >> 32)
	    : CONTROL_WRITES_DOWN;
	out->write_delay_us = (uint32_t)word;
}

uint64_t
control_published_sequence(const struct control *control)
{
	return atomic_load_explicit(
	    &control->block->published_sequence, memory_order_acquire);
}

uint64_t
control_now_ms(const struct control_state *state, const struct clock *clock)
{
	uint64_t node_ms =
	    clock_monotonic_ms(clock) + (uint64_t)state->clock_offset_ms;

	return node_ms > state->store_clock_ms ? node_ms
					       : state->store_clock_ms;
}

void
control_publish_view(struct control *control, uint64_t view_number)
{
	struct control_state state;

	control_load(control, &state);
	CHECK(view_number > state.view_number);
	atomic_store_explicit(
	    &control->block->view_number, view_number, memory_order_release);
}

void
control_publish_sequence(
    struct control *control, uint64_t sequence, uint64_t store_clock_ms)
{
	struct control_state state;

	control_load(control, &state);
	CHECK(sequence >= state.published_sequence);
	CHECK(store_clock_ms >= state.store_clock_ms);
	/*
	 * The clock goes first: who sees the sequence then also judges expiry
	 * by a clock that is not before the one its batch was applied by.
	 */
	atomic_store_explicit(&control->block->store_clock_ms, store_clock_ms,
	    memory_order_release);
	atomic_store_explicit(&control->block->published_sequence, sequence,
	    memory_order_release);
}

void
control_set_clock_offset(struct control *control, int64_t offset_ms)
{
	atomic_store_explicit(
	    &control->block->clock_offset_ms, offset_ms, memory_order_relaxed);
}

void
control_set_write_state(
    struct control *control, enum control_write_state state, uint32_t delay_us)
{
	CHECK(state == CONTROL_WRITES_DELAYED || delay_us == 0);
	atomic_store_explicit(&control->block->write_state,
	    (uint64_t)state << 32 | delay_us, memory_order_release);
}

static void
header_encode(uint8_t *header, unsigned shard, const uint8_t *id)
{
	memset(header, 0, sizeof(((struct control_block *)NULL)->header));
	u64_store(header, CONTROL_MAGIC);
	u32_store(header + CONTROL_VERSION_OFFSET, CONTROL_VERSION);
	u32_store(header + CONTROL_SHARD_OFFSET, shard);
	memcpy(header + CONTROL_STORE_ID_OFFSET, id, CONTROL_STORE_ID_BYTES);
	u64_store(header + CONTROL_CHECKSUM_OFFSET,
	    checksum64(
		slice_of(header, CONTROL_CHECKSUM_OFFSET), CONTROL_MAGIC));
}

static enum status
header_check(
    const uint8_t *header, const char *path, unsigned shard, struct error *err)
{
	if (u64_load(header) != CONTROL_MAGIC)
		return error_set(
		    err, STATUS_CORRUPT, "%s: not a control block", path);
	if (u32_load(header + CONTROL_VERSION_OFFSET) != CONTROL_VERSION)
		return error_set(err, STATUS_VERSION,
		    "%s: format %u, this program knows %u", path,
		    u32_load(header + CONTROL_VERSION_OFFSET), CONTROL_VERSION);
	if (u64_load(header + CONTROL_CHECKSUM_OFFSET) !=
	    checksum64(
		slice_of(header, CONTROL_CHECKSUM_OFFSET), CONTROL_MAGIC))
		return error_set(
		    err, STATUS_CORRUPT, "%s: checksum mismatch", path);
	if (u32_load(header + CONTROL_SHARD_OFFSET) != shard)
		return error_set(err, STATUS_CORRUPT, "%s: of shard %u", path,
		    u32_load(header + CONTROL_SHARD_OFFSET));
	return STATUS_OK;
}

/* Maps the file of `control` and checks what never changes in it. */
static enum status
map_block(
    struct control *control, bool writable, unsigned shard, struct error *err)
{
	const char *path = file_path(control->file);
	uint64_t size;
	void *mapping;

	if (file_size(control->file, &size, err) != STATUS_OK)
		return err->code;
	if (size != CONTROL_BYTES)
		return error_set(err, STATUS_CORRUPT, "%s: %llu bytes", path,
		    (unsigned long long)size);
	if (file_map(control->file, CONTROL_BYTES, writable, &mapping, err) !=
	    STATUS_OK)
		return err->code;
	control->block = mapping;
	return header_check(control->block->header, path, shard, err);
}

/* STATUS_CORRUPT, with nothing held, for the block of another store. */
static enum status
adopt(struct file_system *fs, const char *path, unsigned shard,
    const uint8_t *store_id, struct control *control, struct error *err)
{
	if (file_open_writable(fs, path, &control->file, err) != STATUS_OK)
		return err->code;
	if (map_block(control, true, shard, err) != STATUS_OK)
		goto fail;
	if (memcmp(control_store_id(control), store_id,
		CONTROL_STORE_ID_BYTES) != 0) {
		error_set(err, STATUS_CORRUPT, "%s: of another store", path);
		goto fail;
	}
	return STATUS_OK;
fail:
	file_unmap(control->block, CONTROL_BYTES);
	file_close(control->file);
	memset(control, 0, sizeof(*control));
	return err->code;
}

/*
 * Takes the view from those who have the block mapped that is going to be
 * replaced, so that they look at the path again. What cannot be opened or
 * has another size, nobody has mapped.
 */
static void
retire(struct file_system *fs, const char *path)
{
	struct control old = {0};
	struct error ignored;
	uint64_t size;
	void *mapping;

	if (file_open_writable(fs, path, &old.file, &ignored) != STATUS_OK)
		return;
	if (file_size(old.file, &size, &ignored) == STATUS_OK &&
	    size == CONTROL_BYTES &&
	    file_map(old.file, CONTROL_BYTES, true, &mapping, &ignored) ==
		STATUS_OK) {
		old.block = mapping;
		atomic_store_explicit(
		    &old.block->view_number, 0, memory_order_release);
		file_unmap(mapping, CONTROL_BYTES);
	}
	file_close(old.file);
}

/*
 * A reader must never see half a block, so it is made under a passing name.
 * Readers of a block that is replaced find out by control_is_at().
 */
static enum status
put_fresh(struct file_system *fs, const char *path, unsigned shard,
    const uint8_t *store_id, struct error *err)
{
	uint8_t bytes[CONTROL_BYTES] = {0};
	char passing[PATH_BYTES_MAX];
	struct file *file;
	int size = snprintf(passing, sizeof(passing), "%s.new", path);

	CHECK(size > 0 && size < PATH_BYTES_MAX);
	header_encode(bytes, shard, store_id);
	if (file_create(fs, passing, &file, err) != STATUS_OK)
		return err->code;
	if (file_write_at(file, 0, slice_of(bytes, sizeof(bytes)), err) !=
	    STATUS_OK) {
		file_close(file);
		return err->code;
	}
	file_close(file);
	return path_rename(fs, passing, path, err);
}
