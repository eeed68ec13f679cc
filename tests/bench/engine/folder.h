/* folder - trees of files that a row makes and removes. */
#ifndef TESTS_BENCH_ENGINE_FOLDER_H
#define TESTS_BENCH_ENGINE_FOLDER_H

#include <stdbool.h>

/* Removes a folder with all in it; one that is not there is fine. */
void folder_remove(const char *path);

/* Has all files below in the page cache. */
void folder_read(const char *path);

/* The opposite, after what was written is on disk. */
void folder_forget(const char *path);

/* Creates a folder; one that exists is fine. */
void folder_create(const char *path);

/* An empty file whose being there says something. */
void folder_mark(const char *path);
bool folder_has(const char *path);

/*
 * Creates a folder of this process in memory, and removes those of processes
 * that ended without doing so. `out` has PATH_BYTES_MAX.
 */
void folder_create_runtime(char *out);

#endif
