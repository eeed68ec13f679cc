$(call library,common/lsm/table,block_cache.c block_codec.c block_pack.c compression.c \
    deadline_steps.c point_index.c seek_index.c table_block.c table_builder.c table_footer.c \
    table_iterator.c table_prefetch.c table_reader.c table_reader_block.c \
    table_salvage.c table_scrub.c table_section.c table_summary.c table_verify.c,\
    common/base common/codec common/os common/lsm/record,-llz4 -lzstd)
$(call unit_tests,common/lsm/table,test_block_cache test_block_pack test_deadline_steps \
    test_table_builder \
    test_table_damage test_table_forged test_table_model \
    test_seek_index test_table_scrub)
