#include "common/worker/settings.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/arena.h"
#include "common/base/check.h"
#include "common/base/mem.h"

struct setting {
	const char *key;
	const char *value;
};

struct settings {
	struct arena arena; /* the strings */
	size_t count;
	struct setting list[SETTINGS_COUNT_MAX];
};

static bool
key_is_valid(struct slice key)
{
	for (size_t i = 0; i < key.size; i++) {
		uint8_t c = key.data[i];

		if (!isalnum(c) && c != '_' && c != '.')
			return false;
	}
	return key.size > 0;
}

void
settings_add(struct buffer *text, const char *key, const char *format, ...)
{
	char *value;
	va_list arguments;

	CHECK(key_is_valid(slice_of_string(key)));
	va_start(arguments, format);
	CHECK(vasprintf(&value, format, arguments) >= 0);
	va_end(arguments);
	buffer_printf(text, "%s=", key);
	for (const char *c = value; *c != '\0'; c++) {
		if (*c == '\n')
			buffer_append(text, "\\n", 2);
		else if (*c == '\\')
			buffer_append(text, "\\\\", 2);
		else
			buffer_append_byte(text, (uint8_t)*c);
	}
	buffer_append_byte(text, '\n');
	free(value);
}

/* The value without its escapes; NULL if one of them is none of ours. */
static const char *
value_take(struct arena *arena, struct slice escaped)
{
	char *value = arena_new(arena, escaped.size + 1);
	size_t size = 0;

	for (size_t i = 0; i < escaped.size; i++) {
		char c = (char)escaped.data[i];

		if (c == '\0')
			return NULL;
		if (c == '\\') {
			if (++i == escaped.size)
				return NULL;
			c = (char)escaped.data[i];
			if (c != 'n' && c != '\\')
				return NULL;
			if (c == 'n')
				c = '\n';
		}
		value[size++] = c;
	}
	value[size] = '\0';
	return value;
}

static const char *
value_find(const struct settings *settings, const char *key)
{
	for (size_t i = 0; i < settings->count; i++) {
		if (strcmp(settings->list[i].key, key) == 0)
			return settings->list[i].value;
	}
	return NULL;
}

static enum status
line_parse(struct settings *settings, struct slice line, struct error *err)
{
	const uint8_t *equals =
	    line.size == 0 ? NULL : memchr(line.data, '=', line.size);
	struct setting *setting = &settings->list[settings->count];
	struct slice key = SLICE_EMPTY;
	struct slice value = SLICE_EMPTY;

	if (equals != NULL) {
		key = slice_of(line.data, (size_t)(equals - line.data));
		value = slice_of(equals + 1, line.size - key.size - 1);
	}
	if (!key_is_valid(key) || settings->count == SETTINGS_COUNT_MAX)
		return error_set(err, STATUS_INVALID, "setting %zu: no key",
		    settings->count + 1);
	setting->key = value_take(&settings->arena, key);
	setting->value = value_take(&settings->arena, value);
	if (setting->value == NULL)
		return error_set(
		    err, STATUS_INVALID, "setting %s: bad value", setting->key);
	if (value_find(settings, setting->key) != NULL)
		return error_set(err, STATUS_INVALID, "setting %s: given twice",
		    setting->key);
	settings->count++;
	return STATUS_OK;
}

enum status
settings_parse(struct slice text, struct settings **out, struct error *err)
{
	struct settings *settings = mem_new(sizeof(*settings));

	*out = NULL;
	while (text.size > 0) {
		const uint8_t *end = memchr(text.data, '\n', text.size);
		size_t size;

		if (end == NULL) {
			error_set(err, STATUS_INVALID, "settings cut short");
			goto fail;
		}
		size = (size_t)(end - text.data);
		if (line_parse(settings, slice_of(text.data, size), err) !=
		    STATUS_OK)
			goto fail;
		text = slice_of(end + 1, text.size - size - 1);
	}
	*out = settings;
	return STATUS_OK;
fail:
	settings_close(settings);
	return err->code;
}

bool
settings_has(const struct settings *settings, const char *key)
{
	return value_find(settings, key) != NULL;
}

const char *
settings_string(const struct settings *settings, const char *key)
{
	const char *value = value_find(settings, key);

	if (value == NULL)
		check_failed(key, "settings: this key is missing", 0);
	return value;
}

uint64_t
settings_u64(const struct settings *settings, const char *key)
{
	const char *value = settings_string(settings, key);
	char *end;
	uint64_t number;

	errno = 0;
	number = strtoull(value, &end, 10);
	if (!isdigit((unsigned char)*value) || *end != '\0' || errno != 0)
		check_failed(key, "settings: this is no number", 0);
	return number;
}

void
settings_close(struct settings *settings)
{
	if (settings == NULL)
		return;
	arena_deinit(&settings->arena);
	mem_free(settings);
}
