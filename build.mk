# How a folder becomes a library and how programs and tests are linked.
#
#   $(call library,FOLDER,SOURCES,FOLDERS IT USES,SYSTEM LIBRARIES)
#   $(call program,NAME,FOLDER,SOURCES WITH main,FOLDERS IT USES)
#   $(call unit_tests,FOLDER,NAMES OF tests/unit/FOLDER/NAME.c,MORE FOLDERS)
#   $(call bench_program,NAME OF tests/bench/NAME.c,FOLDERS,MORE SOURCES)
#   $(call test_program,NAME OF tests/NAME.c,FOLDERS,MORE SOURCES)
#   $(call fuzz_target,NAME OF tests/fuzz/fuzz_NAME.c,FOLDERS)
#
# A program is linked with the transitive closure of the folders it uses, in
# layer order, so that nobody lists a library twice. Shared libraries that no
# linked object uses are left out.

OBJECTS :=
PROGRAMS :=
UNIT_TESTS :=
BENCH_PROGRAMS :=
TEST_PROGRAMS :=
FUZZ_TARGETS :=

reverse = $(if $(1),$(call reverse,$(wordlist 2,999,$(1))) $(firstword $(1)))
closure = $(sort $(1) $(foreach f,$(1),$(if $(USES_$(f)),\
    $(call closure,$(USES_$(f))))))
archives = $(foreach f,$(filter $(call closure,$(1)),$(call reverse,\
    $(MODULES))),$(BUILD)/$(f).a)
syslibs = $(sort $(foreach f,$(call closure,$(1)),$(SYSLIBS_$(f))))

define library_rule
USES_$(1) := $(3)
SYSLIBS_$(1) := $(4)
OBJECTS += $(addprefix $(BUILD)/$(1)/,$(2:.c=.o))
$(BUILD)/$(1).a: $(addprefix $(BUILD)/$(1)/,$(2:.c=.o))
endef
library = $(eval $(library_rule))

define link_rule
OBJECTS += $(2)
.SECONDEXPANSION:
$(1): $(2) $$$$(call archives,$(3))
	@mkdir -p $$(@D)
	$$(SAY) LINK $$@
	$$(Q)$$(CC) $$(LDFLAGS) -o $$@ $(2) -Wl,--as-needed \
	    -Wl,--start-group $$(call archives,$(3)) -Wl,--end-group \
	    $$(call syslibs,$(3)) -lpthread
endef
define program_rule
PROGRAMS += $(BUILD)/bin/$(1)
$(call link_rule,$(BUILD)/bin/$(1),$(addprefix $(BUILD)/$(2)/,$(3:.c=.o)),$(4))
endef
program = $(eval $(program_rule))

define unit_test_rule
UNIT_TESTS += $(BUILD)/tests/unit/$(1)/$(2)
$(call link_rule,$(BUILD)/tests/unit/$(1)/$(2),$(BUILD)/tests/unit/$(1)/$(2).o,$(1) $(3) tests/support)
endef
unit_tests = $(foreach t,$(2),$(eval $(call unit_test_rule,$(1),$(t),$(3))))

define bench_program_rule
BENCH_PROGRAMS += $(BUILD)/tests/bench/$(1)
$(call link_rule,$(BUILD)/tests/bench/$(1),$(BUILD)/tests/bench/$(1).o $(addprefix $(BUILD)/,$(3:.c=.o)),$(2))
endef
bench_program = $(eval $(bench_program_rule))
define test_program_rule
TEST_PROGRAMS += $(BUILD)/tests/$(1)
$(call link_rule,$(BUILD)/tests/$(1),$(BUILD)/tests/$(1).o $(addprefix $(BUILD)/,$(3:.c=.o)),$(2) tests/support)
endef
test_program = $(eval $(test_program_rule))

define fuzz_target_rule
FUZZ_TARGETS += $(BUILD)/tests/fuzz/fuzz_$(1)
$(call link_rule,$(BUILD)/tests/fuzz/fuzz_$(1),$(BUILD)/tests/fuzz/fuzz_$(1).o $(addprefix $(BUILD)/,$(FUZZ_MAIN:.c=.o)),$(2) tests/fuzz)
$(if $(FUZZ_MAIN),,$(BUILD)/tests/fuzz/fuzz_$(1): LDFLAGS += -fsanitize=fuzzer)
endef
fuzz_target = $(eval $(fuzz_target_rule))

ifeq ($(V),1)
SAY := @:
Q :=
else
SAY := @echo " "
Q := @
endif

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(SAY) CC $<
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/%.a:
	@mkdir -p $(@D)
	@rm -f $@
	$(Q)ar rcs $@ $^
