$(call library,frontend/core,front.c intake.c\
    reply_claim.c,common/base common/log common/os\
    common/lsm/view common/metrics common/loop common/net common/worker\
    frontend/gate,)
$(call unit_tests,frontend/core,test_intake)
