/*
 * catalog - the tables that are current, level by level, and the recovery
 * point that belongs to them.
 *
 * Level 0 holds tables newest first, which may overlap; on each deeper level
 * tables are ordered by key and disjoint. The recovery point says up to which
 * sequence the tables contain everything, and what else was true there.
 *
 * Ownership  The catalog owns its table files.
 * Threads    The engine's thread alone.
 */
#ifndef STORAGED_MANIFEST_CATALOG_H
#define STORAGED_MANIFEST_CATALOG_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/status.h"
#include "storaged/manifest/table_file.h"

struct view_description;

#define LEVEL_COUNT 7

struct level {
	struct table_file **tables;
	size_t count;
	size_t capacity;
	uint64_t bytes;
};

struct recovery_point {
	uint64_t sequence;
	uint64_t clock_ms; /* the store clock there */
	uint64_t applied_index; /* of the replicated log; 0 without one */
	struct buffer writers; /* the encoded writers' state there */
};

struct catalog {
	struct level levels[LEVEL_COUNT];
	struct recovery_point recovery;
	uint64_t number_ceiling; /* no file has had this number or more */
	/*
	 * Where the manifest that it was read from ends in what is no whole
	 * record, and was left out; the offset is 0 if nothing was.
	 */
	uint64_t torn_manifest;
	uint64_t torn_offset;
};

/* A zeroed catalog is an empty one. Frees all that it owns. */
void catalog_deinit(struct catalog *catalog);

/* Fills `into`, an empty one, with copies of all that `from` has. */
void catalog_copy(struct catalog *into, const struct catalog *from);

/*
 * On a level with order: the place of the first table that does not end
 * before `key`, the count of tables if there is none.
 */
size_t level_first_behind(const struct level *level, struct slice key);

/* Takes `table` into its level. */
void catalog_add(struct catalog *catalog, struct table_file *table);

/* Table `number`, borrowed; NULL if not there. */
const struct table_file *
catalog_find(const struct catalog *catalog, uint64_t number);

/* Removes table `number` and gives it to the caller; NULL if not there. */
struct table_file *catalog_remove(struct catalog *catalog, uint64_t number);

/* Adds all tables to the description of a view. */
void catalog_describe(
    const struct catalog *catalog, struct view_description *description);

size_t catalog_table_count(const struct catalog *catalog);
uint64_t catalog_bytes(const struct catalog *catalog);

/*
 * Checks that deeper levels are ordered and disjoint and that no table goes
 * beyond the recovery point; STATUS_CORRUPT says which does not.
 */
enum status
catalog_verify(const struct catalog *catalog, struct error *err) MUST_CHECK;

#endif
