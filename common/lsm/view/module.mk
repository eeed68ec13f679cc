$(call library,common/lsm/view,control.c table_run.c view.c \
    view_description.c view_find.c view_path.c view_publisher.c \
    view_reader.c view_scan.c,common/base common/codec common/os \
    common/lsm/record common/lsm/memtable common/lsm/table,)
$(call unit_tests,common/lsm/view,test_control test_table_run test_view \
    test_view_description test_view_reader)
