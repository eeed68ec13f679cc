/*
 * scratch - a folder for one test, removed with all it holds.
 *
 * It lies in memory (/dev/shm) where that is a tmpfs, else under $TMPDIR.
 */
#ifndef TESTS_SUPPORT_SCRATCH_H
#define TESTS_SUPPORT_SCRATCH_H

#include "common/os/path.h"

struct scratch {
	char path[PATH_BYTES_MAX];
};

/* Creates an empty folder with a name of its own; aborts on failure. */
void scratch_init(struct scratch *scratch);

/* The path of `name` in the folder, borrowed until the next such call. */
const char *scratch_path(const struct scratch *scratch, const char *name);

/* Removes the folder and everything in it. */
void scratch_deinit(struct scratch *scratch);

#endif
