# The test suite: what runs, in which order, and the longer proofs.

ENGINE_SUPPORT := tests/support/engine_driver.c tests/support/kv_model.c \
    tests/support/manual_clock.c tests/support/store_folders.c
$(call test_program,model/test_engine_model,storaged,$(ENGINE_SUPPORT))
$(call test_program,model/test_flush_trouble,storaged,$(ENGINE_SUPPORT))
$(call test_program,model/test_table_damage,storaged,$(ENGINE_SUPPORT))
$(call test_program,model/test_repair,storaged/inspect,$(ENGINE_SUPPORT))
$(call test_program,model/test_inspect,storaged/inspect,$(ENGINE_SUPPORT))
$(call test_program,model/test_engine_checkpoint,storaged,$(ENGINE_SUPPORT))
$(call test_program,model/test_engine_reclaim,storaged,$(ENGINE_SUPPORT))
$(call test_program,model/test_engine_disk,storaged,$(ENGINE_SUPPORT) \
    tests/support/small_disk.c)
$(call test_program,model/test_engine_runtime,storaged,$(ENGINE_SUPPORT) \
    tests/support/small_disk.c)
$(call test_program,model/test_engine_threads,storaged)
CRASH_SUPPORT := tests/support/crash_workload.c $(ENGINE_SUPPORT)
$(call test_program,model/test_power_cut,storaged,$(CRASH_SUPPORT))
$(call test_program,model/test_failing_calls,storaged,$(CRASH_SUPPORT))
$(call test_program,model/test_bit_flips,storaged,$(CRASH_SUPPORT) \
    tests/support/damage.c)
ifneq ($(RAFT),)
$(call test_program,model/test_raft_simulation,replicator/core,\
    tests/simulation/sim_check.c tests/simulation/sim_server.c \
    tests/simulation/sim_world.c)
endif

$(call test_program,torture/ext4_cuts,storaged)

# Not a test itself: the programs that tests/component/test_supervisor starts.
$(call test_program,support/fake_worker,common/worker common/os,)

test: deps-test ## the test suite (MODE=asan or tsan for sanitizers)
	@$(MAKE) --no-print-directory -j$$(nproc) programs unit-tests \
	    test-programs fuzz-targets
	@./tests/run.sh $(BUILD)

unit: ## the unit tests alone, without installing anything
	@$(MAKE) --no-print-directory -j$$(nproc) unit-tests
	@./tests/run.sh $(BUILD) unit

torture: deps-test ## the long proofs, under sanitizers (PROOFS=names: those)
	@$(MAKE) --no-print-directory -j$$(nproc) MODE=asan programs \
	    test-programs
	@./tests/torture.sh build/asan $(PROOFS)

torture-ext4: deps-test ## cut the power of an ext4 100 times (needs root)
	@$(MAKE) --no-print-directory -j$$(nproc) test-programs
	@KVSTORE_BUILD=$(BUILD) $(BUILD)/tests/torture/ext4_cuts 100

torture-kill: deps-test ## kill each worker 50 times under load
	@$(MAKE) --no-print-directory -j$$(nproc) programs
	@KVSTORE_BUILD=$(BUILD) KILLS=50 ./tests/system/test_kill_workers

torture-raft: deps-raft ## 100,000 simulated clusters (RAFT_SEEDS=, RAFT_SEED=)
	@$(MAKE) --no-print-directory -j$$(nproc) \
	    $(BUILD)/tests/model/test_raft_simulation
	@RAFT_SEEDS=$${RAFT_SEEDS:-100000} \
	    $(BUILD)/tests/model/test_raft_simulation

FUZZ_SECONDS ?= 60
fuzz: deps-fuzz ## each decoder against made-up bytes (FUZZ=names: those)
	@$(MAKE) --no-print-directory -j$$(nproc) MODE=fuzz CC=clang \
	    fuzz-targets
	@./tests/fuzz/run.sh build/fuzz $(FUZZ_SECONDS) $(FUZZ)

fuzz-seeds: deps-test ## write the seeds of tests/fuzz/corpus anew
	@$(MAKE) --no-print-directory -j$$(nproc) \
	    $(BUILD)/tests/fuzz/seeds
	@rm -f tests/fuzz/corpus/*/seed-*
	@$(BUILD)/tests/fuzz/seeds tests/fuzz/corpus

unit-tests: $(UNIT_TESTS)

$(call bench_program,bench_command,storaged/apply common/os)
$(call bench_program,bench_memtable,common/lsm/memtable)
$(call bench_program,bench_view,common/lsm/view tests/support)
$(call bench_program,bench_table,common/lsm/table)
$(call bench_program,bench_transport,replicator/transport)

test-programs: $(TEST_PROGRAMS)

# The engines that ours is measured beside, as far as they are installed.
PEERS := $(if $(wildcard /usr/include/rocksdb/c.h),rocksdb) \
    $(if $(wildcard /usr/include/leveldb/c.h),leveldb) \
    $(if $(wildcard /usr/include/lmdb.h),lmdb)
SYSLIBS_peers := $(addprefix -l,$(PEERS))
$(call bench_program,bench_engine,storaged peers,$(patsubst \
    %,tests/bench/engine/%.c,folder histogram ours row sample scale store trace \
    usage worker $(PEERS)))

bench-programs: $(BENCH_PROGRAMS)

bench: deps-bench ## a node beside Redis and nginx: medians and ratios
	@$(MAKE) --no-print-directory -j$$(nproc) programs bench-programs
	@./tests/bench/bench_servers.py $(BUILD)

bench-deps: ## install the engines that ours is measured beside
	@./tests/support/deps.sh peers

bench-engine: deps-build ## our engine beside others: rows, ratios, goals
	@$(MAKE) --no-print-directory $(BUILD)/tests/bench/bench_engine
	@./tests/bench/bench_engine.py --build $(BUILD) $(BENCH_ENGINE)

bench-latency: ## how long puts take, second by second, with pictures
bench-scale: ## how long opening takes, by the size of store and log
bench-latency bench-scale: deps-build
	@$(MAKE) --no-print-directory $(BUILD)/tests/bench/bench_engine
	@./tests/bench/bench_engine.py --build $(BUILD) --sections $(@:bench-%=%) \
	    $(BENCH_ENGINE)
