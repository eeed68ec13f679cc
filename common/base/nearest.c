#include "common/base/nearest.h"

#include <string.h>

/*
 * How many letters must be put in, left out, changed or swapped with their
 * neighbour to make one word of the other.
 */
static size_t
edit_distance(const char *a, size_t a_size, const char *b, size_t b_size)
{
	size_t rows[3][NEAREST_BYTES_MAX + 1];

	for (size_t j = 0; j <= b_size; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a_size; i++) {
		size_t *row = rows[i % 3];
		const size_t *above = rows[(i - 1) % 3];
		const size_t *above2 = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= b_size; j++) {
			size_t cost = above[j - 1] + (a[i - 1] != b[j - 1]);

			if (above[j] + 1 < cost)
				cost = above[j] + 1;
			if (row[j - 1] + 1 < cost)
				cost = row[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] && above2[j - 2] + 1 < cost)
				cost = above2[j - 2] + 1;
			row[j] = cost;
		}
	}
	return rows[a_size % 3][b_size];
}

void
nearest_offer(struct nearest *nearest, const char *candidate)
{
	size_t wrong_size = strlen(nearest->wrong);
	size_t size = strlen(candidate);
	size_t longer;
	size_t distance;

	if (wrong_size > NEAREST_BYTES_MAX || size > NEAREST_BYTES_MAX)
		return;
	distance = edit_distance(nearest->wrong, wrong_size, candidate, size);
	/* A third of the letters wrong is a slip; more is another word. */
	longer = size > wrong_size ? size : wrong_size;
	if (distance > 1 + longer / 3 || distance >= size)
		return;
	if (nearest->best == NULL || distance < nearest->distance) {
		nearest->best = candidate;
		nearest->distance = distance;
	}
}
