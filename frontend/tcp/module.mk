$(call library,frontend/tcp,frame_call.c glob.c resp_commands.c\
    resp_connection.c resp_inline.c resp_introspection.c resp_parser.c\
    resp_reads.c resp_selection.c resp_writer.c resp_writes.c tcp_call.c,\
    common/base common/codec common/command frontend/protocol,)
$(call unit_tests,frontend/tcp,test_glob test_resp_parser test_resp_selection\
    test_resp_writer)
$(call unit_tests,frontend/tcp,test_frame_call test_resp_commands,\
    tests/support/memory)
