#include "storaged/compaction/reclaim.h"

#include "common/base/mem.h"

/* A tenth of a table is rewritten ten times this after it has expired. */
#define PATIENCE_MS 600000

/* What is all gone within this time is not rewritten before. */
#define SOON_MS 30000

static uint64_t
expired_bytes(const struct table_summary *summary, uint64_t clock_ms)
{
	struct deadline_step expired =
	    deadline_steps_expired(&summary->deadlines, clock_ms);

	if (expired.raw_bytes == 0 || summary->raw_bytes == 0)
		return 0;
	return (uint64_t)((double)summary->size_bytes *
	    (double)expired.raw_bytes / (double)summary->raw_bytes);
}

struct reclaim_debt
reclaim_debt(const struct catalog *catalog, uint64_t now_ms)
{
	struct reclaim_debt debt = {0};

	for (unsigned i = 0; i < LEVEL_COUNT; i++) {
		const struct level *level = &catalog->levels[i];

		for (size_t t = 0; t < level->count; t++) {
			const struct table_summary *summary =
			    &level->tables[t]->summary;
			uint64_t first_ms = summary->deadline_min;

			if (summary->expiring_count == 0 || first_ms > now_ms)
				continue;
			debt.expired_bytes += expired_bytes(summary, now_ms);
			if (debt.oldest_deadline_ms == 0 ||
			    first_ms < debt.oldest_deadline_ms)
				debt.oldest_deadline_ms = first_ms;
		}
	}
	return debt;
}

/* True if no entry in it can be read any more at `clock_ms`. */
static bool
is_void(const struct table_file *table, uint64_t clock_ms)
{
	const struct table_summary *summary = &table->summary;

	return summary->tombstone_count + summary->expiring_count ==
	    summary->entry_count &&
	    (summary->expiring_count == 0 || summary->deadline_max <= clock_ms);
}

/* The tables that were found void, ordered by level and by place in it. */
struct found {
	struct table_file **tables;
	size_t count;
};

static bool
is_found(const struct found *found, const struct table_file *table)
{
	for (size_t i = found->count; i-- > 0;) {
		if (found->tables[i] == table)
			return true;
	}
	return false;
}

/* True if a table that stays may hold what `table` hides, from `from` on. */
static bool
stays_under(const struct found *found, const struct level *level, size_t from,
    const struct table_file *table)
{
	for (size_t t = from; t < level->count; t++) {
		const struct table_file *older = level->tables[t];

		/* Below level 0 all that follows lies behind it, too. */
		if (older->level > 0 && !table_file_overlaps(older, table))
			return false;
		if (table_file_overlaps(older, table) &&
		    !is_found(found, older))
			return true;
	}
	return false;
}

static bool
hides_nothing(const struct catalog *catalog, const struct found *found,
    const struct table_file *table, size_t place)
{
	if (table->level == 0 &&
	    stays_under(found, &catalog->levels[0], place + 1, table))
		return false;
	for (unsigned i = table->level + 1; i < LEVEL_COUNT; i++) {
		const struct level *level = &catalog->levels[i];
		size_t from =
		    level_first_behind(level, table_file_first_key(table));

		if (stays_under(found, level, from, table))
			return false;
	}
	return true;
}

struct table_file **
reclaim_find_void(const struct catalog *catalog, size_t *count)
{
	uint64_t clock_ms = catalog->recovery.clock_ms;
	struct found found = {0};

	/* The oldest first: what lies on them may then go as well. */
	for (unsigned i = LEVEL_COUNT; i-- > 0;) {
		const struct level *level = &catalog->levels[i];

		for (size_t t = level->count; t-- > 0;) {
			struct table_file *table = level->tables[t];

			if (!is_void(table, clock_ms) ||
			    !hides_nothing(catalog, &found, table, t))
				continue;
			found.tables = mem_resize(found.tables,
			    (found.count + 1) * sizeof(*found.tables));
			found.tables[found.count++] = table;
		}
	}
	*count = found.count;
	return found.tables;
}

/* True if waiting a little longer than until now makes it void. */
static bool
is_soon_void(const struct table_file *table, uint64_t clock_ms)
{
	const struct table_summary *summary = &table->summary;
	uint64_t passed_ms;

	if (summary->expiring_count == 0 || summary->deadline_min > clock_ms ||
	    summary->deadline_max <= clock_ms)
		return false;
	passed_ms = clock_ms - summary->deadline_min;
	return is_void(
	    table, clock_ms + (passed_ms > SOON_MS ? passed_ms : SOON_MS));
}

/* True if so much of it is gone that rewriting it pays. */
static bool
is_worth(const struct table_file *table, uint64_t clock_ms)
{
	const struct table_summary *summary = &table->summary;
	struct deadline_step expired =
	    deadline_steps_expired(&summary->deadlines, clock_ms);
	uint64_t gone = summary->tombstone_count + expired.entry_count;
	double share;

	if (summary->entry_count == 0)
		return summary->range_count > 0;
	if (gone == 0 || is_soon_void(table, clock_ms))
		return false;
	if (gone * 2 >= summary->entry_count ||
	    (expired.raw_bytes > 0 &&
		expired.raw_bytes * 2 >= summary->raw_bytes))
		return true;
	if (expired.raw_bytes == 0)
		return false;
	share = (double)expired.raw_bytes / (double)summary->raw_bytes;
	return share * (double)(clock_ms - summary->deadline_min) >=
	    PATIENCE_MS;
}

struct table_file *
reclaim_find_worth(const struct catalog *catalog, bool quiet, size_t skipped)
{
	static const struct found nothing = {0};
	uint64_t clock_ms = catalog->recovery.clock_ms;

	for (unsigned i = 0; i < LEVEL_COUNT; i++) {
		const struct level *level = &catalog->levels[i];

		for (size_t t = level->count; t-- > 0;) {
			struct table_file *table = level->tables[t];

			if (!is_worth(table, clock_ms) &&
			    (!quiet || table->summary.range_count == 0 ||
				hides_nothing(catalog, &nothing, table, t)))
				continue;
			if (skipped-- == 0)
				return table;
		}
	}
	return NULL;
}

uint64_t
reclaim_waiting_bytes(const struct catalog *catalog, uint64_t now_ms)
{
	uint64_t clock_ms = catalog->recovery.clock_ms;
	uint64_t bytes = 0;

	for (unsigned i = 0; i < LEVEL_COUNT; i++) {
		const struct level *level = &catalog->levels[i];

		for (size_t t = 0; t < level->count; t++) {
			const struct table_file *table = level->tables[t];

			if (table->summary.expiring_count == 0 ||
			    is_worth(table, clock_ms) ||
			    is_void(table, clock_ms))
				continue;
			if (is_worth(table, now_ms) || is_void(table, now_ms))
				bytes += expired_bytes(&table->summary, now_ms);
		}
	}
	return bytes;
}
