/*
 * http_date - the Date line of responses, made once a second.
 */
#ifndef FRONTEND_HTTP_HTTP_DATE_H
#define FRONTEND_HTTP_HTTP_DATE_H

#include <stdint.h>

/* "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n" */
#define HTTP_DATE_BYTES 37u

/* Zeroed: none yet. */
struct http_date {
	uint64_t second; /* since 1970 */
	char line[HTTP_DATE_BYTES];
};

/* Makes the line for this time, unless it is there. */
void http_date_update(struct http_date *date, uint64_t wall_ms);

#endif
