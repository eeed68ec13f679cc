/*
 * sweeper - takes files and memtables away behind the engine's back.
 *
 * To unmap a memtable and to unlink a large file takes the kernel tens of
 * milliseconds, which no write should wait for. A thread of its own does
 * both, in the order in which they were handed in.
 *
 * Durability  None: what stays, after a crash or because it could not be
 *             removed, is swept by the next incarnation.
 * Ownership   Memtables are taken.
 * Threads     All calls from one thread. What is handed in is no longer used
 *             by anybody in this process.
 */
#ifndef STORAGED_BACKGROUND_SWEEPER_H
#define STORAGED_BACKGROUND_SWEEPER_H

#include <stdbool.h>

#include "common/os/file_system.h"

struct memtable_writer;
struct sweeper;

/* Without a thread each call does its work at once. */
struct sweeper *sweeper_create(struct file_system *fs, bool thread);

/* Removes the file at `path`, and closes `memtable` before if not NULL. */
void sweeper_add(struct sweeper *sweeper, struct memtable_writer *memtable,
    const char *path);

/* Returns when all is done. NULL is allowed. */
void sweeper_close(struct sweeper *sweeper);

#endif
