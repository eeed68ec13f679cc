$(call library,common/lsm/view,control.c view_description.c view_path.c,\
    common/base common/codec common/os,)
$(call unit_tests,common/lsm/view,test_control test_view_description)
