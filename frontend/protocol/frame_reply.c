#include "frontend/protocol/frame_reply.h"

#include "common/base/check.h"
#include "common/codec/append.h"
#include "common/codec/integer.h"
#include "frontend/protocol/frame_format.h"
#include "frontend/protocol/frame_request.h"

static void
append_entry(struct buffer *out, const struct frame_entry *entry)
{
	u64_append(out, entry->sequence);
	u64_append(out, entry->ttl_ms);
	sized_append(out, entry->value);
}

static void
append_result(struct buffer *out, const struct frame_result *result)
{
	unsigned bits = (result->affected ? FRAME_RESULT_AFFECTED : 0) |
	    (result->has_old ? FRAME_RESULT_HAS_OLD : 0) |
	    (result->has_number ? FRAME_RESULT_HAS_NUMBER : 0);

	buffer_append_byte(out, (uint8_t)bits);
	u64_append(out, result->sequence);
	if (result->has_old)
		sized_append(out, result->old);
	if (result->has_number)
		u64_append(out, (uint64_t)result->number);
}

void
frame_reply_failure(struct buffer *out, uint8_t opcode, uint64_t id,
    const struct frame_failure *failure)
{
	size_t mark = frame_begin(
	    out, FRAME_MAGIC_REPLY, opcode, (uint8_t)failure->status, id);

	CHECK(failure->status != FRAME_STATUS_OK);
	buffer_append_byte(out, failure->outcome);
	u32_append(out, failure->retry_after_ms);
	u32_append(out, failure->index);
	sized_append(out, failure->text);
	frame_end(out, mark);
}

static size_t
begin(struct buffer *out, uint8_t opcode, uint64_t id)
{
	return frame_begin(out, FRAME_MAGIC_REPLY, opcode, FRAME_STATUS_OK, id);
}

void
frame_reply_ping(struct buffer *out, uint64_t id, struct slice bytes)
{
	size_t mark = begin(out, FRAME_OPCODE_PING, id);

	buffer_append_slice(out, bytes);
	frame_end(out, mark);
}

void
frame_reply_get(
    struct buffer *out, uint64_t id, const struct frame_entry *entry)
{
	size_t mark = begin(out, FRAME_OPCODE_GET, id);

	append_entry(out, entry);
	frame_end(out, mark);
}

void
frame_reply_stat(
    struct buffer *out, uint64_t id, const struct frame_entry *entry)
{
	size_t mark = begin(out, FRAME_OPCODE_STAT, id);

	u64_append(out, entry->sequence);
	u64_append(out, entry->ttl_ms);
	u64_append(out, entry->value.size);
	frame_end(out, mark);
}

void
frame_reply_result(struct buffer *out, uint8_t opcode, uint64_t id,
    const struct frame_result *result)
{
	size_t mark = begin(out, opcode, id);

	append_result(out, result);
	frame_end(out, mark);
}

void
frame_reply_list_begin(struct frame_reply_list *list, struct buffer *out,
    uint8_t opcode, uint64_t id)
{
	*list = (struct frame_reply_list){.out = out};
	list->mark = begin(out, opcode, id);
	list->count_at = buffer_size(out);
	u32_append(out, 0);
}

void
frame_reply_list_add_pair(
    struct frame_reply_list *list, const char *name, struct slice value)
{
	sized_append(list->out, slice_of_string(name));
	sized_append(list->out, value);
	list->count++;
}

void
frame_reply_list_add_value(
    struct frame_reply_list *list, const struct frame_entry *entry)
{
	buffer_append_byte(list->out, entry->state);
	if (entry->state == FRAME_KEY_FOUND)
		append_entry(list->out, entry);
	list->count++;
}

void
frame_reply_list_add_entry(
    struct frame_reply_list *list, const struct frame_entry *entry)
{
	sized_append(list->out, entry->key);
	append_entry(list->out, entry);
	list->count++;
}

void
frame_reply_list_add_result(
    struct frame_reply_list *list, const struct frame_result *result)
{
	append_result(list->out, result);
	list->count++;
}

size_t
frame_reply_list_bytes(const struct frame_reply_list *list)
{
	return buffer_size(list->out) - list->mark - FRAME_HEADER_BYTES;
}

void
frame_reply_list_end(struct frame_reply_list *list)
{
	u32_store(
	    list->out->data + list->out->start + list->count_at, list->count);
	frame_end(list->out, list->mark);
}

void
frame_reply_list_end_scan(
    struct frame_reply_list *list, bool more, struct slice next)
{
	buffer_append_byte(list->out, more);
	sized_append(list->out, more ? next : SLICE_EMPTY);
	frame_reply_list_end(list);
}

static bool
take_entry(struct slice *input, struct frame_entry *out)
{
	return u64_take(input, &out->sequence) &&
	    u64_take(input, &out->ttl_ms) && sized_take(input, &out->value);
}

bool
frame_reply_next_pair(
    struct slice *list, struct slice *name, struct slice *value)
{
	return sized_take(list, name) && sized_take(list, value);
}

bool
frame_reply_next_value(struct slice *list, struct frame_entry *out)
{
	*out = (struct frame_entry){0};
	if (!u8_take(list, &out->state) || out->state > FRAME_KEY_OMITTED)
		return false;
	return out->state != FRAME_KEY_FOUND || take_entry(list, out);
}

bool
frame_reply_next_entry(struct slice *list, struct frame_entry *out)
{
	*out = (struct frame_entry){0};
	return sized_take(list, &out->key) && take_entry(list, out);
}

bool
frame_reply_next_result(struct slice *list, struct frame_result *out)
{
	uint8_t bits;
	uint64_t number;

	*out = (struct frame_result){0};
	if (!u8_take(list, &bits) || !u64_take(list, &out->sequence))
		return false;
	out->affected = bits & FRAME_RESULT_AFFECTED;
	out->has_old = bits & FRAME_RESULT_HAS_OLD;
	out->has_number = bits & FRAME_RESULT_HAS_NUMBER;
	if (out->has_old && !sized_take(list, &out->old))
		return false;
	if (!out->has_number)
		return true;
	if (!u64_take(list, &number))
		return false;
	memcpy(&out->number, &number, sizeof(number));
	return true;
}

/*
 * Walks over the items, so that whoever takes them later need not check;
 * *input is then what stands behind them.
 */
static bool
take_list(struct slice *input, struct frame_reply *out)
{
	const uint8_t *first;

	if (!u32_take(input, &out->count))
		return false;
	first = input->data;
	for (uint32_t i = 0; i < out->count; i++) {
		struct frame_entry entry;
		struct frame_result result;
		struct slice name;
		bool ok;

		switch (out->opcode) {
		case FRAME_OPCODE_INFO:
			ok = frame_reply_next_pair(input, &name, &entry.value);
			break;
		case FRAME_OPCODE_MULTI_GET:
			ok = frame_reply_next_value(input, &entry);
			break;
		case FRAME_OPCODE_SCAN:
			ok = frame_reply_next_entry(input, &entry);
			break;
		default:
			ok = frame_reply_next_result(input, &result);
			break;
		}
		if (!ok)
			return false;
	}
	out->list = slice_of(first, (size_t)(input->data - first));
	return true;
}

static bool
take_success(struct slice *payload, struct frame_reply *out)
{
	uint8_t more;

	switch (out->opcode) {
	case FRAME_OPCODE_PING:
		return bytes_take(payload, payload->size, &out->bytes);
	case FRAME_OPCODE_GET:
		return take_entry(payload, &out->entry);
	case FRAME_OPCODE_STAT:
		return u64_take(payload, &out->entry.sequence) &&
		    u64_take(payload, &out->entry.ttl_ms) &&
		    u64_take(payload, &out->value_bytes);
	case FRAME_OPCODE_SCAN:
		if (!take_list(payload, out) || !u8_take(payload, &more) ||
		    !sized_take(payload, &out->next))
			return false;
		out->more = more != 0;
		return true;
	case FRAME_OPCODE_INFO:
	case FRAME_OPCODE_MULTI_GET:
	case FRAME_OPCODE_BATCH:
		return take_list(payload, out);
	default:
		return frame_opcode_is_write(out->opcode) &&
		    frame_reply_next_result(payload, &out->result);
	}
}

enum status
frame_reply_decode(
    const struct frame *frame, struct frame_reply *out, struct error *err)
{
	struct slice payload = frame->payload;
	struct frame_failure *failure = &out->failure;
	bool ok;

	*out = (struct frame_reply){.id = frame->id, .opcode = frame->opcode};
	if (frame->version != FRAME_VERSION)
		return error_set(err, STATUS_VERSION,
		    "the server speaks version %u of the protocol, not %u",
		    frame->version, FRAME_VERSION);
	failure->status = (enum frame_status)frame->code;
	if (failure->status == FRAME_STATUS_OK)
		ok = take_success(&payload, out);
	else
		ok = u8_take(&payload, &failure->outcome) &&
		    u32_take(&payload, &failure->retry_after_ms) &&
		    u32_take(&payload, &failure->index) &&
		    sized_take(&payload, &failure->text);
	if (!ok || payload.size != 0)
		return error_set(err, STATUS_CORRUPT,
		    "the reply to %s does not have the form it should have",
		    frame_opcode_name(frame->opcode));
	return STATUS_OK;
}
