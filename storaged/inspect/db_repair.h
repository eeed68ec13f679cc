/*
 * db_repair - makes a damaged data directory one that a server starts on, and
 * says what that costs.
 *
 * Without `apply` it only says. Nothing is ever deleted: what is replaced is
 * moved to a folder lost+found-N in the data directory. New tables and a new
 * manifest are on disk before anything old is touched.
 *
 *   identity   written anew with the id that the other files carry
 *   current    set to the newest manifest that is intact
 *   tables     intact blocks go into a new table, on the same level
 *   manifest   made from the tables: their newest versions, by sequence
 *   journal    its intact beginning is kept
 *
 * What it cannot know it says. Where part of a table is gone, older tables may
 * show through: older values, and keys that had been deleted. Where the
 * manifest is gone, tables that compaction had replaced may count again.
 *
 * Failure  Nothing has been lost: before "moved" lines appear the old files
 *          are all in place, afterwards they are in lost+found-N.
 * Threads  That of the caller; SIGBUS is taken over.
 */
#ifndef STORAGED_INSPECT_DB_REPAIR_H
#define STORAGED_INSPECT_DB_REPAIR_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/status.h"

struct data_folder;

enum db_repair_word {
	DB_REPAIR_DAMAGE, /* what is wrong */
	DB_REPAIR_LOSE, /* what cannot be had back */
	DB_REPAIR_DOUBT, /* what may be wrong afterwards */
	DB_REPAIR_DO, /* what is done about it, or would be */
};

struct db_repair_options {
	bool apply;
	void (*on_line)(
	    void *context, enum db_repair_word word, const char *text);
	void *context;
};

struct db_repair_report {
	size_t damage_count;
	size_t lose_count;
	size_t doubt_count;
	char moved_to[64]; /* the folder within; "" if nothing was moved */
};

enum status db_repair_run(struct data_folder *folder,
    const struct db_repair_options *options, struct db_repair_report *out,
    struct error *err) MUST_CHECK;

#endif
