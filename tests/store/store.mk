# The store suite: each tests/store/test_*.c becomes $(BUILD)/store/test_*, a cmocka program, linked
# with the storage side of the bridge alone. `make check-store` runs them; `make bench-store` prints
# how fast the SQLite store is on this machine (DIR: where, on a real disk).

STORE_TEST_SRC := $(wildcard tests/store/test_*.c)
STORE_TEST := $(STORE_TEST_SRC:tests/store/%.c=%)
STORE_SRC := $(wildcard bridge/store/*.c bridge/directory/*.c bridge/write/dedup*.c) bridge/base/assoc.c \
	bridge/base/background.c $(addprefix bridge/message/,edit_body.c meta.c meta_device.c renaming.c seen.c system_body.c)
STORE_OBJ := $(call obj,$(STORE_SRC)) $(COMMON_OBJ) $(SCHEMA_OBJ)
STORE_TEST_OBJ := $(call obj,tests/store/store_test.c tests/store/store_pair.c \
	tests/lib/faultvfs.c)
STORE_LIBS := -lsqlite3 -largon2 -lcrypto -lpthread

define store_rule
$(BUILD)/store/$(1): $(BUILD)/obj/tests/store/$(1).o $(STORE_TEST_OBJ) $(STORE_OBJ)
	@mkdir -p $$(@D)
	$$(CC) $$(LDFLAGS_ALL) -o $$@ $$(filter %.o,$$^) $(STORE_LIBS) -lcmocka
endef
$(foreach t,$(STORE_TEST),$(eval $(call store_rule,$(t))))

check-store: $(STORE_TEST:%=$(BUILD)/store/%)
	@$(PYTHON) tests/run_cmocka.py $(RESULTS)/store $^

$(BUILD)/store/bench_store: $(BUILD)/obj/tests/store/bench_store.o $(STORE_OBJ)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(STORE_LIBS)

DIR ?= $(BUILD)/store/bench
bench-store: $(BUILD)/store/bench_store
	sh tests/store/bench.sh $< $(DIR)

.PHONY: check-store bench-store
