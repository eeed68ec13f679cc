#include "common/base/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/check.h"

const char *
status_name(enum status code)
{
	switch (code) {
#define STATUS(name, number, word) \
	case STATUS_##name:        \
		return word;
#include "common/base/status.def"
#undef STATUS
	}
	return "?";
}

static void
text_append(struct error *err, const char *format, va_list arguments)
{
	size_t used = strlen(err->text);

	vsnprintf(
	    err->text + used, sizeof(err->text) - used, format, arguments);
}

enum status
error_set(struct error *err, enum status code, const char *format, ...)
{
	va_list arguments;

	CHECK(err != NULL);
	CHECK(code != STATUS_OK);
	err->code = code;
	err->text[0] = '\0';
	va_start(arguments, format);
	text_append(err, format, arguments);
	va_end(arguments);
	return code;
}

enum status
error_set_errno(struct error *err, int errnum, const char *format, ...)
{
	enum status code = STATUS_IO;
	char context[ERROR_TEXT_BYTES_MAX];
	char reason[80];
	va_list arguments;

	if (errnum == ENOSPC || errnum == EDQUOT)
		code = STATUS_NO_SPACE;
	/* This says nothing about the file: later there may be enough. */
	if (errnum == EMFILE || errnum == ENFILE || errnum == ENOMEM)
		code = STATUS_BUSY;
	va_start(arguments, format);
	vsnprintf(context, sizeof(context), format, arguments);
	va_end(arguments);
	return error_set(err, code, "%s: %s", context,
	    strerror_r(errnum, reason, sizeof(reason)));
}

enum status
error_wrap(struct error *err, const char *format, ...)
{
	char cause[ERROR_TEXT_BYTES_MAX];
	size_t cause_size;
	size_t context_max;
	va_list arguments;

	CHECK(err != NULL);
	cause_size = strlen(err->text);
	memcpy(cause, err->text, cause_size + 1);
	context_max = sizeof(err->text) - cause_size;
	if (context_max <= 3)
		return err->code;
	va_start(arguments, format);
	vsnprintf(err->text, context_max - 2, format, arguments);
	va_end(arguments);
	strcat(strcat(err->text, ": "), cause);
	return err->code;
}

enum status
error_copy(struct error *err, const struct error *from)
{
	*err = *from;
	return from->code;
}
