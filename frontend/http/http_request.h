/*
 * http_request - one whole request, as handlers see it; a plain value.
 *
 * Ownership  All slices are borrowed from whoever assembled the request.
 */
#ifndef FRONTEND_HTTP_HTTP_REQUEST_H
#define FRONTEND_HTTP_HTTP_REQUEST_H

#include <stdbool.h>

#include "common/base/slice.h"

enum http_verb {
	HTTP_VERB_GET,
	HTTP_VERB_HEAD,
	HTTP_VERB_PUT,
	HTTP_VERB_DELETE,
	HTTP_VERB_POST,
	HTTP_VERB_OTHER, /* one that HTTP knows and we do not */
};

/* Header fields that somebody looks at. Absent ones have no data. */
enum http_field {
	HTTP_FIELD_HOST,
	HTTP_FIELD_ORIGIN,
	HTTP_FIELD_ACCEPT,
	HTTP_FIELD_CONTENT_TYPE,
	HTTP_FIELD_IF_MATCH,
	HTTP_FIELD_IF_NONE_MATCH,
	HTTP_FIELD_EXPECT,
	HTTP_FIELD_TRANSFER_ENCODING,
	HTTP_FIELD_COUNT,
	HTTP_FIELD_OTHER = HTTP_FIELD_COUNT,
};

struct http_request {
	enum http_verb verb;
	bool is_old; /* HTTP/1.0 */
	bool keeps_alive; /* the client wants to go on with the connection */
	struct slice target;
	struct slice fields[HTTP_FIELD_COUNT];
	struct slice body;
};

/* What requests may be. */
struct http_limits {
	size_t key_bytes_max;
	size_t value_bytes_max;
	size_t batch_bytes_max;
};

/* True if the text is `word`, whatever its case; `word` is in lower case. */
bool http_text_is(struct slice text, const char *word);

/* Without blanks and tabs at both ends. */
struct slice http_text_trim(struct slice text);

/* The body is a bare value: its media type is application/octet-stream. */
bool http_request_is_raw(const struct http_request *request);

/* The client would rather have a bare value than a JSON document. */
bool http_request_wants_raw(const struct http_request *request);

/* A page of another site is behind the request, as far as a browser tells. */
bool http_request_is_foreign(const struct http_request *request);

#endif
