$(call library,storaged/inspect,data_folder.c db_check.c db_dump.c \
    db_repair.c offline_store.c \
    repair_journal.c repair_tables.c,storaged,)
