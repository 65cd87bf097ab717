# mosquitto-im: `make run` and `make check` need nothing but a Debian 12 machine with git and make.
# One non-recursive Makefile; sources are found by folder, so a new file needs no line here.

BUILD ?= build
CC ?= gcc
PYTHON ?= /usr/bin/python3
prefix ?= /usr/local
libdir ?= $(prefix)/lib/mosquitto-im
sysconfdir ?= /etc/mosquitto-im
mandir ?= $(prefix)/share/man
DESTDIR ?=
VERSION := 0.1.0

OPT ?= -O2 -g
WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith
CPPFLAGS += -D_GNU_SOURCE -DIM_VERSION='"$(VERSION)"'
# sqlite3 3.40 and the others are plain -l libraries on Debian; no pkg-config needed to build.
CFLAGS_ALL = -std=c11 $(OPT) $(WARN) -fvisibility=hidden -fPIC -MMD -MP $(SAN) $(CFLAGS)
LDFLAGS_ALL = $(SAN) $(LDFLAGS)

COMMON_SRC := $(wildcard common/*.c)
SCHEMA_SRC := $(wildcard schema/*.c)
PLUGIN_SRC := $(wildcard plugin/*.c)
BRIDGE_SRC := $(wildcard bridge/*.c)
IMCTL_SRC := $(wildcard clients/imctl/*.c)
MIGRATIONS := $(sort $(wildcard schema/sqlite/*/*.sql))

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
COMMON_OBJ := $(call obj,$(COMMON_SRC))
SCHEMA_OBJ := $(call obj,$(SCHEMA_SRC)) $(BUILD)/obj/schema_sql.o
PLUGIN_OBJ := $(call obj,$(PLUGIN_SRC))
BRIDGE_OBJ := $(call obj,$(BRIDGE_SRC))
IMCTL_OBJ := $(call obj,$(IMCTL_SRC))

PLUGIN_LIBS := -lsqlite3 -ljwt -largon2 -lcrypto -ldl
BRIDGE_LIBS := -lmosquitto -lsqlite3 -ljansson -largon2 -lcrypto -lsystemd -lpthread
IMCTL_LIBS := -lmosquitto -lsqlite3 -ljansson -ljwt -largon2 -lcrypto

all: $(BUILD)/mosquitto_im.so $(BUILD)/im-bridge $(BUILD)/imctl

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS_ALL) -c -o $@ $<

$(BUILD)/schema_sql.c: schema/embed.sh $(MIGRATIONS)
	@mkdir -p $(@D)
	sh schema/embed.sh $(MIGRATIONS) > $@.tmp && mv $@.tmp $@

$(BUILD)/obj/schema_sql.o: $(BUILD)/schema_sql.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -I. $(CFLAGS_ALL) -c -o $@ $<

# Only the three entry points that the broker looks up leave the plugin: Mosquitto 2.0 loads plugins
# RTLD_GLOBAL, and a second `db__open` or the like would be taken for the broker's own.
$(BUILD)/mosquitto_im.so: $(PLUGIN_OBJ) $(COMMON_OBJ) $(SCHEMA_OBJ) plugin/exports.map
	$(CC) -shared $(LDFLAGS_ALL) -Wl,-Bsymbolic -Wl,--version-script=plugin/exports.map -o $@ \
		$(PLUGIN_OBJ) $(COMMON_OBJ) $(SCHEMA_OBJ) $(PLUGIN_LIBS)

$(BUILD)/im-bridge: $(BRIDGE_OBJ) $(COMMON_OBJ) $(SCHEMA_OBJ)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(BRIDGE_LIBS)

$(BUILD)/imctl: $(IMCTL_OBJ) $(COMMON_OBJ) $(SCHEMA_OBJ)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(IMCTL_LIBS)

clean:
	rm -rf $(BUILD)

.PHONY: all clean
.DELETE_ON_ERROR:

-include $(wildcard tests/*.mk tests/*/*.mk)
-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
