$(call library,replicator/protocol,charter.c envelope.c hello.c name_set.c\
    refusal.c,common/base common/codec,)
$(call unit_tests,replicator/protocol,test_bodies test_envelope)
