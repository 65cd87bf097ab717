# What is read instead of run. A finding is repaired; one that is wrong gets an inline
# `cppcheck-suppress` or NOLINT with its reason beside it. The analyzers see tests/static/include
# (cppcheck: cppcheck.cfg) for the macros of uthash and utlist, which they cannot follow.
#   make check-static   cppcheck over all of the sources, and clang-tidy over those that have changed
#                       since they were found clean
#   make clang-tidy     the latter; TIDY_SRC="plugin/ring.c ..." for some of them
# gcc's -fanalyzer is no part of it: it finds nothing more here but a leak that is none
# (bridge/rpc/conv_set.c), and reads as long again.

STATIC_DIRS := common schema db plugin bridge clients
CPPCHECK_OPT := --quiet -I. --std=c11 --enable=warning,performance,portability --inline-suppr \
	--library=posix,gnu --library=tests/static/cppcheck.cfg -D_GNU_SOURCE -DIM_VERSION='"0"'
TIDY_SRC ?= $(shell find $(STATIC_DIRS) -name '*.c')

run_tidy = $(PYTHON) tests/static/run_tidy.py $(RESULTS)/static $(BUILD)/tidy $(TIDY_SRC) -- \
	-Itests/static/include $(CPPFLAGS) -std=c11 $(WARN)

check-static:
	@status=0; $(PYTHON) tests/static/run_cppcheck.py $(RESULTS)/static $(CPPCHECK_OPT) \
		-j$(shell nproc) $(STATIC_DIRS) || status=1; $(run_tidy) || status=1; exit $$status

clang-tidy:
	@$(run_tidy)

.PHONY: check-static clang-tidy
