/*
 * fault_disk - a model of what is on disk, fed with recorded calls.
 *
 * It plays the calls of a fault file system one after the other and keeps,
 * for each file, the bytes on disk, the bytes that readers see, and the
 * changes between them; and the same for names. See fault_file_system.h for
 * the rules.
 */
#ifndef TESTS_SUPPORT_FAULT_DISK_H
#define TESTS_SUPPORT_FAULT_DISK_H

#include "tests/support/fault_call.h"

struct fault_disk;

struct fault_disk *fault_disk_create(void);
void fault_disk_close(struct fault_disk *disk);

/* A file or folder that is on disk under `path` already. */
void fault_disk_add_folder(struct fault_disk *disk, int node, const char *path);
void fault_disk_add_file(struct fault_disk *disk, int node, const char *path,
    const uint8_t *bytes, size_t size);

/* Plays the next call; it is borrowed until the disk is closed. */
void fault_disk_play(
    struct fault_disk *disk, const struct fault_call *call, uint64_t number);

/* Writes what a power cut may leave to the empty folder `target`. */
void fault_disk_materialise(
    const struct fault_disk *disk, uint64_t seed, const char *target);

#endif
