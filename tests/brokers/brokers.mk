# The same plugin binary in the brokers of other Debian releases: trixie has 2.0.21, forky 2.1.2.
# Root and a package mirror are needed once, to fetch them into OTHER_BROKERS.

BROKER_SUITES ?= trixie forky
OTHER_BROKERS ?= $(BUILD)/brokers

# The end-to-end suite in each of them alone, and then all three under one bridge.
check-brokers: deps
	@for suite in $(BROKER_SUITES); do \
		broker=$$(sh tests/brokers/fetch.sh $$suite '$(abspath $(OTHER_BROKERS))') || exit 1; \
		echo "==== $$($$broker -h | head -n 1)"; \
		$(MAKE) --no-print-directory check SUITES=e2e MOSQUITTO="$$broker" \
			RESULTS='$(RESULTS)'/$$suite || exit 1; \
	done
	@$(MAKE) --no-print-directory check SUITES=mixed

# Debian's 2.0.11, 2.0.21 and 2.1.2 under one bridge: `make check SUITES=mixed`. Not among the suites of
# a plain `make check`, for fetching two of them takes minutes.
check-mixed: all
	@mkdir -p $(RESULTS)/mixed
	@for suite in trixie forky; do \
		sh tests/brokers/fetch.sh $$suite '$(abspath $(OTHER_BROKERS))' || exit 1; \
	done
	BUILD='$(abspath $(E2E_NODE))' OTHER_BROKERS='$(abspath $(OTHER_BROKERS))' $(PYTHON) -m pytest -q \
		-p no:cacheprovider --junit-xml='$(abspath $(RESULTS))/mixed/mixed.xml' \
		-c tests/e2e/pytest.ini $(E2E_ARGS) tests/e2e/test_mixed_brokers.py

.PHONY: check-brokers check-mixed
