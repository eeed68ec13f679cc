$(call library,tests/support/memory,memory_door.c memory_server.c\
    memory_store.c,\
    common/base common/command common/lsm/record frontend/protocol\
    frontend/tcp storaged/apply,)
