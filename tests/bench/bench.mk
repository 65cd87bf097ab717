# The load generator: `make build/imbench`. The runner, tests/bench/run.py, calls that itself.

BENCH_SRC := $(wildcard tests/bench/*.c)
BENCH_OBJ := $(BENCH_SRC:tests/bench/%.c=$(BUILD)/bench/%.o)
# The parts without sockets and clock; what tests/unit/test_bench_codec.c needs.
test_bench_codec_OBJ := $(addprefix $(BUILD)/bench/,hist.o jsonit.o message.o mqtt.o rpc.o verify.o)

# Optimised whatever OPT says: the generator's own time is in every figure.
$(BUILD)/bench/%.o: tests/bench/%.c tests/bench/bench.mk
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS_ALL) -O2 -c -o $@ $<

$(BUILD)/imbench: $(BENCH_OBJ)
	$(CC) $(LDFLAGS_ALL) -o $@ $^

-include $(wildcard $(BUILD)/bench/*.d)

# No suite runs it, and it must build all the same.
check-unit: $(BUILD)/imbench

# Plain Mosquitto and mosquitto-im side by side, see tests/bench/README.md. BENCH_ARGS: --quick,
# --full, --only 1,2, --version 5, ...
BENCH_ARGS ?= --quick
bench: deps-bench
	@$(MAKE) --no-print-directory $(JOBS) all
	@$(PYTHON) tests/bench/run.py --build '$(BUILD)' \
		$(if $(MOSQUITTO),--broker '$(MOSQUITTO)') $(BENCH_ARGS)

# MESSAGES through one node, its memory read all the way: fails if that does not stop growing.
MESSAGES ?= 1000000
endurance: deps-bench
	@$(MAKE) --no-print-directory $(JOBS) all
	@$(PYTHON) tests/bench/endurance.py --build '$(abspath $(BUILD))' --messages $(MESSAGES) \
		$(if $(MOSQUITTO),--broker '$(MOSQUITTO)') \
		--json docs/endurance.json --svg docs/endurance.svg

.PHONY: bench endurance
