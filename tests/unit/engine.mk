# The engine's tests that break a database on purpose.
test_bridge_stall_LDFLAGS := -Wl,--wrap=directory_commit
