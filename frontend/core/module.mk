$(call library,frontend/core,front.c,common/base common/log common/os\
    common/lsm/view common/metrics common/loop common/net common/worker\
    frontend/gate,)
