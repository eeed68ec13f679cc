/*
 * Requests of one HTTP connection. However the bytes arrive, the same requests
 * come out, and the same refusals: the input's first byte says in what pieces
 * they are shown the second time.
 */
#include "common/base/mem.h"
#include "common/codec/append.h"
#include "frontend/http/http_assembler.h"
#include "tests/fuzz/fuzz.h"

static const struct http_limits limits = {
    .key_bytes_max = 50,
    .value_bytes_max = 200,
    .batch_bytes_max = 500,
};

static void
note_request(const struct http_assembler *assembler, struct buffer *out)
{
	const struct http_request *request = http_assembler_request(assembler);

	u32_append(out, request->verb);
	u32_append(out, request->is_old);
	u32_append(out, request->keeps_alive);
	sized_append(out, request->target);
	for (unsigned i = 0; i < HTTP_FIELD_COUNT; i++)
		sized_append(out, request->fields[i]);
	sized_append(out, request->body);
}

static void
note_problem(const struct http_assembler *assembler,
    enum http_assembled assembled, struct buffer *out)
{
	const struct http_problem *problem = http_assembler_problem(assembler);

	CHECK(problem->status >= 400 && problem->status < 600);
	CHECK(http_status_title(problem->status)[0] != '\0');
	/*
	 * Of a head that breaks several rules the pieces decide which one is
	 * met first: the library looks ahead within a piece.
	 */
	if (assembled == HTTP_ASSEMBLED_REFUSED)
		u32_append(out, problem->status);
}

/* Notes what one call gave; false behind the last. */
static bool
note(const struct http_assembler *assembler, enum http_assembled assembled,
    struct buffer *out)
{
	if (assembled == HTTP_ASSEMBLED_MORE)
		return true;
	u32_append(out, assembled);
	if (assembled == HTTP_ASSEMBLED_REQUEST)
		note_request(assembler, out);
	else
		note_problem(assembler, assembled, out);
	return assembled != HTTP_ASSEMBLED_BROKEN;
}

static void
assemble(struct slice input, size_t step, struct buffer *out)
{
	struct http_assembler *assembler = http_assembler_create(&limits);
	size_t start = 0;
	bool alive = true;

	while (alive && start < input.size) {
		size_t left = input.size - start;
		size_t size = left < step ? left : step;
		uint8_t *copy = fuzz_copy(slice_of(input.data + start, size));
		struct slice piece = slice_of(copy, size);

		while (alive && piece.size > 0) {
			size_t consumed = 0;
			enum http_assembled assembled =
			    http_assembler_next(assembler, piece, &consumed);

			CHECK(consumed <= piece.size);
			CHECK(assembled != HTTP_ASSEMBLED_MORE ||
			    consumed == piece.size);
			alive = note(assembler, assembled, out);
			if (alive && assembled == HTTP_ASSEMBLED_REQUEST)
				http_assembler_keep(assembler);
			piece = slice_of(
			    piece.data + consumed, piece.size - consumed);
		}
		start += size;
		mem_free(copy);
	}
	http_assembler_close(assembler);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_of(data, size);
	size_t step = (size_t)fuzz_take_number(&input, 1, 60);
	struct buffer whole = {0};
	struct buffer pieces = {0};

	assemble(input, input.size + 1, &whole);
	assemble(input, step, &pieces);
	CHECK(slice_equal(buffer_slice(&whole), buffer_slice(&pieces)));
	buffer_deinit(&whole);
	buffer_deinit(&pieces);
	return 0;
}
