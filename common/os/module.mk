$(call library,common/os,clock.c file.c file_system.c path.c random.c,\
    common/base,)
$(call unit_tests,common/os,test_file)
