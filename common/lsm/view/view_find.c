#include "common/lsm/view/view.h"

#include "common/lsm/memtable/memtable_reader.h"
#include "common/lsm/view/view_private.h"
#include "common/os/bus_guard.h"

/* A larger buffer for copied values is not kept for later ones. */
#define VALUE_KEEP_BYTES_MAX (256u << 10)

/* One guarded lookup. */
struct view_request {
	struct view *view;
	const struct memtable_query *query;
	struct entry *out;
	enum lookup found;
	uint64_t prefix; /* of the key */
	/* For each level from 1 the table that may hold the key; or NULL. */
	const struct table_slot *deeper[VIEW_LEVELS_MAX];
};

/* The lookups that are prepared together. */
struct view_group {
	struct view_request requests[VIEW_PREFETCH_MAX];
	size_t count;
};

static enum status prefetch_guarded(void *context, struct error *err);
static enum status find_guarded(void *context, struct error *err);
static void find_candidates(struct view_request *request);
static enum status
find_in_tables(struct view_request *request, struct error *err);
static enum status
find_in_table(struct view_request *request, const struct table_slot *slot,
    uint64_t cover, bool *is_decided, struct error *err);

enum status
view_find(struct view *view, const struct memtable_query *query,
    struct entry *out, enum lookup *found, struct error *err)
{
	struct view_request request = {
	    .view = view, .query = query, .out = out};
	enum status status = bus_guard_run(find_guarded, &request, err);

	*found = request.found;
	return status;
}

enum status
view_get(struct view *view, const struct memtable_query *query, uint64_t now_ms,
    struct entry *out, enum lookup *found, struct error *err)
{
	enum status status = view_find(view, query, out, found, err);

	if (status == STATUS_OK && *found == LOOKUP_FOUND &&
	    entry_is_expired(out, now_ms))
		*found = LOOKUP_ABSENT;
	return status;
}

void
view_prefetch(
    struct view *view, const struct memtable_query *queries, size_t count)
{
	struct view_group group;
	struct error ignored;

	if (count > VIEW_PREFETCH_MAX)
		count = VIEW_PREFETCH_MAX;
	group.count = count;
	for (size_t i = 0; i < count; i++)
		group.requests[i] =
		    (struct view_request){.view = view, .query = &queries[i]};
	(void)!bus_guard_run(prefetch_guarded, &group, &ignored);
}

/* First what leads to the entries, of all keys; then the entries. */
static enum status
prefetch_guarded(void *context, struct error *err)
{
	struct view_group *group = context;

	for (size_t i = 0; i < group->count; i++)
		find_candidates(&group->requests[i]);
	for (size_t i = 0; i < group->count; i++) {
		const struct view_request *request = &group->requests[i];
		const struct view *view = request->view;
		uint64_t hash = request->query->hash;

		for (size_t j = 0; j < view->description.memtable_count; j++)
			memtable_reader_prefetch_node(view->memtables[j], hash);
		for (size_t j = 0; j < view->levels[0].count; j++)
			table_reader_prefetch_entry(
			    view->levels[0].tables[j].reader, hash);
		for (unsigned level = 1; level < view->level_count; level++) {
			if (request->deeper[level] != NULL)
				table_reader_prefetch_entry(
				    request->deeper[level]->reader, hash);
		}
	}
	return STATUS_OK;
}

/*
 * `cover` is the greatest sequence of a range tombstone seen on the way. What
 * lies in sources not yet visited is older than all of those visited, so as
 * soon as there is a cover and no entry, the answer is known.
 */
static enum status
find_guarded(void *context, struct error *err)
{
	struct view_request *request = context;
	struct view *view = request->view;
	const struct memtable_query *query = request->query;
	struct entry *out = request->out;

	find_candidates(request);
	for (size_t i = 0; i < view->description.memtable_count; i++) {
		struct memtable_reader *memtable = view->memtables[i];
		uint64_t cover = 0;
		enum lookup found;

		if (UNLIKELY(memtable_reader_has_ranges(memtable)) &&
		    memtable_reader_cover(memtable, query->key,
			query->sequence_max, &cover, err) != STATUS_OK)
			return err->code;
		if (memtable_reader_get(memtable, query, out, &found, err) !=
		    STATUS_OK)
			return err->code;
		if (found == LOOKUP_FOUND) {
			if (out->kind == ENTRY_PUT && out->sequence > cover)
				request->found = LOOKUP_FOUND;
			return STATUS_OK;
		}
		if (cover > 0)
			return STATUS_OK;
	}
	return find_in_tables(request, err);
}

/*
 * Each source that is asked in vain costs a cache miss, and they would come
 * one after the other. So all first lines are asked for at once, although
 * the key may be found before the last of them is needed.
 */
static void
find_candidates(struct view_request *request)
{
	const struct view *view = request->view;
	uint64_t hash = request->query->hash;

	for (size_t i = 0; i < view->description.memtable_count; i++)
		memtable_reader_prefetch(view->memtables[i], hash);
	request->prefix = table_run_prefix(request->query->key);
	for (size_t i = 0; i < view->levels[0].count; i++)
		table_reader_prefetch(view->levels[0].tables[i].reader, hash);
	for (unsigned level = 1; level < view->level_count; level++) {
		const struct table_run *run = &view->levels[level];
		size_t index = table_run_find(run, request->query->key);

		if (index == run->count)
			continue;
		request->deeper[level] = &run->tables[index];
		table_reader_prefetch(run->tables[index].reader, hash);
	}
}

static enum status
find_in_tables(struct view_request *request, struct error *err)
{
	const struct view *view = request->view;
	struct slice key = request->query->key;
	uint64_t cover = UNLIKELY(view->has_ranges)
	    ? range_set_cover(&view->ranges, key)
	    : 0;
	bool is_decided = false;

	for (size_t i = 0; i < view->levels[0].count && !is_decided; i++) {
		if (find_in_table(request, &view->levels[0].tables[i], cover,
			&is_decided, err) != STATUS_OK)
			return err->code;
	}
	for (unsigned level = 1; level < view->level_count && !is_decided;
	     level++) {
		if (request->deeper[level] != NULL &&
		    find_in_table(request, request->deeper[level], cover,
			&is_decided, err) != STATUS_OK)
			return err->code;
	}
	return STATUS_OK;
}

/*
 * *is_decided once the table holds the key, whether or not it is deleted. A
 * result in the mapping is copied, so that its user needs no guard against a
 * page that cannot be read again; a decompressed block is pinned instead.
 */
static enum status
find_in_table(struct view_request *request, const struct table_slot *slot,
    uint64_t cover, bool *is_decided, struct error *err)
{
	struct view *view = request->view;
	const struct memtable_query *query = request->query;
	struct entry *out = request->out;
	enum lookup found;

	if (!table_slot_may_hold(slot, request->prefix))
		return STATUS_OK;
	/* So that a pin afterwards is this result's. */
	table_pin_release(&view->pin);
	if (table_reader_get(slot->reader, query->key, query->hash, &view->pin,
		out, &found, err) != STATUS_OK)
		return err->code;
	if (found == LOOKUP_ABSENT)
		return STATUS_OK;
	*is_decided = true;
	if (out->kind != ENTRY_PUT || out->sequence <= cover)
		return STATUS_OK;
	out->key = query->key;
	if (view->pin.block == NULL && out->value.size > 0) {
		buffer_clear(&view->value, VALUE_KEEP_BYTES_MAX);
		buffer_append_slice(&view->value, out->value);
		out->value = buffer_slice(&view->value);
	}
	request->found = LOOKUP_FOUND;
	return STATUS_OK;
}
