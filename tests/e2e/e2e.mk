# End-to-end tests: a real broker with the plugin, the bridge, and real clients.
# MOSQUITTO: the broker binary (default: Debian's). E2E_ARGS: further arguments to pytest.

E2E_JOBS ?= 4
E2E_ARGS ?=
E2E_TESTS ?= tests/e2e tests/torture
# The folder of the programs under test, if it is another one.
E2E_NODE ?= $(BUILD)

# A failing disk and a clock that is set, to be preloaded. Not built with the sanitizers: they are
# loaded before their library.
E2E_PRELOADS := $(BUILD)/faultio.so $(BUILD)/faultclock.so
$(E2E_PRELOADS): $(BUILD)/%.so: tests/lib/%.c Makefile
	@mkdir -p $(@D)
	$(CC) -D_GNU_SOURCE -std=c11 -O2 $(WARN) -fPIC -shared -o $@ $< -ldl

check-e2e: all $(E2E_PRELOADS)
	@mkdir -p $(RESULTS)/e2e
	BUILD='$(abspath $(E2E_NODE))' E2E_DEADLINE='$(E2E_DEADLINE)' E2E_MEMORY='$(E2E_MEMORY)' \
		MOSQUITTO='$(MOSQUITTO)' $(PYTHON) -m pytest -q -p no:cacheprovider -n $(E2E_JOBS) --dist loadfile \
		--junit-xml='$(abspath $(RESULTS))/e2e/e2e.xml' -c tests/e2e/pytest.ini $(E2E_ARGS) \
		$(E2E_TESTS)

# Hostile clients for MINUTES (see torture.mk): everything at once, round after round, each from the next
# SEED.
hostile: all
	BUILD='$(abspath $(BUILD))' MOSQUITTO='$(MOSQUITTO)' HOSTILE_MINUTES='$(MINUTES)' HOSTILE_SEED='$(SEED)' \
		$(PYTHON) -m pytest -q -s -p no:cacheprovider -c tests/e2e/pytest.ini $(E2E_ARGS) \
		tests/e2e/test_hostile.py

.PHONY: check-e2e hostile
