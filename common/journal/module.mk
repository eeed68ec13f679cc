$(call library,common/journal,journal_format.c,\
    common/base common/codec common/os,)
