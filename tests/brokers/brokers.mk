# The same plugin binary in the brokers of other Debian releases: trixie has 2.0.21, forky 2.1.2.
# Root and a package mirror are needed once, to fetch them into BROKERS.

BROKER_SUITES ?= trixie forky
BROKERS ?= $(BUILD)/brokers

check-brokers: deps
	@$(MAKE) --no-print-directory $(JOBS) all
	@for suite in $(BROKER_SUITES); do \
		broker=$$(sh tests/brokers/fetch.sh $$suite '$(abspath $(BROKERS))') || exit 1; \
		echo "==== $$($$broker -h | head -n 1)"; \
		MAKE='$(MAKE)' MOSQUITTO=$$broker $(PYTHON) tests/run_all.py \
			$(RESULTS)/$$suite e2e || exit 1; \
	done

.PHONY: check-brokers
