/*
 * scale - how long opening takes: a store of many keys, and a full log.
 *
 * Both print one `result` line; README.md says what its values mean. For a
 * store that can put many keys in one call, which is ours.
 */
#ifndef TESTS_BENCH_ENGINE_SCALE_H
#define TESTS_BENCH_ENGINE_SCALE_H

struct run_options;

/* Opens a store of options->keys keys, which it makes if there is none. */
void scale_open(const struct run_options *options);

/* Opens a store that was left with half a memtable in its log alone. */
void scale_recover(const struct run_options *options);

#endif
