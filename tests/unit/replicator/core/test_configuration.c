#include <raft.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "replicator/core/configuration.h"
#include "tests/support/suite.h"

static struct configuration
random_configuration(struct rng *rng)
{
	struct configuration out = {
	    .count = 1 + rng_below(rng, CONFIGURATION_SERVERS_MAX)};

	for (size_t i = 0; i < out.count; i++) {
		struct server *server = &out.servers[i];
		size_t size = 4 + rng_below(rng, SERVER_NAME_BYTES_MAX - 3);

		server->id = rng_next(rng) | 1;
		server->role = (enum server_role)rng_below(rng, 3);
		snprintf(server->name, sizeof(server->name), "n%02zu-", i);
		while (strlen(server->name) < size)
			strcat(server->name, "x");
	}
	return out;
}

static bool
same(const struct configuration *a, const struct configuration *b)
{
	bool equal = a->count == b->count;

	for (size_t i = 0; i < a->count && equal; i++)
		equal = a->servers[i].id == b->servers[i].id &&
		    a->servers[i].role == b->servers[i].role &&
		    strcmp(a->servers[i].name, b->servers[i].name) == 0;
	return equal;
}

static void
encoding_is_what_libraft_writes(void)
{
	struct rng rng = rng_seeded(suite_seed());

	for (int round = 0; round < 300; round++) {
		struct configuration one = random_configuration(&rng);
		struct raft_configuration raft;
		struct raft_buffer theirs;
		struct buffer ours = {0};

		raft_configuration_init(&raft);
		for (size_t i = 0; i < one.count; i++)
			CU_ASSERT_EQUAL_FATAL(
			    raft_configuration_add(&raft, one.servers[i].id,
				one.servers[i].name, (int)one.servers[i].role),
			    0);
		CU_ASSERT_EQUAL_FATAL(
		    raft_configuration_encode(&raft, &theirs), 0);
		configuration_encode(&one, &ours);
		CU_ASSERT_TRUE(slice_equal(
		    buffer_slice(&ours), slice_of(theirs.base, theirs.len)));
		raft_free(theirs.base);
		raft_configuration_close(&raft);
		buffer_deinit(&ours);
	}
}

static void
what_is_encoded_decodes_to_the_same(void)
{
	struct rng rng = rng_seeded(suite_seed());

	for (int round = 0; round < 300; round++) {
		struct configuration one = random_configuration(&rng);
		struct configuration two;
		struct buffer bytes = {0};
		struct error err;

		configuration_encode(&one, &bytes);
		ASSERT_OK(
		    configuration_decode(buffer_slice(&bytes), &two, &err),
		    &err);
		CU_ASSERT_TRUE(same(&one, &two));
		buffer_deinit(&bytes);
	}
}

/* A copy of exactly the size lets the sanitizers see every step too far. */
static void
damaged_bytes_are_refused_or_encode_to_themselves(void)
{
	struct rng rng = rng_seeded(suite_seed());

	for (int round = 0; round < 3000; round++) {
		struct configuration one = random_configuration(&rng);
		struct configuration two;
		struct buffer bytes = {0};
		struct buffer again = {0};
		struct error err;
		size_t size;
		uint8_t *copy;

		configuration_encode(&one, &bytes);
		size = rng_below(&rng, 2) == 0
		    ? buffer_size(&bytes)
		    : rng_below(&rng, buffer_size(&bytes)) + 1;
		copy = mem_dup(buffer_slice(&bytes).data, size);
		copy[rng_below(&rng, size)] ^=
		    (uint8_t)(1u << rng_below(&rng, 8));
		if (configuration_decode(slice_of(copy, size), &two, &err) ==
		    STATUS_OK) {
			configuration_encode(&two, &again);
			CU_ASSERT_TRUE(slice_equal(
			    buffer_slice(&again), slice_of(copy, size)));
		} else {
			CU_ASSERT_EQUAL(err.code, STATUS_CORRUPT);
		}
		mem_free(copy);
		buffer_deinit(&bytes);
		buffer_deinit(&again);
	}
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(encoding_is_what_libraft_writes),
	    SUITE_CASE(what_is_encoded_decodes_to_the_same),
	    SUITE_CASE(damaged_bytes_are_refused_or_encode_to_themselves),
	};

	return suite_run(
	    "configuration", cases, SUITE_COUNT(cases), argc, argv);
}
