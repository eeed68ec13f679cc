/*
 * reserve - a file that holds disk space for bad times.
 *
 * It has no content, only blocks: while others fill the disk it keeps them,
 * and what must go on (flushes, the manifest, compactions) gets them by
 * cutting the file back. It is DATA/shard-N/reserve; removing it by hand does
 * no harm.
 *
 * Failure    Space that cannot be had now is NO_SPACE, and nothing changed.
 * Threads    The engine's thread alone.
 */
#ifndef STORAGED_RESERVE_RESERVE_H
#define STORAGED_RESERVE_RESERVE_H

#include <stdint.h>

#include "common/base/status.h"
#include "common/os/file_system.h"

/* What is held in steps of, so that it is not changed for nothing. */
#define RESERVE_STEP_BYTES 65536u

struct reserve;

/* Takes over the file, with what it holds, or makes an empty one. */
enum status reserve_open(struct file_system *fs, const char *shard_directory,
    struct reserve **out, struct error *err) MUST_CHECK;

/* Bytes held. 0 for NULL. */
uint64_t reserve_held_bytes(const struct reserve *reserve);

/* Makes it hold that much, in whole steps: gives space up or takes it. */
enum status reserve_resize(
    struct reserve *reserve, uint64_t bytes, struct error *err) MUST_CHECK;

/* Closes; the file goes on holding. NULL is allowed. */
void reserve_close(struct reserve *reserve);

#endif
