/*
 * repair_state - what the files of the repair share: db_repair.c decides and
 * carries out, repair_tables.c is about tables, repair_journal.c about the
 * journal. Nobody else includes this.
 */
#ifndef STORAGED_INSPECT_REPAIR_STATE_H
#define STORAGED_INSPECT_REPAIR_STATE_H

#include <stdatomic.h>
#include <stdint.h>

#include "storaged/inspect/data_folder.h"
#include "storaged/inspect/db_repair.h"
#include "storaged/manifest/catalog.h"

struct repair {
	struct data_folder *folder;
	const struct db_repair_options *options;
	struct db_repair_report *report;
	struct catalog catalog; /* as it is to be */
	bool has_manifest; /* an intact one was found */
	bool manifest_changes; /* a new one has to be written */
	uint64_t manifest_number; /* the greatest in use */
	_Atomic uint64_t next_number; /* for new tables */
	uint64_t *replaced; /* numbers of tables to be moved away */
	size_t replaced_count;
	char lost_folder[PATH_BYTES_MAX]; /* lost+found-N */
	/* The journal: */
	bool journal_is_damaged;
	struct error journal_damage;
	uint64_t journal_last; /* the last sequence of what is kept */
};

void repair_say(struct repair *repair, enum db_repair_word word,
    const char *format, ...) PRINTF_LIKE(3, 4);

/* `key` as text in quotes, cut where it is long. */
#define REPAIR_KEY_TEXT_BYTES 200
const char *repair_key_text(struct slice key, char out[REPAIR_KEY_TEXT_BYTES]);

/* Salvages the tables of the catalog that are damaged or missing. */
enum status repair_tables(struct repair *repair, struct error *err) MUST_CHECK;

/* Fills an empty catalog, but for the recovery point, from the files. */
enum status
repair_gather_tables(struct repair *repair, struct error *err) MUST_CHECK;

/*
 * Sets the recovery point of a catalog that was gathered, from the tables and
 * the journal.
 */
enum status
repair_find_point(struct repair *repair, struct error *err) MUST_CHECK;

/* Looks how far the journal can be read from the recovery point. */
void repair_read_journal(struct repair *repair);

/* Replaces the journal by its intact beginning. */
enum status
repair_rewrite_journal(struct repair *repair, struct error *err) MUST_CHECK;

/* Moves a file below the data directory to the same place in lost+found-N. */
enum status repair_move_away(
    struct repair *repair, const char *path, struct error *err) MUST_CHECK;

#endif
