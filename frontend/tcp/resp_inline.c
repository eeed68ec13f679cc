#include "frontend/tcp/resp_inline.h"

static bool
is_blank(uint8_t byte)
{
	return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* The value of a hexadecimal digit, 16 for any other byte. */
static unsigned
hex_digit(uint8_t byte)
{
	if (byte >= '0' && byte <= '9')
		return byte - (unsigned)'0';
	byte |= 0x20;
	return byte >= 'a' && byte <= 'f' ? byte - (unsigned)'a' + 10 : 16;
}

/* Reads the escape behind a backslash at `from`; returns what follows it. */
static uint8_t *
unescape(uint8_t *from, const uint8_t *end, uint8_t *byte)
{
	if (end - from >= 4 && from[1] == 'x' && hex_digit(from[2]) < 16 &&
	    hex_digit(from[3]) < 16) {
		*byte = (uint8_t)(hex_digit(from[2]) * 16 + hex_digit(from[3]));
		return from + 4;
	}
	switch (from[1]) {
	case 'n':
		*byte = '\n';
		break;
	case 'r':
		*byte = '\r';
		break;
	case 't':
		*byte = '\t';
		break;
	case 'b':
		*byte = '\b';
		break;
	case 'a':
		*byte = '\a';
		break;
	default:
		*byte = from[1];
		break;
	}
	return from + 2;
}

/*
 * Copies a quoted part, whose opening quote is at `from`, to *to. Returns what
 * follows the closing quote; NULL if it is missing or not the word's end.
 */
static uint8_t *
take_quoted(uint8_t *from, const uint8_t *end, uint8_t **to)
{
	uint8_t quote = *from++;

	while (from < end && *from != '\0') {
		if (*from == quote) {
			from++;
			if (from < end && *from != '\0' && !is_blank(*from))
				return NULL;
			return from;
		}
		if (quote == '"' && *from == '\\' && end - from >= 2) {
			from = unescape(from, end, (*to)++);
			continue;
		}
		if (quote == '\'' && *from == '\\' && end - from >= 2 &&
		    from[1] == '\'')
			from++;
		*(*to)++ = *from++;
	}
	return NULL;
}

enum resp_word
resp_inline_next(struct resp_inline *line, struct slice *word)
{
	uint8_t *from = line->next;
	uint8_t *to;

	while (from < line->end && is_blank(*from))
		from++;
	/* A zero byte ends the line, as it does for Redis. */
	if (from == line->end || *from == '\0')
		return RESP_WORD_END;
	word->data = to = from;
	while (from < line->end && *from != '\0' && *from != ' ' &&
	    *from != '\t' && *from != '\r' && *from != '\n') {
		if (*from == '"' || *from == '\'') {
			from = take_quoted(from, line->end, &to);
			if (from == NULL)
				return RESP_WORD_UNBALANCED;
			break;
		}
		*to++ = *from++;
	}
	word->size = (size_t)(to - word->data);
	line->next = from;
	return RESP_WORD_FOUND;
}
