#include "frontend/http/http_list.h"

#include <inttypes.h>

#include "common/base/mem.h"
#include "common/command/limits.h"
#include "common/lsm/view/view_reader.h"
#include "common/lsm/view/view_scan.h"
#include "frontend/http/http_reply.h"
#include "frontend/http/http_request.h"
#include "frontend/http/http_target.h"

struct http_list {
	struct buffer prefix;
	struct buffer start; /* where the next run goes on */
	struct buffer end; /* before which it stops; empty: nowhere */
	struct buffer last; /* the last key of the page */
	struct buffer body;
	size_t count_max;
	bool has_values;
	size_t count;
	size_t bytes;
};

static bool
limit_take(struct slice text, size_t *limit, struct http_problem *problem)
{
	size_t number = 0;

	for (size_t i = 0; i < text.size && number <= HTTP_LIST_COUNT_MAX; i++)
		number = text.data[i] >= '0' && text.data[i] <= '9'
		    ? number * 10 + text.data[i] - '0'
		    : HTTP_LIST_COUNT_MAX + 1;
	if (number == 0 || number > HTTP_LIST_COUNT_MAX) {
		http_problem_set_field(problem, 400, "limit",
		    "limit must be a number from 1 to %u", HTTP_LIST_COUNT_MAX);
		problem->limit = HTTP_LIST_COUNT_MAX;
		return false;
	}
	*limit = number;
	return true;
}

static bool
parameter_take(struct http_list *list, const struct http_parameter *parameter,
    struct http_problem *problem)
{
	struct slice value = parameter->value;

	if (http_text_is(parameter->name, "prefix")) {
		buffer_clear(&list->prefix, 0);
		buffer_append_slice(&list->prefix, value);
		return true;
	}
	if (http_text_is(parameter->name, "start_after")) {
		/* The least key that is greater has one more zero byte. */
		buffer_clear(&list->start, 0);
		buffer_append_slice(&list->start, value);
		if (value.size > 0)
			buffer_append_byte(&list->start, 0);
		return true;
	}
	if (http_text_is(parameter->name, "limit"))
		return limit_take(value, &list->count_max, problem);
	if (http_text_is(parameter->name, "values")) {
		list->has_values = http_text_is(value, "true");
		return list->has_values || http_text_is(value, "false") ||
		    http_problem_set_field(
			problem, 400, "values", "values must be true or false");
	}
	return http_problem_set_field(problem, 400, "query",
	    "the parameters are prefix, start_after, limit and values");
}

bool
http_list_create(
    struct slice query, struct http_list **out, struct http_problem *problem)
{
	struct http_list *list = mem_new(sizeof(*list));
	struct buffer scratch = {0};
	struct http_parameter parameter;
	enum http_query_step step;

	list->count_max = HTTP_LIST_COUNT_DEFAULT;
	while ((step = http_query_next(&query, &scratch, &parameter,
		    problem)) == HTTP_QUERY_PARAMETER)
		if (!parameter_take(list, &parameter, problem)) {
			step = HTTP_QUERY_BAD;
			break;
		}
	buffer_deinit(&scratch);
	if (step == HTTP_QUERY_BAD) {
		http_list_close(list);
		return false;
	}
	if (slice_compare(
		buffer_slice(&list->start), buffer_slice(&list->prefix)) < 0) {
		buffer_clear(&list->start, 0);
		buffer_append_slice(&list->start, buffer_slice(&list->prefix));
	}
	view_scan_prefix_end(buffer_slice(&list->prefix), &list->end);
	buffer_printf(&list->body, "{\"keys\":[");
	*out = list;
	return true;
}

void
http_list_close(struct http_list *list)
{
	if (list == NULL)
		return;
	buffer_deinit(&list->prefix);
	buffer_deinit(&list->start);
	buffer_deinit(&list->end);
	buffer_deinit(&list->last);
	buffer_deinit(&list->body);
	mem_free(list);
}

static void
entry_add(struct http_list *list, const struct entry *entry, uint64_t now_ms)
{
	struct buffer *body = &list->body;

	if (list->count++ > 0)
		buffer_append_byte(body, ',');
	buffer_append_byte(body, '{');
	http_reply_member(body, "key", entry->key);
	buffer_printf(body, ",\"etag\":\"%" PRIu64 "\"", entry->sequence);
	if (list->has_values) {
		buffer_append_byte(body, ',');
		http_reply_member(body, "value", entry->value);
	}
	http_reply_ttl(body, entry, now_ms);
	buffer_append_byte(body, '}');
	list->bytes += entry->key.size + entry->value.size;
}

/* Ends the document, with the way to the next page if there is one. */
static void
finish(struct http_list *list, bool is_end)
{
	struct buffer *body = &list->body;

	if (is_end) {
		buffer_printf(body, "],\"next\":null}\n");
		return;
	}
	buffer_printf(body, "],\"next\":\"/-/keys?limit=%zu", list->count_max);
	if (list->has_values)
		buffer_printf(body, "&values=true");
	if (buffer_size(&list->prefix) > 0) {
		buffer_printf(body, "&prefix=");
		http_target_escape(body, buffer_slice(&list->prefix));
	}
	buffer_printf(body, "&start_after=");
	http_target_escape(body, buffer_slice(&list->last));
	buffer_printf(body, "\"}\n");
}

/* Takes over what the scan showed, and where it stopped. */
static void
page_take(struct http_list *list, const struct view_scan_page *page,
    const struct view_scan *scan, uint64_t now_ms)
{
	for (size_t i = 0; i < page->count; i++)
		entry_add(list, &page->entries[i], now_ms);
	if (page->count > 0) {
		buffer_clear(&list->last, KEY_BYTES_MAX);
		buffer_append_slice(
		    &list->last, page->entries[page->count - 1].key);
	}
	if (!page->is_end) {
		buffer_clear(&list->start, KEY_BYTES_MAX);
		buffer_append_slice(&list->start, view_scan_resume_key(scan));
	}
}

enum status
http_list_run(struct http_list *list, struct view_reader *reader,
    bool *is_whole, struct error *err)
{
	struct view_scan_limits limits = {
	    .entries_max = list->count_max - list->count,
	    .bytes_max = HTTP_LIST_BYTES_MAX - list->bytes,
	    .steps_max = VIEW_SCAN_STEPS_DEFAULT,
	    .keys_only = !list->has_values,
	};
	struct view_scan_page page;
	struct view_scan *scan;
	enum status status;

	status = view_reader_scan(reader, buffer_slice(&list->start),
	    buffer_slice(&list->end), &scan, err);
	if (status != STATUS_OK)
		return status;
	status = view_scan_read(scan, &limits, &page, err);
	if (status == STATUS_OK) {
		page_take(list, &page, scan, view_reader_now_ms(reader));
		*is_whole = page.is_end || list->count == list->count_max ||
		    list->bytes >= HTTP_LIST_BYTES_MAX;
		if (*is_whole)
			finish(list, page.is_end);
	}
	view_scan_close(scan);
	return status;
}

struct slice
http_list_body(const struct http_list *list)
{
	return buffer_slice(&list->body);
}
