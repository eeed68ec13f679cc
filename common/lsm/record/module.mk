$(call library,common/lsm/record,merge.c range_set.c,common/base common/codec,)
