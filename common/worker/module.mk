$(call library,common/worker,control_message.c settings.c worker.c,\
    common/base common/log common/codec common/loop common/metrics,)
$(call unit_tests,common/worker,test_control_message test_settings test_worker)
