$(call library,tests/support/apply,apply_fixture.c map_store.c,\
    common/base common/codec common/command common/lsm/record \
    storaged/apply,)
