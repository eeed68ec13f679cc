/*
 * seeds - inputs for the fuzz targets, made by the real encoders.
 *
 * `make fuzz-seeds` writes them to tests/fuzz/corpus; fuzzing adds to these.
 */
#ifndef TESTS_FUZZ_SEEDS_H
#define TESTS_FUZZ_SEEDS_H

#include "common/base/buffer.h"
#include "common/base/slice.h"

/* Writes `bytes` as the next seed of a target. */
void seed_write(const char *target, struct slice bytes);
void seed_write_text(const char *target, const char *text);

/* Appends a number as fuzz_take_number() with this span reads it. */
void seed_append_number(struct buffer *out, uint64_t span, uint64_t number);

/* Appends bytes as fuzz_take_bytes() with this limit reads them. */
void seed_append_bytes(struct buffer *out, size_t size_max, struct slice bytes);

/* All seeds of some targets, by what they are about. */
void seeds_commands(void); /* batch, reply, apply, apply_state */
void seeds_journal(void);
void seeds_manifest(void); /* manifest, current, edit */
void seeds_tables(void); /* table..., block, memtable */
void seeds_processes(void); /* view, control..., ipc_message, store */
void seeds_clients(void); /* frame..., resp, http... */
void seeds_texts(void); /* yaml, text */
void seeds_nodes(void); /* envelope, node_bodies, replica */

#endif
