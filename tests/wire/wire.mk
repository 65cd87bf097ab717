# The JSON schemas of the wire format: sound, complete, and true of what the methods really say. The
# traffic is written down by the unit tests of the methods.

WIRE_TRAFFIC = $(abspath $(BUILD))/rpc_traffic.jsonl
WIRE_BIN := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(filter-out %_request.c,\
	$(wildcard tests/unit/test_bridge_rpc_*.c)) tests/unit/test_bridge_admin.c)

$(WIRE_TRAFFIC): $(WIRE_BIN)
	@rm -f $@ $@.tmp
	@for t in $(WIRE_BIN); do IM_RPC_TRAFFIC=$@.tmp $$t >/dev/null 2>&1 || exit 1; done
	@mv $@.tmp $@

check-wire: $(WIRE_TRAFFIC)
	@mkdir -p $(RESULTS)/wire
	@IM_RPC_TRAFFIC=$(WIRE_TRAFFIC) $(PYTHON) -m pytest -q -p no:cacheprovider \
		--junit-xml='$(abspath $(RESULTS))/wire/wire.xml' tests/wire

.PHONY: check-wire
