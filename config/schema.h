/*
 * schema - which settings exist: names, types, defaults, bounds.
 *
 * The table itself is schema.def. A setting has one path in the YAML file,
 * one environment variable and, for the common ones, one flag.
 */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum config_key {
#define CONFIG_KEY(name, type, path, flag, text, least, most, words, help) \
	CONFIG_##name,
#include "config/schema.def"
#undef CONFIG_KEY
	CONFIG_KEY_COUNT,
};

enum config_type {
	CONFIG_TYPE_TEXT,
	CONFIG_TYPE_WORD,
	CONFIG_TYPE_SIZE,
	CONFIG_TYPE_DURATION,
	CONFIG_TYPE_COUNT,
	CONFIG_TYPE_ADDRESS,
};

struct schema_key {
	enum config_type type;
	const char *path;
	const char *flag; /* "" where there is none */
	const char *fallback;
	uint64_t least;
	uint64_t most;
	const char *words;
	const char *help;
};

#define SCHEMA_NAME_BYTES_MAX 64

/* Borrowed for ever. */
const struct schema_key *schema_key(enum config_key key);

/* Finds a setting; false if there is none of that name. */
bool schema_find_path(const char *path, enum config_key *out);
bool schema_find_flag(const char *flag, enum config_key *out);

/* True if some setting's path begins with `name` and a point. */
bool schema_is_section(const char *name);

/* Writes the name of a setting's environment variable. */
void
schema_environment_name(enum config_key key, char out[SCHEMA_NAME_BYTES_MAX]);

/* The path, or the flag, nearest to a wrong one; NULL when none is near. */
const char *schema_nearest_path(const char *wrong);
const char *schema_nearest_flag(const char *wrong);

#endif
