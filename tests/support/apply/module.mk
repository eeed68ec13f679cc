$(call library,tests/support/apply,map_store.c,\
    common/base common/codec common/command common/lsm/record \
    storaged/apply,)
