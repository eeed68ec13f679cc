/*
 * table_repair - makes the checksums of a table's bytes right, as a faulty
 * writer would have: what is wrong behind them is then what a reader meets.
 */
#ifndef TESTS_FUZZ_TABLE_REPAIR_H
#define TESTS_FUZZ_TABLE_REPAIR_H

#include <stddef.h>
#include <stdint.h>

/*
 * Goes by what the footer says, as far as that lies in the file. Identity,
 * size of the file and place of the tail are made right as well.
 */
void table_repair(
    uint8_t *bytes, size_t size, uint64_t number, const uint8_t *store_id);

/* The same for the last TABLE_FOOTER_BYTES of a file of `size` alone. */
void table_repair_footer(
    uint8_t *footer, uint64_t size, uint64_t number, const uint8_t *store_id);

#endif
