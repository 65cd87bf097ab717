# make coverage   builds with counters, runs the suites that run the product (COVERAGE_SUITES), and
#                 prints a table: a line a file, the total, and what no test reaches. A process that
#                 is killed with SIGKILL leaves no counts.

COVERAGE_SUITES ?= unit store flow cluster e2e
COVERAGE_BUILD = $(BUILD)-coverage

# Whether a run passes is for `make check` to say; here its counts are wanted either way.
coverage:
	@find $(COVERAGE_BUILD) -name '*.gcda' -delete 2>/dev/null || true
	@$(MAKE) --no-print-directory check BUILD=$(COVERAGE_BUILD) OPT='-O1 -g' \
		SAN='--coverage -fprofile-update=atomic' CFLAGS='$(CFLAGS) -Wno-error' \
		SUITES='$(COVERAGE_SUITES)' || true
	@$(PYTHON) tests/coverage/report.py $(COVERAGE_BUILD)/obj $(STATIC_DIRS)

.PHONY: coverage
