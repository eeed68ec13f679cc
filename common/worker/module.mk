$(call library,common/worker,control_message.c settings.c,\
    common/base common/codec,)
$(call unit_tests,common/worker,test_control_message test_settings)
