/*
 * scrub - reads all tables from the disk, round after round, at a bounded
 * rate, and tells when bytes are no longer those that were written.
 *
 * A round goes through the tables in the order of their numbers; one that
 * appears meanwhile waits for the next round, one that goes is passed over.
 * Damage is logged with file and offset, counted, and noted in the list
 * of damage; nothing else happens: reads of sound blocks go on,
 * and those of the damaged one fail one by one.
 *
 * Threads  The engine's thread; reading takes place on the side lane.
 */
#ifndef STORAGED_SCRUB_SCRUB_H
#define STORAGED_SCRUB_SCRUB_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"
#include "common/os/file_system.h"
#include "storaged/scrub/scrub_status.h"

struct background;
struct catalog;
struct damage_list;
struct scrub;

struct scrub_options {
	struct file_system *fs;
	const char *shard_directory;
	const uint8_t *store_id;
	struct damage_list *damage; /* where what is found is noted */
	uint64_t bytes_per_s; /* from 1 on */
	uint64_t interval_ms; /* from the start of a round to the next */
};

/* Borrows `background` and the options' pointers. */
struct scrub *scrub_create(
    const struct scrub_options *options, struct background *background);

/* After the background has ended. NULL is allowed. */
void scrub_close(struct scrub *scrub);

/* Takes in what was read and goes on when it is time; `now_ms` monotonic. */
void
scrub_step(struct scrub *scrub, const struct catalog *catalog, uint64_t now_ms);

/* All but the damage, which is in the list. */
void scrub_status(const struct scrub *scrub, struct scrub_status *out);

#endif
