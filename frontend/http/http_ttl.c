#include "frontend/http/http_ttl.h"

#include <inttypes.h>

#include "common/codec/decimal.h"

/* Digits before the point that are surely not too many. */
#define DIGITS_MAX 12

static bool
refuse(struct http_problem *problem)
{
	return http_problem_set_field(problem, 400, "ttl",
	    "ttl must be a number of seconds from 0.001 to %" PRIu64
	    ", like 3600 or 0.5",
	    HTTP_TTL_SECONDS_MAX);
}

static bool
take(uint64_t ms, uint64_t *out, struct http_problem *problem)
{
	if (ms == 0 || ms > HTTP_TTL_SECONDS_MAX * 1000)
		return refuse(problem);
	*out = ms;
	return true;
}

bool
http_ttl_parse(struct slice text, uint64_t *ms, struct http_problem *problem)
{
	uint64_t whole = 0;
	uint64_t unit = 100;
	size_t at = 0;

	for (; at < text.size && text.data[at] != '.'; at++) {
		if (text.data[at] < '0' || text.data[at] > '9' ||
		    at == DIGITS_MAX)
			return refuse(problem);
		whole = whole * 10 + text.data[at] - '0';
	}
	if (at == 0)
		return refuse(problem);
	whole *= 1000;
	if (at < text.size && ++at == text.size)
		return refuse(problem);
	for (; at < text.size; at++) {
		if (text.data[at] < '0' || text.data[at] > '9')
			return refuse(problem);
		whole += (uint64_t)(text.data[at] - '0') * unit;
		unit /= 10;
	}
	return take(whole, ms, problem);
}

bool
http_ttl_take(double seconds, uint64_t *ms, struct http_problem *problem)
{
	/* Written so that NaN is refused, too. */
	if (!(seconds > 0 && seconds <= (double)HTTP_TTL_SECONDS_MAX))
		return refuse(problem);
	/* A little more, or 0.003 could become 2 ms. */
	return take((uint64_t)(seconds * 1000 + 1e-4), ms, problem);
}

size_t
http_ttl_write(uint64_t ms, char *text)
{
	size_t size = decimal_format((int64_t)(ms / 1000), text);
	unsigned rest = (unsigned)(ms % 1000);

	if (rest == 0)
		return size;
	text[size++] = '.';
	for (unsigned unit = 100; rest > 0; unit /= 10) {
		text[size++] = (char)('0' + rest / unit);
		rest %= unit;
	}
	return size;
}
