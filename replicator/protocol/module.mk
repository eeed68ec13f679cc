$(call library,replicator/protocol,envelope.c,common/base common/codec,)
$(call unit_tests,replicator/protocol,test_envelope)
