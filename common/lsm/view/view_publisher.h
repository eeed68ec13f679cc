/*
 * view_publisher - the writing side of the runtime directory: makes views
 * current and sequences visible.
 *
 * The order in which its user works is what readers rely on (view_reader.h
 * has the argument):
 *
 *     1. a view with a new memtable is published before any sequence that
 *        lies in it;
 *     2. a view lists a table only when all sequences in it are published
 *        and the table is durable in the manifest;
 *     3. a new incarnation publishes its first view only when its memtables
 *        and tables hold everything up to the sequence that was published
 *        before it, and removes no file before that.
 *
 * Whoever stops using a memtable or a table just unlinks its file, after the
 * view without it has been published.
 *
 * Durability  None: the runtime directory does not outlive the machine.
 * Failure     A failed publish leaves the view before it current and may be
 *             repeated. After view_publisher_reserve() for as much it does not
 *             fail for want of space.
 * Ownership   The publisher owns its control block.
 * Threads     One process, one thread.
 */
#ifndef COMMON_LSM_VIEW_VIEW_PUBLISHER_H
#define COMMON_LSM_VIEW_VIEW_PUBLISHER_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/status.h"

struct control;
struct file_system;
struct view_description;
struct view_publisher;

/*
 * Opens the runtime folder of a shard, which exists, as a new incarnation.
 * `runtime` is copied; `fs` borrowed.
 */
enum status view_publisher_open(struct file_system *fs, const char *runtime,
    unsigned shard, const uint8_t *store_id, struct view_publisher **out,
    struct error *err) MUST_CHECK;

/* Closes the control block; everything published stays. NULL is allowed. */
void view_publisher_close(struct view_publisher *publisher);

/* To set clocks and write state, and to read. Borrowed. */
struct control *view_publisher_control(struct view_publisher *publisher);

/*
 * The greatest number of a memtable's file in the folder when it was opened,
 * 0 if there was none: new memtables get greater ones, so that a slow reader
 * of an older view never takes a new file for an old one.
 */
uint64_t
view_publisher_memtable_number_max(const struct view_publisher *publisher);

/*
 * Takes the space for a view of so many memtables and tables, unless the next
 * view has it already: what cannot be told to readers is not to be begun.
 * On failure nothing has changed, and what was held before still is.
 */
enum status view_publisher_reserve(struct view_publisher *publisher,
    size_t memtable_count, size_t table_count, struct error *err) MUST_CHECK;

/*
 * Writes the view file and makes it current, then removes the file of the
 * view before it. Fills in what identifies the description: its number,
 * shard, store id and incarnation.
 */
enum status view_publisher_publish(struct view_publisher *publisher,
    struct view_description *description, struct error *err) MUST_CHECK;

/* Lets readers see everything up to `sequence`, in views published before. */
void view_publisher_publish_sequence(struct view_publisher *publisher,
    uint64_t sequence, uint64_t store_clock_ms);

/*
 * Removes what earlier incarnations left behind: all view files but the
 * current one, and the files of memtables with numbers up to
 * view_publisher_memtable_number_max(). For after the first publish.
 */
enum status view_publisher_sweep(
    struct view_publisher *publisher, struct error *err) MUST_CHECK;

#endif
