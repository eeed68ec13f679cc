$(call library,frontend/kvctl,arguments.c control.c data_verbs.c db_verbs.c\
    key_text.c kvctl.c node_verbs.c output.c sink.c table_verbs.c verbs.c,common/base common/log\
    common/codec common/os common/loop common/ipc config\
    frontend/client frontend/protocol storaged/inspect,-ljansson)
$(call program,kvctl,frontend/kvctl,main.c,frontend/kvctl)
$(call unit_tests,frontend/kvctl,test_kvctl,tests/support/memory)
