#include "frontend/protocol/frame_request.h"

#include <inttypes.h>

#include "common/base/check.h"
#include "common/codec/append.h"
#include "common/codec/integer.h"
#include "frontend/protocol/frame_format.h"

#define WRITE_FLAGS (FRAME_IF_ABSENT | FRAME_IF_PRESENT | FRAME_IF_SEQUENCE)

/* Which fields the payload of an operation has, in this order. */
enum {
	HAS_TTL = 1,
	HAS_SEQUENCE = 2,
	HAS_DELTA = 4,
	HAS_LIMITS = 8,
	HAS_KEY = 16,
	HAS_VALUE = 32,
	HAS_RANGE = 64,
	HAS_LIST = 128,
	HAS_ECHO = 256,
};

struct shape {
	unsigned fields;
	uint8_t flags; /* those that the operation knows */
	bool is_write;
};

static const struct shape shapes[256] = {
    [FRAME_OPCODE_PING] = {HAS_ECHO, 0, false},
    [FRAME_OPCODE_INFO] = {0, 0, false},
    [FRAME_OPCODE_GET] = {HAS_KEY, 0, false},
    [FRAME_OPCODE_STAT] = {HAS_KEY, 0, false},
    [FRAME_OPCODE_MULTI_GET] = {HAS_LIST, 0, false},
    [FRAME_OPCODE_SCAN] = {HAS_LIMITS | HAS_RANGE, FRAME_KEYS_ONLY, false},
    [FRAME_OPCODE_PUT] = {HAS_TTL | HAS_SEQUENCE | HAS_KEY | HAS_VALUE,
	WRITE_FLAGS | FRAME_KEEP_TTL | FRAME_RETURN_OLD | FRAME_TTL_IS_DEADLINE,
	true},
    [FRAME_OPCODE_DELETE] = {HAS_SEQUENCE | HAS_KEY,
	FRAME_IF_PRESENT | FRAME_IF_SEQUENCE | FRAME_RETURN_OLD, true},
    [FRAME_OPCODE_INCREMENT] = {HAS_SEQUENCE | HAS_DELTA | HAS_KEY, WRITE_FLAGS,
	true},
    [FRAME_OPCODE_EXPIRE] = {HAS_TTL | HAS_KEY,
	FRAME_IF_NO_TTL | FRAME_IF_TTL | FRAME_IF_LATER | FRAME_IF_SOONER |
	    FRAME_TTL_IS_DEADLINE,
	true},
    [FRAME_OPCODE_PERSIST] = {HAS_KEY, 0, true},
    [FRAME_OPCODE_DELETE_RANGE] = {HAS_RANGE, 0, true},
    [FRAME_OPCODE_BATCH] = {HAS_LIST, 0, true},
};

static bool
opcode_is_known(uint8_t opcode)
{
	return frame_opcode_name(opcode)[0] != '?';
}

bool
frame_opcode_is_write(uint8_t opcode)
{
	return shapes[opcode].is_write;
}

static void
encode_payload(struct buffer *out, const struct frame_request *request)
{
	unsigned fields = shapes[request->opcode].fields;

	if (fields & HAS_TTL)
		u64_append(out, request->ttl_ms);
	if (fields & HAS_SEQUENCE)
		u64_append(out, request->sequence);
	if (fields & HAS_DELTA)
		u64_append(out, (uint64_t)request->delta);
	if (fields & HAS_LIMITS) {
		u32_append(out, request->count_max);
		u32_append(out, request->bytes_max);
	}
	if (fields & HAS_KEY)
		sized_append(out, request->key);
	if (fields & HAS_VALUE)
		sized_append(out, request->value);
	if (fields & HAS_RANGE) {
		sized_append(out, request->start);
		sized_append(out, request->end);
	}
	if (fields & HAS_LIST) {
		u32_append(out, request->count);
		buffer_append_slice(out, request->list);
	}
	if (fields & HAS_ECHO)
		buffer_append_slice(out, request->value);
}

void
frame_request_encode(struct buffer *out, const struct frame_request *request)
{
	size_t mark = frame_begin(out, FRAME_MAGIC_REQUEST,
	    (uint8_t)request->opcode, request->flags, request->id);

	CHECK(opcode_is_known((uint8_t)request->opcode));
	encode_payload(out, request);
	frame_end(out, mark);
}

void
frame_list_add_key(struct buffer *list, struct slice key)
{
	sized_append(list, key);
}

void
frame_list_add_command(struct buffer *list, const struct frame_request *request)
{
	CHECK(frame_opcode_is_write((uint8_t)request->opcode));
	CHECK(request->opcode != FRAME_OPCODE_BATCH);
	buffer_append_byte(list, (uint8_t)request->opcode);
	buffer_append_byte(list, request->flags);
	encode_payload(list, request);
}

/* Takes the fields of an operation off the front; false when cut short. */
static bool
take_fields(struct slice *input, unsigned fields, struct frame_request *out)
{
	uint64_t delta = 0;

	if ((fields & HAS_TTL) && !u64_take(input, &out->ttl_ms))
		return false;
	if ((fields & HAS_SEQUENCE) && !u64_take(input, &out->sequence))
		return false;
	if ((fields & HAS_DELTA) && !u64_take(input, &delta))
		return false;
	memcpy(&out->delta, &delta, sizeof(delta));
	if ((fields & HAS_LIMITS) &&
	    (!u32_take(input, &out->count_max) ||
		!u32_take(input, &out->bytes_max)))
		return false;
	if ((fields & HAS_KEY) && !sized_take(input, &out->key))
		return false;
	if ((fields & HAS_VALUE) && !sized_take(input, &out->value))
		return false;
	if ((fields & HAS_RANGE) &&
	    (!sized_take(input, &out->start) || !sized_take(input, &out->end)))
		return false;
	if (fields & HAS_LIST) {
		if (!u32_take(input, &out->count))
			return false;
		out->list = *input;
		*input = SLICE_EMPTY;
	}
	if (fields & HAS_ECHO) {
		out->value = *input;
		*input = SLICE_EMPTY;
	}
	return true;
}

static enum frame_status
refuse(enum frame_status status, struct error *err, const char *text)
{
	error_set(err, STATUS_INVALID, "%s", text);
	return status;
}

static enum frame_status
check_key(
    struct slice key, const struct frame_limits *limits, struct error *err)
{
	if (key.size >= 1 && key.size <= limits->key_bytes_max)
		return FRAME_STATUS_OK;
	error_set(err, STATUS_INVALID,
	    "the key has %zu bytes; a key has 1 to %zu", key.size,
	    limits->key_bytes_max);
	return FRAME_STATUS_KEY_SIZE;
}

static enum frame_status
check_ttl(const struct frame_request *request, struct error *err)
{
	bool is_deadline = request->flags & FRAME_TTL_IS_DEADLINE;

	if (request->ttl_ms > FRAME_TTL_MS_MAX) {
		error_set(err, STATUS_INVALID, "the ttl is over %" PRIu64 " ms",
		    (uint64_t)FRAME_TTL_MS_MAX);
		return FRAME_STATUS_INVALID;
	}
	if (request->opcode == FRAME_OPCODE_EXPIRE) {
		if (request->ttl_ms == 0 && !is_deadline)
			return refuse(FRAME_STATUS_INVALID, err,
			    "expire needs a ttl of at least 1 ms");
		return FRAME_STATUS_OK;
	}
	if ((request->flags & FRAME_KEEP_TTL) &&
	    (request->ttl_ms != 0 || is_deadline))
		return refuse(FRAME_STATUS_INVALID, err,
		    "keep-ttl and a ttl exclude each other");
	if (is_deadline && request->ttl_ms == 0)
		return refuse(FRAME_STATUS_INVALID, err, "a deadline is not 0");
	return FRAME_STATUS_OK;
}

static enum frame_status
check_flags(const struct frame_request *request, struct error *err)
{
	uint8_t flags = request->flags;

	if ((flags & ~shapes[request->opcode].flags) != 0) {
		error_set(err, STATUS_INVALID,
		    "flags 0x%02x: %s has no such flag", flags,
		    frame_opcode_name((uint8_t)request->opcode));
		return FRAME_STATUS_INVALID;
	}
	if (request->opcode == FRAME_OPCODE_EXPIRE) {
		unsigned last = flags & (FRAME_IF_LATER | FRAME_IF_SOONER);

		if (((flags & FRAME_IF_NO_TTL) &&
			(flags & (FRAME_IF_TTL | last))) ||
		    last == (FRAME_IF_LATER | FRAME_IF_SOONER))
			return refuse(FRAME_STATUS_INVALID, err,
			    "these conditions exclude each other");
	} else if (request->opcode != FRAME_OPCODE_SCAN) {
		unsigned conditions = flags & WRITE_FLAGS;

		if ((conditions & (conditions - 1)) != 0)
			return refuse(FRAME_STATUS_INVALID, err,
			    "conditions exclude each other");
	}
	return FRAME_STATUS_OK;
}

static enum frame_status
check_range(const struct frame_request *request,
    const struct frame_limits *limits, struct error *err)
{
	bool is_scan = request->opcode == FRAME_OPCODE_SCAN;
	/* The next key behind a longest one has one byte more. */
	size_t bytes_max = limits->key_bytes_max + is_scan;

	if (request->start.size > bytes_max || request->end.size > bytes_max) {
		error_set(err, STATUS_INVALID, "a bound has over %zu bytes",
		    bytes_max);
		return FRAME_STATUS_KEY_SIZE;
	}
	if (!is_scan && request->end.size > 0 &&
	    slice_compare(request->start, request->end) >= 0)
		return refuse(FRAME_STATUS_INVALID, err,
		    "the range ends before it begins");
	return FRAME_STATUS_OK;
}

/* Judges one request whose fields are there. */
static enum frame_status
check_request(const struct frame_request *request,
    const struct frame_limits *limits, struct error *err)
{
	unsigned fields = shapes[request->opcode].fields;
	enum frame_status status = check_flags(request, err);

	if (status == FRAME_STATUS_OK && (fields & HAS_TTL))
		status = check_ttl(request, err);
	if (status == FRAME_STATUS_OK && (fields & HAS_KEY))
		status = check_key(request->key, limits, err);
	if (status != FRAME_STATUS_OK)
		return status;
	if ((fields & HAS_VALUE) &&
	    request->value.size > limits->value_bytes_max) {
		error_set(err, STATUS_INVALID,
		    "the value has %zu bytes; at most %zu are stored",
		    request->value.size, limits->value_bytes_max);
		return FRAME_STATUS_VALUE_SIZE;
	}
	if (fields & HAS_RANGE) {
		status = check_range(request, limits, err);
		if (status != FRAME_STATUS_OK)
			return status;
	}
	if ((fields & HAS_ECHO) && request->value.size > FRAME_PING_BYTES_MAX)
		return refuse(FRAME_STATUS_INVALID, err,
		    "a ping carries at most 1024 bytes");
	return FRAME_STATUS_OK;
}

/*
 * Takes one command of a batch. OK, or UNKNOWN_OPCODE, or INVALID when it is
 * cut short; the fields are not judged.
 */
static enum frame_status
take_command(struct slice *list, struct frame_request *out, struct error *err)
{
	uint8_t opcode;

	*out = (struct frame_request){0};
	if (!u8_take(list, &opcode) || !u8_take(list, &out->flags))
		return refuse(FRAME_STATUS_INVALID, err,
		    "the frame ends within a command");
	if (!frame_opcode_is_write(opcode) || opcode == FRAME_OPCODE_BATCH) {
		error_set(err, STATUS_INVALID,
		    "operation 0x%02x cannot stand in a batch", opcode);
		return FRAME_STATUS_UNKNOWN_OPCODE;
	}
	out->opcode = (enum frame_opcode)opcode;
	if (!take_fields(list, shapes[opcode].fields, out))
		return refuse(FRAME_STATUS_INVALID, err,
		    "the frame ends within a command");
	return FRAME_STATUS_OK;
}

static enum frame_status
check_list(const struct frame_request *request,
    const struct frame_limits *limits, uint32_t *index, struct error *err)
{
	struct slice list = request->list;

	if (request->count == 0 || request->count > FRAME_COUNT_MAX) {
		error_set(err, STATUS_INVALID, "%u items; a list has 1 to %u",
		    request->count, FRAME_COUNT_MAX);
		return FRAME_STATUS_INVALID;
	}
	for (uint32_t i = 0; i < request->count; i++) {
		struct frame_request item = {0};
		enum frame_status status;

		*index = i;
		if (request->opcode == FRAME_OPCODE_BATCH) {
			status = take_command(&list, &item, err);
			if (status == FRAME_STATUS_OK)
				status = check_request(&item, limits, err);
		} else if (sized_take(&list, &item.key)) {
			status = check_key(item.key, limits, err);
		} else {
			status = refuse(FRAME_STATUS_INVALID, err,
			    "the frame ends within a key");
		}
		if (status != FRAME_STATUS_OK)
			return status;
	}
	*index = 0;
	if (list.size != 0)
		return refuse(FRAME_STATUS_INVALID, err,
		    "the frame has bytes behind its list");
	return FRAME_STATUS_OK;
}

enum frame_status
frame_request_decode(const struct frame *frame,
    const struct frame_limits *limits, struct frame_request *out,
    uint32_t *index, struct error *err)
{
	struct slice payload = frame->payload;
	enum frame_status status;

	*index = 0;
	*out = (struct frame_request){0};
	out->id = frame->id;
	if (frame->version != FRAME_VERSION) {
		error_set(err, STATUS_VERSION,
		    "version %u of the protocol is not known; %u is",
		    frame->version, FRAME_VERSION);
		return FRAME_STATUS_VERSION;
	}
	if (!opcode_is_known(frame->opcode)) {
		error_set(err, STATUS_INVALID, "operation 0x%02x is not known",
		    frame->opcode);
		return FRAME_STATUS_UNKNOWN_OPCODE;
	}
	out->opcode = (enum frame_opcode)frame->opcode;
	out->flags = frame->code;
	if (!take_fields(&payload, shapes[frame->opcode].fields, out))
		return refuse(
		    FRAME_STATUS_INVALID, err, "the frame ends within a field");
	if (payload.size != 0)
		return refuse(FRAME_STATUS_INVALID, err,
		    "the frame has bytes behind its last field");
	status = check_request(out, limits, err);
	if (status == FRAME_STATUS_OK &&
	    (shapes[frame->opcode].fields & HAS_LIST))
		status = check_list(out, limits, index, err);
	return status;
}

bool
frame_list_next_key(struct slice *list, struct slice *key)
{
	return sized_take(list, key);
}

bool
frame_list_next_command(struct slice *list, struct frame_request *out)
{
	struct error err;

	return list->size > 0 &&
	    take_command(list, out, &err) == FRAME_STATUS_OK;
}
