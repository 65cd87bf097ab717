# The long torture: MINUTES of random kills under mixed load, then the checks of the promises.
# A short one is part of check-e2e. SEED repeats a run's choices, KILLS are those of a minute.

MINUTES ?= 10
SEED ?=
KILLS ?= 60

torture: deps
	@$(MAKE) --no-print-directory $(JOBS) all
	@BUILD='$(abspath $(BUILD))' MOSQUITTO='$(MOSQUITTO)' $(PYTHON) tests/torture/torture.py \
		--minutes $(MINUTES) --kills-per-minute $(KILLS) $(if $(SEED),--seed $(SEED))

.PHONY: torture
