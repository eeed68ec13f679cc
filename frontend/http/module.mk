$(call library,frontend/http,http_assembler.c http_chunks.c http_conditions.c\
    http_date.c http_json.c http_problem.c http_put.c http_reply.c\
    http_request.c http_target.c http_ttl.c,\
    common/base common/codec common/command,-lhttp_parser -ljansson)
$(call unit_tests,frontend/http,test_http_assembler test_http_chunks\
    test_http_conditions test_http_put test_http_reply test_http_target)
