# Fuzz targets: each links with what it decodes, and with libFuzzer under
# MODE=fuzz, else with replay.c.
FUZZ_MAIN := $(if $(filter fuzz,$(MODE)),,tests/fuzz/replay.c)

$(call library,tests/fuzz,batch_repair.c fuzz.c entry_program.c table_repair.c,\
    common/base common/codec common/os common/command common/lsm/record \
    common/lsm/table tests/support)

$(call fuzz_target,apply,storaged/apply tests/support/apply)
$(call fuzz_target,apply_state,storaged/apply)
$(call fuzz_target,batch,common/command)
$(call fuzz_target,block,common/lsm/table)
$(call fuzz_target,control,common/lsm/view)
$(call fuzz_target,control_message,common/worker)
$(call fuzz_target,current,storaged)
$(call fuzz_target,edit,storaged)
$(call fuzz_target,envelope,replicator/protocol)
$(call fuzz_target,frame_reply,frontend/protocol)
$(call fuzz_target,frame_request,frontend/protocol)
$(call fuzz_target,http_assembler,frontend/http)
$(call fuzz_target,http_body,frontend/http)
$(call fuzz_target,http_chunks,frontend/http)
$(call fuzz_target,http_target,frontend/http)
$(call fuzz_target,ipc_message,common/ipc)
$(call fuzz_target,journal,common/journal)
$(call fuzz_target,manifest,storaged)
$(call fuzz_target,memtable,common/lsm/memtable)
$(call fuzz_target,node_bodies,replicator/protocol)
$(call fuzz_target,replica,replicator/identity)
$(call fuzz_target,reply,common/command)
$(call fuzz_target,resp,frontend/tcp)
$(call fuzz_target,store,supervisor)
$(call fuzz_target,table,common/lsm/table)
$(call fuzz_target,table_build,common/lsm/table)
$(call fuzz_target,table_footer,common/lsm/table)
$(call fuzz_target,text,config frontend/http frontend/tcp)
$(call fuzz_target,view,common/lsm/view)
$(call fuzz_target,yaml,config)

fuzz-targets: $(FUZZ_TARGETS)

$(call test_program,fuzz/seeds,storaged common/ipc common/worker supervisor \
    frontend/protocol replicator/identity tests/support/apply tests/fuzz,\
    tests/fuzz/seeds_clients.c tests/fuzz/seeds_commands.c \
    tests/fuzz/seeds_journal.c tests/fuzz/seeds_manifest.c \
    tests/fuzz/seeds_nodes.c \
    tests/fuzz/seeds_processes.c tests/fuzz/seeds_tables.c \
    tests/fuzz/seeds_texts.c)
