# The long torture: MINUTES of random kills under mixed load, then the checks of the promises.
# A short one is part of check-e2e. SEED repeats a run's choices, KILLS are those of a minute. BROKERS=4:
# so many under one bridge, and devices that go from one to another; STAY=1: each stays at its own.

MINUTES ?= 10
SEED ?=
KILLS ?= 60
BROKERS ?= 1
STAY ?=

torture: deps
	@$(MAKE) --no-print-directory $(JOBS) all
	@BUILD='$(abspath $(BUILD))' MOSQUITTO='$(MOSQUITTO)' $(PYTHON) tests/torture/torture.py \
		--minutes $(MINUTES) --kills-per-minute $(KILLS) --brokers $(BROKERS) $(if $(STAY),--stay) \
		$(if $(SEED),--seed $(SEED))

.PHONY: torture
