# The test suite: what runs, in which order, and the longer proofs.

test: deps-test ## the test suite (MODE=asan or tsan for sanitizers)
	@$(MAKE) --no-print-directory -j$$(nproc) programs unit-tests
	@./tests/run.sh $(BUILD)

unit: ## the unit tests alone, without installing anything
	@$(MAKE) --no-print-directory -j$$(nproc) unit-tests
	@./tests/run.sh $(BUILD) unit

unit-tests: $(UNIT_TESTS)

$(call bench_program,bench_memtable,common/lsm/memtable)

bench-programs: $(BENCH_PROGRAMS)
