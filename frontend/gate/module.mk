$(call library,frontend/gate,gate.c gate_batch.c,common/base common/log\
    common/os common/command common/metrics common/loop common/ipc,)
$(call unit_tests,frontend/gate,test_gate test_gate_batch,tests/support/sink)
