$(call library,common/lsm/memtable,memtable_iterator.c memtable_reader.c \
    memtable_tiers.c memtable_writer.c,common/base common/codec common/os \
    common/lsm/record,)
$(call unit_tests,common/lsm/memtable,test_memtable \
    test_memtable_damage test_memtable_model test_memtable_readers \
    test_memtable_tiers)
