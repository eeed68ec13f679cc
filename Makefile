# kvstore: `make help` lists the targets.

MODE ?= release
BUILD := build/$(MODE)
CC ?= cc
VERSION := $(shell cat VERSION)

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes \
    -Wmissing-prototypes -Wvla -Wno-unused-parameter
ifneq ($(WERROR),0)
WARNINGS += -Werror
endif
FLAGS_release := -O3 -g
FLAGS_debug := -O0 -g3 -DKVSTORE_CHECK_SLOW
FLAGS_asan := -O1 -g -DKVSTORE_CHECK_SLOW -fno-omit-frame-pointer \
    -fsanitize=address,undefined -fno-sanitize-recover=all
FLAGS_tsan := -O1 -g -DKVSTORE_CHECK_SLOW -fsanitize=thread
# Fuzz targets alone, and by clang: make fuzz. Its pointer-overflow objects to
# NULL + 0, which empty slices come to, and which C2y allows.
FLAGS_fuzz := -O1 -g -DKVSTORE_CHECK_SLOW -fno-omit-frame-pointer \
    -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all \
    -fno-sanitize=pointer-overflow
ifeq ($(FLAGS_$(MODE)),)
$(error MODE is $(MODE); it must be release, debug, asan, tsan or fuzz)
endif
CPPFLAGS += -I. -D_GNU_SOURCE -DKVSTORE_VERSION='"$(VERSION)"'
CFLAGS += -std=c11 $(FLAGS_$(MODE)) $(WARNINGS) -fstack-protector-strong
LDFLAGS += -Wl,--as-needed $(filter -fsanitize=%,$(FLAGS_$(MODE)))

.DEFAULT_GOAL := help
include build.mk

# Folders in layer order, lowest first: each may use those before it.
MODULES := common/base common/log common/codec common/os common/command \
    common/lsm/record common/lsm/memtable common/lsm/table common/lsm/view \
    common/journal common/loop common/net common/metrics common/ipc \
    common/worker config supervisor storaged/apply storaged storaged/inspect \
    storaged/service \
    frontend frontend/gate frontend/core frontend/protocol frontend/client \
    frontend/exporter frontend/http \
    frontend/tcp frontend/kvctl \
    replicator/protocol replicator/identity replicator/transport \
    tests/support tests/support/apply tests/support/memory \
    tests/support/sink tests/support/ipc tests/support/transport tests/fuzz
# Nothing that is served needs libraft yet: what stands on it is built and
# tested where a version is installed that loses nothing (`make deps-raft`).
RAFT := $(shell grep -s 'RAFT_VERSION_MINOR 2[2-9]' /usr/include/raft.h)
ifneq ($(RAFT),)
MODULES += replicator/core
endif
include $(addsuffix /module.mk,$(MODULES))
include systemd/module.mk
include tests/module.mk

.PHONY: help build run test unit bench tidy fmt deps install clean
help: ## list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  \1: \2/p' Makefile \
	    systemd/module.mk tests/module.mk | column -t -s: -l2

build: deps-build ## bin/server, bin/kvctl and the workers
	@$(MAKE) --no-print-directory -j$$(nproc) programs

programs: $(PROGRAMS)
	@ln -sfn $(BUILD)/bin bin

run: deps-run build ## build, and start one node on ./data in the foreground
	@exec ./bin/server -data-dir ./data

deps: deps-test ## install what building and testing need (Debian)

deps-build deps-run deps-test deps-bench deps-fuzz deps-raft:
	@./tests/support/deps.sh $(@:deps-%=%)

fmt: ## format every source file
	@clang-format -i $$(git ls-files --cached --others \
	    --exclude-standard '*.c' '*.h')

tidy: ## layers, lengths, lone headers, formatting
	@./tests/tidy/tidy.sh

clean: ## remove what was built; ./data stays
	rm -rf build bin

-include $(OBJECTS:.o=.d)
