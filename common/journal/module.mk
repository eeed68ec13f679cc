$(call library,common/journal,journal.c journal_directory.c \
    journal_format.c journal_helper.c journal_lookup.c journal_reader.c \
    journal_recovery.c journal_writer.c,\
    common/base common/codec common/os,)
$(call unit_tests,common/journal,test_journal test_journal_crash \
    test_journal_damage test_journal_lookup)
