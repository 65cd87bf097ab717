# The engine's tests that break a database on purpose.
test_bridge_stall_LDFLAGS := -Wl,--wrap=directory_commit
# And the frames that find no memory.
test_bridge_effects_LDFLAGS := -Wl,--wrap=realloc
# And the start, which finds no memory.
test_bridge_service_LDFLAGS := -Wl,--wrap=calloc
