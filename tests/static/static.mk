# What is read instead of run. A finding is repaired; one that is wrong gets an inline
# `cppcheck-suppress` or NOLINT with its reason beside it.
#   make check-static   cppcheck over all of the sources: seconds
#   make clang-tidy     the checks of .clang-tidy, a file at a time: minutes, so no part of check.
#                       TIDY_SRC="plugin/ring.c ..." for some of them

STATIC_DIRS := common schema plugin bridge clients
CPPCHECK_OPT := --quiet --std=c11 --enable=warning,performance,portability --inline-suppr \
	--suppressions-list=tests/static/suppressions.txt \
	--library=posix,gnu --library=tests/static/cppcheck.cfg -D_GNU_SOURCE -DIM_VERSION='"0"'
TIDY_SRC ?= $(shell find $(STATIC_DIRS) -name '*.c')

check-static:
	@$(PYTHON) tests/static/run_cppcheck.py $(RESULTS)/static $(CPPCHECK_OPT) -j$(shell nproc) \
		$(STATIC_DIRS)

clang-tidy: $(TIDY_SRC:%=tidy-%)
$(TIDY_SRC:%=tidy-%): tidy-%:
	@clang-tidy --quiet $* -- $(CPPFLAGS) -std=c11 $(WARN)

.PHONY: check-static clang-tidy $(TIDY_SRC:%=tidy-%)
