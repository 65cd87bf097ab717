# Flow tests: the plugin as it is built (mosquitto_im.so), in a broker within the test's process, and
# the bridge's engine with its stores, under a manual clock. Each tests/flow/test_*.c is a cmocka
# program; FLOW_SEEDS is how many seeds the random ones run.

FLOW_SEEDS ?= 40
FLOW := $(patsubst tests/flow/%.c,%,$(wildcard tests/flow/test_*.c))
FLOW_BIN := $(FLOW:%=$(BUILD)/flow/%)
FLOW_OBJ := $(call obj,$(filter-out tests/flow/test_%,$(wildcard tests/flow/*.c))) \
	$(call obj,tests/lib/fake_broker.c tests/lib/fake_calls.c tests/unit/rig.c)

$(BUILD)/obj/tests/flow/%.o: CFLAGS_ALL += -DFLOW_PLUGIN='"$(abspath $(BUILD))/mosquitto_im.so"' \
	-DFLOW_SEEDS=$(FLOW_SEEDS)

# -rdynamic: the plugin finds the fake broker's functions in the program. libmosquitto, which has
# functions of the same names, is only the link's and not needed.
$(FLOW_BIN): $(BUILD)/flow/%: $(BUILD)/obj/tests/flow/%.o $(FLOW_OBJ) $(COMMON_OBJ) $(SCHEMA_OBJ) \
		$(BUILD)/unit/bridge.a $(BUILD)/mosquitto_im.so
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) -rdynamic -o $@ $(filter %.o,$^) $(BUILD)/unit/bridge.a \
		$(filter-out -lmosquitto,$(BRIDGE_LIBS)) -lsqlite3 -ldl -lcmocka

# A bridge that forgets where somebody is.
$(BUILD)/flow/test_flow_roam: LDFLAGS_ALL += -Wl,--wrap=whereabouts_of

check-flow: $(FLOW_BIN)
	@$(PYTHON) tests/run_cmocka.py $(RESULTS)/flow $(FLOW_BIN)

# Random life for SEEDS seeds, as many processes as CONVERGENCE_JOBS says; a seed that fails is shortened.
SEEDS ?= 1000
FIRST ?= 1
CONVERGENCE_JOBS ?= $(shell nproc)
convergence: $(BUILD)/flow/test_flow_converge
	@$(PYTHON) tests/flow/convergence.py $< $(SEEDS) --first $(FIRST) --jobs $(CONVERGENCE_JOBS)

.PHONY: check-flow convergence
