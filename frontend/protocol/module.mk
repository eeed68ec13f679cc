$(call library,frontend/protocol,frame.c frame_request.c frame_reply.c,\
    common/base common/codec,)
$(call unit_tests,frontend/protocol,test_frame)
