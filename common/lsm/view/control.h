/*
 * control - the one page by which `storaged` tells every reader what is
 * current: the view, the published sequence, the clocks, and how it takes
 * writes.
 *
 * It lies in the runtime directory as `shard-N/control` and stays the same
 * file while incarnations of `storaged` come and go: a new one adopts it, so
 * numbers go on and readers need not notice. Layout: control_format.h. In
 * which order a reader must load its words, and why, stands in view_reader.h.
 *
 * Failure    A block that is of another format, damaged or cut short is
 *            CORRUPT to a reader; control_create() replaces it.
 * Ownership  The caller closes what it created or opened.
 * Threads    One process writes. The loads may be made from any thread.
 */
#ifndef COMMON_LSM_VIEW_CONTROL_H
#define COMMON_LSM_VIEW_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/status.h"

struct clock;
struct control;
struct file_system;

/* How `storaged` takes writes at the moment. */
enum control_write_state {
	CONTROL_WRITES_OK,
	CONTROL_WRITES_DELAYED, /* each message waits for delay_us */
	CONTROL_WRITES_READ_ONLY, /* refused: disk or memory is short */
	CONTROL_WRITES_DOWN, /* recovering, or stopped in order */
	CONTROL_WRITES_DELETES_ONLY, /* disk is short: the rest is refused */
};

/*
 * Opens the block at `path` to write, as a new incarnation: adopts a valid
 * one of this store and shard, else puts a fresh one in its place. Writes
 * are CONTROL_WRITES_DOWN until somebody says otherwise.
 */
enum status control_create(struct file_system *fs, const char *path,
    unsigned shard, const uint8_t *store_id, struct control **out,
    struct error *err) MUST_CHECK;

/* Opens the block at `path` to read. STATUS_NOT_FOUND where there is none. */
enum status control_open(const char *path, unsigned shard, struct control **out,
    struct error *err) MUST_CHECK;

/* Unmaps and frees; the file stays. NULL is allowed. */
void control_close(struct control *control);

/* False once another file, or none, stands under `path`. */
bool control_is_at(const struct control *control, const char *path);

/* The id of the store, 16 bytes, borrowed until control_close(). */
const uint8_t *control_store_id(const struct control *control);

/* The words of the block, loaded in the order in which they stand here. */
struct control_state {
	uint64_t published_sequence; /* the greatest one that may be read */
	uint64_t view_number; /* 0: there is none yet */
	uint64_t incarnation; /* how often the block was created */
	uint64_t store_clock_ms; /* the greatest stamp published */
	int64_t clock_offset_ms; /* monotonic clock to this node's */
	enum control_write_state write_state;
	uint32_t write_delay_us; /* 0 unless writes are delayed */
};

/* Acquire loads. A reader's belong inside bus_guard_run(). */
void control_load(const struct control *control, struct control_state *out);

/* The greatest sequence that may be read, alone. */
uint64_t control_published_sequence(const struct control *control);

/*
 * The time by which a read judges expiry: the later of the store clock and
 * of this node's clock.
 */
uint64_t
control_now_ms(const struct control_state *state, const struct clock *clock);

/* Makes a view current, all of whose files exist. A release store. */
void control_publish_view(struct control *control, uint64_t view_number);

/*
 * Lets readers see everything up to `sequence`, with the store clock there.
 * Neither ever falls. A release store.
 */
void control_publish_sequence(
    struct control *control, uint64_t sequence, uint64_t store_clock_ms);

/* Sets what readers add to the monotonic clock to know the time. */
void control_set_clock_offset(struct control *control, int64_t offset_ms);

void control_set_write_state(
    struct control *control, enum control_write_state state, uint32_t delay_us);

#endif
