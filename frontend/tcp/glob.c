#include "frontend/tcp/glob.h"

/*
 * Matches one byte against the class that begins behind the "[" at `at`; *next
 * is where the pattern goes on.
 */
static bool
class_matches(struct slice pattern, size_t at, uint8_t byte, size_t *next)
{
	bool is_negated = at < pattern.size && pattern.data[at] == '^';
	bool found = false;

	if (is_negated)
		at++;
	for (; at < pattern.size && pattern.data[at] != ']'; at++) {
		uint8_t first = pattern.data[at];
		uint8_t last;

		if (first == '\\' && at + 1 < pattern.size) {
			found |= pattern.data[++at] == byte;
			continue;
		}
		last = first;
		if (at + 2 < pattern.size && pattern.data[at + 1] == '-') {
			at += 2;
			last = pattern.data[at];
		}
		if (first > last) {
			uint8_t swap = first;

			first = last;
			last = swap;
		}
		found |= byte >= first && byte <= last;
	}
	*next = at < pattern.size ? at + 1 : at;
	return found != is_negated;
}

/* Matches one byte against the one-byte pattern at `at`, which is no star. */
static bool
one_matches(struct slice pattern, size_t at, uint8_t byte, size_t *next)
{
	*next = at + 1;
	switch (pattern.data[at]) {
	case '?':
		return true;
	case '[':
		return class_matches(pattern, at + 1, byte, next);
	case '\\':
		if (at + 1 < pattern.size)
			at++;
		*next = at + 1;
		return pattern.data[at] == byte;
	default:
		return pattern.data[at] == byte;
	}
}

/*
 * Only the last star seen needs another try: what stands before it matched
 * already, at the earliest place, and that is as good as any later one.
 */
bool
glob_matches(struct slice pattern, struct slice text)
{
	size_t at = 0;
	size_t place = 0;
	size_t star = SIZE_MAX;
	size_t star_place = 0;

	while (place < text.size) {
		size_t next;

		if (at < pattern.size && pattern.data[at] == '*') {
			star = ++at;
			star_place = place;
			continue;
		}
		if (at < pattern.size &&
		    one_matches(pattern, at, text.data[place], &next)) {
			at = next;
			place++;
			continue;
		}
		if (star == SIZE_MAX)
			return false;
		at = star;
		place = ++star_place;
	}
	while (at < pattern.size && pattern.data[at] == '*')
		at++;
	return at == pattern.size;
}

struct slice
glob_prefix(struct slice pattern)
{
	size_t size = 0;

	while (size < pattern.size && pattern.data[size] != '*' &&
	    pattern.data[size] != '?' && pattern.data[size] != '[' &&
	    pattern.data[size] != '\\')
		size++;
	return slice_of(pattern.data, size);
}
