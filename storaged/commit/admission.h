/*
 * admission - how fast writes may come, by how far behind flush and
 * compaction are.
 *
 * Nothing is free until about half of the room is used; then each message
 * waits a little, the wait growing with the square of what is left, so that
 * writers slow down long before anything is full. Past the room a write is
 * refused, honestly, and not stopped.
 *
 * Threads  Pure.
 */
#ifndef STORAGED_COMMIT_ADMISSION_H
#define STORAGED_COMMIT_ADMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ADMISSION_DELAY_US_MAX 50000

/* Each as now and as the most that may be. */
struct admission_load {
	size_t frozen_count;
	size_t frozen_count_max;
	size_t level0_count;
	size_t level0_count_max;
	uint64_t debt_bytes;
	uint64_t debt_bytes_max;
};

/* The wait before a write, in microseconds. */
uint32_t admission_delay_us(const struct admission_load *load);

/* True when memtables fill faster than they can be flushed at any delay. */
bool admission_refuses(const struct admission_load *load);

#endif
