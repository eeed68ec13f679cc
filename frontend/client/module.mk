$(call library,frontend/client,client.c connection.c,\
    common/base common/codec common/os frontend/protocol,)
$(call unit_tests,frontend/client,test_client,tests/support/memory)
