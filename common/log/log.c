#include "common/log/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOG_LINE_BYTES_MAX 1024

static struct {
	char process[64];
	enum log_level least;
} sink = {"kvstore", LOG_INFO};

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void
log_open(const char *process, enum log_level least)
{
	snprintf(sink.process, sizeof(sink.process), "%s", process);
	sink.least = least;
}

bool
log_level_find(const char *word, enum log_level *out)
{
	for (int level = LOG_DEBUG; level <= LOG_ERROR; level++) {
		if (strcmp(word, level_names[level]) == 0) {
			*out = (enum log_level)level;
			return true;
		}
	}
	return false;
}

void
log_event(enum log_level level, const char *event, const char *format, ...)
{
	char line[LOG_LINE_BYTES_MAX];
	int used;
	ssize_t ignored;
	va_list arguments;

	if (level < sink.least)
		return;
	used = snprintf(line, sizeof(line), "level=%s process=%s event=%s ",
	    level_names[level], sink.process, event);
	va_start(arguments, format);
	used += vsnprintf(
	    line + used, sizeof(line) - (size_t)used, format, arguments);
	va_end(arguments);
	if (used > (int)sizeof(line) - 2)
		used = (int)sizeof(line) - 2;
	while (used > 0 && line[used - 1] == ' ')
		used--;
	line[used++] = '\n';
	/* One write, so that lines of several processes never mix. */
	ignored = write(STDERR_FILENO, line, (size_t)used);
	(void)ignored;
}

bool
log_limiter_pass(
    struct log_limiter *limiter, uint64_t now_ms, uint64_t *suppressed)
{
	if (now_ms < limiter->next_ms) {
		limiter->suppressed++;
		return false;
	}
	*suppressed = limiter->suppressed;
	limiter->suppressed = 0;
	limiter->next_ms = now_ms + limiter->interval_ms;
	return true;
}
