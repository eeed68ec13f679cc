#include "frontend/http/http_problem.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

static const struct {
	unsigned status;
	const char *title;
} titles[] = {
    {200, "OK"},
    {201, "Created"},
    {204, "No Content"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {417, "Expectation Failed"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

const char *
http_status_title(unsigned status)
{
	for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++)
		if (titles[i].status == status)
			return titles[i].title;
	return "";
}

static void
problem_fill(struct http_problem *problem, unsigned status, const char *field,
    const char *format, va_list arguments)
{
	problem->status = status;
	problem->allow = NULL;
	problem->field = field;
	problem->limit = 0;
	problem->outcome = HTTP_OUTCOME_NONE;
	problem->retry_after_s = 0;
	vsnprintf(problem->detail, sizeof(problem->detail), format, arguments);
}

bool
http_problem_set(
    struct http_problem *problem, unsigned status, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	problem_fill(problem, status, NULL, format, arguments);
	va_end(arguments);
	return false;
}

bool
http_problem_set_field(struct http_problem *problem, unsigned status,
    const char *field, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	problem_fill(problem, status, field, format, arguments);
	va_end(arguments);
	return false;
}

bool
http_problem_set_limit(struct http_problem *problem, unsigned status,
    const char *field, const char *what, uint64_t limit)
{
	http_problem_set_field(problem, status, field,
	    "%s takes more than the limit of %" PRIu64 " bytes", what, limit);
	problem->limit = limit;
	return false;
}
