#include "tests/support/kv_model.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/mem.h"
#include "common/codec/checksum.h"
#include "common/codec/integer.h"

void
kv_model_deinit(struct kv_model *model)
{
	for (size_t i = 0; i < model->count; i++) {
		mem_free(model->entries[i].key);
		mem_free((void *)model->entries[i].value.data);
	}
	mem_free(model->entries);
	*model = (struct kv_model){0};
}

void
kv_model_copy(struct kv_model *to, const struct kv_model *from)
{
	CHECK(to->entries == NULL);
	to->count = from->count;
	to->capacity = from->count;
	to->entries = mem_new_array(from->count + 1, sizeof(*to->entries));
	for (size_t i = 0; i < from->count; i++) {
		const struct kv_model_entry *entry = &from->entries[i];

		to->entries[i] =
		    (struct kv_model_entry){mem_dup_string(entry->key),
			slice_of(mem_dup(entry->value.data, entry->value.size),
			    entry->value.size),
			entry->deadline_ms};
	}
}

static size_t
place_of(const struct kv_model *model, struct slice key)
{
	size_t low = 0;
	size_t high = model->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (slice_compare(
			slice_of_string(model->entries[middle].key), key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool
is_live(const struct kv_model_entry *entry, uint64_t now_ms)
{
	return entry->deadline_ms == 0 || entry->deadline_ms > now_ms;
}

const struct kv_model_entry *
kv_model_find(const struct kv_model *model, struct slice key, uint64_t now_ms)
{
	size_t place = place_of(model, key);

	if (place < model->count &&
	    slice_equal(slice_of_string(model->entries[place].key), key) &&
	    is_live(&model->entries[place], now_ms))
		return &model->entries[place];
	return NULL;
}

static void
remove_at(struct kv_model *model, size_t place)
{
	mem_free(model->entries[place].key);
	mem_free((void *)model->entries[place].value.data);
	model->count--;
	memmove(model->entries + place, model->entries + place + 1,
	    (model->count - place) * sizeof(*model->entries));
}

static void
remove_key(struct kv_model *model, struct slice key)
{
	size_t place = place_of(model, key);

	if (place < model->count &&
	    slice_equal(slice_of_string(model->entries[place].key), key))
		remove_at(model, place);
}

static void
put(struct kv_model *model, struct slice key, struct slice value,
    uint64_t deadline_ms)
{
	void *copy = mem_dup(value.data, value.size);
	size_t place;
	char *name;

	remove_key(model, key);
	place = place_of(model, key);
	if (model->count == model->capacity) {
		model->capacity = model->capacity * 2 + 16;
		model->entries = mem_resize(
		    model->entries, model->capacity * sizeof(*model->entries));
	}
	memmove(model->entries + place + 1, model->entries + place,
	    (model->count - place) * sizeof(*model->entries));
	model->count++;
	name = mem_new(key.size + 1);
	memcpy(name, key.data, key.size);
	model->entries[place] = (struct kv_model_entry){
	    name, slice_of(copy, value.size), deadline_ms};
}

static void
increment(
    struct kv_model *model, const struct command *command, uint64_t now_ms)
{
	const struct kv_model_entry *old =
	    kv_model_find(model, command->key, now_ms);
	int64_t number = 0;
	uint64_t deadline_ms = 0;
	char text[32];

	if (old != NULL) {
		snprintf(text, sizeof(text), "%.*s", (int)old->value.size,
		    (const char *)old->value.data);
		number = strtoll(text, NULL, 10);
		deadline_ms = old->deadline_ms;
	}
	snprintf(text, sizeof(text), "%" PRId64, number + command->delta);
	put(model, command->key, slice_of_string(text), deadline_ms);
}

static uint64_t
deadline_of(const struct command *command, uint64_t now_ms)
{
	if ((command->flags & COMMAND_EXPIRY_RELATIVE) != 0)
		return now_ms + (uint64_t)command->expiry_ms;
	CHECK((command->flags & COMMAND_EXPIRY_ABSOLUTE) == 0);
	return 0;
}

static void
delete_range(struct kv_model *model, struct slice start, struct slice end)
{
	size_t place = place_of(model, start);

	while (place < model->count &&
	    (end.size == 0 ||
		slice_compare(slice_of_string(model->entries[place].key), end) <
		    0))
		remove_at(model, place);
}

void
kv_model_apply(
    struct kv_model *model, const struct command *command, uint64_t now_ms)
{
	size_t place = place_of(model, command->key);
	bool live = kv_model_find(model, command->key, now_ms) != NULL;

	switch (command->op) {
	case COMMAND_PUT:
		put(model, command->key, command->value,
		    deadline_of(command, now_ms));
		break;
	case COMMAND_DELETE:
		remove_key(model, command->key);
		break;
	case COMMAND_INCREMENT:
		increment(model, command, now_ms);
		break;
	case COMMAND_EXPIRE:
		if (live)
			model->entries[place].deadline_ms =
			    deadline_of(command, now_ms);
		break;
	case COMMAND_PERSIST:
		if (live)
			model->entries[place].deadline_ms = 0;
		break;
	case COMMAND_DELETE_RANGE:
		delete_range(model, command->key, command->value);
		break;
	}
}

uint64_t
kv_model_digest_add(
    uint64_t digest, struct slice key, struct slice value, uint64_t deadline_ms)
{
	uint8_t number[8];

	digest = checksum64(key, digest);
	digest = checksum64(value, digest);
	u64_store(number, deadline_ms);
	return checksum64(slice_of(number, sizeof(number)), digest);
}

uint64_t
kv_model_digest(const struct kv_model *model, uint64_t now_ms)
{
	uint64_t digest = 0;

	for (size_t i = 0; i < model->count; i++) {
		const struct kv_model_entry *entry = &model->entries[i];

		if (is_live(entry, now_ms))
			digest = kv_model_digest_add(digest,
			    slice_of_string(entry->key), entry->value,
			    entry->deadline_ms);
	}
	return digest;
}
