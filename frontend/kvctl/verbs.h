/*
 * verbs - the table of what kvctl can do, and the help made from it.
 */
#ifndef FRONTEND_KVCTL_VERBS_H
#define FRONTEND_KVCTL_VERBS_H

#include <stddef.h>
#include <stdint.h>

#include "frontend/kvctl/kvctl.h"

struct verb {
	const char *words[2]; /* the second one may be NULL */
	enum exit_code (*run)(const struct kvctl *kvctl);
	size_t words_min; /* behind the verb */
	size_t words_max;
	uint32_t options; /* a bit for each option of its own */
	const char *usage;
	const char *summary;
	const char *details;
	const char *example;
};

/* The verb that the words begin with; NULL if there is none. */
const struct verb *verb_find(const char *const *words, size_t count);

/* Says that there is no such verb, and which one is near. */
enum exit_code verb_unknown(const char *const *words, size_t count);

/* How many words the verb has itself. */
size_t verb_word_count(const struct verb *verb);

/* Prints the help of one verb, or of all for NULL. */
void verb_help(const struct verb *verb);

#endif
