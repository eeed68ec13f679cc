/*
 * resp_handlers - what the files that make up resp_commands share.
 */
#ifndef FRONTEND_TCP_RESP_HANDLERS_H
#define FRONTEND_TCP_RESP_HANDLERS_H

#include "frontend/tcp/resp_commands.h"

typedef enum tcp_outcome resp_handler(struct resp_call *call);

struct resp_command {
	const char *name;
	size_t name_bytes;
	resp_handler *run;
	int arity;
	enum tcp_class class;
	const char *container; /* of a subcommand; else NULL */
	/* Words parted by blanks. */
	const char *flags;
	const char *categories;
	const char *tips;
	const char *key_flags;
	int first_key;
	int last_key;
	int key_step;
	const char *since;
	const char *group;
	const char *summary;
};

/* All commands, and all subcommands, each ended by a row without a name. */
extern const struct resp_command resp_commands[];
extern const struct resp_command resp_subcommands[];

/* NULL if there is none. `container` NULL looks for a command. */
const struct resp_command *
resp_command_find(const char *container, struct slice name);

/* The forms in which the result of a group is told. */
enum pending_form {
	PENDING_OK,
	PENDING_OK_OR_NULL, /* null if the condition failed */
	PENDING_OLD, /* the first command's old value or null */
	PENDING_APPLIED, /* 1, or 0 if the condition failed */
	PENDING_AFFECTED, /* how many commands affected anything */
	PENDING_INTEGER, /* the first command's */
};

static inline unsigned
resp_protocol(const struct resp_call *call)
{
	return call->session->is_resp3 ? 3 : 2;
}

/* True if the argument is this lower-case word, in any case. */
bool resp_is_word(struct slice argument, const char *word);

/* Parses an integer argument; false after it has written the error. */
bool resp_take_integer(struct resp_call *call, uint32_t index, int64_t *value);

/* True if the argument may be a key; false after it has written the error. */
bool resp_check_key(struct resp_call *call, uint32_t index);

/* Writes an error and ends the call. */
enum tcp_outcome
resp_refuse(struct resp_call *call, const char *format, ...) PRINTF_LIKE(2, 3);

#define RESP_ERROR_SYNTAX "ERR syntax error"
#define RESP_ERROR_INTEGER "ERR value is not an integer or out of range"

#define RESP_COMMAND(name, handler, ...) resp_handler resp_run_##handler;
#define RESP_SUBCOMMAND(container, name, handler, ...) \
	resp_handler resp_run_##handler;
#include "frontend/tcp/resp_commands.def"

#endif
