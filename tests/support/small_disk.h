/*
 * small_disk - a file system of a few megabytes, on top of the real one.
 *
 * Files under its root take up their size in whole pages, or what was reserved
 * for them, of a capacity that the test sets; what goes beyond is ENOSPC. A
 * foreign file of any size can be put beside them. Files elsewhere are the
 * real file system's.
 *
 * Threads  The table may be called from any thread.
 */
#ifndef TESTS_SUPPORT_SMALL_DISK_H
#define TESTS_SUPPORT_SMALL_DISK_H

#include <stdint.h>

#include "common/os/file_system.h"

struct small_disk;

/* `root` exists and is empty; it is borrowed. */
struct small_disk *small_disk_create(const char *root, uint64_t capacity_bytes);
void small_disk_close(struct small_disk *disk);

struct file_system *small_disk_table(struct small_disk *disk);

uint64_t small_disk_free_bytes(struct small_disk *disk);

/* The size of what others have put there. */
void small_disk_set_foreign(struct small_disk *disk, uint64_t bytes);

/* How often something was refused for want of space. */
uint64_t small_disk_refusals(const struct small_disk *disk);

#endif
