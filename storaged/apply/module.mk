$(call library,storaged/apply,apply.c copies.c evaluate.c write_set.c writers.c,\
    common/base common/codec common/command common/lsm/record,)
$(call unit_tests,storaged/apply,test_apply test_apply_limits test_commands \
    test_copies \
    test_replay test_writers,tests/support/apply)
