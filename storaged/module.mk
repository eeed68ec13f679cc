$(call library,storaged,engine_checkpoint.c engine_open.c engine_reclaim.c \
    engine_space.c engine_tick.c engine_write.c checkpoint/checkpoint.c \
    background/background.c background/sweeper.c \
    commit/admission.c commit/space.c commit/stamp.c \
    compaction/compaction.c compaction/pick.c compaction/reclaim.c \
    compaction/rewrite.c compaction/shortage.c \
    flush/flush.c maintenance/maintenance.c \
    maintenance/task.c maintenance/view_space.c manifest/catalog.c \
    manifest/damage_list.c manifest/edit.c manifest/manifest.c manifest/table_file.c \
    reserve/reserve.c scrub/scrub.c tree/table_trash.c tree/tree.c,\
    common/base common/log common/codec common/os common/command \
    common/lsm/record common/lsm/memtable common/lsm/table common/lsm/view \
    common/journal common/metrics storaged/apply,)
$(call unit_tests,storaged,commit/test_space commit/test_stamp \
    compaction/test_pick \
    compaction/test_pick_damage compaction/test_shortage \
    compaction/test_reclaim compaction/test_rewrite \
    maintenance/test_task \
    manifest/test_manifest)
$(call unit_tests,storaged,test_golden,tests/support/apply)
