/* The commands of the Redis protocol that read the store. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "frontend/tcp/glob.h"
#include "frontend/tcp/resp_handlers.h"
#include "frontend/tcp/resp_selection.h"
#include "frontend/tcp/resp_writer.h"
#include "frontend/tcp/tcp_store.h"

/* DBSIZE counts up to an estimate of so many keys. */
#define DBSIZE_EXACT_MAX 1000000u
#define SCAN_COUNT_DEFAULT 10

static enum tcp_outcome
fail(struct resp_call *call, const struct error *err)
{
	resp_read_fail(err, call->out);
	return TCP_REPLIED;
}

/*
 * Looks up the key in argument `index`. False after it has written an error;
 * `out` is borrowed until the next look.
 */
static bool
look_up(
    struct resp_call *call, uint32_t index, struct tcp_entry *out, bool *found)
{
	const struct tcp_store *store = call->store;
	struct error err;

	if (!resp_check_key(call, index))
		return false;
	if (LIKELY(store->get(store->context, call->arguments[index], out,
		       found, &err) == STATUS_OK))
		return true;
	resp_read_fail(&err, call->out);
	return false;
}

enum tcp_outcome
resp_run_get(struct resp_call *call)
{
	struct tcp_entry entry;
	bool found;

	if (!look_up(call, 1, &entry, &found))
		return TCP_REPLIED;
	if (found)
		resp_write_bulk(call->out, entry.value);
	else
		resp_write_null(call->out, resp_protocol(call));
	return TCP_REPLIED;
}

enum tcp_outcome
resp_run_strlen(struct resp_call *call)
{
	struct tcp_entry entry;
	bool found;

	if (!look_up(call, 1, &entry, &found))
		return TCP_REPLIED;
	resp_write_integer(call->out, found ? (int64_t)entry.value.size : 0);
	return TCP_REPLIED;
}

enum tcp_outcome
resp_run_type(struct resp_call *call)
{
	struct tcp_entry entry;
	bool found;

	if (!look_up(call, 1, &entry, &found))
		return TCP_REPLIED;
	resp_write_simple(call->out, found ? "string" : "none");
	return TCP_REPLIED;
}

/* -2 for an absent key, -1 for one that never expires. */
static enum tcp_outcome
write_ttl(struct resp_call *call, bool in_seconds)
{
	struct tcp_entry entry;
	bool found;

	if (!look_up(call, 1, &entry, &found))
		return TCP_REPLIED;
	if (!found)
		resp_write_integer(call->out, -2);
	else if (entry.ttl_ms == 0)
		resp_write_integer(call->out, -1);
	else
		resp_write_integer(call->out,
		    (int64_t)(in_seconds ? (entry.ttl_ms + 500) / 1000
					 : entry.ttl_ms));
	return TCP_REPLIED;
}

enum tcp_outcome
resp_run_ttl(struct resp_call *call)
{
	return write_ttl(call, true);
}

enum tcp_outcome
resp_run_pttl(struct resp_call *call)
{
	return write_ttl(call, false);
}

/* Drops what the task gathered and refuses the call. */
static enum tcp_outcome
refuse_large(struct resp_call *call)
{
	return resp_refuse(call,
	    "ERR the reply would have over %u bytes; ask for fewer keys",
	    RESP_REPLY_BYTES_MAX);
}

/* Tells the store of the keys from `index` on, every so many of them. */
static void
prepare(struct resp_call *call, uint32_t index, uint32_t end)
{
	if ((index - 1) % TCP_PREFETCH_MAX == 0 && end - index > 1)
		tcp_store_prefetch(
		    call->store, &call->arguments[index], end - index);
}

/*
 * MGET and EXISTS go over their keys in runs of TCP_STEPS_MAX; a run reads
 * one state of the store. The reply is gathered aside, since it may still
 * turn into an error.
 */
enum tcp_outcome
resp_run_mget(struct resp_call *call)
{
	struct tcp_task *task = call->task;
	struct buffer *gathered = &task->gathered;
	uint32_t end;

	if (!task->is_started) {
		task->is_started = true;
		task->next = 1;
		resp_write_array(gathered, call->count - 1);
	}
	end = call->count - task->next > TCP_STEPS_MAX
	    ? task->next + TCP_STEPS_MAX
	    : call->count;
	for (; task->next < end; task->next++) {
		struct tcp_entry entry;
		bool found;

		prepare(call, task->next, end);
		if (!look_up(call, task->next, &entry, &found))
			return TCP_REPLIED;
		if (found)
			resp_write_bulk(gathered, entry.value);
		else
			resp_write_null(gathered, resp_protocol(call));
		if (buffer_size(gathered) > RESP_REPLY_BYTES_MAX)
			return refuse_large(call);
	}
	if (task->next < call->count)
		return TCP_AGAIN;
	buffer_append_slice(call->out, buffer_slice(gathered));
	return TCP_REPLIED;
}

enum tcp_outcome
resp_run_exists(struct resp_call *call)
{
	struct tcp_task *task = call->task;
	uint32_t end;

	if (!task->is_started) {
		task->is_started = true;
		task->next = 1;
	}
	end = call->count - task->next > TCP_STEPS_MAX
	    ? task->next + TCP_STEPS_MAX
	    : call->count;
	for (; task->next < end; task->next++) {
		struct tcp_entry entry;
		bool found;

		prepare(call, task->next, end);
		if (!look_up(call, task->next, &entry, &found))
			return TCP_REPLIED;
		task->count += found;
	}
	if (task->next < call->count)
		return TCP_AGAIN;
	resp_write_integer(call->out, (int64_t)task->count);
	return TCP_REPLIED;
}

/*
 * Puts the end of the keys with this prefix into `end`: the prefix with its
 * last byte raised; empty if there is no end.
 */
static void
append_prefix_end(struct buffer *end, struct slice prefix)
{
	while (prefix.size > 0 && prefix.data[prefix.size - 1] == 0xff)
		prefix.size--;
	buffer_append_slice(end, prefix);
	if (prefix.size > 0)
		end->data[end->end - 1]++;
}

/*
 * Shows the next keys that may match `pattern` to `on_entry`; *is_end as the
 * store says. Where to go on is kept in the task.
 */
static enum status
scan_some(struct resp_call *call, struct slice pattern,
    void (*on_entry)(void *visitor, const struct tcp_entry *entry),
    void *visitor, bool *is_end, struct error *err)
{
	const struct tcp_store *store = call->store;
	struct slice prefix = glob_prefix(pattern);
	struct buffer start = call->task->resume;
	struct buffer end = {0};
	struct tcp_range range = {.keys_only = true,
	    .steps_max = TCP_STEPS_MAX,
	    .entries_max = SIZE_MAX,
	    .bytes_max = SIZE_MAX};
	enum status status;

	append_prefix_end(&end, prefix);
	range.start = buffer_size(&start) > 0 ? buffer_slice(&start) : prefix;
	range.end = buffer_slice(&end);
	call->task->resume = (struct buffer){0};
	status = store->scan(store->context, &range, on_entry, visitor,
	    &call->task->resume, is_end, err);
	buffer_deinit(&start);
	buffer_deinit(&end);
	return status;
}

/* What a visitor of SCAN and KEYS has to know. */
struct visit {
	struct slice pattern;
	bool matches_all;
	struct tcp_task *task;
};

static void
gather_key(void *visitor, const struct tcp_entry *entry)
{
	struct visit *visit = visitor;

	if (!visit->matches_all && !glob_matches(visit->pattern, entry->key))
		return;
	resp_write_bulk(&visit->task->gathered, entry->key);
	visit->task->count++;
}

enum tcp_outcome
resp_run_keys(struct resp_call *call)
{
	struct slice pattern = call->arguments[1];
	struct visit visit = {.pattern = pattern,
	    .matches_all = slice_equal(pattern, slice_of_string("*")),
	    .task = call->task};
	struct error err;
	bool is_end;

	if (scan_some(call, pattern, gather_key, &visit, &is_end, &err) !=
	    STATUS_OK)
		return fail(call, &err);
	if (buffer_size(&call->task->gathered) > RESP_REPLY_BYTES_MAX)
		return refuse_large(call);
	if (!is_end)
		return TCP_AGAIN;
	resp_write_array(call->out, call->task->count);
	buffer_append_slice(call->out, buffer_slice(&call->task->gathered));
	return TCP_REPLIED;
}

struct scan_options {
	uint64_t cursor;
	int64_t count;
	struct slice pattern;
	bool is_typed_away; /* TYPE names a type that no key has */
};

/* As Redis reads a cursor: no text at all is 0, too. */
static bool
parse_cursor(struct slice text, uint64_t *cursor)
{
	char digits[24];
	char *end;

	if (text.size >= sizeof(digits) ||
	    (text.size > 0 &&
		(text.data[0] == ' ' ||
		    (text.data[0] >= '\t' && text.data[0] <= '\r'))))
		return false;
	if (text.size > 0)
		memcpy(digits, text.data, text.size);
	digits[text.size] = '\0';
	errno = 0;
	*cursor = strtoull(digits, &end, 10);
	return errno == 0 && *end == '\0';
}

/* False after it has written the error. */
static bool
take_scan_options(struct resp_call *call, struct scan_options *options)
{
	*options = (struct scan_options){
	    .count = SCAN_COUNT_DEFAULT, .pattern = slice_of_string("*")};
	if (!parse_cursor(call->arguments[1], &options->cursor)) {
		resp_write_error(call->out, "ERR invalid cursor");
		return false;
	}
	for (uint32_t i = 2; i < call->count; i += 2) {
		struct slice word = call->arguments[i];
		bool has_value = i + 1 < call->count;

		if (has_value && resp_is_word(word, "count")) {
			if (!resp_take_integer(call, i + 1, &options->count))
				return false;
			if (options->count >= 1)
				continue;
		} else if (has_value && resp_is_word(word, "match")) {
			options->pattern = call->arguments[i + 1];
			continue;
		} else if (has_value && resp_is_word(word, "type")) {
			options->is_typed_away =
			    !resp_is_word(call->arguments[i + 1], "string");
			continue;
		}
		resp_write_error(call->out, RESP_ERROR_SYNTAX);
		return false;
	}
	return true;
}

static void
offer_key(void *visitor, const struct tcp_entry *entry)
{
	struct visit *visit = visitor;

	if (visit->matches_all || glob_matches(visit->pattern, entry->key))
		resp_selection_offer(visit->task->selection, entry->key);
}

static void
write_selection(struct resp_call *call, const struct resp_selection *selection)
{
	char cursor[24];
	size_t count = selection != NULL ? resp_selection_count(selection) : 0;
	int size = snprintf(cursor, sizeof(cursor), "%" PRIu64,
	    selection != NULL ? resp_selection_cursor(selection) : 0);

	resp_write_array(call->out, 2);
	resp_write_bulk(call->out, slice_of(cursor, (size_t)size));
	resp_write_array(call->out, count);
	for (size_t i = 0; i < count; i++)
		resp_write_bulk(call->out, resp_selection_key(selection, i));
}

/* resp_selection.h says what a cursor is and why no key is missed. */
enum tcp_outcome
resp_run_scan(struct resp_call *call)
{
	struct tcp_task *task = call->task;
	struct scan_options options;
	struct visit visit;
	struct error err;
	bool is_end;

	if (!take_scan_options(call, &options))
		return TCP_REPLIED;
	if (options.is_typed_away) {
		write_selection(call, NULL);
		return TCP_REPLIED;
	}
	if (task->selection == NULL)
		task->selection = resp_selection_create(
		    options.cursor, (uint64_t)options.count);
	visit = (struct visit){.pattern = options.pattern,
	    .matches_all = slice_equal(options.pattern, slice_of_string("*")),
	    .task = task};
	if (scan_some(call, options.pattern, offer_key, &visit, &is_end,
		&err) != STATUS_OK)
		return fail(call, &err);
	if (!is_end)
		return TCP_AGAIN;
	write_selection(call, task->selection);
	return TCP_REPLIED;
}

/* Counts where that is quick, and says the store's estimate beyond. */
enum tcp_outcome
resp_run_dbsize(struct resp_call *call)
{
	const struct tcp_store *store = call->store;
	struct tcp_task *task = call->task;
	struct buffer start = task->resume;
	struct tcp_range range = {.start = buffer_slice(&start),
	    .keys_only = true,
	    .steps_max = TCP_STEPS_MAX,
	    .entries_max = SIZE_MAX,
	    .bytes_max = SIZE_MAX};
	struct error err;
	bool is_end;
	enum status status;

	if (!task->is_started) {
		uint64_t estimate = store->estimate(store->context);

		task->is_started = true;
		if (estimate > DBSIZE_EXACT_MAX) {
			resp_write_integer(call->out, (int64_t)estimate);
			return TCP_REPLIED;
		}
	}
	task->resume = (struct buffer){0};
	status = store->count(
	    store->context, &range, &task->count, &task->resume, &is_end, &err);
	buffer_deinit(&start);
	if (status != STATUS_OK)
		return fail(call, &err);
	if (!is_end)
		return TCP_AGAIN;
	resp_write_integer(call->out, (int64_t)task->count);
	return TCP_REPLIED;
}
