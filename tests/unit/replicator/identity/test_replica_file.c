#include <string.h>

#include "common/codec/checksum.h"
#include "common/codec/integer.h"
#include "common/os/file.h"
#include "replicator/identity/replica_file.h"
#include "tests/support/fault_file_system.h"
#include "tests/support/scratch.h"
#include "tests/support/suite.h"

static const struct replica unformed = {.id = 7, .name = "n1"};
static const struct replica formed = {.id = 7,
    .name = "n1",
    .is_formed = true,
    .charter = {.cluster_id = "0123456789abcdef",
	.count = 2,
	.founders = {{7, "n1"}, {8, "n2"}}}};

static void
encodes_as(const struct replica *replica, const char *golden, size_t size)
{
	struct buffer bytes = {0};
	struct buffer again = {0};
	struct replica out;
	struct error err;
	uint8_t checksum[8];

	replica_encode(replica, &bytes);
	CU_ASSERT_EQUAL_FATAL(buffer_size(&bytes), size + 8);
	CU_ASSERT_EQUAL(memcmp(bytes.data, golden, size), 0);
	u64_store(checksum, checksum64(slice_of(golden, size), 0));
	CU_ASSERT_EQUAL(memcmp(bytes.data + size, checksum, 8), 0);
	ASSERT_OK(replica_decode(buffer_slice(&bytes), &out, &err), &err);
	replica_encode(&out, &again);
	CU_ASSERT_TRUE(slice_equal(buffer_slice(&bytes), buffer_slice(&again)));
	buffer_deinit(&bytes);
	buffer_deinit(&again);
}

static void
file_is_as_agreed(void)
{
	static const char before[] = "kvrepl1\n\1\0\0\0\0\0\0\0"
				     "\7\0\0\0\0\0\0\0\2\0\0\0n1";
	static const char after[] = "kvrepl1\n\1\0\0\0\1\0\0\0"
				    "\7\0\0\0\0\0\0\0\2\0\0\0n1"
				    "0123456789abcdef\2\0\0\0"
				    "\7\0\0\0\0\0\0\0\2\0\0\0n1"
				    "\10\0\0\0\0\0\0\0\2\0\0\0n2";

	encodes_as(&unformed, before, sizeof(before) - 1);
	encodes_as(&formed, after, sizeof(after) - 1);
}

static void
damage_is_seen_and_newer_formats_are_named(void)
{
	struct buffer bytes = {0};
	struct replica out;
	struct error err;

	replica_encode(&formed, &bytes);
	for (size_t size = 0; size < buffer_size(&bytes); size++)
		CU_ASSERT_EQUAL(
		    replica_decode(slice_of(bytes.data, size), &out, &err),
		    STATUS_CORRUPT);
	for (size_t i = 0; i < buffer_size(&bytes); i++) {
		bytes.data[i] ^= 0x10;
		CU_ASSERT_EQUAL(
		    replica_decode(buffer_slice(&bytes), &out, &err),
		    i >= 8 && i < 12 ? STATUS_VERSION : STATUS_CORRUPT);
		bytes.data[i] ^= 0x10;
	}
	buffer_deinit(&bytes);
}

/* A charter must have the server in it, under its name and with its id. */
static void
charter_of_others_is_damage(void)
{
	struct buffer bytes = {0};
	struct replica other = formed;
	struct replica out;
	struct error err;

	other.charter.founders[0].id = 9;
	replica_encode(&other, &bytes);
	CU_ASSERT_EQUAL(
	    replica_decode(buffer_slice(&bytes), &out, &err), STATUS_CORRUPT);
	buffer_deinit(&bytes);
}

static void
power_cuts_leave_the_old_or_the_new(void)
{
	struct fault_file_system *fault;
	struct file_system *fs;
	struct scratch root;
	struct replica out;
	struct error err;
	uint64_t saved;
	uint64_t calls;

	scratch_init(&root);
	fault = fault_file_system_create(root.path);
	fs = fault_file_system_table(fault);
	CU_ASSERT_EQUAL(
	    replica_file_load(fs, root.path, &out, &err), STATUS_NOT_FOUND);
	ASSERT_OK(replica_file_save(fs, root.path, &unformed, &err), &err);
	saved = fault_file_system_calls(fault);
	ASSERT_OK(replica_file_save(fs, root.path, &formed, &err), &err);
	calls = fault_file_system_calls(fault);
	for (uint64_t i = saved; i <= calls; i++) {
		for (uint64_t seed = 0; seed < 20; seed++) {
			struct scratch after;

			scratch_init(&after);
			fault_file_system_materialise(
			    fault, i, suite_seed() + seed, after.path);
			ASSERT_OK(replica_file_load(file_system_real(),
				      after.path, &out, &err),
			    &err);
			CU_ASSERT_EQUAL(out.id, 7);
			if (i == calls)
				CU_ASSERT_TRUE(out.is_formed);
			scratch_deinit(&after);
		}
	}
	fault_file_system_close(fault);
	scratch_deinit(&root);
}

static void
failing_calls_are_returned_and_leave_the_old(void)
{
	struct scratch root;
	struct replica out;
	struct error err;
	bool has_struck = true;

	for (uint64_t call = 0; has_struck; call++) {
		struct fault_file_system *fault;
		struct file_system *fs;
		enum status status;

		scratch_init(&root);
		ASSERT_OK(replica_file_save(
			      file_system_real(), root.path, &unformed, &err),
		    &err);
		fault = fault_file_system_create(root.path);
		fs = fault_file_system_table(fault);
		fault_file_system_fail(fault, call, FAULT_ERROR, 5);
		status = replica_file_save(fs, root.path, &formed, &err);
		has_struck = fault_file_system_struck(fault);
		ASSERT_OK(replica_file_load(
			      file_system_real(), root.path, &out, &err),
		    &err);
		if (status == STATUS_OK)
			CU_ASSERT_TRUE(out.is_formed);
		fault_file_system_close(fault);
		scratch_deinit(&root);
	}
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(file_is_as_agreed),
	    SUITE_CASE(damage_is_seen_and_newer_formats_are_named),
	    SUITE_CASE(charter_of_others_is_damage),
	    SUITE_CASE(power_cuts_leave_the_old_or_the_new),
	    SUITE_CASE(failing_calls_are_returned_and_leave_the_old),
	};

	return suite_run("replica_file", cases, SUITE_COUNT(cases), argc, argv);
}
