#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "replicator/core/configuration.h"
#include "replicator/core/frame.h"
#include "tests/support/suite.h"

#define ENTRIES_MAX 6

struct sample {
	struct message message;
	struct log_entry entries[ENTRIES_MAX];
	uint8_t data[64];
	struct buffer configuration;
};

static void
fill_fields(struct rng *rng, struct message *message)
{
	struct raft_message *raft = &message->raft;
	uint64_t a = rng_next(rng) >> 8;
	uint64_t b = 1 + rng_below(rng, 50);
	uint64_t c = rng_next(rng);
	bool yes = rng_below(rng, 2) == 0;
	bool too = rng_below(rng, 2) == 0;

	switch (raft->type) {
	case RAFT_APPEND_ENTRIES:
		raft->append_entries = (struct raft_append_entries){
		    1, message->term, a, b, c, NULL, 0};
		return;
	case RAFT_APPEND_ENTRIES_RESULT:
		raft->append_entries_result =
		    (struct raft_append_entries_result){
			2, message->term, a, b, 7, 9};
		return;
	case RAFT_REQUEST_VOTE:
		raft->request_vote = (struct raft_request_vote){
		    2, message->term, message->from, a, b, yes, too};
		return;
	case RAFT_REQUEST_VOTE_RESULT:
		raft->request_vote_result = (struct raft_request_vote_result){
		    2, message->term, yes, too, 3, 4};
		return;
	case RAFT_INSTALL_SNAPSHOT:
		raft->install_snapshot =
		    (struct raft_install_snapshot){.version = 1,
			.term = message->term,
			.last_index = a,
			.last_term = b,
			.conf_index = c};
		return;
	case RAFT_TIMEOUT_NOW:
		raft->timeout_now =
		    (struct raft_timeout_now){1, message->term, a, b};
		return;
	}
}

static void
make_sample(struct rng *rng, struct sample *out)
{
	struct configuration one = {.count = 1};
	struct message *message = &out->message;

	*out = (struct sample){.data = {1, 2, 3}};
	one.servers[0] = (struct server){5, SERVER_VOTER, "alone"};
	configuration_encode(&one, &out->configuration);
	message->from = 1 + rng_below(rng, 100);
	message->to = 1 + rng_below(rng, 100);
	message->term = 100 + rng_below(rng, 100);
	message->raft.type = (enum raft_message_type)(1 + rng_below(rng, 6));
	fill_fields(rng, message);
	if (message->raft.type == RAFT_APPEND_ENTRIES) {
		message->entries = out->entries;
		message->entry_count = rng_below(rng, ENTRIES_MAX + 1);
	}
	for (size_t i = 0; i < message->entry_count; i++) {
		out->entries[i] = (struct log_entry){100, LOG_ENTRY_COMMANDS,
		    slice_of(out->data, rng_below(rng, sizeof(out->data)))};
		if (rng_below(rng, 4) == 0) {
			out->entries[i].kind = LOG_ENTRY_CONFIGURATION;
			out->entries[i].data =
			    buffer_slice(&out->configuration);
		}
	}
	if (message->raft.type == RAFT_INSTALL_SNAPSHOT) {
		message->configuration = buffer_slice(&out->configuration);
		message->content = slice_of(out->data, 20);
	}
}

static void
every_kind_comes_back_as_it_was(void)
{
	struct rng rng = rng_seeded(suite_seed());

	for (int round = 0; round < 2000; round++) {
		struct sample sample;
		struct message back;
		struct buffer bytes = {0};
		struct buffer again = {0};
		struct error err;

		make_sample(&rng, &sample);
		frame_encode(&sample.message, &bytes);
		ASSERT_OK(
		    frame_decode(buffer_slice(&bytes), &back, &err), &err);
		CU_ASSERT_EQUAL(back.from, sample.message.from);
		CU_ASSERT_EQUAL(back.to, sample.message.to);
		CU_ASSERT_EQUAL(message_term(&back.raft), back.term);
		CU_ASSERT_EQUAL(back.entry_count, sample.message.entry_count);
		CU_ASSERT_TRUE(
		    slice_equal(back.content, sample.message.content));
		frame_encode(&back, &again);
		CU_ASSERT_TRUE(
		    slice_equal(buffer_slice(&bytes), buffer_slice(&again)));
		message_deinit(&back);
		buffer_deinit(&bytes);
		buffer_deinit(&again);
		buffer_deinit(&sample.configuration);
	}
}

/* A copy of exactly the size lets the sanitizers see every step too far. */
static void
damaged_frames_are_decoded_within_their_bytes(void)
{
	struct rng rng = rng_seeded(suite_seed());
	unsigned refused = 0;

	for (int round = 0; round < 20000; round++) {
		struct sample sample;
		struct message back;
		struct buffer bytes = {0};
		struct error err;
		size_t size;
		uint8_t *copy;

		make_sample(&rng, &sample);
		frame_encode(&sample.message, &bytes);
		size = rng_below(&rng, 2) == 0
		    ? buffer_size(&bytes)
		    : rng_below(&rng, buffer_size(&bytes)) + 1;
		copy = mem_dup(buffer_slice(&bytes).data, size);
		for (uint64_t i = rng_below(&rng, 4); i > 0; i--)
			copy[rng_below(&rng, size)] = (uint8_t)rng_next(&rng);
		if (frame_decode(slice_of(copy, size), &back, &err) ==
		    STATUS_OK) {
			for (size_t i = 0; i < back.entry_count; i++)
				CU_ASSERT_TRUE_FATAL(
				    back.entries[i].data.data >= copy &&
				    back.entries[i].data.data +
					    back.entries[i].data.size <=
					copy + size);
			message_deinit(&back);
		} else {
			refused++;
			CU_ASSERT_EQUAL(err.code, STATUS_CORRUPT);
		}
		mem_free(copy);
		buffer_deinit(&bytes);
		buffer_deinit(&sample.configuration);
	}
	CU_ASSERT_TRUE(refused > 5000);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(every_kind_comes_back_as_it_was),
	    SUITE_CASE(damaged_frames_are_decoded_within_their_bytes),
	};

	return suite_run("frame", cases, SUITE_COUNT(cases), argc, argv);
}
