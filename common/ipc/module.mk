$(call library,common/ipc,ipc_client.c ipc_server.c message.c\
    nng_support.c,common/base common/log common/codec common/os common/loop,\
    -lnng)
$(call unit_tests,common/ipc,test_message test_ipc test_ipc_close,\
    tests/support/ipc)
