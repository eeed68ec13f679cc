$(call library,tests/support/ipc,ipc_peer.c,\
    common/base common/ipc common/loop tests/support,)
