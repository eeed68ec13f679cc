/*
 * http_conditions - If-Match and If-None-Match (RFC 9110, section 13.1).
 *
 * The entity tag of a key's entry is its sequence in quotes. Tags of others
 * are taken as tags that match nothing; weak ones match where that is enough.
 */
#ifndef FRONTEND_HTTP_HTTP_CONDITIONS_H
#define FRONTEND_HTTP_HTTP_CONDITIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/slice.h"
#include "common/command/command.h"
#include "frontend/http/http_problem.h"
#include "frontend/http/http_request.h"

/* What the conditions of a read come to, for an entry that is there. */
enum http_verdict {
	HTTP_VERDICT_GO, /* the entry is the answer */
	HTTP_VERDICT_NOT_MODIFIED, /* 304 */
	HTTP_VERDICT_FAILED, /* 412, or the problem of a malformed field */
};

/* FAILED sets the problem. */
enum http_verdict http_conditions_judge(const struct http_request *request,
    uint64_t sequence, struct http_problem *problem);

/*
 * Puts the conditions of a write into the command. False, with the problem
 * set, if they are malformed, more than a command can hold, or cannot be met.
 */
bool http_conditions_take(const struct http_request *request,
    struct command *command, struct http_problem *problem);

/* The sequence that the text of a tag without its quotes stands for. */
bool http_tag_parse(struct slice text, uint64_t *sequence);

#endif
