$(call library,replicator/core,configuration.c core.c core_receive.c\
    core_submit.c frame.c guard.c,common/base common/codec,-lraft)
$(call unit_tests,replicator/core,test_configuration test_frame test_guard)
