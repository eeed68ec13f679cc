$(call library,replicator/transport,connection.c inbound.c nng_transport.c\
    outbound.c tls.c,common/base common/log common/codec common/os common/loop\
    replicator/protocol,-lnng)
$(call unit_tests,replicator/transport,test_cluster test_nng_transport test_tls,\
    tests/support/transport replicator/identity)
