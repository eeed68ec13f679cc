#include "config/schema.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/nearest.h"

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
