$(call library,tests/support/sink,scripted_sink.c,\
    common/base common/command common/ipc tests/support,)
