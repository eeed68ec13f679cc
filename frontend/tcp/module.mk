$(call library,frontend/tcp,resp_inline.c resp_parser.c resp_writer.c,\
    common/base common/codec,)
$(call unit_tests,frontend/tcp,test_resp_parser test_resp_writer)
