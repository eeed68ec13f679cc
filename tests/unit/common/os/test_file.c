#include <stdio.h>

#include "common/os/file.h"
#include "tests/support/scratch.h"
#include "tests/support/suite.h"

static void
replaced_file_has_the_new_content_and_no_leftover(void)
{
	struct file_system *fs = file_system_real();
	struct scratch scratch;
	struct buffer content = {0};
	struct error err;

	scratch_init(&scratch);
	ASSERT_OK(file_replace(fs, scratch_path(&scratch, "a"),
		      slice_of_string("one"), &err),
	    &err);
	ASSERT_OK(file_replace(fs, scratch_path(&scratch, "a"),
		      slice_of_string("two!"), &err),
	    &err);
	ASSERT_OK(
	    file_read_whole(fs, scratch_path(&scratch, "a"), 4, &content, &err),
	    &err);
	CU_ASSERT_TRUE(
	    slice_equal(buffer_slice(&content), slice_of_string("two!")));
	CU_ASSERT_FALSE(path_exists(scratch_path(&scratch, "a.new")));
	CU_ASSERT_EQUAL(
	    file_read_whole(fs, scratch_path(&scratch, "a"), 3, &content, &err),
	    STATUS_INVALID);
	buffer_deinit(&content);
	scratch_deinit(&scratch);
}

static void
missing_file_is_not_found_and_removing_it_is_fine(void)
{
	struct file_system *fs = file_system_real();
	struct scratch scratch;
	struct file *file;
	struct error err;

	scratch_init(&scratch);
	CU_ASSERT_EQUAL(
	    file_open(fs, scratch_path(&scratch, "no"), &file, &err),
	    STATUS_NOT_FOUND);
	CU_ASSERT_PTR_NULL(file);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, scratch.path));
	ASSERT_OK(path_remove(fs, scratch_path(&scratch, "no"), &err), &err);
	scratch_deinit(&scratch);
}

static void
second_lock_is_busy_until_the_first_is_closed(void)
{
	struct file_system *fs = file_system_real();
	struct scratch scratch;
	struct file *one;
	struct file *two;
	struct error err;

	scratch_init(&scratch);
	ASSERT_OK(
	    file_create(fs, scratch_path(&scratch, "lock"), &one, &err), &err);
	ASSERT_OK(
	    file_open(fs, scratch_path(&scratch, "lock"), &two, &err), &err);
	ASSERT_OK(file_lock(one, &err), &err);
	CU_ASSERT_EQUAL(file_lock(two, &err), STATUS_BUSY);
	file_close(one);
	ASSERT_OK(file_lock(two, &err), &err);
	file_close(two);
	scratch_deinit(&scratch);
}

static void
pages_left_come_back_with_what_was_written(void)
{
	enum {
		SIZE = 64 << 10
	};
	struct file_system *fs = file_system_real();
	struct buffer content = {0};
	struct scratch scratch;
	struct file *file;
	struct error err;
	void *mapping;

	scratch_init(&scratch);
	ASSERT_OK(
	    file_create(fs, scratch_path(&scratch, "m"), &file, &err), &err);
	ASSERT_OK(file_allocate(file, SIZE, &err), &err);
	ASSERT_OK(file_map(file, SIZE, true, &mapping, &err), &err);
	memset(mapping, 'a', SIZE);
	file_leave_pages(mapping, SIZE / 2);
	CU_ASSERT_EQUAL(((uint8_t *)mapping)[SIZE / 2 - 1], 'a');
	file_leave_pages(mapping, SIZE);
	ASSERT_OK(file_read_whole(
		      fs, scratch_path(&scratch, "m"), SIZE, &content, &err),
	    &err);
	CU_ASSERT_EQUAL(buffer_size(&content), SIZE);
	for (size_t i = 0; i < SIZE; i++)
		CU_ASSERT_EQUAL_FATAL(content.data[i], 'a');
	buffer_deinit(&content);
	file_unmap(mapping, SIZE);
	file_close(file);
	scratch_deinit(&scratch);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(replaced_file_has_the_new_content_and_no_leftover),
	    SUITE_CASE(missing_file_is_not_found_and_removing_it_is_fine),
	    SUITE_CASE(second_lock_is_busy_until_the_first_is_closed),
	    SUITE_CASE(pages_left_come_back_with_what_was_written),
	};

	return suite_run("file", cases, SUITE_COUNT(cases), argc, argv);
}
