$(call library,frontend/tcp,frame_call.c glob.c resp_commands.c\
    resp_connection.c resp_inline.c resp_introspection.c resp_parser.c\
    resp_reads.c resp_selection.c resp_writer.c resp_writes.c tcp_ahead.c\
    tcp_call.c tcp_connection.c tcp_door.c tcp_frame.c tcp_reader.c tcp_resp.c,\
    common/base common/codec common/os common/command common/lsm/view\
    common/metrics common/loop common/net common/worker frontend/protocol\
    frontend/gate frontend/core,)
$(call unit_tests,frontend/tcp,test_glob test_resp_parser test_resp_selection\
    test_resp_writer test_tcp_ahead\
    test_tcp_reader)
$(call unit_tests,frontend/tcp,test_frame_call test_resp_commands,\
    tests/support/memory)
