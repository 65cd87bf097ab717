# Fuzz targets: each tests/fuzz/fuzz_X.c takes any bytes. Its seeds and what once was found stand in
# tests/fuzz/corpus/X, one input a file; a dictionary, if it has one, in tests/fuzz/X.dict.
#   make fuzz           runs each for SECONDS with libFuzzer, FUZZ_JOBS at a time
#   make check-corpus   runs the committed inputs as ordinary tests
# A target that needs more than common/ says so: fuzz_X_SRC (*.c, instrumented as the target is),
# fuzz_X_OBJ (objects and archives of the build, as they are), fuzz_X_LIBS.

SECONDS ?= 60
FUZZ_JOBS ?= $(shell nproc)
FUZZ_CC ?= clang
FUZZ_SAN := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
FUZZ := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_LIBS := -largon2

fuzz_ring_SRC := plugin/ring.c plugin/crc32c.c
fuzz_jwt_SRC := plugin/jwt.c
fuzz_jwt_LIBS := -ljwt -lcrypto
# The methods' tables name their handlers, so all of the bridge comes with them.
fuzz_rpc_SRC := bridge/rpc.c bridge/rpc_args.c bridge/rpc_check.c
fuzz_rpc_OBJ = $(BUILD)/unit/bridge.a $(SCHEMA_OBJ)
fuzz_rpc_LIBS = $(BRIDGE_LIBS)

# Two sets of objects: for libFuzzer, and for the tests with the build's own compiler.
fuzz_cflags = $(CPPFLAGS) -std=c11 -O1 -g $(WARN) -MMD -MP $(FUZZ_SAN)
fuzz_src = tests/fuzz/fuzz_$(1).c $(COMMON_SRC) $(fuzz_$(1)_SRC)
fuzz_obj = $(patsubst %.c,$(BUILD)/fuzz/$(2)/%.o,$(call fuzz_src,$(1)))

$(BUILD)/fuzz/libfuzzer/%.o: %.c
	@mkdir -p $(@D)
	$(FUZZ_CC) $(fuzz_cflags) -fsanitize=fuzzer-no-link -c -o $@ $<

$(BUILD)/fuzz/plain/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(fuzz_cflags) -c -o $@ $<

# $(1): a target's name.
define fuzz_rule
$(BUILD)/fuzz/fuzz_$(1): $(call fuzz_obj,$(1),libfuzzer) $(fuzz_$(1)_OBJ)
	$$(FUZZ_CC) $$(FUZZ_SAN) -fsanitize=fuzzer -o $$@ $$^ $$(FUZZ_LIBS) $(fuzz_$(1)_LIBS)
$(BUILD)/fuzz/plain/replay_$(1).o: tests/fuzz/replay.c tests/fuzz/fuzz.h
	@mkdir -p $$(@D)
	$$(CC) $$(fuzz_cflags) -DFUZZ_NAME='"corpus_$(1)"' -DFUZZ_CORPUS='"tests/fuzz/corpus/$(1)"' \
		-c -o $$@ $$<
$(BUILD)/fuzz/corpus_$(1): $(BUILD)/fuzz/plain/replay_$(1).o $(call fuzz_obj,$(1),plain) \
		$(fuzz_$(1)_OBJ)
	$$(CC) $$(FUZZ_SAN) -o $$@ $$^ $$(FUZZ_LIBS) $(fuzz_$(1)_LIBS) -lcmocka
fuzz-$(1): $(BUILD)/fuzz/fuzz_$(1)
	@mkdir -p $(BUILD)/fuzz/new/$(1)
	$$< -max_total_time=$$(SECONDS) -timeout=5 -print_final_stats=1 -verbosity=0 \
		-artifact_prefix=$(BUILD)/fuzz/found_$(1)_ \
		$(addprefix -dict=,$(wildcard tests/fuzz/$(1).dict)) \
		$(BUILD)/fuzz/new/$(1) tests/fuzz/corpus/$(1)
.PHONY: fuzz-$(1)
endef
$(foreach f,$(FUZZ),$(eval $(call fuzz_rule,$(f))))

fuzz:
	@$(MAKE) --no-print-directory -j$(FUZZ_JOBS) $(FUZZ:%=$(BUILD)/fuzz/fuzz_%)
	@$(MAKE) --no-print-directory -k -j$(FUZZ_JOBS) -Otarget $(FUZZ:%=fuzz-%)

check-corpus: $(FUZZ:%=$(BUILD)/fuzz/corpus_%)
	@$(PYTHON) tests/run_cmocka.py $(RESULTS)/corpus $^

.PHONY: fuzz check-corpus
-include $(shell find $(BUILD)/fuzz -name '*.d' 2>/dev/null)
