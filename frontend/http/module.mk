$(call library,frontend/http,http_assembler.c http_batch.c http_call.c\
    http_chunks.c http_conditions.c http_connection.c http_date.c http_door.c\
    http_json.c http_list.c http_problem.c http_put.c http_reply.c\
    http_request.c http_target.c http_ttl.c openapi.c,\
    common/base common/codec common/os common/command common/lsm/record\
    common/lsm/view common/metrics common/loop common/net frontend/gate\
    frontend/core,-lhttp_parser -ljansson)
$(call unit_tests,frontend/http,test_http_assembler test_http_batch\
    test_http_chunks test_http_conditions test_http_put test_http_reply\
    test_http_target)

# The document as the elements of a C array.
$(BUILD)/frontend/http/openapi.inc: frontend/http/openapi.json
	@mkdir -p $(@D)
	$(Q)od -An -v -tx1 $< | sed 's/ \(..\)/0x\1,/g' >$@.new
	$(Q)mv $@.new $@
$(BUILD)/frontend/http/openapi.o: $(BUILD)/frontend/http/openapi.inc
$(BUILD)/frontend/http/openapi.o: CPPFLAGS += -I$(BUILD)
