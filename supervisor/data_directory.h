/*
 * data_directory - the folder of a store: whose it is, and that one server
 * at a time has it.
 *
 * A folder that does not exist or is empty becomes a store's; one with other
 * files in it is never touched. FORMAT.md specifies the identity file.
 *
 * Durability  On STATUS_OK the identity is on disk.
 * Failure     STATUS_BUSY: another server has it. STATUS_VERSION: of a newer
 *             format. STATUS_CORRUPT: its identity is damaged.
 *             STATUS_INVALID: not ours. STATUS_UNAVAILABLE: it cannot be
 *             created. STATUS_CONFLICT: this user may not write to it. The
 *             text names the folder and the remedy.
 * Ownership   The lock lasts until data_directory_close() and until each
 *             process that inherited its descriptor has ended.
 */
#ifndef SUPERVISOR_DATA_DIRECTORY_H
#define SUPERVISOR_DATA_DIRECTORY_H

#include <stdint.h>

#include "common/base/status.h"
#include "common/codec/store_identity.h"
#include "common/os/path.h"

#define STORE_ID_HEX_BYTES (2 * STORE_ID_BYTES + 1)

struct data_directory;

/* Opens, locks and, where it is empty, creates. */
enum status data_directory_open(const char *path, struct data_directory **out,
    struct error *err) MUST_CHECK;

/* Absolute, without symbolic links. Borrowed. */
const char *data_directory_path(const struct data_directory *directory);

/* The id as hexadecimal text. Borrowed. */
const char *data_directory_store_id(const struct data_directory *directory);

/* The locked descriptor, for workers to inherit. Borrowed. */
int data_directory_lock_fd(const struct data_directory *directory);

/* Notes where the runtime directory is, for kvctl. */
enum status data_directory_note_runtime(struct data_directory *directory,
    const char *runtime_path, struct error *err) MUST_CHECK;

/* Unlocks and frees. NULL is allowed. */
void data_directory_close(struct data_directory *directory);

#endif
