#include "config/schema.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/base/check.h"

static const struct schema_key keys[CONFIG_KEY_COUNT] = {
#define CONFIG_KEY(name, type, path, flag, text, least, most, words, help) \
	{CONFIG_TYPE_##type, path, flag, text, least, most, words, help},
#include "config/schema.def"
#undef CONFIG_KEY
};

const struct schema_key *
schema_key(enum config_key key)
{
	CHECK(key < CONFIG_KEY_COUNT);
	return &keys[key];
}

bool
schema_find_path(const char *path, enum config_key *out)
{
	for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
		if (strcmp(keys[i].path, path) == 0) {
			*out = (enum config_key)i;
			return true;
		}
	}
	return false;
}

bool
schema_find_flag(const char *flag, enum config_key *out)
{
	for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
		if (keys[i].flag[0] != '\0' &&
		    strcmp(keys[i].flag, flag) == 0) {
			*out = (enum config_key)i;
			return true;
		}
	}
	return false;
}

bool
schema_is_section(const char *name)
{
	size_t size = strlen(name);

	for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
		if (strncmp(keys[i].path, name, size) == 0 &&
		    keys[i].path[size] == '.')
			return true;
	}
	return false;
}

void
schema_environment_name(enum config_key key, char out[SCHEMA_NAME_BYTES_MAX])
{
	const char *name = keys[key].flag;

	if (name[0] == '\0')
		name = keys[key].path;
	snprintf(out, SCHEMA_NAME_BYTES_MAX, "KVSTORE_%s", name);
	for (char *byte = out; *byte != '\0'; byte++) {
		if (*byte == '-' || *byte == '.')
			*byte = '_';
		else
			*byte = (char)toupper((unsigned char)*byte);
	}
}

/*
 * How many letters must be put in, left out, changed or swapped with their
 * neighbour to make one word of the other.
 */
static size_t
edit_distance(const char *a, size_t a_size, const char *b, size_t b_size)
{
	size_t rows[3][SCHEMA_NAME_BYTES_MAX + 1];

	for (size_t j = 0; j <= b_size; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a_size; i++) {
		size_t *row = rows[i % 3];
		const size_t *above = rows[(i - 1) % 3];
		const size_t *above2 = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= b_size; j++) {
			size_t cost = above[j - 1] + (a[i - 1] != b[j - 1]);

			if (above[j] + 1 < cost)
				cost = above[j] + 1;
			if (row[j - 1] + 1 < cost)
				cost = row[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] && above2[j - 2] + 1 < cost)
				cost = above2[j - 2] + 1;
			row[j] = cost;
		}
	}
	return rows[a_size % 3][b_size];
}

void
nearest_offer(struct nearest *nearest, const char *candidate)
{
	size_t wrong_size = strlen(nearest->wrong);
	size_t size = strlen(candidate);
	size_t longer;
	size_t distance;

	if (wrong_size > SCHEMA_NAME_BYTES_MAX || size > SCHEMA_NAME_BYTES_MAX)
		return;
	distance = edit_distance(nearest->wrong, wrong_size, candidate, size);
	/* A third of the letters wrong is a slip; more is another word. */
	longer = size > wrong_size ? size : wrong_size;
	if (distance > 1 + longer / 3 || distance >= size)
		return;
	if (nearest->best == NULL || distance < nearest->distance) {
		nearest->best = candidate;
		nearest->distance = distance;
	}
}

const char *
schema_nearest_path(const char *wrong)
{
	const char *point = strchr(wrong, '.');
	size_t section_size = point == NULL ? 0 : (size_t)(point + 1 - wrong);
	const char *last = wrong + section_size;
	struct nearest nearest = {.wrong = last};

	/* The section is right: what else is in it? */
	for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
		if (strncmp(keys[i].path, wrong, section_size) == 0)
			nearest_offer(&nearest, keys[i].path + section_size);
	}
	if (nearest.best != NULL)
		return nearest.best - section_size;
	/* Then perhaps a good name in the wrong section. */
	for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
		point = strchr(keys[i].path, '.');
		if (strcmp(point == NULL ? keys[i].path : point + 1, last) == 0)
			return keys[i].path;
	}
	return NULL;
}

const char *
schema_nearest_flag(const char *wrong)
{
	struct nearest nearest = {.wrong = wrong};
	static const char *const actions[] = {
	    "config", "check-config", "print-config", "version", "help"};

	for (size_t i = 0; i < CONFIG_KEY_COUNT; i++) {
		if (keys[i].flag[0] != '\0')
			nearest_offer(&nearest, keys[i].flag);
	}
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		nearest_offer(&nearest, actions[i]);
	return nearest.best;
}
