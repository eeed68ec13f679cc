/*
 * view_path - where the files that a view names lie.
 *
 * Both folders are those of one shard: `shard-N` of the runtime directory
 * for the control block, the views and the memtables, `shard-N/tables` of
 * the data directory for the tables. File names end in the number, 16
 * hexadecimal digits.
 */
#ifndef COMMON_LSM_VIEW_VIEW_PATH_H
#define COMMON_LSM_VIEW_VIEW_PATH_H

#include <stdbool.h>
#include <stdint.h>

#include "common/os/path.h"

/* Paths borrowed from whoever passes this. */
struct view_folders {
	const char *runtime; /* RUNTIME/shard-N */
	const char *tables; /* DATA/shard-N/tables */
};

void view_path_control(char out[PATH_BYTES_MAX], const char *runtime);
void
view_path_view(char out[PATH_BYTES_MAX], const char *runtime, uint64_t number);
void view_path_memtable(
    char out[PATH_BYTES_MAX], const char *runtime, uint64_t number);
void
view_path_table(char out[PATH_BYTES_MAX], const char *tables, uint64_t number);

/* True, and the number, if `name` is that of a view file. */
bool view_path_parse_view(const char *name, uint64_t *number);

/* True, and the number, if `name` is that of a memtable's file. */
bool view_path_parse_memtable(const char *name, uint64_t *number);

#endif
