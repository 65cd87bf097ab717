# The plugin's tests run in the fake broker; -rdynamic because the plugin looks up some of the
# broker's functions by name.
FAKE_BROKER_OBJ := $(call obj,tests/lib/fake_broker.c tests/lib/fake_calls.c)
PLUGIN_UNIT := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_plugin_*.c))
$(foreach t,$(PLUGIN_UNIT),$(eval $(t)_OBJ := $(FAKE_BROKER_OBJ) $(call obj,plugin/entry.c)))
$(foreach t,$(PLUGIN_UNIT),$(eval $(t)_LDFLAGS := -rdynamic))

test_plugin_exports_CFLAGS := -DPLUGIN_SO='"$(abspath $(BUILD))/mosquitto_im.so"'
$(BUILD)/unit/test_plugin_exports: $(BUILD)/mosquitto_im.so
# They make tokens by another library than the plugin reads them with.
test_plugin_credential_LIBS := -ljwt
test_plugin_presence_LIBS := -ljwt
test_plugin_renewal_LIBS := -ljwt
test_plugin_tokens_LIBS := -ljwt
test_plugin_nomem_LDFLAGS += -Wl,--wrap=realloc,--wrap=hash_work_run
test_plugin_start_LDFLAGS += -Wl,--wrap=calloc,--wrap=mosquitto_plugin_init
