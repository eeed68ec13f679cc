/*
 * db_check - whether everything in a data directory is sound.
 *
 * Reads every byte that means something: the identity, the manifest, each
 * table (checksums, order, indexes, and that its summary is what the manifest
 * says), the journal from the recovery point on, and the names of all files.
 * It goes on behind damage, and changes nothing.
 *
 * What is found is either damage (something is missing or wrong) or a note
 * (worth knowing: a torn tail that a crash left, files that nobody names).
 *
 * Failure  Only what keeps it from looking, such as a folder that cannot be
 *          listed; damage is an answer.
 * Threads  That of the caller; SIGBUS is taken over (common/os/bus_guard).
 */
#ifndef STORAGED_INSPECT_DB_CHECK_H
#define STORAGED_INSPECT_DB_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

struct data_folder;

struct db_check_options {
	/* `text` begins with the file, relative to the data directory. */
	void (*on_finding)(void *context, bool is_damage, const char *text);
	/* Now and then; may be NULL. */
	void (*on_progress)(
	    void *context, uint64_t bytes_done, uint64_t bytes_total);
	void *context;
};

struct db_check_report {
	size_t damage_count;
	size_t note_count;
	size_t table_count; /* that the manifest names */
	size_t damaged_tables;
	uint64_t table_bytes;
	uint64_t entry_count; /* in tables, tombstones included */
	uint64_t recovery_sequence;
	uint64_t last_sequence; /* with the journal */
	uint64_t record_count; /* of the journal, behind the recovery point */
};

enum status
db_check_run(struct data_folder *folder, const struct db_check_options *options,
    struct db_check_report *out, struct error *err) MUST_CHECK;

#endif
