# mosquitto-im: `make run` and `make check` need nothing but a Debian 12 machine with git and make.
# One non-recursive Makefile; sources are found by folder, so a new file needs no line here. What a
# test suite needs beside this stands in its own folder, tests/*/*.mk.
#
#   make            build/mosquitto_im.so, build/im-bridge, build/imctl
#   make run        builds, sets up ./run on first use, starts broker and bridge (PORT, WS_PORT,
#                   BIND, STATE, DEMO_PASSWORD, MOSQUITTO, BROKERS, FRONT_PORT; V=1)
#   make run-cluster  NODES (3) of them with a PostgreSQL that they share, in ./run-cluster, from PORT on
#   make check      all tests; ends with `N passed, N failed`. SUITES="unit e2e" for some of them
#   make check-asan the same with the address and undefined-behaviour sanitizers; check-tsan: with
#                   the thread sanitizer; check-valgrind (tests/sanitizers.mk)
#   make model      the models of a cluster's rules in Spin (tests/model/)
#   make install    DESTDIR, prefix;  make uninstall;  make format, format-check, deps, clean

BUILD ?= build
ifeq ($(origin CC),default)
CC := gcc
endif
PYTHON ?= /usr/bin/python3
prefix ?= /usr/local
bindir ?= $(prefix)/bin
sbindir ?= $(prefix)/sbin
libdir ?= $(prefix)/lib/mosquitto-im
sysconfdir ?= /etc/mosquitto-im
mandir ?= $(prefix)/share/man
unitdir ?= $(prefix)/lib/systemd/system
tmpfilesdir ?= $(prefix)/lib/tmpfiles.d
DESTDIR ?=
VERSION := 0.1.0

OPT ?= -O2 -g
WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith
CPPFLAGS += -I. -D_GNU_SOURCE -DIM_VERSION='"$(VERSION)"'
# sqlite3 3.40 and the others are plain -l libraries on Debian; no pkg-config needed to build.
CFLAGS_ALL = -std=c11 $(OPT) $(WARN) -fvisibility=hidden -fPIC -MMD -MP $(SAN) $(CFLAGS)
LDFLAGS_ALL = $(SAN) $(LDFLAGS)

COMMON_SRC := $(wildcard common/*.c)
DB_SRC := $(wildcard db/*.c)
SCHEMA_SRC := $(wildcard schema/*.c)
PLUGIN_SRC := $(wildcard plugin/*.c)
BRIDGE_SRC := $(wildcard bridge/*.c bridge/*/*.c bridge/*/*/*.c)
IMCTL_SRC := $(wildcard clients/imctl/*.c)
MIGRATIONS := $(sort $(wildcard schema/sqlite/*/*.sql))
MIGRATIONS_PG := $(sort $(wildcard schema/postgres/*.sql))

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
COMMON_OBJ := $(call obj,$(COMMON_SRC))
# What knows the tables comes with what knows SQLite.
SCHEMA_OBJ := $(call obj,$(SCHEMA_SRC) $(DB_SRC)) $(BUILD)/obj/schema_sql.o
PLUGIN_OBJ := $(call obj,$(PLUGIN_SRC))
# What the cluster's log in PostgreSQL is made by.
SCHEMA_PG_OBJ := $(BUILD)/obj/postgres_sql.o
BRIDGE_OBJ := $(call obj,$(BRIDGE_SRC))
IMCTL_OBJ := $(call obj,$(IMCTL_SRC))

PLUGIN_LIBS := -lsqlite3 -largon2 -lcrypto -ldl -lpthread
BRIDGE_LIBS := -lmosquitto -lhs -lsqlite3 -ljansson -lutf8proc -largon2 -lcrypto -lsystemd -lpthread
# Of bridge/cluster/.
CLUSTER_LIBS := -lpq
IMCTL_LIBS := -lmosquitto -lsqlite3 -ljansson -ljwt -largon2 -lcrypto

# A line a step; V=1 shows the commands, QUIET=1 nothing.
V ?=
QUIET ?=
Q := $(if $(V),,@)
say = $(if $(V)$(QUIET),,@echo "  $(1)	$@")

programs = $(BUILD)/mosquitto_im.so $(BUILD)/im-bridge $(BUILD)/imctl
all: $(programs)
	@:

$(BUILD)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS_ALL) -c -o $@ $<

$(BUILD)/schema_sql.c: schema/embed.sh $(MIGRATIONS)
	@mkdir -p $(@D)
	$(Q)sh schema/embed.sh schema_migrations $(MIGRATIONS) > $@.tmp && mv $@.tmp $@

$(BUILD)/postgres_sql.c: schema/embed.sh $(MIGRATIONS_PG)
	@mkdir -p $(@D)
	$(Q)sh schema/embed.sh schema_postgres $(MIGRATIONS_PG) > $@.tmp && mv $@.tmp $@

$(BUILD)/obj/schema_sql.o $(SCHEMA_PG_OBJ): $(BUILD)/obj/%.o: $(BUILD)/%.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS_ALL) -c -o $@ $<

# Only the three entry points that the broker looks up leave the plugin: Mosquitto 2.0 loads plugins
# RTLD_GLOBAL, and a second `db__open` or the like would be taken for the broker's own.
$(BUILD)/mosquitto_im.so: $(PLUGIN_OBJ) $(COMMON_OBJ) $(SCHEMA_OBJ) plugin/exports.map
	$(call say,LINK)
	$(Q)$(CC) -shared $(LDFLAGS_ALL) -Wl,-Bsymbolic -Wl,--version-script=plugin/exports.map -o $@ \
		$(PLUGIN_OBJ) $(COMMON_OBJ) $(SCHEMA_OBJ) $(PLUGIN_LIBS)

$(BUILD)/im-bridge: $(BRIDGE_OBJ) $(COMMON_OBJ) $(SCHEMA_OBJ) $(SCHEMA_PG_OBJ)
	$(call say,LINK)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(BRIDGE_LIBS) $(CLUSTER_LIBS)

$(BUILD)/imctl: $(IMCTL_OBJ) $(COMMON_OBJ) $(SCHEMA_OBJ)
	$(call say,LINK)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(IMCTL_LIBS)

# ---- make run and make check: the packages come first, then a parallel build of this Makefile ----

JOBS = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))
# Of two at a time the second waits, and then finds everything built.
build_all = mkdir -p '$(BUILD)' && flock '$(BUILD)/lock' $(MAKE) --no-print-directory $(JOBS)

deps:
	@sh config/deps.sh
deps-bench deps-fuzz deps-valgrind:
	@sh config/deps.sh $(@:deps-%=%)

PORT ?= 1883
WS_PORT ?=
BIND ?= 127.0.0.1
STATE ?=
MOSQUITTO ?=
BROKERS ?= 1
FRONT_PORT ?=
HAPROXY ?=
run:
	@sh config/deps.sh $(if $(filter-out 1,$(BROKERS)),$(if $(HAPROXY),run,front),run)
	@$(MAKE) -q --no-print-directory $(programs) 2>/dev/null || echo "mosquitto-im building; V=1 shows how"
	@$(build_all) QUIET=1 all
	@exec $(PYTHON) config/run.py --build '$(BUILD)' --port '$(PORT)' \
		--ws-port '$(WS_PORT)' --bind '$(BIND)' --mosquitto '$(MOSQUITTO)' \
		--brokers '$(BROKERS)' --front-port '$(FRONT_PORT)' --haproxy '$(HAPROXY)'
# A path may hold a quote.
run: export IM_RUN_STATE = $(STATE)

NODES ?= 3
run-cluster:
	@sh config/deps.sh cluster
	@$(MAKE) -q --no-print-directory $(programs) 2>/dev/null || echo "mosquitto-im building; V=1 shows how"
	@$(build_all) QUIET=1 all
	@exec $(PYTHON) config/run_cluster.py --build '$(BUILD)' --port '$(PORT)' --nodes '$(NODES)' \
		--bind '$(BIND)' --mosquitto '$(MOSQUITTO)'
run-cluster: export IM_RUN_STATE = $(STATE)
# The password does not go on a command line, which every user of the machine can read.
export DEMO_PASSWORD

# Each suite is a target check-SUITE in tests/SUITE/*.mk that leaves JUnit files in
# $(RESULTS)/SUITE; cmocka programs are run by tests/run_cmocka.py $(RESULTS)/SUITE PROGRAM...
SUITES ?= house static unit wire store flow cluster corpus model e2e
RESULTS = $(BUILD)/results
check: deps
	@$(build_all) all
	+@MAKE='$(MAKE)' $(PYTHON) tests/run_all.py $(RESULTS) $(SUITES)

# The broker itself is not instrumented, so the sanitizers' libraries are loaded before it; the e2e
# tests take them from IM_BROKER_PRELOAD. What the sanitizers insert makes gcc warn of what cannot
# be, so here a warning is none of the errors that the plain build makes of it.
SANITIZERS := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
check-asan:
	@IM_BROKER_PRELOAD="$$($(CC) -print-file-name=libasan.so) $$($(CC) -print-file-name=libubsan.so)" \
		$(MAKE) --no-print-directory check BUILD=$(BUILD)-asan OPT='-O1 -g' SAN='$(SANITIZERS)' \
		CFLAGS='$(CFLAGS) -Wno-error' E2E_DEADLINE=120 E2E_MEMORY=4 \
		E2E_ARGS="$(NO_MEMORY_LIMIT) $(E2E_ARGS)"

# ---- install ----

# The samples and the unit name the default folders; an installation has its own.
paths := -e 's|/usr/local/lib/mosquitto-im|$(libdir)|g' -e 's|/usr/local/sbin|$(sbindir)|g' \
	-e 's|/etc/mosquitto-im|$(sysconfdir)|g'
samples = mosquitto.conf im-bridge.conf im-bridge-cluster.conf haproxy.cfg nginx.conf sensors.conf sensors.acl
units = im-bridge.service mosquitto@.service mosquitto-sensors.service
installed = $(sbindir)/im-bridge $(bindir)/imctl $(libdir)/mosquitto_im.so \
	$(addprefix $(sysconfdir)/,$(addsuffix .sample,$(samples))) \
	$(addprefix $(unitdir)/,$(units)) $(tmpfilesdir)/mosquitto-im.conf \
	$(mandir)/man1/imctl.1 $(mandir)/man8/im-bridge.8

install: all
	install -d $(addprefix $(DESTDIR),$(sort $(patsubst %/,%,$(dir $(installed)))))
	install -m 755 $(BUILD)/im-bridge $(DESTDIR)$(sbindir)/im-bridge
	install -m 755 $(BUILD)/imctl $(DESTDIR)$(bindir)/imctl
	install -m 755 $(BUILD)/mosquitto_im.so $(DESTDIR)$(libdir)/mosquitto_im.so
	set -e; for f in $(samples); do sed $(paths) config/$$f | \
		install -m 644 /dev/stdin $(DESTDIR)$(sysconfdir)/$$f.sample; done
	set -e; for f in $(units); do sed $(paths) config/$$f | \
		install -m 644 /dev/stdin $(DESTDIR)$(unitdir)/$$f; done
	install -m 644 config/tmpfiles.conf $(DESTDIR)$(tmpfilesdir)/mosquitto-im.conf
	install -m 644 docs/imctl.1 $(DESTDIR)$(mandir)/man1/imctl.1
	install -m 644 docs/im-bridge.8 $(DESTDIR)$(mandir)/man8/im-bridge.8

# Leaves what the administrator wrote in $(sysconfdir), and all data.
uninstall:
	rm -f $(addprefix $(DESTDIR),$(installed))
	-rmdir $(DESTDIR)$(libdir) $(DESTDIR)$(sysconfdir) 2>/dev/null

# ---- house ----

FORMATTED = $(shell find common schema db plugin bridge clients tests -name '*.[ch]')
format:
	clang-format -i $(FORMATTED)
format-check:
	clang-format --dry-run -Werror $(FORMATTED)

clean:
	rm -rf $(BUILD)

.PHONY: all clean deps deps-bench deps-fuzz deps-valgrind run run-cluster check check-asan install uninstall format format-check
.DELETE_ON_ERROR:

-include $(wildcard tests/*.mk tests/*/*.mk)
-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
