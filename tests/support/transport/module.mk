$(call library,tests/support/transport,lossy_transport.c node.c,\
    common/base common/loop replicator/transport tests/support,)
