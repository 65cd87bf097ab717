# The cluster suite: the log that nodes share, in a PostgreSQL that each program starts for itself
# (tests/cluster/postgres.h). Each tests/cluster/test_*.c becomes $(BUILD)/cluster/test_*, a cmocka
# program, linked with bridge/cluster/ and what that stands on.

CLUSTER_TEST := $(patsubst tests/cluster/%.c,%,$(wildcard tests/cluster/test_*.c))
CLUSTER_BIN := $(CLUSTER_TEST:%=$(BUILD)/cluster/%)
CLUSTER_SRC := $(wildcard bridge/cluster/pg_*.c) $(addprefix bridge/base/,log.c loop.c)
CLUSTER_OBJ := $(call obj,$(CLUSTER_SRC)) $(SCHEMA_PG_OBJ) $(COMMON_OBJ) $(SCHEMA_OBJ) \
	$(call obj,$(filter-out tests/cluster/test_%,$(wildcard tests/cluster/*.c)))

$(CLUSTER_BIN): $(BUILD)/cluster/%: $(BUILD)/obj/tests/cluster/%.o $(CLUSTER_OBJ)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) $(CLUSTER_LIBS) -lsqlite3 -largon2 -lcrypto -lpthread \
		-lcmocka

check-cluster: $(CLUSTER_BIN)
	@$(PYTHON) tests/run_cmocka.py $(RESULTS)/cluster $^

.PHONY: check-cluster
