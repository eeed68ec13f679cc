$(call library,supervisor,child.c control_socket.c data_directory.c json.c \
    listen.c notify.c plan.c report.c restart_policy.c runtime_directory.c \
    spawn.c supervisor.c,common/base common/log common/codec common/os \
    common/metrics common/worker config,-lsystemd)
$(call program,server,supervisor,main.c,supervisor)
$(call unit_tests,supervisor,test_directories test_json test_listen test_plan \
    test_restart_policy)
