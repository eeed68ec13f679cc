/*
 * arguments - the command line of kvctl: a verb, its words and its options.
 *
 * Options begin with one dash or two, may stand anywhere, and take their value
 * from behind "=" or from the next argument. "--" ends them.
 *
 * Ownership  Everything is borrowed from argv.
 */
#ifndef FRONTEND_KVCTL_ARGUMENTS_H
#define FRONTEND_KVCTL_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/status.h"

#define ARGUMENTS_WORDS_MAX 4

enum option {
	OPTION_APPLY,
	OPTION_DATA_DIR,
	OPTION_END,
	OPTION_ENDPOINT,
	OPTION_ESCAPED,
	OPTION_HELP,
	OPTION_IF_ABSENT,
	OPTION_IF_PRESENT,
	OPTION_KEYS,
	OPTION_LIMIT,
	OPTION_OUTPUT,
	OPTION_PREFIX,
	OPTION_RAW,
	OPTION_START,
	OPTION_TIMEOUT,
	OPTION_TTL,
	OPTION_VERSION,
	OPTION_COUNT,
};

struct arguments {
	const char *words[ARGUMENTS_WORDS_MAX]; /* the verb included */
	size_t word_count;
	const char *options[OPTION_COUNT]; /* NULL: not given; "": no value */
};

/* STATUS_INVALID, and a text that says what is wrong. */
enum status arguments_parse(
    int argc, char **argv, struct arguments *out, struct error *err) MUST_CHECK;

/* The name of an option, with its dashes. */
const char *option_name(enum option option);

static inline bool
arguments_has(const struct arguments *arguments, enum option option)
{
	return arguments->options[option] != NULL;
}

#endif
