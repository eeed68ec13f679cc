#include "frontend/core/intake.h"

void
intake_init(struct intake *intake, size_t bytes_max)
{
	*intake = (struct intake){.bytes_max = bytes_max};
	TAILQ_INIT(&intake->claims);
}

static bool
fits(const struct intake *intake, const struct intake_claim *claim)
{
	const struct intake_claim *older;

	if (claim == TAILQ_FIRST(&intake->claims))
		return true;
	TAILQ_FOREACH(older, &intake->claims, link) {
		if (older == claim)
			break;
		if (older->waits)
			return false;
	}
	return intake->bytes + (claim->wanted - claim->bytes) <=
	    intake->bytes_max;
}

static void
grant(struct intake *intake, struct intake_claim *claim)
{
	intake->bytes += claim->wanted - claim->bytes;
	claim->bytes = claim->wanted;
	claim->waits = false;
}

static void
enlist(struct intake *intake, struct intake_claim *claim)
{
	if (claim->is_listed)
		return;
	TAILQ_INSERT_TAIL(&intake->claims, claim, link);
	claim->is_listed = true;
	claim->since_ms = 0;
}

void
intake_take(struct intake *intake, struct intake_claim *claim, size_t bytes)
{
	enlist(intake, claim);
	claim->wanted = bytes > claim->bytes ? bytes : claim->bytes;
	grant(intake, claim);
}

void
intake_check(struct intake *intake, uint64_t now_ms, uint64_t patience_ms)
{
	struct intake_claim *claim;
	struct intake_claim *next;
	bool some_wait = false;

	TAILQ_FOREACH(claim, &intake->claims, link)
		some_wait |= claim->waits;
	for (claim = TAILQ_FIRST(&intake->claims); claim != NULL;
	     claim = next) {
		next = TAILQ_NEXT(claim, link);
		if (claim->waits || claim->on_late == NULL)
			continue;
		if (claim->since_ms == 0)
			claim->since_ms = now_ms;
		if (some_wait && now_ms - claim->since_ms > patience_ms)
			claim->on_late(claim);
	}
}

bool
intake_ask(struct intake *intake, struct intake_claim *claim, size_t bytes)
{
	enlist(intake, claim);
	claim->wanted = bytes > claim->bytes ? bytes : claim->bytes;
	claim->waits = !fits(intake, claim);
	if (!claim->waits)
		grant(intake, claim);
	return !claim->waits;
}

void
intake_release(struct intake *intake, struct intake_claim *claim)
{
	struct intake_claim *next;

	if (!claim->is_listed)
		return;
	TAILQ_REMOVE(&intake->claims, claim, link);
	intake->bytes -= claim->bytes;
	claim->is_listed = false;
	claim->waits = false;
	claim->bytes = 0;
	TAILQ_FOREACH(next, &intake->claims, link) {
		if (!next->waits)
			continue;
		if (!fits(intake, next))
			break;
		grant(intake, next);
		next->on_grant(next);
	}
}
