/*
 * key_text - keys on a command line that have bytes no argument can have.
 */
#ifndef FRONTEND_KVCTL_KEY_TEXT_H
#define FRONTEND_KVCTL_KEY_TEXT_H

#include "common/base/buffer.h"
#include "common/base/status.h"

/*
 * Appends what `text` stands for, as output_escaped() writes it: \t, \n, \r,
 * \\ and \xHH. STATUS_INVALID for any other backslash.
 */
enum status key_text_decode(
    const char *text, struct buffer *out, struct error *err) MUST_CHECK;

#endif
