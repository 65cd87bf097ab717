# The table of methods names every handler, and they reach the whole bridge.
fuzz_rpc_SRC := $(filter-out bridge/main.c,$(BRIDGE_SRC)) $(SCHEMA_SRC) $(BUILD)/schema_sql.c
fuzz_rpc_LIBS := $(BRIDGE_LIBS)
$(BUILD)/fuzz/libfuzzer/$(BUILD)/schema_sql.o $(BUILD)/fuzz/plain/$(BUILD)/schema_sql.o: CPPFLAGS += -I.
