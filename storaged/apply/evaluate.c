#include "storaged/apply/evaluate.h"

#include "common/base/check.h"
#include "common/codec/checksum.h"
#include "common/codec/decimal.h"
#include "common/command/batch.h"
#include "common/command/limits.h"
#include "common/command/reply.h"
#include "common/lsm/record/entry.h"
#include "storaged/apply/apply.h"
#include "storaged/apply/write_set.h"

/* More than a group's head and failure take, old values not included. */
#define GROUP_HEAD_BYTES_MAX 16

/* What is kept while a batch that reads is evaluated. */
struct state {
	const struct evaluation *evaluation;
	struct reply_builder reply;
	uint64_t sequence; /* of the next command */
	/*
	 * Values written that the batch does not carry: in all groups so far,
	 * failed ones too, since their copies are kept until the end; and in
	 * this group.
	 */
	size_t expanded_bytes;
	size_t group_expanded_bytes;
};

/* A command, what its key has, and what comes out. */
struct step {
	struct command command;
	uint64_t hash;
	uint64_t sequence;
	bool present;
	bool lasts; /* the old value is no borrowing of the store's */
	struct entry entry; /* if present */
	struct reply_command reply;
};

static enum status evaluate_group(struct state *state,
    struct batch_cursor *cursor, bool *full, struct error *err);

enum status
evaluate_reading(const struct evaluation *evaluation, struct buffer *reply,
    struct error *err)
{
	const struct batch *batch = evaluation->batch;
	const struct apply_store *store = evaluation->store;
	struct state state = {
	    .evaluation = evaluation,
	    .sequence = evaluation->first_sequence + 1,
	};
	struct batch_cursor cursor = batch_cursor_at_start(batch);
	struct apply_need need;
	bool full = false;

	write_set_reset(evaluation->writes, batch->command_count);
	reply_builder_start(&state.reply, reply, batch->origin.number,
	    evaluation->first_sequence, batch->group_count);
	for (uint32_t i = 0; i < batch->group_count && !full; i++) {
		if (evaluate_group(&state, &cursor, &full, err) != STATUS_OK)
			return err->code;
	}
	(void)reply_builder_finish(&state.reply);
	if (write_set_size(evaluation->writes) == 0)
		return STATUS_OK;
	need = write_set_need(evaluation->writes);
	if (store->reserve(store->context, &need, err) != STATUS_OK)
		return err->code;
	write_set_emit(evaluation->writes, store);
	return STATUS_OK;
}

/* The deadline that the expiry of a command comes to; may be past. */
static int64_t
deadline_of(const struct command *command, uint64_t now_ms)
{
	int64_t sum;

	if ((command->flags & COMMAND_EXPIRY_ABSOLUTE) != 0)
		return command->expiry_ms;
	/* The time is not negative, so only the upper end can be passed. */
	if (__builtin_add_overflow((int64_t)now_ms, command->expiry_ms, &sum))
		return INT64_MAX;
	return sum;
}

static bool
sets_expiry(const struct command *command)
{
	return (command->flags &
		   (COMMAND_EXPIRY_RELATIVE | COMMAND_EXPIRY_ABSOLUTE)) != 0;
}

/* Makes `entry` hold `value`, or be a tombstone if the deadline is past. */
static void
set_value(struct entry *entry, struct slice value, int64_t deadline_ms,
    uint64_t now_ms)
{
	if (deadline_ms <= (int64_t)now_ms) {
		entry->kind = ENTRY_TOMBSTONE;
		return;
	}
	entry->kind = ENTRY_PUT;
	entry->value = value;
	entry->deadline_ms = (uint64_t)deadline_ms;
}

/* The key of a plain PUT or DELETE_RANGE; straight to the store. */
static void
emit_plain(const struct evaluation *evaluation, const struct command *command,
    uint64_t sequence, struct reply_command *reply)
{
	const struct apply_store *store = evaluation->store;
	struct entry entry = {
	    .key = command->key,
	    .value = command->value,
	    .sequence = sequence,
	    .kind = ENTRY_PUT,
	};

	if (command->op == COMMAND_DELETE_RANGE) {
		struct range_tombstone range = {
		    command->key, command->value, sequence};

		store->delete_range(store->context, &range);
		return;
	}
	if (sets_expiry(command)) {
		entry.value = SLICE_EMPTY;
		set_value(&entry, command->value,
		    deadline_of(command, evaluation->now_ms),
		    evaluation->now_ms);
		reply->deadline_ms = entry.deadline_ms;
	}
	store->put(store->context, &entry, hash64(entry.key));
}

enum status
evaluate_plain(const struct evaluation *evaluation, struct buffer *reply,
    struct error *err)
{
	const struct batch *batch = evaluation->batch;
	const struct apply_store *store = evaluation->store;
	const struct apply_need need = {
	    .entries = batch->command_count - batch->range_count,
	    .bytes = batch->data_bytes,
	    .ranges = batch->range_count,
	};
	struct batch_cursor cursor = batch_cursor_at_start(batch);
	uint64_t sequence = evaluation->first_sequence + 1;
	struct reply_builder builder;
	struct command command;
	bool group_end = true;

	if (store->reserve(store->context, &need, err) != STATUS_OK)
		return err->code;
	reply_builder_start(&builder, reply, batch->origin.number,
	    evaluation->first_sequence, batch->group_count);
	/* Even a million results with deadlines are within a reply's limit. */
	for (;;) {
		struct reply_command result = {.affected = true};
		bool starts = group_end;
		struct batch_cursor here = cursor;

		if (!batch_cursor_next(&cursor, &command, &group_end))
			break;
		if (starts)
			reply_builder_begin_group(&builder,
			    group_end ? 1 : batch_cursor_group_size(here));
		emit_plain(evaluation, &command, sequence++, &result);
		reply_builder_add(&builder, &result);
		if (group_end)
			reply_builder_end_group(&builder);
	}
	(void)reply_builder_finish(&builder);
	return STATUS_OK;
}

/* Finds what the key has at this point of the batch. */
static enum status
look_up(struct state *state, struct step *step, struct error *err)
{
	const struct evaluation *evaluation = state->evaluation;
	struct apply_key key = {
	    step->command.key, step->hash, evaluation->now_ms};

	if (write_set_find(evaluation->writes, key.key, key.hash,
		&step->entry) == LOOKUP_FOUND) {
		step->lasts = true;
		step->present = step->entry.kind == ENTRY_PUT;
		return STATUS_OK;
	}
	if (evaluation->store->get(evaluation->store->context, &key,
		&step->entry, &step->present, err) != STATUS_OK)
		return err->code;
	if (step->present && step->entry.deadline_ms > TIME_MS_MAX)
		step->entry.deadline_ms = TIME_MS_MAX;
	return STATUS_OK;
}

static bool
condition_holds(const struct step *step)
{
	uint32_t flags = step->command.flags;

	if ((flags & COMMAND_IF_ABSENT) != 0)
		return !step->present;
	if ((flags & COMMAND_IF_PRESENT) != 0)
		return step->present;
	if ((flags & COMMAND_IF_SEQUENCE) != 0)
		return step->present &&
		    step->entry.sequence == step->command.sequence;
	return true;
}

static void
write_value(struct state *state, const struct step *step, struct slice value,
    uint64_t deadline_ms)
{
	struct entry entry = {
	    .key = step->command.key,
	    .value = value,
	    .sequence = step->sequence,
	    .deadline_ms = deadline_ms,
	    .kind = ENTRY_PUT,
	};

	write_set_add(state->evaluation->writes, &entry, step->hash);
}

static void
write_tombstone(struct state *state, const struct step *step)
{
	struct entry entry = {
	    .key = step->command.key,
	    .sequence = step->sequence,
	    .kind = ENTRY_TOMBSTONE,
	};

	write_set_add(state->evaluation->writes, &entry, step->hash);
}

/* Takes `size` bytes from what the batch may write without carrying it. */
static enum group_result
expand(struct state *state, size_t size)
{
	if (state->group_expanded_bytes + size > BATCH_EXPANSION_BYTES_MAX)
		return GROUP_TOO_LARGE;
	if (state->expanded_bytes + size > BATCH_EXPANSION_BYTES_MAX)
		return GROUP_REPLY_FULL;
	state->group_expanded_bytes += size;
	state->expanded_bytes += size;
	return GROUP_APPLIED;
}

/* Writes the old value again with another deadline. */
static enum group_result
rewrite(struct state *state, const struct step *step, uint64_t deadline_ms)
{
	struct slice value = step->entry.value;
	enum group_result result = expand(state, value.size);

	if (result != GROUP_APPLIED)
		return result;
	if (!step->lasts)
		value = write_set_dup(state->evaluation->writes, value);
	write_value(state, step, value, deadline_ms);
	return GROUP_APPLIED;
}

static enum group_result
evaluate_put(struct state *state, struct step *step)
{
	const struct command *command = &step->command;
	uint64_t now_ms = state->evaluation->now_ms;
	uint64_t deadline_ms = 0;

	step->reply.affected = true;
	if (sets_expiry(command)) {
		int64_t wanted = deadline_of(command, now_ms);

		if (wanted <= (int64_t)now_ms) {
			write_tombstone(state, step);
			return GROUP_APPLIED;
		}
		deadline_ms = (uint64_t)wanted;
	} else if ((command->flags & COMMAND_KEEP_DEADLINE) != 0 &&
	    step->present) {
		deadline_ms = step->entry.deadline_ms;
	}
	write_value(state, step, command->value, deadline_ms);
	step->reply.deadline_ms = deadline_ms;
	return GROUP_APPLIED;
}

static enum group_result
evaluate_delete(struct state *state, struct step *step)
{
	if (step->present)
		write_tombstone(state, step);
	step->reply.affected = step->present;
	return GROUP_APPLIED;
}

static enum group_result
evaluate_increment(struct state *state, struct step *step)
{
	uint64_t deadline_ms = step->present ? step->entry.deadline_ms : 0;
	char text[DECIMAL_BYTES_MAX];
	enum group_result result;
	struct slice value;
	int64_t number = 0;

	if (step->present && !decimal_parse(step->entry.value, &number))
		return GROUP_NOT_INTEGER;
	if (__builtin_add_overflow(number, step->command.delta, &number))
		return GROUP_OVERFLOW;
	value = slice_of(text, decimal_format(number, text));
	result = expand(state, value.size);
	if (result != GROUP_APPLIED)
		return result;
	value = write_set_dup(state->evaluation->writes, value);
	write_value(state, step, value, deadline_ms);
	step->reply.affected = true;
	step->reply.has_integer = true;
	step->reply.integer = number;
	return GROUP_APPLIED;
}

/* Whether EXPIRE may replace the deadline `old_ms`, 0 for none. */
static bool
may_expire(uint32_t flags, uint64_t old_ms, int64_t wanted_ms)
{
	bool has_one = old_ms != 0;

	if ((flags & COMMAND_EXPIRE_IF_NONE) != 0 && has_one)
		return false;
	if ((flags & COMMAND_EXPIRE_IF_SOME) != 0 && !has_one)
		return false;
	if ((flags & COMMAND_EXPIRE_IF_GREATER) != 0 &&
	    (!has_one || wanted_ms <= (int64_t)old_ms))
		return false;
	if ((flags & COMMAND_EXPIRE_IF_LESS) != 0 && has_one &&
	    wanted_ms >= (int64_t)old_ms)
		return false;
	return true;
}

static enum group_result
evaluate_expire(struct state *state, struct step *step)
{
	uint64_t now_ms = state->evaluation->now_ms;
	int64_t wanted = deadline_of(&step->command, now_ms);
	enum group_result result;

	if (!step->present ||
	    !may_expire(step->command.flags, step->entry.deadline_ms, wanted))
		return GROUP_APPLIED;
	step->reply.affected = true;
	if (wanted <= (int64_t)now_ms) {
		write_tombstone(state, step);
		return GROUP_APPLIED;
	}
	result = rewrite(state, step, (uint64_t)wanted);
	step->reply.deadline_ms = (uint64_t)wanted;
	return result;
}

static enum group_result
evaluate_persist(struct state *state, struct step *step)
{
	if (!step->present || step->entry.deadline_ms == 0)
		return GROUP_APPLIED;
	step->reply.affected = true;
	return rewrite(state, step, 0);
}

static enum group_result
evaluate_delete_range(struct state *state, struct step *step)
{
	struct range_tombstone range = {
	    step->command.key, step->command.value, step->sequence};

	write_set_add_range(state->evaluation->writes, &range);
	step->reply.affected = true;
	return GROUP_APPLIED;
}

/* Evaluates a command whose key has been looked up. */
static enum group_result
evaluate_command(struct state *state, struct step *step)
{
	if ((step->command.flags & COMMAND_RETURN_OLD) != 0 && step->present) {
		step->reply.has_old = true;
		step->reply.old = step->entry.value;
	}
	if (!condition_holds(step))
		return GROUP_CONDITION_FAILED;
	switch (step->command.op) {
	case COMMAND_PUT:
		return evaluate_put(state, step);
	case COMMAND_DELETE:
		return evaluate_delete(state, step);
	case COMMAND_INCREMENT:
		return evaluate_increment(state, step);
	case COMMAND_EXPIRE:
		return evaluate_expire(state, step);
	case COMMAND_PERSIST:
		return evaluate_persist(state, step);
	case COMMAND_DELETE_RANGE:
		break;
	}
	return evaluate_delete_range(state, step);
}

/*
 * Whether a result has room in the reply: APPLIED if it has, TOO_LARGE if its
 * group would not have with all of a reply for itself, else REPLY_FULL.
 */
static enum group_result
room_for(const struct state *state, size_t group_bytes, size_t more_bytes)
{
	size_t others = reply_builder_bytes(&state->reply) -
	    reply_builder_group_bytes(&state->reply);
	size_t all = group_bytes + more_bytes;

	if (REPLY_HEADER_BYTES + all > REPLY_BYTES_MAX)
		return GROUP_TOO_LARGE;
	return others + all > REPLY_BYTES_MAX ? GROUP_REPLY_FULL
					      : GROUP_APPLIED;
}

/* Takes one command of a group; *result is APPLIED if it went well. */
static enum status
take_step(struct state *state, struct batch_cursor *cursor, struct step *step,
    enum group_result *result, struct error *err)
{
	bool group_end;

	*step = (struct step){.sequence = state->sequence};
	CHECK(batch_cursor_next(cursor, &step->command, &group_end));
	state->sequence++;
	if (step->command.op != COMMAND_DELETE_RANGE)
		step->hash = hash64(step->command.key);
	if (command_reads(&step->command) &&
	    look_up(state, step, err) != STATUS_OK)
		return err->code;
	*result = evaluate_command(state, step);
	if (*result == GROUP_APPLIED)
		*result =
		    room_for(state, reply_builder_group_bytes(&state->reply),
			reply_command_bytes(&step->reply));
	else if (*result == GROUP_CONDITION_FAILED &&
	    room_for(state, GROUP_HEAD_BYTES_MAX,
		reply_command_bytes(&step->reply)) != GROUP_APPLIED)
		*result = GROUP_REPLY_FULL;
	return STATUS_OK;
}

/* Replies that command number `failed` of the group failed with `result`. */
static void
fail_group(struct state *state, enum group_result result, uint32_t failed,
    struct reply_command *reply)
{
	if (result == GROUP_REPLY_FULL) {
		reply_builder_discard_group(&state->reply);
		return;
	}
	reply_builder_fail_group(&state->reply, result, failed,
	    result == GROUP_CONDITION_FAILED ? reply : NULL);
	reply_builder_end_group(&state->reply);
}

/* Evaluates one group; *full if there is no room for it any more. */
static enum status
evaluate_group(struct state *state, struct batch_cursor *cursor, bool *full,
    struct error *err)
{
	uint32_t command_count = batch_cursor_group_size(*cursor);
	size_t writes_before = write_set_size(state->evaluation->writes);
	enum group_result result = GROUP_APPLIED;
	uint32_t done = 0;
	struct step step;

	if (reply_builder_bytes(&state->reply) + GROUP_HEAD_BYTES_MAX >
	    REPLY_BYTES_MAX) {
		*full = true;
		return STATUS_OK;
	}
	state->group_expanded_bytes = 0;
	reply_builder_begin_group(&state->reply, command_count);
	for (; done < command_count; done++) {
		if (take_step(state, cursor, &step, &result, err) != STATUS_OK)
			return err->code;
		if (result != GROUP_APPLIED)
			break;
		reply_builder_add(&state->reply, &step.reply);
	}
	if (result == GROUP_APPLIED) {
		reply_builder_end_group(&state->reply);
		return STATUS_OK;
	}
	write_set_undo(state->evaluation->writes, writes_before);
	fail_group(state, result, done, &step.reply);
	*full = result == GROUP_REPLY_FULL;
	/* The commands behind the failed one keep their sequences. */
	while (++done < command_count) {
		bool group_end;

		CHECK(batch_cursor_next(cursor, &step.command, &group_end));
		state->sequence++;
	}
	return STATUS_OK;
}
