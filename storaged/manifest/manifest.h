/*
 * manifest - the durable history of the catalog.
 *
 * A manifest file begins with the whole catalog as one edit and goes on with
 * the edits since; the file `current` names it and is switched by rename.
 * Opening a store always begins a new manifest, and a manifest that has grown
 * begins another. The bytes are specified in storaged/FORMAT.md.
 *
 * Durability  An edit is durable when manifest_append() has returned OK.
 * Failure     A failed append poisons the manifest: every later call returns
 *             that first error, and the engine must stop. NO_SPACE is none:
 *             then nothing has happened, and the call can be made again.
 * Threads     The engine's thread alone.
 */
#ifndef STORAGED_MANIFEST_MANIFEST_H
#define STORAGED_MANIFEST_MANIFEST_H

#include <stdint.h>

#include "common/base/status.h"
#include "common/os/file_system.h"
#include "storaged/manifest/catalog.h"
#include "storaged/manifest/edit.h"

struct manifest;

/*
 * Reads the current manifest under `directory` into `catalog` (empty before),
 * begins a new one and makes it current. A folder without a `current` file is
 * a new store. STATUS_CORRUPT names file and offset, STATUS_VERSION a newer
 * format, STATUS_INVALID another store's id. A last record that a crash cut
 * off, or that was damaged later, is left out: catalog->torn_offset says so.
 */
enum status manifest_open(struct file_system *fs, const char *directory,
    const uint8_t *store_id, struct catalog *catalog, struct manifest **out,
    struct error *err) MUST_CHECK;

/*
 * Reads the current manifest without changing anything, for offline checks.
 * STATUS_NOT_FOUND in a new store. The number goes to *number.
 */
enum status manifest_read(struct file_system *fs, const char *directory,
    const uint8_t *store_id, struct catalog *catalog, uint64_t *number,
    struct error *err) MUST_CHECK;

/* The same of manifest `number`, whether it is the current one or not. */
enum status manifest_read_numbered(struct file_system *fs,
    const char *directory, const uint8_t *store_id, uint64_t number,
    struct catalog *catalog, struct error *err) MUST_CHECK;

/*
 * Writes manifest `number` with everything in `catalog`, and makes it current,
 * durably: for folders that no engine has open.
 */
enum status manifest_create(struct file_system *fs, const char *directory,
    const uint8_t *store_id, uint64_t number, const struct catalog *catalog,
    struct error *err) MUST_CHECK;

/* Makes `edit` durable; the caller performs it on the catalog afterwards. */
enum status manifest_append(struct manifest *manifest, const struct edit *edit,
    struct error *err) MUST_CHECK;

/*
 * True when the file has grown enough for manifest_renew() to be worth it:
 * beyond `bytes_min`, and to some times what its whole catalog takes.
 */
bool
manifest_wants_renewal(const struct manifest *manifest, uint64_t bytes_min);

/* Begins a new manifest with `catalog` as it is now. */
enum status manifest_renew(struct manifest *manifest,
    const struct catalog *catalog, struct error *err) MUST_CHECK;

void manifest_close(struct manifest *manifest);

#endif
