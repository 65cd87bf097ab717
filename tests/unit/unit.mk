# Unit tests: each tests/unit/test_*.c becomes $(BUILD)/unit/test_*, a cmocka program. `make
# check-unit` runs them all. All are linked with common/ and schema/; the name says what else:
# test_plugin_*, test_bridge_* and test_imctl_* get that side's objects, from an archive, so that a
# test takes in only what it uses. Files beside the tests (tests/unit/*.c) are an archive, too.
# What one test needs beyond that is said by its name, here or in any other .mk:
#   test_x_OBJ (objects), test_x_LIBS, test_x_CFLAGS, test_x_LDFLAGS

UNIT_SRC := $(wildcard tests/unit/test_*.c)
UNIT := $(UNIT_SRC:tests/unit/%.c=%)
UNIT_BIN := $(UNIT:%=$(BUILD)/unit/%)
UNIT_SHARED_OBJ := $(call obj,$(filter-out tests/unit/test_% tests/unit/bench_%,$(wildcard tests/unit/*.c)))

# Everything but the entry points, which bring their own main() or the broker's callbacks.
PLUGIN_TEST_OBJ := $(filter-out $(call obj,plugin/entry.c),$(PLUGIN_OBJ))
BRIDGE_TEST_OBJ := $(filter-out $(call obj,bridge/main.c),$(BRIDGE_OBJ))
IMCTL_TEST_OBJ := $(filter-out $(call obj,clients/imctl/main.c),$(IMCTL_OBJ))

$(BUILD)/unit/plugin.a: $(PLUGIN_TEST_OBJ)
$(BUILD)/unit/bridge.a: $(BRIDGE_TEST_OBJ)
$(BUILD)/unit/imctl.a: $(IMCTL_TEST_OBJ)
$(BUILD)/unit/shared.a: $(UNIT_SHARED_OBJ)
$(BUILD)/unit/%.a:
	@mkdir -p $(@D)
	rm -f $@
	ar rcs $@ $^

# $(1): a test's name; a side's archive and libraries, if it belongs to one.
unit_side = $(word 2,$(subst _, ,$(1)))
unit_archive = $(if $(filter plugin bridge imctl,$(unit_side)),$(BUILD)/unit/$(unit_side).a)
unit_libs_plugin = $(PLUGIN_LIBS)
unit_libs_bridge = $(BRIDGE_LIBS)
unit_libs_imctl = $(IMCTL_LIBS)

test_bridge_service_OBJ := $(SCHEMA_PG_OBJ)
test_bridge_service_LIBS := $(CLUSTER_LIBS)
test_common_json_LIBS := -ljansson
test_common_nomem_LDFLAGS := -Wl,--wrap=malloc,--wrap=realloc,--wrap=calloc
test_common_vectors_LIBS := -ljansson

define unit_rule
$(BUILD)/obj/tests/unit/$(1).o: CFLAGS_ALL += $($(1)_CFLAGS)
$(BUILD)/unit/$(1): $(BUILD)/obj/tests/unit/$(1).o $($(1)_OBJ) $(COMMON_OBJ) $(SCHEMA_OBJ) \
		$(BUILD)/unit/shared.a $(unit_archive)
	$$(CC) $$(LDFLAGS_ALL) $($(1)_LDFLAGS) -o $$@ $$(filter %.o,$$^) \
		-Wl,--start-group $$(filter %.a,$$^) -Wl,--end-group \
		$($(1)_LIBS) $(unit_libs_$(unit_side)) -lsqlite3 -largon2 -lcrypto -lcmocka
endef
$(foreach t,$(UNIT),$(eval $(call unit_rule,$(t))))

check-unit: $(UNIT_BIN)
	@$(PYTHON) tests/run_cmocka.py $(RESULTS)/unit $(UNIT_BIN)

# Nanoseconds a call of the hot path in common/; prints, asserts nothing.
$(BUILD)/unit/bench_common: $(BUILD)/obj/tests/unit/bench_common.o $(COMMON_OBJ)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ -largon2 -lcrypto

bench-common: $(BUILD)/unit/bench_common
	$<

.PHONY: check-unit bench-common
