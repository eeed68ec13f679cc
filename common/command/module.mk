$(call library,common/command,batch.c command.c reply.c,common/base common/codec,)
$(call unit_tests,common/command,test_batch test_limits test_reply)
