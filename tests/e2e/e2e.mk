# End-to-end tests: a real broker with the plugin, the bridge, and real clients.
# MOSQUITTO: the broker binary (default: Debian's). E2E_ARGS: further arguments to pytest.

E2E_JOBS ?= 4
E2E_ARGS ?=

# A failing disk for the bridge. Not built with the sanitizers: it is loaded before their library.
$(BUILD)/faultio.so: tests/lib/faultio.c Makefile
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE -std=c11 -O2 $(WARN) -fPIC -shared -o $@ $< -ldl

check-e2e: all $(BUILD)/faultio.so
	@mkdir -p $(RESULTS)/e2e
	BUILD='$(abspath $(BUILD))' MOSQUITTO='$(MOSQUITTO)' $(PYTHON) -m pytest -q \
		-p no:cacheprovider -n $(E2E_JOBS) --dist loadfile \
		--junit-xml='$(abspath $(RESULTS))/e2e/e2e.xml' -c tests/e2e/pytest.ini $(E2E_ARGS) \
		tests/e2e tests/torture

.PHONY: check-e2e
