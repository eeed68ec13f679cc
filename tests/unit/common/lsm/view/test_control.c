#include <pthread.h>
#include <unistd.h>

#include "common/lsm/view/control.h"
#include "common/lsm/view/control_format.h"
#include "common/os/clock.h"
#include "common/os/file.h"
#include "tests/support/scratch.h"
#include "tests/support/suite.h"

static const uint8_t store_id[16] = {0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6,
    0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf};

static uint64_t
fixed_ns(const struct clock *clock)
{
	(void)clock;
	return 5000 * UINT64_C(1000000);
}

static const struct clock fixed_clock = {.monotonic_ns = fixed_ns};

static struct control_state
state_of(const struct control *control)
{
	struct control_state state;

	control_load(control, &state);
	return state;
}

static uint64_t
now_of(const struct control *control)
{
	struct control_state state = state_of(control);

	return control_now_ms(&state, &fixed_clock);
}

static void
block_has_the_golden_bytes(void)
{
	static const uint8_t header[64] = {0x6b, 0x76, 0x6b, 0x63, 0x74, 0x72,
	    0x6c, 0x00, 1, 0, 0, 0, 3, 0, 0, 0, 0xa0, 0xa1, 0xa2, 0xa3, 0xa4,
	    0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae,
	    0xaf, [56] = 0xba, 0x36, 0x42, 0x3f, 0xa8, 0x53, 0x2f, 0x9a};
	static const uint64_t words[8] = {
	    7, 41, 1234, 0x1122, 1ull << 32 | 250, 1, 0, 0};
	struct scratch scratch;
	struct control *control;
	struct buffer bytes = {0};
	struct error err;

	scratch_init(&scratch);
	ASSERT_OK(
	    control_create(file_system_real(),
		scratch_path(&scratch, "control"), 3, store_id, &control, &err),
	    &err);
	control_publish_view(control, 7);
	control_publish_sequence(control, 41, 1234);
	control_set_clock_offset(control, 0x1122);
	control_set_write_state(control, CONTROL_WRITES_DELAYED, 250);
	control_close(control);
	ASSERT_OK(
	    file_read_whole(file_system_real(),
		scratch_path(&scratch, "control"), CONTROL_BYTES, &bytes, &err),
	    &err);
	CU_ASSERT_EQUAL_FATAL(buffer_size(&bytes), CONTROL_BYTES);
	CU_ASSERT_EQUAL(memcmp(bytes.data, header, sizeof(header)), 0);
	CU_ASSERT_EQUAL(memcmp(bytes.data + 64, words, sizeof(words)), 0);
	buffer_deinit(&bytes);
	scratch_deinit(&scratch);
}

static void
new_incarnation_adopts_the_block_and_its_numbers(void)
{
	struct scratch scratch;
	struct control *first;
	struct control *second;
	struct control *reader;
	struct error err;
	char path[PATH_BYTES_MAX];

	scratch_init(&scratch);
	path_join(path, scratch.path, "control");
	CU_ASSERT_EQUAL(control_open(path, 0, &reader, &err), STATUS_NOT_FOUND);
	CU_ASSERT_PTR_NULL(reader);
	ASSERT_OK(
	    control_create(file_system_real(), path, 0, store_id, &first, &err),
	    &err);
	ASSERT_OK(control_open(path, 0, &reader, &err), &err);
	CU_ASSERT_EQUAL(state_of(reader).view_number, 0);
	CU_ASSERT_EQUAL(state_of(reader).write_state, CONTROL_WRITES_DOWN);
	control_publish_view(first, 12);
	control_publish_sequence(first, 99, 1000);
	control_set_write_state(first, CONTROL_WRITES_OK, 0);
	CU_ASSERT_EQUAL(state_of(reader).write_state, CONTROL_WRITES_OK);
	control_close(first);
	ASSERT_OK(control_create(
		      file_system_real(), path, 0, store_id, &second, &err),
	    &err);
	CU_ASSERT_EQUAL(state_of(second).view_number, 12);
	CU_ASSERT_EQUAL(state_of(second).published_sequence, 99);
	CU_ASSERT_EQUAL(state_of(reader).incarnation, 2);
	CU_ASSERT_EQUAL(state_of(reader).write_state, CONTROL_WRITES_DOWN);
	CU_ASSERT_TRUE(control_is_at(reader, path));
	CU_ASSERT_EQUAL(
	    memcmp(control_store_id(reader), store_id, sizeof(store_id)), 0);
	control_publish_view(second, 13);
	CU_ASSERT_EQUAL(state_of(reader).view_number, 13);
	control_close(second);
	control_close(reader);
	scratch_deinit(&scratch);
}

static void
time_is_the_later_of_the_store_clock_and_the_nodes(void)
{
	struct scratch scratch;
	struct control *control;
	struct error err;

	scratch_init(&scratch);
	ASSERT_OK(
	    control_create(file_system_real(),
		scratch_path(&scratch, "control"), 0, store_id, &control, &err),
	    &err);
	CU_ASSERT_EQUAL(now_of(control), 5000);
	control_set_clock_offset(control, 1000);
	CU_ASSERT_EQUAL(now_of(control), 6000);
	control_set_clock_offset(control, -1000);
	CU_ASSERT_EQUAL(now_of(control), 4000);
	control_publish_sequence(control, 1, 7000);
	CU_ASSERT_EQUAL(now_of(control), 7000);
	control_close(control);
	scratch_deinit(&scratch);
}

static void
spoil(const char *path, size_t offset, size_t size)
{
	struct buffer bytes = {0};
	struct error err;

	ASSERT_OK(file_read_whole(
		      file_system_real(), path, CONTROL_BYTES, &bytes, &err),
	    &err);
	if (offset < size)
		bytes.data[offset] ^= 1;
	ASSERT_OK(file_replace(file_system_real(), path,
		      slice_of(bytes.data, size), &err),
	    &err);
	buffer_deinit(&bytes);
}

static void
damaged_block_is_refused_by_readers_and_replaced_by_the_writer(void)
{
	static const struct {
		size_t offset;
		size_t size;
		enum status status;
	} cases[] = {
	    {0, CONTROL_BYTES, STATUS_CORRUPT},
	    {8, CONTROL_BYTES, STATUS_VERSION},
	    {20, CONTROL_BYTES, STATUS_CORRUPT},
	    {60, CONTROL_BYTES, STATUS_CORRUPT},
	    {100, 100, STATUS_CORRUPT},
	    {0, 0, STATUS_CORRUPT},
	};
	struct scratch scratch;
	struct control *control;
	struct control *reader;
	struct error err;
	char path[PATH_BYTES_MAX];

	scratch_init(&scratch);
	path_join(path, scratch.path, "control");
	for (size_t i = 0; i < SUITE_COUNT(cases); i++) {
		ASSERT_OK(control_create(file_system_real(), path, 0, store_id,
			      &control, &err),
		    &err);
		control_publish_view(control, 5);
		control_close(control);
		spoil(path, cases[i].offset, cases[i].size);
		CU_ASSERT_EQUAL(
		    control_open(path, 0, &reader, &err), cases[i].status);
		CU_ASSERT_PTR_NULL(reader);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, path));
		ASSERT_OK(control_create(file_system_real(), path, 0, store_id,
			      &control, &err),
		    &err);
		CU_ASSERT_EQUAL(state_of(control).view_number, 0);
		control_close(control);
	}
	CU_ASSERT_EQUAL(control_open(path, 1, &reader, &err), STATUS_CORRUPT);
	scratch_deinit(&scratch);
}

static void
block_of_another_store_is_replaced_and_its_readers_can_tell(void)
{
	uint8_t other_id[16] = {1};
	struct scratch scratch;
	struct control *control;
	struct control *reader;
	struct error err;
	char path[PATH_BYTES_MAX];

	scratch_init(&scratch);
	path_join(path, scratch.path, "control");
	ASSERT_OK(control_create(
		      file_system_real(), path, 0, other_id, &control, &err),
	    &err);
	control_publish_view(control, 5);
	control_close(control);
	ASSERT_OK(control_open(path, 0, &reader, &err), &err);
	CU_ASSERT_TRUE(control_is_at(reader, path));
	ASSERT_OK(control_create(
		      file_system_real(), path, 0, store_id, &control, &err),
	    &err);
	CU_ASSERT_EQUAL(state_of(control).view_number, 0);
	CU_ASSERT_FALSE(control_is_at(reader, path));
	CU_ASSERT_EQUAL(state_of(reader).view_number, 0);
	control_close(control);
	CU_ASSERT_EQUAL(unlink(path), 0);
	CU_ASSERT_FALSE(control_is_at(reader, path));
	control_close(reader);
	scratch_deinit(&scratch);
}

struct watch {
	const struct control *control;
	uint64_t last;
	bool is_wrong;
};

/* Until the last sequence: what is loaded after one belongs to it or later. */
static void *
watch_control(void *context)
{
	struct watch *watch = context;
	uint64_t seen = 0;

	while (seen < watch->last) {
		struct control_state state = state_of(watch->control);

		if (state.published_sequence < seen ||
		    state.view_number < state.published_sequence ||
		    state.store_clock_ms < state.published_sequence)
			watch->is_wrong = true;
		seen = state.published_sequence;
	}
	return NULL;
}

static void
who_sees_a_sequence_sees_its_view_and_its_clock(void)
{
	struct scratch scratch;
	struct control *control;
	struct watch watch = {.last = 2000000};
	pthread_t thread;
	struct error err;

	scratch_init(&scratch);
	ASSERT_OK(
	    control_create(file_system_real(),
		scratch_path(&scratch, "control"), 0, store_id, &control, &err),
	    &err);
	watch.control = control;
	CU_ASSERT_EQUAL_FATAL(
	    pthread_create(&thread, NULL, watch_control, &watch), 0);
	for (uint64_t i = 1; i <= watch.last; i++) {
		control_publish_view(control, i);
		control_publish_sequence(control, i, i);
	}
	CU_ASSERT_EQUAL(pthread_join(thread, NULL), 0);
	CU_ASSERT_FALSE(watch.is_wrong);
	control_close(control);
	scratch_deinit(&scratch);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(block_has_the_golden_bytes),
	    SUITE_CASE(new_incarnation_adopts_the_block_and_its_numbers),
	    SUITE_CASE(time_is_the_later_of_the_store_clock_and_the_nodes),
	    SUITE_CASE(
		damaged_block_is_refused_by_readers_and_replaced_by_the_writer),
	    SUITE_CASE(
		block_of_another_store_is_replaced_and_its_readers_can_tell),
	    SUITE_CASE(who_sees_a_sequence_sees_its_view_and_its_clock),
	};

	return suite_run("control", cases, SUITE_COUNT(cases), argc, argv);
}
