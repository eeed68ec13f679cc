#include "frontend/core/intake.h"
#include "common/base/rng.h"
#include "tests/support/suite.h"

#define OWNERS 20

struct owner {
	struct intake_claim claim; /* first */
	unsigned grants;
	unsigned lates;
};

static void
on_grant(struct intake_claim *claim)
{
	((struct owner *)claim)->grants++;
}

static void
owners_init(struct owner *owners)
{
	for (int i = 0; i < OWNERS; i++)
		owners[i] = (struct owner){.claim.on_grant = on_grant};
}

static void
what_fits_is_granted_and_the_rest_waits_its_turn(void)
{
	struct owner owners[OWNERS];
	struct intake intake;

	owners_init(owners);
	intake_init(&intake, 100);
	CU_ASSERT_TRUE(intake_ask(&intake, &owners[0].claim, 60));
	CU_ASSERT_TRUE(intake_ask(&intake, &owners[1].claim, 40));
	CU_ASSERT_FALSE(intake_ask(&intake, &owners[2].claim, 50));
	/* It would fit once the second is done, but it is not its turn. */
	CU_ASSERT_FALSE(intake_ask(&intake, &owners[3].claim, 10));
	intake_release(&intake, &owners[1].claim);
	CU_ASSERT_EQUAL(owners[2].grants, 0);
	CU_ASSERT_EQUAL(owners[3].grants, 0);
	intake_release(&intake, &owners[0].claim);
	CU_ASSERT_EQUAL(owners[2].grants, 1);
	CU_ASSERT_EQUAL(owners[3].grants, 1);
	CU_ASSERT_EQUAL(intake.bytes, 60);
	intake_release(&intake, &owners[2].claim);
	intake_release(&intake, &owners[2].claim);
	intake_release(&intake, &owners[3].claim);
	CU_ASSERT_EQUAL(intake.bytes, 0);
}

static void
on_late(struct intake_claim *claim)
{
	((struct owner *)claim)->lates++;
}

static void
who_holds_for_long_is_told_while_others_wait(void)
{
	struct owner owners[OWNERS];
	struct intake intake;

	owners_init(owners);
	owners[0].claim.on_late = on_late;
	owners[2].claim.on_late = on_late;
	intake_init(&intake, 100);
	CU_ASSERT_TRUE(intake_ask(&intake, &owners[0].claim, 60));
	intake_check(&intake, 1000, 500);
	intake_check(&intake, 2000, 500);
	CU_ASSERT_EQUAL(owners[0].lates, 0);
	/* What is counted without having been asked for stands in the way. */
	intake_take(&intake, &owners[1].claim, 60);
	CU_ASSERT_EQUAL(intake.bytes, 120);
	CU_ASSERT_FALSE(intake_ask(&intake, &owners[2].claim, 10));
	intake_check(&intake, 3000, 500);
	CU_ASSERT_EQUAL(owners[0].lates, 1);
	CU_ASSERT_EQUAL(owners[2].lates, 0);
	intake_release(&intake, &owners[0].claim);
	CU_ASSERT_EQUAL(owners[2].grants, 1);
	intake_release(&intake, &owners[1].claim);
	intake_release(&intake, &owners[2].claim);
	CU_ASSERT_EQUAL(intake.bytes, 0);
}

static void
the_oldest_has_what_it_asks_for(void)
{
	struct owner owners[OWNERS];
	struct intake intake;

	owners_init(owners);
	intake_init(&intake, 100);
	CU_ASSERT_TRUE(intake_ask(&intake, &owners[0].claim, 500));
	CU_ASSERT_FALSE(intake_ask(&intake, &owners[1].claim, 1));
	CU_ASSERT_FALSE(intake_ask(&intake, &owners[2].claim, 700));
	/* One that has gone away while it waited leaves no gap. */
	intake_release(&intake, &owners[1].claim);
	CU_ASSERT_EQUAL(owners[2].grants, 0);
	intake_release(&intake, &owners[0].claim);
	CU_ASSERT_EQUAL(owners[2].grants, 1);
	intake_release(&intake, &owners[2].claim);
}

static void
a_claim_that_grows_waits_like_others(void)
{
	struct owner owners[OWNERS];
	struct intake intake;

	owners_init(owners);
	intake_init(&intake, 100);
	CU_ASSERT_TRUE(intake_ask(&intake, &owners[0].claim, 40));
	CU_ASSERT_TRUE(intake_ask(&intake, &owners[1].claim, 40));
	CU_ASSERT_TRUE(intake_ask(&intake, &owners[1].claim, 60));
	CU_ASSERT_FALSE(intake_ask(&intake, &owners[1].claim, 90));
	/* The oldest may always grow: so one of them comes to an end. */
	CU_ASSERT_TRUE(intake_ask(&intake, &owners[0].claim, 400));
	intake_release(&intake, &owners[0].claim);
	CU_ASSERT_EQUAL(owners[1].grants, 1);
	CU_ASSERT_EQUAL(intake.bytes, 90);
	intake_release(&intake, &owners[1].claim);
}

static void
everybody_is_served_within_the_bound(void)
{
	struct rng rng = rng_seeded(suite_seed());
	struct owner owners[OWNERS];
	struct intake intake;
	unsigned served = 0;

	owners_init(owners);
	intake_init(&intake, 1000);
	for (int i = 0; i < 20000; i++) {
		struct owner *owner = &owners[rng_below(&rng, OWNERS)];
		size_t sum = 0;

		if (!owner->claim.is_listed || rng_below(&rng, 3) == 0) {
			(void)intake_ask(
			    &intake, &owner->claim, 1 + rng_below(&rng, 600));
		} else if (!owner->claim.waits || rng_below(&rng, 20) == 0) {
			served += !owner->claim.waits;
			intake_release(&intake, &owner->claim);
		}
		for (int k = 0; k < OWNERS; k++)
			sum += owners[k].claim.bytes;
		CU_ASSERT_EQUAL_FATAL(sum, intake.bytes);
		/* The oldest may be over it, by what it has itself. */
		CU_ASSERT_TRUE_FATAL(sum <= 1600);
		if (!TAILQ_EMPTY(&intake.claims))
			CU_ASSERT_FALSE_FATAL(
			    TAILQ_FIRST(&intake.claims)->waits);
	}
	CU_ASSERT_TRUE(served > 1000);
}

int
main(int argc, char **argv)
{
	static const struct suite_case cases[] = {
	    SUITE_CASE(what_fits_is_granted_and_the_rest_waits_its_turn),
	    SUITE_CASE(who_holds_for_long_is_told_while_others_wait),
	    SUITE_CASE(the_oldest_has_what_it_asks_for),
	    SUITE_CASE(a_claim_that_grows_waits_like_others),
	    SUITE_CASE(everybody_is_served_within_the_bound),
	};

	return suite_run("intake", cases, SUITE_COUNT(cases), argc, argv);
}
