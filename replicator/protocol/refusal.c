#include "replicator/protocol/refusal.h"

#include <stdbool.h>

#include "common/codec/append.h"

const char *
refusal_text(enum refusal refusal)
{
	switch (refusal) {
#define REFUSAL(name, number, text) \
	case REFUSAL_##name:        \
		return text;
#include "replicator/protocol/refusal.def"
#undef REFUSAL
	}
	return "?";
}

static bool
refusal_exists(uint32_t number)
{
	switch (number) {
#define REFUSAL(name, number, text) case number:
#include "replicator/protocol/refusal.def"
#undef REFUSAL
		return true;
	default:
		return false;
	}
}

void
refusal_encode(enum refusal refusal, struct buffer *out)
{
	u32_append(out, (uint32_t)refusal);
}

enum status
refusal_decode(struct slice body, enum refusal *out, struct error *err)
{
	uint32_t number;

	if (!u32_take(&body, &number) || !refusal_exists(number) ||
	    body.size != 0)
		return error_set(err, STATUS_CORRUPT, "malformed REFUSE");
	*out = (enum refusal)number;
	return STATUS_OK;
}
