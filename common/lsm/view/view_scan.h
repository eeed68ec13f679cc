/*
 * view_scan - what a view holds from one key to another, page by page.
 *
 * A scan shows live entries only: what is deleted, expired or in a deleted
 * range is passed over. Each call inspects a bounded number of entries and
 * returns copies, so that a loop is never held up and nothing borrowed dies.
 * Across turns of a loop a caller better keeps view_scan_resume_key() and
 * starts a new scan there on the view of that moment.
 *
 * Failure    After a failed call the scan can only be closed.
 * Ownership  A scan keeps its view open. A page is the scan's, until the
 *            next call on it.
 * Threads    That of the view.
 * Limits     A page has up to view_scan_limits; one entry it always may have,
 *            whatever its size.
 */
#ifndef COMMON_LSM_VIEW_VIEW_SCAN_H
#define COMMON_LSM_VIEW_VIEW_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/slice.h"
#include "common/base/status.h"
#include "common/lsm/record/entry.h"

struct view;
struct view_scan;

/* What one call may do; a scan of few entries inspects a few more. */
#define VIEW_SCAN_STEPS_DEFAULT 2048

struct view_scan_options {
	struct slice start; /* the first key that is shown; empty: of all */
	struct slice end; /* the first that is not; empty: none */
	uint64_t sequence_max;
	uint64_t now_ms;
};

struct view_scan_limits {
	size_t entries_max; /* shown, from 1 */
	size_t bytes_max; /* of keys and values shown */
	size_t steps_max; /* inspected, from 1 */
	bool keys_only; /* leaves the values out */
};

struct view_scan_page {
	const struct entry *entries;
	size_t count; /* may be 0 before the end: steps_max was reached */
	bool is_end; /* there is nothing behind this page */
};

/* Begins a scan; the bytes of `options` are copied. */
struct view_scan *
view_scan_create(struct view *view, const struct view_scan_options *options);

/* NULL is allowed. */
void view_scan_close(struct view_scan *scan);

/* Shows what comes next. */
enum status
view_scan_read(struct view_scan *scan, const struct view_scan_limits *limits,
    struct view_scan_page *out, struct error *err) MUST_CHECK;

/*
 * Adds to *count how many live entries come next, inspecting at most
 * `steps_max`; *is_end is true once there are no more.
 */
enum status view_scan_count(struct view_scan *scan, size_t steps_max,
    uint64_t *count, bool *is_end, struct error *err) MUST_CHECK;

/* Where another scan goes on behind the last page. Borrowed like a page. */
struct slice view_scan_resume_key(const struct view_scan *scan);

/*
 * Puts into `out` the key before which all keys with this prefix lie, or
 * nothing if there is none (a prefix of 0xff bytes only, or an empty one).
 */
void view_scan_prefix_end(struct slice prefix, struct buffer *out);

#endif
