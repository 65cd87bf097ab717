# The same plugin binary in the brokers of other Debian releases: trixie has 2.0.21, forky 2.1.2.
# Root and a package mirror are needed once, to fetch them into BROKERS.

BROKER_SUITES ?= trixie forky
BROKERS ?= $(BUILD)/brokers

check-brokers: deps
	@for suite in $(BROKER_SUITES); do \
		broker=$$(sh tests/brokers/fetch.sh $$suite '$(abspath $(BROKERS))') || exit 1; \
		echo "==== $$($$broker -h | head -n 1)"; \
		$(MAKE) --no-print-directory check SUITES=e2e MOSQUITTO="$$broker" \
			RESULTS='$(RESULTS)'/$$suite || exit 1; \
	done

.PHONY: check-brokers
