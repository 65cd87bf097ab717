# Checks of the tree itself: samples against option tables, includes, exports, man pages, layout.
# `make check-config` runs only those of the configuration.

HOUSE_ENV = BUILD='$(abspath $(BUILD))' CC='$(CC)' CPPFLAGS='$(CPPFLAGS)' MOSQUITTO='$(MOSQUITTO)'
HOUSE_PYTEST = $(HOUSE_ENV) $(PYTHON) -m pytest -q -p no:cacheprovider -n $(E2E_JOBS)

$(BUILD)/print_plugin_options: $(BUILD)/obj/tests/house/print_plugin_options.o \
		$(BUILD)/obj/plugin/options.o $(BUILD)/obj/plugin/address.o $(COMMON_OBJ)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ -largon2 -lcrypto

check-house: all $(BUILD)/print_plugin_options
	@mkdir -p $(RESULTS)/house
	@$(HOUSE_PYTEST) --junit-xml='$(abspath $(RESULTS))/house/house.xml' tests/house

check-config: all $(BUILD)/print_plugin_options
	@$(HOUSE_PYTEST) tests/house/test_samples.py

# config/im-bridge.conf is the bridge's table as text, with an introduction and what must be set.
sample: $(BUILD)/im-bridge
	@{ sed '/^$$/q' config/im-bridge.conf; $(BUILD)/im-bridge --print-config | \
		sed -e 's|^#data_dir.*|data_dir /var/lib/mosquitto-im|' -e 's|^#broker |broker |'; } \
		> $(BUILD)/im-bridge.conf
	@mv $(BUILD)/im-bridge.conf config/im-bridge.conf

.PHONY: check-house check-config sample
