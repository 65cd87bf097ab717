# The load generator: make build/imbench. Included by the top Makefile, or used alone:
#   make -f tests/bench/bench.mk BUILD=build build/imbench

BUILD ?= build
BENCH_CC ?= $(CC)
BENCH_SRC := $(wildcard tests/bench/*.c)
BENCH_OBJ := $(BENCH_SRC:tests/bench/%.c=$(BUILD)/tests/bench/%.o)
# What the unit test needs: the parts without sockets and clock.
BENCH_PURE := $(addprefix $(BUILD)/tests/bench/,hist.o jsonit.o message.o mqtt.o rpc.o verify.o)
# Always optimised, whatever the rest is built with: its own time is in every figure.
BENCH_CFLAGS := -std=c11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -MMD -MP $(BENCH_EXTRA_CFLAGS)

$(BUILD)/tests/bench/%.o: tests/bench/%.c
	@mkdir -p $(@D)
	$(BENCH_CC) $(BENCH_CFLAGS) -c -o $@ $<

$(BUILD)/imbench: $(BENCH_OBJ)
	$(BENCH_CC) $(BENCH_EXTRA_CFLAGS) -o $@ $^

$(BUILD)/tests/unit/test_bench_codec: tests/unit/test_bench_codec.c $(BENCH_PURE)
	@mkdir -p $(@D)
	$(BENCH_CC) $(BENCH_CFLAGS) -Itests/bench -o $@ $^ -lcmocka

-include $(BENCH_OBJ:.o=.d)
