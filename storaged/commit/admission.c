#include "storaged/commit/admission.h"

/* The share of `now` in `most` that lies above the free half: 0 to 1. */
static double
pressure(double now, double most)
{
	double share = most == 0 ? 0 : (now / most - 0.5) * 2;

	return share < 0 ? 0 : share > 1 ? 1 : share;
}

uint32_t
admission_delay_us(const struct admission_load *load)
{
	double worst = pressure(
	    (double)load->frozen_count, (double)load->frozen_count_max);
	double level0 = pressure(
	    (double)load->level0_count, (double)load->level0_count_max);
	double debt =
	    pressure((double)load->debt_bytes, (double)load->debt_bytes_max);

	if (level0 > worst)
		worst = level0;
	if (debt > worst)
		worst = debt;
	return (uint32_t)(worst * worst * ADMISSION_DELAY_US_MAX);
}

bool
admission_refuses(const struct admission_load *load)
{
	return load->frozen_count >= load->frozen_count_max;
}
