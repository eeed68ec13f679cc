/*
 * edit - one change of the catalog, as the manifest records it.
 *
 * An edit states together which tables come and go and where the recovery
 * point lies afterwards, so that a crash leaves all of it or nothing. The
 * bytes are specified in storaged/FORMAT.md, "Manifest".
 *
 * Ownership  Everything in a struct edit is borrowed.
 * Threads    Pure.
 */
#ifndef STORAGED_MANIFEST_EDIT_H
#define STORAGED_MANIFEST_EDIT_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/slice.h"
#include "common/base/status.h"
#include "storaged/manifest/catalog.h"

struct edit {
	struct table_file **added;
	size_t added_count;
	const uint64_t *removed; /* numbers */
	size_t removed_count;
	const struct recovery_point *recovery; /* NULL: as before */
	uint64_t number_ceiling; /* 0: as before */
};

/* Appends the bytes of `edit` to `out`. */
void edit_encode(const struct edit *edit, struct buffer *out);

/*
 * Performs encoded bytes on `catalog`; the table files it makes belong to the
 * catalog. STATUS_CORRUPT when the bytes are no edit or do not fit it; the
 * catalog is then good for catalog_deinit() only.
 */
enum status edit_replay(
    struct slice bytes, struct catalog *catalog, struct error *err) MUST_CHECK;

#endif
