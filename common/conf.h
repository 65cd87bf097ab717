/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Configuration: one table (key, type, range, default, reloadable, help) fills one struct, from
 * text in mosquitto.conf's syntax ("key value", '#' comments) or from single pairs such as
 * plugin_opt_*. Pure: takes text, not files.
 */
#ifndef IM_COMMON_CONF_H
#define IM_COMMON_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/err.h"
#include "common/str.h"

enum im_conf_type {
	IM_CONF_STRING, /* char *, heap */
	IM_CONF_INT,    /* int64_t; min..max; accepts the suffixes k, M, G (1024) */
	IM_CONF_BOOL,   /* bool: true/false */
	IM_CONF_CHOICE, /* int: index into `choices`, words separated by '|' */
	IM_CONF_LIST,   /* struct im_conf_list: the key may be given several times */
};

struct im_conf_list {
	char **v;
	size_t n;
};

struct im_conf_key {
	const char *name;
	enum im_conf_type type;
	size_t offset;    /* in the struct that is filled */
	const char *def;  /* default as text; NULL: none (strings NULL, lists empty) */
	int64_t min, max; /* a list: at most max texts; 0: as many as one likes */
	const char *choices;
	bool reloadable;
	bool required;
	const char *help; /* one or two sentences, shown in the sample and in --help */
};

struct im_conf_table {
	const struct im_conf_key *keys;
	size_t n;
};

/* Which keys were given already; zeroed by the caller before the first im_conf_set. */
#define IM_CONF_KEYS_MAX 256
struct im_conf_seen {
	uint64_t bits[IM_CONF_KEYS_MAX / 64];
};

/* Fills *conf (zeroed by the caller) with the defaults. A list's default is replaced, not added to,
 * by the first one that is given. */
int im_conf_defaults(const struct im_conf_table *t, void *conf) IM_MUST_CHECK;
/* Sets one pair. On failure returns IM_E_FORMAT (or IM_E_NOMEM) and appends a sentence to why:
 * unknown key (with the nearest known one), bad value (with what would be right), a key given
 * twice (seen remembers; NULL: a key may be given again and the last one holds). */
int im_conf_set(const struct im_conf_table *t, void *conf, struct im_conf_seen *seen,
	struct im_str key, struct im_str value, struct im_buf *why) IM_MUST_CHECK;
/* Reads a whole text. `name` is the file's name; why gets "name:line: sentence". Missing required
 * keys are reported too. */
int im_conf_read(const struct im_conf_table *t, void *conf, struct im_str text, const char *name,
	struct im_buf *why) IM_MUST_CHECK;
/* Checks that every required key is set; why names the first one missing. */
int im_conf_check(
	const struct im_conf_table *t, const void *conf, struct im_buf *why) IM_MUST_CHECK;
/* A sample: every key with its help, type, range and default, commented out. */
void im_conf_sample(const struct im_conf_table *t, const char *key_prefix, struct im_buf *out);
/* Frees strings and lists and zeroes every member that the table knows. */
void im_conf_free(const struct im_conf_table *t, void *conf);

#endif
