/*
 * store_folders - the folders of a store under test, and the files in them.
 *
 * Failure  Ends the case (or, outside of one, the program).
 */
#ifndef TESTS_SUPPORT_STORE_FOLDERS_H
#define TESTS_SUPPORT_STORE_FOLDERS_H

#include <stddef.h>
#include <stdint.h>

#include "common/os/path.h"
#include "tests/support/scratch.h"

#define STORE_FILES_MAX 500

struct store_folders {
	struct scratch scratch;
	char data[PATH_BYTES_MAX];
	char runtime[PATH_BYTES_MAX];
};

/* Makes both, empty, in a scratch folder. */
void store_folders_init(struct store_folders *folders);
void store_folders_deinit(struct store_folders *folders);

/* Makes `data` a data directory, as the supervisor does. */
void store_folders_identify(
    const struct store_folders *folders, const uint8_t *store_id);

void store_folder_make(const char *path);

struct store_files {
	char paths[STORE_FILES_MAX][PATH_BYTES_MAX];
	size_t count;
};

/* The folders of a data directory, itself ("") included, outer ones first. */
#define STORE_FOLDER_COUNT 4
extern const char *const store_folder_names[STORE_FOLDER_COUNT];

/* Adds the files in the folder `below` of `data`; folders are among them. */
void store_files_list(
    struct store_files *files, const char *data, const char *below);

/* Adds those of all its folders. */
void store_files_list_all(struct store_files *files, const char *data);

/* The size of what lies there; 0 for a folder. */
uint64_t store_file_size(const char *path);

/* Flips a bit of a file. */
void store_file_flip(const char *path, uint64_t bit);

#endif
