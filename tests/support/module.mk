$(call library,tests/support,suite.c scratch.c fault_file_system.c \
    fault_disk.c random_command.c table_sample.c,\
    common/command common/lsm/table common/os,-lcunit)
$(call unit_tests,tests/support,test_fault_file_system)
