$(call library,common/os,bus_guard.c clock.c direct_file.c file.c file_system.c path.c \
    random.c,common/base,)
$(call unit_tests,common/os,test_bus_guard test_file)
