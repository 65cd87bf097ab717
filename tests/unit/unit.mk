# Unit tests: each tests/unit/test_*.c becomes $(BUILD)/unit/test_*, a cmocka program. `make
# check-unit` runs them all. What one of them needs beside common/ it says here, by its name:
#   test_x_OBJ (objects), test_x_LIBS, test_x_CFLAGS, test_x_LDFLAGS
# test_plugin_*, test_bridge_* and test_imctl_* get the objects and libraries of their side without
# being asked.

UNIT_SRC := $(wildcard tests/unit/test_*.c)
UNIT := $(UNIT_SRC:tests/unit/%.c=%)
UNIT_BIN := $(UNIT:%=$(BUILD)/unit/%)

# Everything but the entry points, which bring their own main() or broker callbacks.
PLUGIN_TEST_OBJ := $(filter-out $(call obj,plugin/plugin.c),$(PLUGIN_OBJ)) $(SCHEMA_OBJ)
BRIDGE_TEST_OBJ := $(filter-out $(call obj,bridge/main.c),$(BRIDGE_OBJ)) $(SCHEMA_OBJ)
IMCTL_TEST_OBJ := $(filter-out $(call obj,clients/imctl/main.c),$(IMCTL_OBJ)) $(SCHEMA_OBJ)

unit_obj = $(COMMON_OBJ) $(if $(filter test_plugin_%,$(1)),$(PLUGIN_TEST_OBJ)) \
	$(if $(filter test_bridge_%,$(1)),$(BRIDGE_TEST_OBJ)) \
	$(if $(filter test_imctl_%,$(1)),$(IMCTL_TEST_OBJ)) $($(1)_OBJ)
unit_libs = $(if $(filter test_plugin_%,$(1)),$(PLUGIN_LIBS)) \
	$(if $(filter test_bridge_%,$(1)),$(BRIDGE_LIBS)) \
	$(if $(filter test_imctl_%,$(1)),$(IMCTL_LIBS)) $($(1)_LIBS) -largon2 -lcmocka

test_common_vectors_LIBS := -ljansson
test_common_json_LIBS := -ljansson
test_common_nomem_LDFLAGS := -Wl,--wrap=malloc,--wrap=realloc,--wrap=calloc

# $(1): a test's name.
define unit_rule
$(BUILD)/obj/tests/unit/$(1).o: CFLAGS_ALL += $($(1)_CFLAGS)
$(BUILD)/unit/$(1): $(BUILD)/obj/tests/unit/$(1).o $(call unit_obj,$(1))
	@mkdir -p $$(@D)
	$$(CC) $$(LDFLAGS_ALL) $($(1)_LDFLAGS) -o $$@ $$(filter %.o,$$^) $(call unit_libs,$(1))
endef
$(foreach t,$(UNIT),$(eval $(call unit_rule,$(t))))

check-unit: $(UNIT_BIN)
	@$(PYTHON) tests/run_cmocka.py $(RESULTS)/unit $(UNIT_BIN)

# Nanoseconds a call of the hot path in common/; prints, asserts nothing.
$(BUILD)/unit/bench_common: $(BUILD)/obj/tests/unit/bench_common.o $(COMMON_OBJ)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ -largon2

bench-common: $(BUILD)/unit/bench_common
	$<

.PHONY: check-unit bench-common
