$(call library,common/loop,loop.c mailbox.c timer_heap.c,common/base common/os,-levent_core)
$(call unit_tests,common/loop,test_loop test_timer_heap)
