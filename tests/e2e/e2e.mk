# End-to-end tests: a real broker with the plugin, the bridge, and real clients.
# MOSQUITTO: the broker binary (default: Debian's). E2E_ARGS: further arguments to pytest.

E2E_JOBS ?= 4
E2E_ARGS ?=

check-e2e: all
	@mkdir -p $(RESULTS)/e2e
	BUILD='$(abspath $(BUILD))' MOSQUITTO='$(MOSQUITTO)' $(PYTHON) -m pytest -q \
		-p no:cacheprovider -n $(E2E_JOBS) --dist loadfile \
		--junit-xml='$(abspath $(RESULTS))/e2e/e2e.xml' -c tests/e2e/pytest.ini $(E2E_ARGS) \
		tests/e2e tests/torture

.PHONY: check-e2e
