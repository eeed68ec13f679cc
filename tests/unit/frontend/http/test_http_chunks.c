#include "common/base/buffer.h"
#include "frontend/http/http_chunks.h"
#include "tests/support/suite.h"

/* Takes `text` apart in pieces of `piece` bytes; the data goes to `out`. */
static enum http_chunks_step
decode(struct slice text, size_t piece, struct buffer *out, size_t *used)
{
	struct http_chunks chunks;
	enum http_chunks_step step = HTTP_CHUNKS_MORE;
	size_t given = 0;

	http_chunks_start(&chunks);
	*used = 0;
	while (given < text.size && step == HTTP_CHUNKS_MORE) {
		struct slice input = slice_of(text.data + given,
		    piece < text.size - given ? piece : text.size - given);
		struct slice data;

		given += input.size;
		while ((step = http_chunks_next(&chunks, &input, &data)) ==
		    HTTP_CHUNKS_DATA)
			buffer_append_slice(out, data);
		*used = given - input.size;
	}
	return step;
}

static void
data_comes_out_however_it_is_cut(void)
{
	static const char text[] = "5\r\nhello\r\n009;n=v; q=\"1\"\r\n, "
				   "world. \r\n0\r\nA: b\r\nC: d\r\n\r\nrest";
	size_t size = sizeof(text) - 1;

	for (size_t piece = 1; piece <= size; piece++) {
		struct buffer out = {0};
		size_t used;

		CU_ASSERT_EQUAL(
		    decode(slice_of(text, size), piece, &out, &used),
		    HTTP_CHUNKS_END);
		CU_ASSERT_EQUAL(used, size - 4);
		CU_ASSERT(slice_equal(
		    buffer_slice(&out), slice_of_string("hello, world. ")));
		buffer_deinit(&out);
	}
}

static void
sizes_are_taken_up_to_sixty_bits(void)
{
	struct buffer out = {0};
	size_t used;

	CU_ASSERT_EQUAL(
	    decode(slice_of_string("fffffffffffffff\r\nx"), 1, &out, &used),
	    HTTP_CHUNKS_MORE);
	CU_ASSERT_EQUAL(
	    decode(slice_of_string("0fffffffffffffff\r\nx"), 1, &out, &used),
	    HTTP_CHUNKS_BROKEN);
	buffer_deinit(&out);
}

/* Extensions and trailers cost the sender something, not us. */
static void
extensions_and_trailers_have_an_end(void)
{
	static const char *const starts[] = {"1;", "0\r\nA: "};

	for (size_t i = 0; i < SUITE_COUNT(starts); i++) {
		struct buffer text = {0};
		struct buffer out = {0};
		size_t used;

		buffer_append_slice(&text, slice_of_string(starts[i]));
		for (unsigned n = 0; n <= HTTP_CHUNK_EXTRA_BYTES_MAX; n++)
			buffer_append_byte(&text, 'a');
		CU_ASSERT_EQUAL(decode(buffer_slice(&text), 100, &out, &used),
		    HTTP_CHUNKS_BROKEN);
		buffer_deinit(&text);
		buffer_deinit(&out);
	}
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(data_comes_out_however_it_is_cut),
	    SUITE_CASE(sizes_are_taken_up_to_sixty_bits),
	    SUITE_CASE(extensions_and_trailers_have_an_end),
	};

	return suite_run("http_chunks", cases, SUITE_COUNT(cases), argc, argv);
}
