/*
 * resp_parser - requests of the Redis protocol, found in place in input bytes.
 *
 * Takes arrays of bulk strings and inline commands, any number after each
 * other. Arguments of arrays point into the input. A request that is not yet
 * complete is taken up where the last call left off, so that each byte is
 * looked at once however it arrives.
 *
 * Failure    A broken rule of the protocol has the very text that Redis 7
 *            answers with; the connection cannot go on behind it.
 * Ownership  The parser borrows the input; arguments die with the next call.
 * Limits     RESP_ARGUMENTS_MAX, RESP_LINE_BYTES_MAX and those given to
 *            resp_parser_init(). What a client declares makes nobody allocate:
 *            room grows with what has come.
 */
#ifndef FRONTEND_TCP_RESP_PARSER_H
#define FRONTEND_TCP_RESP_PARSER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/slice.h"
#include "common/base/status.h"

#define RESP_ARGUMENTS_MAX (1u << 20)
#define RESP_LINE_BYTES_MAX (64u << 10)

enum resp_parsed {
	RESP_PARSED_COMMAND, /* arguments are there, at least one */
	RESP_PARSED_MORE, /* more bytes must come */
	RESP_PARSED_ERROR, /* reply with the text, then close */
};

struct resp_parser {
	struct slice *arguments;
	uint32_t count;
	/* The rest is the parser's own. */
	uint32_t capacity;
	uint32_t expected; /* arguments of the unfinished array; 0: none */
	size_t position; /* its bytes that are done with */
	size_t searched; /* bytes without the end of line looked for */
	size_t bulk_bytes; /* size of the argument that is coming ... */
	bool in_bulk; /* ... when its header is done with */
	struct buffer line; /* the last inline command, unquoted */
	bool finished; /* the last call returned a command */
	size_t bulk_bytes_max;
	size_t request_bytes_max;
};

/* Starts for one connection: longest argument, longest request. */
void resp_parser_init(struct resp_parser *parser, size_t bulk_bytes_max,
    size_t request_bytes_max);
void resp_parser_deinit(struct resp_parser *parser);

/*
 * Parses the first request in `bytes`, which begin where the last call's
 * *consumed ended; bytes shown before may have moved but not changed. With
 * COMMAND, the caller drops *consumed bytes when it is done with the
 * arguments; if it does not, the same request is parsed again. With MORE it
 * drops them at once, and *wanted is how many bytes behind them make another
 * call worth while. With ERROR, `err` has the text.
 */
enum resp_parsed
resp_parser_next(struct resp_parser *parser, const uint8_t *bytes, size_t size,
    size_t *consumed, size_t *wanted, struct error *err);

#endif
