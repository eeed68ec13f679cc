#include "frontend/tcp/tcp_reader.h"

#include "common/lsm/view/view_reader.h"
#include "common/lsm/view/view_scan.h"

/* What one run of a scan copies at most, but for one entry. */
#define PAGE_BYTES_MAX (16u << 20)

static struct tcp_entry
entry_of(struct view_reader *reader, const struct entry *entry)
{
	struct tcp_entry out = {.key = entry->key,
	    .value = entry->value,
	    .sequence = entry->sequence};

	if (UNLIKELY(entry->deadline_ms != 0)) {
		uint64_t now_ms = view_reader_now_ms(reader);

		out.ttl_ms = entry->deadline_ms > now_ms
		    ? entry->deadline_ms - now_ms
		    : 1;
	}
	return out;
}

static enum status
failed(struct tcp_reader *reader, const struct error *err)
{
	reader->failure = err->code;
	return err->code;
}

static enum status
reader_get(void *context, struct slice key, struct tcp_entry *out, bool *found,
    struct error *err)
{
	struct tcp_reader *reader = context;
	struct entry entry;
	enum lookup lookup;

	if (UNLIKELY(view_reader_get(reader->view, key, &entry, &lookup, err) !=
		STATUS_OK))
		return failed(reader, err);
	*found = lookup == LOOKUP_FOUND;
	if (LIKELY(*found))
		*out = entry_of(reader->view, &entry);
	return STATUS_OK;
}

static void
reader_prefetch(void *context, const struct slice *keys, size_t count)
{
	struct tcp_reader *reader = context;

	view_reader_prefetch(reader->view, keys, count);
}

static enum status
reader_scan(void *context, const struct tcp_range *range,
    void (*on_entry)(void *visitor, const struct tcp_entry *entry),
    void *visitor, struct buffer *resume, bool *is_end, struct error *err)
{
	struct tcp_reader *reader = context;
	struct view_scan_limits limits = {
	    .entries_max = range->entries_max,
	    .bytes_max = range->bytes_max < PAGE_BYTES_MAX ? range->bytes_max
							   : PAGE_BYTES_MAX,
	    .steps_max = range->steps_max,
	    .keys_only = range->keys_only,
	};
	struct view_scan_page page;
	struct view_scan *scan;

	if (view_reader_scan(reader->view, range->start, range->end, &scan,
		err) != STATUS_OK)
		return failed(reader, err);
	if (view_scan_read(scan, &limits, &page, err) != STATUS_OK) {
		view_scan_close(scan);
		return failed(reader, err);
	}
	for (size_t i = 0; i < page.count; i++) {
		struct tcp_entry entry =
		    entry_of(reader->view, &page.entries[i]);

		on_entry(visitor, &entry);
	}
	*is_end = page.is_end;
	if (!page.is_end)
		buffer_append_slice(resume, view_scan_resume_key(scan));
	view_scan_close(scan);
	return STATUS_OK;
}

static enum status
reader_count(void *context, const struct tcp_range *range, uint64_t *count,
    struct buffer *resume, bool *is_end, struct error *err)
{
	struct tcp_reader *reader = context;
	struct view_scan *scan;

	if (view_reader_scan(reader->view, range->start, range->end, &scan,
		err) != STATUS_OK)
		return failed(reader, err);
	if (view_scan_count(scan, range->steps_max, count, is_end, err) !=
	    STATUS_OK) {
		view_scan_close(scan);
		return failed(reader, err);
	}
	if (!*is_end)
		buffer_append_slice(resume, view_scan_resume_key(scan));
	view_scan_close(scan);
	return STATUS_OK;
}

static uint64_t
reader_estimate(void *context)
{
	const struct tcp_reader *reader = context;

	return view_reader_key_estimate(reader->view);
}

struct tcp_store
tcp_reader_store(struct tcp_reader *reader)
{
	return (struct tcp_store){
	    .context = reader,
	    .get = reader_get,
	    .prefetch = reader_prefetch,
	    .scan = reader_scan,
	    .count = reader_count,
	    .estimate = reader_estimate,
	};
}
