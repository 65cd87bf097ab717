# Fuzz targets: each tests/fuzz/fuzz_X.c takes any bytes. Its seeds and what once was found stand in
# tests/fuzz/corpus/X, one input a file; a dictionary, if it has one, in tests/fuzz/X.dict.
#   make fuzz           runs each for SECONDS with libFuzzer, FUZZ_JOBS at a time
#   make check-corpus   runs the committed inputs as ordinary tests
# A target that needs more than common/ says so: fuzz_X_SRC (*.c, instrumented as the target is),
# fuzz_X_OBJ (objects and archives of the build, as they are), fuzz_X_LIBS; fuzz_X_DICT names another
# target's dictionary, fuzz_X_FLAGS are libFuzzer's.

SECONDS ?= 60
FUZZ_JOBS ?= $(shell nproc)
FUZZ_CC ?= clang
FUZZ_SAN := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
FUZZ := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_LIBS := -largon2 -lcrypto

FAKE_BROKER_SRC := tests/lib/fake_broker.c tests/lib/fake_calls.c
fuzz_ring_SRC := plugin/ring.c plugin/crc32c.c
fuzz_spool_SRC := plugin/spool.c plugin/ring.c plugin/crc32c.c plugin/log.c
fuzz_spool_OBJ = $(call obj,$(FAKE_BROKER_SRC))
fuzz_spool_LIBS := -lcrypto
fuzz_entry_SRC := bridge/cluster/entry.c db/rowcode.c
fuzz_entry_LIBS := -lsqlite3
fuzz_msgprops_SRC := bridge/message/meta_props.c bridge/message/meta.c
fuzz_jwt_SRC := plugin/jwt.c plugin/jwt_keys.c db/textfile.c
fuzz_jwt_LIBS := -lcrypto
fuzz_plugin_SRC := $(PLUGIN_SRC) tests/unit/plugin_node.c
fuzz_plugin_OBJ = $(call obj,$(FAKE_BROKER_SRC)) $(SCHEMA_OBJ)
fuzz_plugin_LIBS = -rdynamic $(PLUGIN_LIBS) -lcmocka
# Its state outlives an input, which libFuzzer would take for leaks and search at every one.
fuzz_plugin_DICT := topic
fuzz_plugin_FLAGS := -detect_leaks=0
fuzz_plugin_options_SRC := plugin/options.c plugin/address.c
fuzz_brokerconf_SRC := plugin/brokerconf.c
fuzz_bridge_options_SRC := bridge/options.c
fuzz_wordlist_SRC := bridge/message/wordlist.c
fuzz_wordlist_LIBS := -lhs
fuzz_text_SRC := bridge/message/text.c bridge/message/unicode.c
fuzz_text_LIBS := -lutf8proc
fuzz_search_SRC := $(wildcard bridge/search/*.c) bridge/message/unicode.c
fuzz_search_OBJ = $(BUILD)/unit/bridge.a $(SCHEMA_OBJ)
fuzz_search_LIBS = $(BRIDGE_LIBS)
# The methods' tables name their handlers, so all of the bridge comes with them.
fuzz_rpc_SRC := bridge/rpc/rpc.c bridge/rpc/rpc_request.c bridge/rpc/rpc_args.c bridge/rpc/rpc_check.c
fuzz_rpc_OBJ = $(BUILD)/unit/bridge.a $(SCHEMA_OBJ)
fuzz_rpc_LIBS = $(BRIDGE_LIBS)
fuzz_methods_SRC := $(wildcard bridge/rpc/*.c bridge/rpc/methods/*.c bridge/admin/*.c bridge/write/group_*.c)
fuzz_methods_OBJ = $(call obj,tests/unit/rpc_fixture.c) $(BUILD)/unit/bridge.a $(SCHEMA_OBJ)
fuzz_methods_LIBS = $(BRIDGE_LIBS) -lcmocka
fuzz_methods_DICT := rpc
fuzz_methods_FLAGS := -detect_leaks=0

# Two sets of objects: for libFuzzer, and for the tests with the build's own compiler.
fuzz_cflags = $(CPPFLAGS) -std=c11 -O1 -g $(WARN) -MMD -MP $(FUZZ_SAN)
fuzz_src = tests/fuzz/fuzz_$(1).c $(COMMON_SRC) $(fuzz_$(1)_SRC)
fuzz_obj = $(patsubst %.c,$(BUILD)/fuzz/$(2)/%.o,$(call fuzz_src,$(1)))

$(BUILD)/fuzz/libfuzzer/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CLANG)
	$(Q)$(FUZZ_CC) $(fuzz_cflags) -fsanitize=fuzzer-no-link -c -o $@ $<

$(BUILD)/fuzz/plain/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(fuzz_cflags) -c -o $@ $<

# $(1): a target's name.
define fuzz_rule
$(BUILD)/fuzz/fuzz_$(1): $(call fuzz_obj,$(1),libfuzzer) $(fuzz_$(1)_OBJ)
	$$(call say,LINK)
	$$(Q)$$(FUZZ_CC) $$(FUZZ_SAN) -fsanitize=fuzzer -o $$@ $$^ $$(FUZZ_LIBS) $(fuzz_$(1)_LIBS)
$(BUILD)/fuzz/plain/replay_$(1).o: tests/fuzz/replay.c tests/fuzz/fuzz.h
	@mkdir -p $$(@D)
	$$(call say,CC)
	$$(Q)$$(CC) $$(fuzz_cflags) -DFUZZ_NAME='"corpus_$(1)"' -DFUZZ_CORPUS='"tests/fuzz/corpus/$(1)"' \
		-c -o $$@ $$<
$(BUILD)/fuzz/corpus_$(1): $(BUILD)/fuzz/plain/replay_$(1).o $(call fuzz_obj,$(1),plain) \
		$(fuzz_$(1)_OBJ)
	$$(call say,LINK)
	$$(Q)$$(CC) $$(FUZZ_SAN) -o $$@ $$^ $$(FUZZ_LIBS) $(fuzz_$(1)_LIBS) -lcmocka
fuzz-$(1): $(BUILD)/fuzz/fuzz_$(1)
	@mkdir -p $(BUILD)/fuzz/new/$(1)
	$$< -max_total_time=$$(SECONDS) -timeout=60 -print_final_stats=1 -verbosity=0 \
		-artifact_prefix=$(BUILD)/fuzz/found_$(1)_ $(fuzz_$(1)_FLAGS) \
		$(addprefix -dict=,$(wildcard tests/fuzz/$(or $(fuzz_$(1)_DICT),$(1)).dict)) \
		$(BUILD)/fuzz/new/$(1) tests/fuzz/corpus/$(1)
.PHONY: fuzz-$(1)
endef
$(foreach f,$(FUZZ),$(eval $(call fuzz_rule,$(f))))

fuzz: deps-fuzz
	@$(MAKE) --no-print-directory -j$(FUZZ_JOBS) $(FUZZ:%=$(BUILD)/fuzz/fuzz_%)
	@$(MAKE) --no-print-directory -k -j$(FUZZ_JOBS) -Otarget $(FUZZ:%=fuzz-%)

check-corpus: $(FUZZ:%=$(BUILD)/fuzz/corpus_%)
	@$(PYTHON) tests/run_cmocka.py $(RESULTS)/corpus $^

.PHONY: fuzz check-corpus
-include $(shell find $(BUILD)/fuzz -name '*.d' 2>/dev/null)
