# Those that a database fails on purpose.
test_bridge_admin_LDFLAGS := -Wl,--wrap=directory_user_set_max_devices
test_bridge_rpc_user_LDFLAGS := -Wl,--wrap=writer_event
# What the tests of the RPC methods and of administration share.
RPC_FIXTURE := $(BUILD)/obj/tests/unit/rpc_fixture.o
$(foreach t,$(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_bridge_rpc_*.c \
	tests/unit/test_bridge_admin*.c)),$(eval $(t)_OBJ := $(RPC_FIXTURE)))
