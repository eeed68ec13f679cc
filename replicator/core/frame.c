#include "replicator/core/frame.h"

#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/codec/integer.h"
#include "replicator/core/configuration.h"

#define FRAME_VERSION 1
#define HEADER_BYTES 64
#define ENTRY_HEADER_BYTES 16
#define SIZES_BYTES 8

enum flag {
	FLAG_PRE_VOTE = 1,
	FLAG_GRANTED = 2,
	FLAG_DISRUPT = 4,
};

/* Where each field of the header stands. */
enum place {
	AT_VERSION = 0,
	AT_KIND = 1,
	AT_FLAGS = 2,
	AT_RAFT_VERSION = 3,
	AT_FEATURES = 4,
	AT_CAPACITY = 6,
	AT_COUNT = 8,
	AT_FROM = 16,
	AT_TO = 24,
	AT_TERM = 32,
	AT_A = 40,
	AT_B = 48,
	AT_C = 56,
};

static size_t
padded(size_t size)
{
	return (size + 7) & ~(size_t)7;
}

uint64_t
message_term(const struct raft_message *raft)
{
	switch (raft->type) {
	case RAFT_APPEND_ENTRIES:
		return raft->append_entries.term;
	case RAFT_APPEND_ENTRIES_RESULT:
		return raft->append_entries_result.term;
	case RAFT_REQUEST_VOTE:
		return raft->request_vote.term;
	case RAFT_REQUEST_VOTE_RESULT:
		return raft->request_vote_result.term;
	case RAFT_INSTALL_SNAPSHOT:
		return raft->install_snapshot.term;
	case RAFT_TIMEOUT_NOW:
		return raft->timeout_now.term;
	}
	return 0;
}

static void
store_numbers(uint8_t *header, uint64_t a, uint64_t b, uint64_t c)
{
	u64_store(header + AT_A, a);
	u64_store(header + AT_B, b);
	u64_store(header + AT_C, c);
}

static void
store_capabilities(uint8_t *header, uint8_t version, unsigned short features,
    unsigned short capacity)
{
	header[AT_RAFT_VERSION] = version;
	u16_store(header + AT_FEATURES, features);
	u16_store(header + AT_CAPACITY, capacity);
}

static void
encode_fields(const struct raft_message *raft, uint8_t *header)
{
	const struct raft_append_entries *append = &raft->append_entries;
	const struct raft_append_entries_result *result =
	    &raft->append_entries_result;
	const struct raft_request_vote *vote = &raft->request_vote;
	const struct raft_request_vote_result *answer =
	    &raft->request_vote_result;
	const struct raft_install_snapshot *install = &raft->install_snapshot;
	const struct raft_timeout_now *timeout = &raft->timeout_now;

	switch (raft->type) {
	case RAFT_APPEND_ENTRIES:
		header[AT_RAFT_VERSION] = append->version;
		store_numbers(header, append->prev_log_index,
		    append->prev_log_term, append->leader_commit);
		return;
	case RAFT_APPEND_ENTRIES_RESULT:
		store_capabilities(header, result->version, result->features,
		    result->capacity);
		store_numbers(
		    header, result->rejected, result->last_log_index, 0);
		return;
	case RAFT_REQUEST_VOTE:
		header[AT_RAFT_VERSION] = vote->version;
		header[AT_FLAGS] =
		    (uint8_t)((vote->pre_vote ? FLAG_PRE_VOTE : 0) |
			(vote->disrupt_leader ? FLAG_DISRUPT : 0));
		store_numbers(
		    header, vote->last_log_index, vote->last_log_term, 0);
		return;
	case RAFT_REQUEST_VOTE_RESULT:
		store_capabilities(header, answer->version, answer->features,
		    answer->capacity);
		header[AT_FLAGS] =
		    (uint8_t)((answer->pre_vote ? FLAG_PRE_VOTE : 0) |
			(answer->vote_granted ? FLAG_GRANTED : 0));
		return;
	case RAFT_INSTALL_SNAPSHOT:
		header[AT_RAFT_VERSION] = install->version;
		store_numbers(header, install->last_index, install->last_term,
		    install->conf_index);
		return;
	case RAFT_TIMEOUT_NOW:
		header[AT_RAFT_VERSION] = timeout->version;
		store_numbers(
		    header, timeout->last_log_index, timeout->last_log_term, 0);
		return;
	}
}

static void
append_padding(struct buffer *out, size_t size)
{
	static const uint8_t zeroes[8];

	buffer_append(out, zeroes, padded(size) - size);
}

void
frame_encode(const struct message *message, struct buffer *out)
{
	uint8_t header[HEADER_BYTES] = {0};
	uint8_t sizes[SIZES_BYTES];

	header[AT_VERSION] = FRAME_VERSION;
	header[AT_KIND] = (uint8_t)message->raft.type;
	u32_store(header + AT_COUNT, (uint32_t)message->entry_count);
	u64_store(header + AT_FROM, message->from);
	u64_store(header + AT_TO, message->to);
	u64_store(header + AT_TERM, message_term(&message->raft));
	encode_fields(&message->raft, header);
	buffer_append(out, header, sizeof(header));
	for (size_t i = 0; i < message->entry_count; i++) {
		const struct log_entry *entry = &message->entries[i];
		uint8_t bytes[ENTRY_HEADER_BYTES];

		u64_store(bytes, entry->term);
		u32_store(bytes + 8, entry->kind);
		u32_store(bytes + 12, (uint32_t)entry->data.size);
		buffer_append(out, bytes, sizeof(bytes));
		buffer_append_slice(out, entry->data);
		append_padding(out, entry->data.size);
	}
	if (message->raft.type != RAFT_INSTALL_SNAPSHOT)
		return;
	u32_store(sizes, (uint32_t)message->configuration.size);
	u32_store(sizes + 4, (uint32_t)message->content.size);
	buffer_append(out, sizes, sizeof(sizes));
	buffer_append_slice(out, message->configuration);
	buffer_append_slice(out, message->content);
}

static enum status
bad(struct error *err, const char *what)
{
	return error_set(err, STATUS_CORRUPT, "a peer's frame %s", what);
}

static void
decode_fields(const uint8_t *header, struct message *out)
{
	struct raft_message *raft = &out->raft;
	uint8_t version = header[AT_RAFT_VERSION];
	uint8_t flags = header[AT_FLAGS];
	uint16_t features = u16_load(header + AT_FEATURES);
	uint16_t capacity = u16_load(header + AT_CAPACITY);
	uint64_t a = u64_load(header + AT_A);
	uint64_t b = u64_load(header + AT_B);
	uint64_t c = u64_load(header + AT_C);

	switch (raft->type) {
	case RAFT_APPEND_ENTRIES:
		raft->append_entries = (struct raft_append_entries){
		    version, out->term, a, b, c, NULL, 0};
		return;
	case RAFT_APPEND_ENTRIES_RESULT:
		raft->append_entries_result =
		    (struct raft_append_entries_result){
			version, out->term, a, b, features, capacity};
		return;
	case RAFT_REQUEST_VOTE:
		raft->request_vote = (struct raft_request_vote){version,
		    out->term, out->from, a, b, (flags & FLAG_DISRUPT) != 0,
		    (flags & FLAG_PRE_VOTE) != 0};
		return;
	case RAFT_REQUEST_VOTE_RESULT:
		raft->request_vote_result = (struct raft_request_vote_result){
		    version, out->term, (flags & FLAG_GRANTED) != 0,
		    (flags & FLAG_PRE_VOTE) != 0, features, capacity};
		return;
	case RAFT_INSTALL_SNAPSHOT:
		raft->install_snapshot =
		    (struct raft_install_snapshot){.version = version,
			.term = out->term,
			.last_index = a,
			.last_term = b,
			.conf_index = c};
		return;
	case RAFT_TIMEOUT_NOW:
		raft->timeout_now =
		    (struct raft_timeout_now){version, out->term, a, b};
		return;
	}
}

static enum status
take_entry(struct slice *rest, struct log_entry *out, struct error *err)
{
	uint32_t kind;
	size_t size;

	if (rest->size < ENTRY_HEADER_BYTES)
		return bad(err, "ends within an entry");
	out->term = u64_load(rest->data);
	kind = u32_load(rest->data + 8);
	size = u32_load(rest->data + 12);
	if (kind < LOG_ENTRY_COMMANDS || kind > LOG_ENTRY_CONFIGURATION)
		return bad(err, "has an entry of an unknown kind");
	out->kind = (enum log_entry_kind)kind;
	if (size > LOG_ENTRY_BYTES_MAX ||
	    padded(size) > rest->size - ENTRY_HEADER_BYTES)
		return bad(err, "ends within an entry");
	out->data = slice_of(rest->data + ENTRY_HEADER_BYTES, size);
	*rest = slice_of(rest->data + ENTRY_HEADER_BYTES + padded(size),
	    rest->size - ENTRY_HEADER_BYTES - padded(size));
	return STATUS_OK;
}

/* Entries have terms from the previous one's up to the sender's. */
static enum status
check_entry(const struct log_entry *entry, uint64_t term_min, uint64_t term_max,
    struct error *err)
{
	struct configuration configuration;

	if (entry->term < term_min || entry->term > term_max)
		return bad(err, "has entries whose terms are out of order");
	if (entry->kind == LOG_ENTRY_CONFIGURATION)
		return configuration_decode(entry->data, &configuration, err);
	return STATUS_OK;
}

static enum status
take_entries(struct slice *rest, struct message *out, struct error *err)
{
	const struct raft_append_entries *append = &out->raft.append_entries;
	uint64_t term = append->prev_log_term;

	if (append->prev_log_index > UINT64_MAX - FRAME_ENTRIES_MAX)
		return bad(err, "has an index out of range");
	if (out->entry_count > FRAME_ENTRIES_MAX ||
	    out->entry_count > rest->size / ENTRY_HEADER_BYTES)
		return bad(err, "has more entries than bytes");
	if (out->entry_count == 0)
		return STATUS_OK;
	out->entries = mem_new_array(out->entry_count, sizeof(*out->entries));
	for (size_t i = 0; i < out->entry_count; i++) {
		struct log_entry *entry = &out->entries[i];

		if (take_entry(rest, entry, err) != STATUS_OK ||
		    check_entry(entry, term, out->term, err) != STATUS_OK)
			return err->code;
		term = entry->term;
	}
	return STATUS_OK;
}

static enum status
take_snapshot(struct slice *rest, struct message *out, struct error *err)
{
	struct configuration configuration;
	size_t configuration_size;
	size_t content_size;

	if (rest->size < SIZES_BYTES)
		return bad(err, "ends within a snapshot");
	configuration_size = u32_load(rest->data);
	content_size = u32_load(rest->data + 4);
	if (configuration_size + content_size != rest->size - SIZES_BYTES)
		return bad(err, "has a snapshot of a wrong size");
	out->configuration =
	    slice_of(rest->data + SIZES_BYTES, configuration_size);
	out->content = slice_of(
	    rest->data + SIZES_BYTES + configuration_size, content_size);
	*rest = SLICE_EMPTY;
	return configuration_decode(out->configuration, &configuration, err);
}

static enum status
decode(struct slice frame, struct message *out, struct error *err)
{
	struct slice rest;
	uint8_t kind;

	if (frame.size < HEADER_BYTES ||
	    frame.data[AT_VERSION] != FRAME_VERSION)
		return bad(err, "is of an unknown version");
	kind = frame.data[AT_KIND];
	if (kind < RAFT_APPEND_ENTRIES || kind > RAFT_TIMEOUT_NOW)
		return bad(err, "is of an unknown kind");
	out->raft.type = (enum raft_message_type)kind;
	out->entry_count = u32_load(frame.data + AT_COUNT);
	out->from = u64_load(frame.data + AT_FROM);
	out->to = u64_load(frame.data + AT_TO);
	out->term = u64_load(frame.data + AT_TERM);
	if (out->from == 0 || out->term == 0)
		return bad(err, "has no sender or no term");
	out->raft.server_id = out->from;
	decode_fields(frame.data, out);
	rest = slice_of(frame.data + HEADER_BYTES, frame.size - HEADER_BYTES);
	if (kind == RAFT_APPEND_ENTRIES) {
		if (take_entries(&rest, out, err) != STATUS_OK)
			return err->code;
	} else if (out->entry_count != 0) {
		return bad(err, "has entries where none belong");
	}
	if (kind == RAFT_INSTALL_SNAPSHOT &&
	    take_snapshot(&rest, out, err) != STATUS_OK)
		return err->code;
	return rest.size == 0 ? STATUS_OK : bad(err, "is longer than it says");
}

enum status
frame_decode(struct slice frame, struct message *out, struct error *err)
{
	enum status status;

	*out = (struct message){0};
	status = decode(frame, out, err);
	if (status != STATUS_OK)
		message_deinit(out);
	return status;
}

void
message_deinit(struct message *message)
{
	mem_free(message->entries);
	*message = (struct message){0};
}
