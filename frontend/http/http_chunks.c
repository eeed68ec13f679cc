#include "frontend/http/http_chunks.h"

/*
 *   SIZE -> [EXTENSION ->] SIZE_LF -> DATA -> DATA_CR -> DATA_LF -> SIZE
 *                             |
 *                             +-> (size 0) TRAILER -> ... -> ENDED
 */
enum chunk_state {
	CHUNK_SIZE,
	CHUNK_EXTENSION,
	CHUNK_SIZE_LF,
	CHUNK_DATA,
	CHUNK_DATA_CR,
	CHUNK_DATA_LF,
	CHUNK_TRAILER, /* at the beginning of a line */
	CHUNK_TRAILER_TEXT,
	CHUNK_TRAILER_LF,
	CHUNK_LAST_LF,
	CHUNK_ENDED,
	CHUNK_BROKEN,
};

/* Hexadecimal digits of the largest size that is taken. */
#define DIGITS_MAX 15

void
http_chunks_start(struct http_chunks *chunks)
{
	*chunks = (struct http_chunks){.state = CHUNK_SIZE};
}

static int
digit_of(uint8_t byte)
{
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	byte |= 0x20;
	return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

static enum chunk_state
next_of_size(struct http_chunks *chunks, uint8_t byte)
{
	int digit = digit_of(byte);

	if (digit >= 0) {
		chunks->left = chunks->left << 4 | (unsigned)digit;
		return ++chunks->digits > DIGITS_MAX ? CHUNK_BROKEN
						     : CHUNK_SIZE;
	}
	if (chunks->digits == 0)
		return CHUNK_BROKEN;
	chunks->extra_bytes = 0;
	if (byte == '\r')
		return CHUNK_SIZE_LF;
	return byte == ';' || byte == ' ' || byte == '\t' ? CHUNK_EXTENSION
							  : CHUNK_BROKEN;
}

/* A byte of an extension or a trailer, which `at_cr` ends. */
static enum chunk_state
next_of_extra(struct http_chunks *chunks, uint8_t byte, enum chunk_state at_cr)
{
	if (byte == '\r')
		return at_cr;
	if (++chunks->extra_bytes > HTTP_CHUNK_EXTRA_BYTES_MAX)
		return CHUNK_BROKEN;
	if ((byte < ' ' && byte != '\t') || byte == 0x7f)
		return CHUNK_BROKEN;
	return at_cr == CHUNK_SIZE_LF ? CHUNK_EXTENSION : CHUNK_TRAILER_TEXT;
}

static enum chunk_state
next_of(struct http_chunks *chunks, uint8_t byte)
{
	switch ((enum chunk_state)chunks->state) {
	case CHUNK_SIZE:
		return next_of_size(chunks, byte);
	case CHUNK_EXTENSION:
		return next_of_extra(chunks, byte, CHUNK_SIZE_LF);
	case CHUNK_SIZE_LF:
		chunks->digits = 0;
		chunks->extra_bytes = 0;
		if (byte != '\n')
			return CHUNK_BROKEN;
		return chunks->left > 0 ? CHUNK_DATA : CHUNK_TRAILER;
	case CHUNK_DATA_CR:
		return byte == '\r' ? CHUNK_DATA_LF : CHUNK_BROKEN;
	case CHUNK_DATA_LF:
		return byte == '\n' ? CHUNK_SIZE : CHUNK_BROKEN;
	case CHUNK_TRAILER:
		if (byte == '\r')
			return CHUNK_LAST_LF;
		return next_of_extra(chunks, byte, CHUNK_TRAILER_LF);
	case CHUNK_TRAILER_TEXT:
		return next_of_extra(chunks, byte, CHUNK_TRAILER_LF);
	case CHUNK_TRAILER_LF:
		return byte == '\n' ? CHUNK_TRAILER : CHUNK_BROKEN;
	case CHUNK_LAST_LF:
		return byte == '\n' ? CHUNK_ENDED : CHUNK_BROKEN;
	default:
		return CHUNK_BROKEN;
	}
}

enum http_chunks_step
http_chunks_next(
    struct http_chunks *chunks, struct slice *input, struct slice *data)
{
	while (input->size > 0) {
		if (chunks->state == CHUNK_DATA) {
			*data = *input;
			if (data->size > chunks->left)
				data->size = (size_t)chunks->left;
			input->data += data->size;
			input->size -= data->size;
			chunks->left -= data->size;
			if (chunks->left == 0)
				chunks->state = CHUNK_DATA_CR;
			return HTTP_CHUNKS_DATA;
		}
		chunks->state = next_of(chunks, input->data[0]);
		if (chunks->state == CHUNK_BROKEN)
			return HTTP_CHUNKS_BROKEN;
		input->data++;
		input->size--;
		if (chunks->state == CHUNK_ENDED)
			return HTTP_CHUNKS_END;
	}
	return HTTP_CHUNKS_MORE;
}
