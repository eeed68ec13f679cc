#include "storaged/apply/writers.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/codec/integer.h"
#include "common/command/limits.h"
#include "common/command/reply.h"

#define BUCKET_COUNT 1024u

/* Memory that a writer keeps for each of its next replies. */
#define REPLY_KEEP_BYTES_MAX (16u << 10)

/* Id, last number, answered, last time. */
#define WRITER_BYTES (WRITER_ID_BYTES + 3 * 8)

struct writer {
	uint8_t id[WRITER_ID_BYTES];
	uint64_t last_number; /* applied; 0 at first */
	uint64_t answered; /* the replies up to here are not needed */
	uint64_t last_ms; /* when the last number was applied */
	/* Of number n in n modulo the length; empty if dropped. */
	struct buffer replies[BATCHES_IN_FLIGHT_MAX];
	struct writer *bucket_next;
	struct writer *older; /* neighbours by last_ms */
	struct writer *newer;
};

struct writers {
	struct writer *buckets[BUCKET_COUNT];
	struct writer *oldest;
	struct writer *newest;
	size_t count;
	size_t reply_bytes; /* of all replies that are kept */
};

static struct writer *add_writer(struct writers *writers,
    const uint8_t id[WRITER_ID_BYTES], uint64_t now_ms);
static void remove_writer(struct writers *writers, struct writer *writer);
static void
drop_reply(struct writers *writers, struct writer *writer, uint64_t number);
static void bound_replies(struct writers *writers);
static enum status
decode_writer(struct slice *input, struct writers *writers, struct error *err);

struct writers *
writers_create(void)
{
	return mem_new(sizeof(struct writers));
}

void
writers_close(struct writers *writers)
{
	if (writers == NULL)
		return;
	while (writers->oldest != NULL)
		remove_writer(writers, writers->oldest);
	mem_free(writers);
}

/* Ids are random, so any of their bits will do. */
static size_t
bucket_of(const uint8_t id[WRITER_ID_BYTES])
{
	return u64_load(id) % BUCKET_COUNT;
}

static struct writer *
find_writer(const struct writers *writers, const uint8_t id[WRITER_ID_BYTES])
{
	struct writer *writer = writers->buckets[bucket_of(id)];

	while (writer != NULL && memcmp(writer->id, id, WRITER_ID_BYTES) != 0)
		writer = writer->bucket_next;
	return writer;
}

static bool
is_idle(const struct writer *writer, uint64_t now_ms)
{
	return now_ms >= writer->last_ms &&
	    now_ms - writer->last_ms >= WRITER_IDLE_MS_MAX;
}

static struct buffer *
reply_of(struct writer *writer, uint64_t number)
{
	return &writer->replies[number % BATCHES_IN_FLIGHT_MAX];
}

enum writers_verdict
writers_judge(const struct writers *writers, const struct batch_origin *origin,
    uint64_t now_ms, struct slice *reply)
{
	struct writer *writer = find_writer(writers, origin->writer);

	CHECK(origin->number > 0);
	*reply = SLICE_EMPTY;
	if (writer == NULL || is_idle(writer, now_ms))
		return WRITERS_UNKNOWN;
	if (origin->number > writer->last_number)
		return origin->number == writer->last_number + 1 ? WRITERS_NEW
								 : WRITERS_GAP;
	if (origin->number <= writer->answered)
		return WRITERS_OLD;
	*reply = buffer_slice(reply_of(writer, origin->number));
	return reply->size > 0 ? WRITERS_REPEATED : WRITERS_FORGOTTEN;
}

bool
writers_is_known(const struct writers *writers,
    const uint8_t id[WRITER_ID_BYTES], uint64_t now_ms)
{
	const struct writer *writer = find_writer(writers, id);

	return writer != NULL && !is_idle(writer, now_ms);
}

void
writers_expire(struct writers *writers, uint64_t now_ms)
{
	while (writers->oldest != NULL && is_idle(writers->oldest, now_ms))
		remove_writer(writers, writers->oldest);
}

void
writers_register(
    struct writers *writers, const uint8_t id[WRITER_ID_BYTES], uint64_t now_ms)
{
	if (find_writer(writers, id) != NULL)
		return;
	if (writers->count == WRITERS_MAX)
		remove_writer(writers, writers->oldest);
	add_writer(writers, id, now_ms);
}

/* The list by time. */

static void
link_newest(struct writers *writers, struct writer *writer)
{
	writer->older = writers->newest;
	writer->newer = NULL;
	if (writers->newest != NULL)
		writers->newest->newer = writer;
	else
		writers->oldest = writer;
	writers->newest = writer;
}

static void
unlink_from_list(struct writers *writers, struct writer *writer)
{
	if (writer->older != NULL)
		writer->older->newer = writer->newer;
	else
		writers->oldest = writer->newer;
	if (writer->newer != NULL)
		writer->newer->older = writer->older;
	else
		writers->newest = writer->older;
}

void
writers_record(struct writers *writers, const struct batch_origin *origin,
    uint64_t now_ms, struct slice reply)
{
	struct writer *writer = find_writer(writers, origin->writer);

	CHECK(writer != NULL);
	CHECK(origin->number == writer->last_number + 1);
	CHECK(reply.size > 0);
	CHECK(now_ms >= writers->newest->last_ms);
	writer->last_number = origin->number;
	while (writer->answered < origin->answered)
		drop_reply(writers, writer, ++writer->answered);
	buffer_append_slice(reply_of(writer, origin->number), reply);
	writers->reply_bytes += reply.size;
	writer->last_ms = now_ms;
	unlink_from_list(writers, writer);
	link_newest(writers, writer);
	bound_replies(writers);
}

static void
drop_reply(struct writers *writers, struct writer *writer, uint64_t number)
{
	struct buffer *reply = reply_of(writer, number);

	writers->reply_bytes -= buffer_size(reply);
	buffer_clear(reply, REPLY_KEEP_BYTES_MAX);
}

/*
 * Drops replies of the writers idle for longest, and of one writer the oldest
 * first, until the rest is within its limit; never the newest of all.
 */
static void
bound_replies(struct writers *writers)
{
	struct writer *writer = writers->oldest;
	uint64_t number = writer->answered + 1;

	while (writers->reply_bytes > WRITERS_REPLY_BYTES_MAX) {
		if (number > writer->last_number) {
			writer = writer->newer;
			number = writer->answered + 1;
			continue;
		}
		drop_reply(writers, writer, number++);
	}
}

static struct writer *
add_writer(
    struct writers *writers, const uint8_t id[WRITER_ID_BYTES], uint64_t now_ms)
{
	struct writer *writer = mem_new(sizeof(*writer));
	struct writer **bucket = &writers->buckets[bucket_of(id)];

	memcpy(writer->id, id, WRITER_ID_BYTES);
	writer->last_ms = now_ms;
	writer->bucket_next = *bucket;
	*bucket = writer;
	link_newest(writers, writer);
	writers->count++;
	return writer;
}

static void
remove_writer(struct writers *writers, struct writer *writer)
{
	struct writer **link = &writers->buckets[bucket_of(writer->id)];

	while (*link != writer)
		link = &(*link)->bucket_next;
	*link = writer->bucket_next;
	unlink_from_list(writers, writer);
	for (size_t i = 0; i < BATCHES_IN_FLIGHT_MAX; i++) {
		writers->reply_bytes -= buffer_size(&writer->replies[i]);
		buffer_deinit(&writer->replies[i]);
	}
	writers->count--;
	mem_free(writer);
}

size_t
writers_count(const struct writers *writers)
{
	return writers->count;
}

uint64_t
writers_clock_ms(const struct writers *writers)
{
	return writers->newest != NULL ? writers->newest->last_ms : 0;
}

static uint8_t *
put_u64(uint8_t *place, uint64_t value)
{
	u64_store(place, value);
	return place + sizeof(value);
}

static void
append_u32(struct buffer *out, size_t value)
{
	u32_store(buffer_reserve(out, sizeof(uint32_t)), (uint32_t)value);
	buffer_commit(out, sizeof(uint32_t));
}

static void
encode_writer(struct writer *writer, struct buffer *out)
{
	uint8_t *place = buffer_reserve(out, WRITER_BYTES);

	memcpy(place, writer->id, WRITER_ID_BYTES);
	place = put_u64(place + WRITER_ID_BYTES, writer->last_number);
	place = put_u64(place, writer->answered);
	put_u64(place, writer->last_ms);
	buffer_commit(out, WRITER_BYTES);
	for (uint64_t n = writer->answered + 1; n <= writer->last_number; n++) {
		struct slice reply = buffer_slice(reply_of(writer, n));

		append_u32(out, reply.size);
		buffer_append_slice(out, reply);
	}
}

void
writers_encode(const struct writers *writers, struct buffer *out)
{
	append_u32(out, writers->count);
	for (struct writer *writer = writers->oldest; writer != NULL;
	     writer = writer->newer)
		encode_writer(writer, out);
}

enum status
writers_decode(struct slice *input, struct writers **out, struct error *err)
{
	struct writers *writers = writers_create();
	enum status status = STATUS_OK;
	uint32_t count;

	*out = NULL;
	if (!u32_take(input, &count) || count > WRITERS_MAX)
		status =
		    error_set(err, STATUS_CORRUPT, "writers: a wrong number");
	while (status == STATUS_OK && writers->count < count)
		status = decode_writer(input, writers, err);
	if (status == STATUS_OK &&
	    writers->reply_bytes > WRITERS_REPLY_BYTES_MAX)
		status = error_set(err, STATUS_CORRUPT,
		    "writers: %zu bytes of replies", writers->reply_bytes);
	if (status != STATUS_OK) {
		writers_close(writers);
		return status;
	}
	*out = writers;
	return STATUS_OK;
}

/* Takes one kept reply; empty if it had been dropped. */
static bool
take_reply(struct slice *input, uint64_t number, struct slice *out)
{
	struct reply reply;
	struct error err;
	uint32_t size;

	if (!u32_take(input, &size) || !bytes_take(input, size, out))
		return false;
	return size == 0 ||
	    (reply_decode(*out, &reply, &err) == STATUS_OK &&
		reply.number == number);
}

static enum status
decode_writer(struct slice *input, struct writers *writers, struct error *err)
{
	static const uint8_t zeroes[WRITER_ID_BYTES];
	struct writer *writer;
	struct slice id;
	uint64_t last_number;
	uint64_t answered;
	uint64_t last_ms;

	if (!bytes_take(input, WRITER_ID_BYTES, &id) ||
	    !u64_take(input, &last_number) || !u64_take(input, &answered) ||
	    !u64_take(input, &last_ms))
		return error_set(
		    err, STATUS_CORRUPT, "writers: they are cut short");
	if (memcmp(id.data, zeroes, WRITER_ID_BYTES) == 0 ||
	    find_writer(writers, id.data) != NULL || answered > last_number ||
	    last_number - answered > BATCHES_IN_FLIGHT_MAX ||
	    last_ms < writers_clock_ms(writers) || last_ms > STAMP_MS_MAX)
		return error_set(err, STATUS_CORRUPT,
		    "writer %zu cannot be as it is", writers->count);
	writer = add_writer(writers, id.data, last_ms);
	writer->last_number = last_number;
	writer->answered = answered;
	for (uint64_t n = answered + 1; n <= last_number; n++) {
		struct slice reply;

		if (!take_reply(input, n, &reply))
			return error_set(err, STATUS_CORRUPT,
			    "writer %zu: reply %" PRIu64, writers->count - 1,
			    n);
		buffer_append_slice(reply_of(writer, n), reply);
		writers->reply_bytes += reply.size;
	}
	return STATUS_OK;
}

enum status
writers_verdict_status(enum writers_verdict verdict, struct error *err)
{
	switch (verdict) {
	case WRITERS_NEW:
	case WRITERS_REPEATED:
		return STATUS_OK;
	case WRITERS_OLD:
		return error_set(err, STATUS_INVALID,
		    "the writer has the reply to this batch");
	case WRITERS_FORGOTTEN:
		return error_set(err, STATUS_UNKNOWN,
		    "applied, but the reply had to be dropped");
	case WRITERS_GAP:
		return error_set(
		    err, STATUS_INVALID, "batches before this one are missing");
	case WRITERS_UNKNOWN:
		break;
	}
	return error_set(err, STATUS_NOT_FOUND, "the writer is not registered");
}
