/*
 * Chunked bodies. However the bytes arrive, the same body comes out: the
 * input's first byte says in what pieces they are shown the second time.
 */
#include "common/base/mem.h"
#include "frontend/http/http_chunks.h"
#include "tests/fuzz/fuzz.h"

struct result {
	struct buffer body;
	enum http_chunks_step last;
	size_t rest; /* bytes behind the end */
};

static void
read_body(struct slice input, size_t step, struct result *out)
{
	struct http_chunks chunks;
	size_t start = 0;

	http_chunks_start(&chunks);
	out->last = HTTP_CHUNKS_MORE;
	while (start < input.size && out->last == HTTP_CHUNKS_MORE) {
		size_t left = input.size - start;
		size_t size = left < step ? left : step;
		uint8_t *copy = fuzz_copy(slice_of(input.data + start, size));
		struct slice piece = slice_of(copy, size);
		struct slice data = SLICE_EMPTY;

		do {
			size_t before = piece.size;

			out->last = http_chunks_next(&chunks, &piece, &data);
			CHECK(piece.size <= before);
			if (out->last == HTTP_CHUNKS_DATA) {
				CHECK(data.size > 0);
				buffer_append_slice(&out->body, data);
			}
		} while (out->last == HTTP_CHUNKS_DATA);
		CHECK(out->last != HTTP_CHUNKS_MORE || piece.size == 0);
		start += size - piece.size;
		mem_free(copy);
	}
	out->rest = input.size - start;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_of(data, size);
	size_t step = (size_t)fuzz_take_number(&input, 1, 20);
	struct result whole = {0};
	struct result pieces = {0};

	read_body(input, input.size + 1, &whole);
	read_body(input, step, &pieces);
	CHECK(whole.last == pieces.last);
	CHECK(whole.last == HTTP_CHUNKS_BROKEN || whole.rest == pieces.rest);
	CHECK(
	    slice_equal(buffer_slice(&whole.body), buffer_slice(&pieces.body)));
	CHECK(buffer_size(&whole.body) <= input.size);
	buffer_deinit(&whole.body);
	buffer_deinit(&pieces.body);
	return 0;
}
