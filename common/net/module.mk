$(call library,common/net,listener.c net.c stream.c,\
    common/base common/log common/os common/loop,)
$(call unit_tests,common/net,test_stream test_listener)
