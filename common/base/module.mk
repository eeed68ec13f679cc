$(call library,common/base,arena.c buffer.c check.c mem.c nearest.c status.c,,)
$(call unit_tests,common/base,test_base)
