/* core_receive - frames of peers, fed to libraft as it must be fed. */
#include <string.h>

#include "common/base/check.h"
#include "replicator/core/core_private.h"

static enum status
receive(struct core *core, struct raft_message *message, bool is_stale,
    struct error *err)
{
	struct raft_event event = {.type = RAFT_RECEIVE};

	message->server_address = "";
	event.receive.message = message;
	return core_step(core, &event, is_stale, err);
}

/* Feeds `count` entries of the message from place `from` on. */
static enum status
feed(struct core *core, const struct message *message, size_t from,
    size_t count, struct error *err)
{
	struct raft_message piece = message->raft;
	struct raft_append_entries *append = &piece.append_entries;
	bool is_stale = message->term < core->raft.current_term;
	enum status status;

	if (!is_stale)
		core->heard_ms = core->now_ms;
	if (from > 0) {
		append->prev_log_index += from;
		append->prev_log_term = message->entries[from - 1].term;
	}
	append->entries = NULL;
	append->n_entries = (unsigned)count;
	if (count > 0)
		append->entries =
		    core_raft_entries(message->entries + from, count);
	status = receive(core, &piece, is_stale, err);
	raft_free(append->entries);
	return status;
}

/* Whether the log has this very entry already. */
static enum status
has_entry(struct core *core, uint64_t index, uint64_t term, bool *out,
    struct error *err)
{
	struct log_entry entry;

	*out = false;
	if (index < core->first_index || index > core->last_index)
		return STATUS_OK;
	if (core->host.entry(core->host.context, index, &entry, err) !=
	    STATUS_OK)
		return core_fail(core, err);
	*out = entry.term == term;
	return STATUS_OK;
}

/*
 * B: libraft takes a configuration for the first entry of its batch, and
 * loses count of two in flight. So a batch ends in front of each one, which
 * is then announced by an empty batch: this commits what can be committed
 * before the configuration comes.
 */
static enum status
feed_split(struct core *core, const struct message *message, struct error *err)
{
	uint64_t prev = message->raft.append_entries.prev_log_index;
	size_t place = 0;

	do {
		size_t end = place;
		bool has = false;

		if (place < message->entry_count &&
		    message->entries[place].kind == LOG_ENTRY_CONFIGURATION) {
			if (has_entry(core, prev + 1 + place,
				message->entries[place].term, &has,
				err) != STATUS_OK ||
			    (!has &&
				feed(core, message, place, 0, err) !=
				    STATUS_OK))
				return err->code;
			end++;
		}
		while (end < message->entry_count &&
		    message->entries[end].kind != LOG_ENTRY_CONFIGURATION)
			end++;
		if (feed(core, message, place, end - place, err) != STATUS_OK)
			return err->code;
		place = end;
	} while (place < message->entry_count);
	return STATUS_OK;
}

static enum status
receive_entries(struct core *core, struct message *message,
    struct error *rejected, struct error *err)
{
	const struct raft_append_entries *append =
	    &message->raft.append_entries;
	bool is_stale = message->term < core->raft.current_term;
	bool has_previous = false;

	if (core->raft.state == RAFT_LEADER &&
	    message->term == core->raft.current_term) {
		(void)error_set(rejected, STATUS_CORRUPT,
		    "a peer leads the term that this node leads");
		return STATUS_OK;
	}
	if (is_stale)
		return feed(core, message, 0, message->entry_count, err);
	if (core_has_guard(core, GUARD_REBASE) && !core->is_installing &&
	    append->prev_log_index < core->snapshot.index) {
		has_previous = append->prev_log_index >= core->first_index;
		if (!has_previous)
			guard_rebase(
			    message, core->snapshot.index, core->snapshot.term);
	}
	if (!core_has_guard(core, GUARD_SPLIT))
		return feed(core, message, 0, message->entry_count, err);
	return feed_split(core, message, err);
}

static enum status
receive_snapshot(struct core *core, struct message *message, struct error *err)
{
	struct raft_install_snapshot *install = &message->raft.install_snapshot;
	bool is_stale = message->term < core->raft.current_term;
	struct configuration configuration;

	/* L: what comes while one is being installed leaks. */
	if (core->is_installing && core_has_guard(core, GUARD_INSTALLING))
		return STATUS_OK;
	if (configuration_decode(message->configuration, &configuration, err) !=
	    STATUS_OK)
		return err->code;
	core_to_raft(&configuration, &install->conf);
	install->data.len = message->content.size;
	install->data.base = raft_malloc(message->content.size + 1);
	CHECK(install->data.base != NULL);
	memcpy(
	    install->data.base, message->content.data, message->content.size);
	return receive(core, &message->raft, is_stale, err);
}

static enum status
receive_other(struct core *core, struct message *message, struct error *err)
{
	struct raft_message *raft = &message->raft;
	bool is_vote = raft->type == RAFT_REQUEST_VOTE &&
	    core_has_guard(core, GUARD_NEW_VOTER);
	struct new_voter voter = {.is_changed = false};
	enum status status;

	if (core_has_guard(core, GUARD_STALE_REJECTION) &&
	    guard_stale_rejection(&core->raft, message->from, raft))
		return STATUS_OK;
	if (is_vote)
		voter = guard_new_voter_begin(
		    &core->raft, core->now_ms - core->heard_ms);
	status = receive(core, raft, false, err);
	guard_new_voter_end(&core->raft, &voter);
	return status;
}

enum status
core_receive(struct core *core, uint64_t now_ms, uint64_t from,
    struct slice frame, struct error *rejected, struct error *err)
{
	struct message message;
	enum status status;

	rejected->code = STATUS_OK;
	if (core_begin(core, now_ms, err) != STATUS_OK)
		return err->code;
	if (frame_decode(frame, &message, rejected) != STATUS_OK)
		return STATUS_OK;
	if (message.from != from || message.to != core->options.id) {
		(void)error_set(rejected, STATUS_CORRUPT,
		    "a peer's frame is from or for another node");
		status = STATUS_OK;
	} else if (message.raft.type == RAFT_APPEND_ENTRIES) {
		status = receive_entries(core, &message, rejected, err);
	} else if (message.raft.type == RAFT_INSTALL_SNAPSHOT) {
		status = receive_snapshot(core, &message, err);
	} else {
		status = receive_other(core, &message, err);
	}
	message_deinit(&message);
	return status;
}
