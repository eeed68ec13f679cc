/*
 * resp_inline - the words of an inline command of the Redis protocol.
 *
 * Blanks part words. A part in double quotes may hold blanks and the escapes
 * \n \r \t \b \a \xHH and \ before any other byte; one in single quotes knows
 * \' alone. A closing quote ends its word.
 *
 * Ownership  Words are unquoted in place: they borrow the line and change it.
 */
#ifndef FRONTEND_TCP_RESP_INLINE_H
#define FRONTEND_TCP_RESP_INLINE_H

#include <stdint.h>

#include "common/base/slice.h"

/* What is left of a line. */
struct resp_inline {
	uint8_t *next;
	uint8_t *end;
};

enum resp_word {
	RESP_WORD_FOUND,
	RESP_WORD_END,
	RESP_WORD_UNBALANCED, /* quotes are not closed, or closed in a word */
};

/* Takes the next word off the line. */
enum resp_word resp_inline_next(struct resp_inline *line, struct slice *word);

#endif
