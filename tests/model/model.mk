# Models of a cluster's rules for Spin (README.md).
#   make model         all of them and all sabotages, JOBS at a time; ONLY=failover: those whose line has the word
#   make check-model   the runner itself, over the smallest

ONLY ?=

# JOBS is -j and a number where nobody has said how many.
model: deps
	@$(PYTHON) tests/model/check.py --jobs $(or $(filter-out -j%,$(JOBS)),$(shell nproc)) \
		--only '$(ONLY)' --kept '$(abspath $(BUILD))/model'

check-model:
	@mkdir -p $(RESULTS)/model
	@CC='$(CC)' $(PYTHON) -m pytest -q -p no:cacheprovider -n $(E2E_JOBS) \
		--junit-xml='$(abspath $(RESULTS))/model/model.xml' tests/model

.PHONY: model check-model
