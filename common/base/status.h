/*
 * status - how an operation failed, and the text that says why.
 *
 * An operating failure is an `enum status` returned and a `struct error`
 * filled in. An answer (key absent, end of scan) is never one of these.
 *
 * Ownership  The caller owns the struct error; it is a plain value without
 *            allocations.
 */
#ifndef COMMON_BASE_STATUS_H
#define COMMON_BASE_STATUS_H

#include "common/base/attributes.h"

enum status {
#define STATUS(name, number, word) STATUS_##name = (number),
#include "common/base/status.def"
#undef STATUS
};

#define ERROR_TEXT_BYTES_MAX 252

struct error {
	enum status code;
	char text[ERROR_TEXT_BYTES_MAX];
};

/* The word for a code ("corrupt"), "?" for a number that is none. */
const char *status_name(enum status code);

/* Fills `err` and returns `code`. Every error is born here. */
enum status error_set(struct error *err, enum status code, const char *format,
    ...) PRINTF_LIKE(3, 4);

/*
 * error_set with ": " and the text of errno value `errnum` behind. The code
 * is NO_SPACE for ENOSPC and EDQUOT, BUSY where descriptors or memory are
 * exhausted (EMFILE, ENFILE, ENOMEM), else IO.
 */
enum status error_set_errno(
    struct error *err, int errnum, const char *format, ...) PRINTF_LIKE(3, 4);

/*
 * Puts context and ": " before the text of `err`; returns its code. Where the
 * text is full, the new context is cut, never the cause.
 */
enum status
error_wrap(struct error *err, const char *format, ...) PRINTF_LIKE(2, 3);

/* Copies `from`, which must hold a failure or OK, and returns its code. */
enum status error_copy(struct error *err, const struct error *from);

#endif
