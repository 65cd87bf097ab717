# The JSON schemas of the wire format: sound, complete, and true of what the methods really say. The
# traffic is written down by the unit tests of the methods, their table is printed by a program. `make
# wire-docs` publishes the schemas.

WIRE_TRAFFIC = $(abspath $(BUILD))/rpc_traffic.jsonl
WIRE_BIN := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(filter-out %_request.c,\
	$(wildcard tests/unit/test_bridge_rpc_*.c)) tests/unit/test_bridge_admin.c)

$(WIRE_TRAFFIC): $(WIRE_BIN)
	@rm -f $@ $@.tmp
	@for t in $(WIRE_BIN); do IM_RPC_TRAFFIC=$@.tmp $$t >/dev/null 2>&1 || exit 1; done
	@mv $@.tmp $@

$(BUILD)/print_methods: $(BUILD)/obj/tests/wire/print_methods.o $(BUILD)/unit/bridge.a \
		$(COMMON_OBJ) $(SCHEMA_OBJ)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(BRIDGE_LIBS)

$(BUILD)/methods.json: $(BUILD)/print_methods
	@$< > $@.tmp && mv $@.tmp $@

# docs/METHODS.md, docs/openrpc.json, docs/asyncapi.json and tables of docs/PROTOCOL.md.
wire-docs:
	@$(PYTHON) -B schema/publish '$(VERSION)'

check-wire: $(WIRE_TRAFFIC) $(BUILD)/methods.json
	@mkdir -p $(RESULTS)/wire
	@IM_RPC_TRAFFIC=$(WIRE_TRAFFIC) IM_METHODS='$(abspath $(BUILD))/methods.json' \
		IM_VERSION='$(VERSION)' $(PYTHON) -m pytest -q -p no:cacheprovider \
		--junit-xml='$(abspath $(RESULTS))/wire/wire.xml' tests/wire

.PHONY: check-wire wire-docs
