#include <errno.h>
#include <stdio.h>

#include "common/base/arena.h"
#include "common/base/buffer.h"
#include "common/base/nearest.h"
#include "common/base/rng.h"
#include "common/base/status.h"
#include "tests/support/suite.h"

static void
wrapping_keeps_the_cause_when_text_is_full(void)
{
	struct error err;
	char *long_text =
	    "a context that is rather long, as those of deep layers are";

	error_set(&err, STATUS_CORRUPT, "checksum mismatch");
	for (int i = 0; i < 20; i++)
		error_wrap(&err, "%s", long_text);
	CU_ASSERT_EQUAL(err.code, STATUS_CORRUPT);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, ": checksum mismatch"));
	CU_ASSERT_TRUE(strlen(err.text) < ERROR_TEXT_BYTES_MAX);
}

static void
wrapping_puts_the_outermost_first(void)
{
	struct error err;

	error_set(&err, STATUS_IO, "read");
	error_wrap(&err, "log %d", 12);
	error_wrap(&err, "recover");
	CU_ASSERT_STRING_EQUAL(err.text, "recover: log 12: read");
}

static void
errno_tells_what_another_try_may_mend(void)
{
	struct error err;

	CU_ASSERT_EQUAL(
	    error_set_errno(&err, ENOSPC, "write"), STATUS_NO_SPACE);
	CU_ASSERT_EQUAL(error_set_errno(&err, EMFILE, "open"), STATUS_BUSY);
	CU_ASSERT_EQUAL(error_set_errno(&err, EIO, "write"), STATUS_IO);
}

static void
slices_are_ordered_as_bytes(void)
{
	CU_ASSERT_TRUE(slice_compare(SLICE_EMPTY, slice_of("a", 1)) < 0);
	CU_ASSERT_TRUE(slice_compare(slice_of("ab", 2), slice_of("a", 1)) > 0);
	CU_ASSERT_TRUE(
	    slice_compare(slice_of("\x80", 1), slice_of("\x7f", 1)) > 0);
	CU_ASSERT_TRUE(slice_equal(SLICE_EMPTY, slice_of("", 0)));
	CU_ASSERT_TRUE(
	    slice_starts_with(slice_of("abc", 3), slice_of("ab", 2)));
	CU_ASSERT_FALSE(slice_starts_with(slice_of("a", 1), slice_of("ab", 2)));
}

static void
buffer_content_survives_growing_and_consuming(void)
{
	struct rng rng = rng_seeded(suite_seed());
	struct buffer buffer = {0};
	uint8_t next_in = 0;
	uint8_t next_out = 0;

	for (int round = 0; round < 20000; round++) {
		size_t in = rng_below(&rng, 40);
		size_t out;

		for (size_t i = 0; i < in; i++)
			buffer_append_byte(&buffer, next_in++);
		out = rng_below(&rng, 40);
		if (out > buffer_size(&buffer))
			out = buffer_size(&buffer);
		for (size_t i = 0; i < out; i++)
			CU_ASSERT_EQUAL_FATAL(
			    buffer_slice(&buffer).data[i], next_out++);
		buffer_consume(&buffer, out);
	}
	buffer_printf(&buffer, "%d-%s", 42, "x");
	CU_ASSERT_EQUAL(memcmp(buffer.data + buffer.end - 4, "42-x", 4), 0);
	buffer_deinit(&buffer);
	CU_ASSERT_EQUAL(buffer_size(&buffer), 0);
}

static void
arena_pieces_do_not_overlap(void)
{
	struct arena arena = {0};
	uint8_t *pieces[300];

	for (size_t i = 0; i < 300; i++) {
		pieces[i] = arena_new(&arena, 1 + i * 7);
		memset(pieces[i], (int)i, 1 + i * 7);
	}
	for (size_t i = 0; i < 300; i++) {
		CU_ASSERT_EQUAL(pieces[i][0], (uint8_t)i);
		CU_ASSERT_EQUAL(pieces[i][i * 7], (uint8_t)i);
	}
	arena_deinit(&arena);
}

static void
a_slip_is_near_and_another_word_is_not(void)
{
	struct nearest slip = {.wrong = "endpiont"};
	struct nearest other = {.wrong = "colour"};
	char longest[2 * NEAREST_BYTES_MAX] = {0};
	struct nearest too_long = {.wrong = longest};

	nearest_offer(&slip, "end");
	nearest_offer(&slip, "endpoint");
	nearest_offer(&slip, "timeout");
	CU_ASSERT_STRING_EQUAL(slip.best, "endpoint");
	nearest_offer(&other, "limit");
	CU_ASSERT_PTR_NULL(other.best);
	memset(longest, 'a', sizeof(longest) - 1);
	nearest_offer(&too_long, longest);
	CU_ASSERT_PTR_NULL(too_long.best);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(wrapping_keeps_the_cause_when_text_is_full),
	    SUITE_CASE(wrapping_puts_the_outermost_first),
	    SUITE_CASE(errno_tells_what_another_try_may_mend),
	    SUITE_CASE(slices_are_ordered_as_bytes),
	    SUITE_CASE(buffer_content_survives_growing_and_consuming),
	    SUITE_CASE(arena_pieces_do_not_overlap),
	    SUITE_CASE(a_slip_is_near_and_another_word_is_not),
	};

	return suite_run("base", cases, SUITE_COUNT(cases), argc, argv);
}
