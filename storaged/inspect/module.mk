$(call library,storaged/inspect,data_folder.c db_check.c db_dump.c \
    offline_store.c,storaged,)
