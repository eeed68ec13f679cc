/*
 * scripted_sink - a write sink that keeps the rules of batches and does what
 * a script says.
 *
 * What it knows (writers, their last replies, what it applied) outlives its
 * server, as a journal would. Groups have one command, whose key is a number;
 * what it has applied is the list of these. A key "f..." is one whose
 * condition fails.
 */
#ifndef TESTS_SUPPORT_SINK_SCRIPTED_SINK_H
#define TESTS_SUPPORT_SINK_SCRIPTED_SINK_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/status.h"
#include "common/command/limits.h"
#include "tests/support/scratch.h"

#define SINK_WRITERS_MAX 64
#define SINK_GROUPS_MAX 20000

struct ipc_request;
struct ipc_server;
struct loop;

/* What a scripted sink does with the next batches. */
enum deed {
	DEED_APPLY,
	DEED_KEEP, /* holds the request, unapplied and unanswered */
	DEED_APPLY_MUTE, /* applies, and does not answer */
	DEED_REFUSE, /* answers with `refusal` */
	DEED_NONSENSE, /* applies, and answers with garbage */
};

struct known_writer {
	uint8_t id[WRITER_ID_BYTES];
	uint64_t last_number;
	struct buffer last_reply;
};

struct sink {
	struct loop *loop;
	struct scratch scratch;
	struct ipc_server *server;
	struct known_writer writers[SINK_WRITERS_MAX];
	size_t writer_count;
	unsigned *applied;
	size_t applied_count;
	unsigned batches; /* with groups, whatever became of them */
	enum deed deed;
	unsigned deeds_left; /* then it applies again */
	enum status refusal;
	struct ipc_request *kept;
	size_t answered_max; /* groups in one reply */
};

/* Nothing is served yet. */
void sink_init(struct sink *sink, struct loop *loop);
void sink_deinit(struct sink *sink);

void sink_start(struct sink *sink);

/* As if it had died: what is unanswered stays so. */
void sink_stop(struct sink *sink);

/* Loses its memory of writers. */
void sink_forget(struct sink *sink);

/* Does `deed` with the next `times` batches. */
void sink_script(struct sink *sink, enum deed deed, unsigned times);

/* The path of its socket, borrowed until the next such call. */
const char *sink_path(const struct sink *sink);

#endif
