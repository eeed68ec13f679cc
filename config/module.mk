$(call library,config,arguments.c config.c loader.c schema.c value.c,\
    common/base common/log,-lyaml)
$(call unit_tests,config,test_arguments test_config test_loader test_value)
