$(call library,common/lsm/record,merge.c range_set.c,common/base common/codec,)
$(call unit_tests,common/lsm/record,test_merge test_range_set)
