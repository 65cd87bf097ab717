# The suites again, in programs that watch their threads or their memory. A finding fails a test.
#   make check-asan      (in the Makefile) addresses and undefined behaviour, all suites
#   make check-tsan      data races between the bridge's threads
#   make check-valgrind  memory that is not initialised, not there, or never freed: slow

# Left out where a program is watched: `make run` brings a node of its own, and a program with a
# sanitizer has more address space from the start than the tests of its limit would leave it.
NO_MAKE_RUN := --ignore-glob='tests/e2e/test_make_run*.py'
NO_MEMORY_LIMIT := -m 'not memory_limit'

# A stock broker cannot load a plugin that is built for TSan: the node of the end-to-end tests is the
# watched bridge with the plain plugin, whose own thread (of hashes, with Mosquitto 2.1) is watched
# in the unit tests.
TSAN_BUILD = $(BUILD)-tsan
check-tsan: export TSAN_OPTIONS = exitcode=66 second_deadlock_stack=1
check-tsan: deps
	@$(MAKE) --no-print-directory check BUILD=$(TSAN_BUILD) SUITES='unit store flow' OPT='-O1 -g' \
		SAN='-fsanitize=thread -fno-omit-frame-pointer' CFLAGS='$(CFLAGS) -Wno-error'
	@$(MAKE) --no-print-directory $(JOBS) all $(E2E_PRELOADS)
	@mkdir -p $(TSAN_BUILD)/node
	@cp $(BUILD)/imctl $(BUILD)/*.so $(TSAN_BUILD)/im-bridge $(TSAN_BUILD)/node
	@$(MAKE) --no-print-directory check SUITES=e2e RESULTS=$(TSAN_BUILD)/results \
		E2E_NODE=$(TSAN_BUILD)/node E2E_DEADLINE=120 E2E_MEMORY=4 \
		E2E_ARGS="$(NO_MAKE_RUN) $(NO_MEMORY_LIMIT) $(E2E_ARGS)"

# Valgrind is 20 to 50 times slower: fewer seeds of the random tests, and of the end-to-end tests
# those that show each of a node's functions once, with longer deadlines. The programs are the plain
# build's with less optimisation.
VALGRIND := valgrind --quiet --error-exitcode=99 --leak-check=full \
	--errors-for-leak-kinds=definite,indirect --show-leak-kinds=definite,indirect \
	--suppressions=$(CURDIR)/tests/valgrind.supp
VALGRIND_E2E ?= $(addprefix tests/e2e/test_,direct.py groups.py features.py presence.py sync.py \
	upgrade.py)
VALGRIND_MAKE = IM_WATCH='$(VALGRIND)' $(MAKE) --no-print-directory check \
	BUILD=$(BUILD)-valgrind OPT='-O1 -g' CFLAGS='$(CFLAGS) -Wno-error'
check-valgrind: deps-valgrind
	@$(VALGRIND_MAKE) SUITES='unit store flow' FLOW_SEEDS=2
	@$(VALGRIND_MAKE) SUITES=e2e E2E_TESTS='$(VALGRIND_E2E)' E2E_JOBS=1 E2E_DEADLINE=300 \
		E2E_ARGS="$(NO_MEMORY_LIMIT) $(E2E_ARGS)"

.PHONY: check-tsan check-valgrind
