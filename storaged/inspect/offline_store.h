/*
 * offline_store - a store read without a server and without changing it.
 *
 * The tables are read in place; the journal behind the recovery point is
 * applied into memtables in memory, as recovery does. So it shows what a
 * server that starts now would show.
 *
 * Failure    STATUS_CORRUPT, naming file and offset, where a server would not
 *            start; db_check tells more.
 * Ownership  Borrows the data folder.
 * Threads    That of the caller; SIGBUS is taken over.
 */
#ifndef STORAGED_INSPECT_OFFLINE_STORE_H
#define STORAGED_INSPECT_OFFLINE_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

struct catalog;
struct data_folder;
struct memtable_reader;
struct offline_store;
struct view;

enum status offline_store_open(struct data_folder *folder,
    struct offline_store **out, struct error *err) MUST_CHECK;

/* NULL is allowed. */
void offline_store_close(struct offline_store *store);

/* All of these are borrowed until the close. */
struct view *offline_store_view(const struct offline_store *store);
const struct catalog *offline_store_catalog(const struct offline_store *store);
size_t offline_store_memtable_count(const struct offline_store *store);

/* Newest first. */
struct memtable_reader *
offline_store_memtable(const struct offline_store *store, size_t index);

uint64_t offline_store_clock_ms(const struct offline_store *store);

#endif
