/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Turns argv into the members of a request. Called by main.c and the tests. Knows names and their
 * alphabets, not what a command does with them.
 */
#include "clients/imctl/args.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/ids.h"
#include "common/utf8.h"

/* 100 years: keeps every sum with a time of day far from overflow. */
#define SECONDS_MAX (100LL * 366 * 86400)

static bool is_option(const struct arg *a)
{
	return a->name[0] == '-';
}

static int refuse(struct im_buf *why, const struct arg *a, const char *value, const char *right)
{
	if (why)
		im_buf_printf(why, "%s: \"%s\" is not %s", a->name, value, right);
	return IM_E_FORMAT;
}

static int parse_integer(const struct arg *a, const char *value, json_t **out, struct im_buf *why)
{
	char *end;

	errno = 0;
	long long n = strtoll(value, &end, 10);
	if (errno || end == value || *end || n < 0)
		return refuse(why, a, value, "a whole number of 0 or more");
	*out = json_integer(n);
	return IM_OK;
}

static int parse_figure(const struct arg *a, const char *value, json_t **out, struct im_buf *why)
{
	if (strcmp(value, "default") != 0 && parse_integer(a, value, out, NULL) != IM_OK)
		return refuse(why, a, value, "a whole number of 0 or more, or default");
	if (*out == NULL)
		*out = json_integer(-1);
	return IM_OK;
}

static int parse_seconds(const struct arg *a, const char *value, json_t **out, struct im_buf *why)
{
	static const struct {
		char unit;
		long seconds;
	} units[] = {{'\0', 1}, {'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	char *end;

	errno = 0;
	long long n = strtoll(value, &end, 10);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (*end != units[i].unit || (*end && end[1]))
			continue;
		if (errno || end == value || n < 1 || n > SECONDS_MAX / units[i].seconds)
			break;
		*out = json_integer(n * units[i].seconds);
		return IM_OK;
	}
	return refuse(why, a, value, "a duration such as 90s, 15m, 12h, or 30d");
}

static int parse_path(const struct arg *a, const char *value, json_t **out, struct im_buf *why)
{
	char cwd[PATH_MAX];
	if (value[0] == '/') {
		*out = json_string(value);
		return IM_OK;
	}
	if (!value[0] || !getcwd(cwd, sizeof(cwd)))
		return refuse(why, a, value, "a path");
	*out = json_sprintf("%s/%s", cwd, value);
	return IM_OK;
}

static int parse_choice(const struct arg *a, const char *value, json_t **out, struct im_buf *why)
{
	size_t n = strlen(value);
	for (const char *p = a->choices; *p;) {
		size_t len = strcspn(p, "|");
		if (len == n && memcmp(p, value, n) == 0) {
			*out = json_string(value);
			return IM_OK;
		}
		p += len + (p[len] == '|');
	}
	im_buf_printf(why, "%s: \"%s\" is none of %s", a->name, value, a->choices);
	return IM_E_FORMAT;
}

/* Adds the uids of a comma-separated list to what the argument has brought so far. */
static int parse_uids(const struct arg *a, const char *value, json_t *list, struct im_buf *why)
{
	for (const char *p = value;; p++) {
		struct im_str uid = {p, strcspn(p, ",")};
		if (!im_uid_valid(uid)) {
			im_buf_printf(why,
				"%s: \"%.*s\" is not a user id: 1 to 64 of A-Z a-z 0-9 _ . @ -",
				a->name, IM_ARGS(uid));
			return IM_E_FORMAT;
		}
		if (json_array_append_new(list, json_stringn(uid.p, uid.n)) < 0)
			return IM_E_NOMEM;
		p += uid.n;
		if (!*p)
			return IM_OK;
	}
}

static int parse_value(const struct arg *a, const char *value, json_t **out, struct im_buf *why)
{
	enum im_conv_kind kind;
	struct im_str peer, s = im_str(value);
	bool good = true;
	const char *right = "";

	if (!im_utf8_valid(s))
		return refuse(why, a, "...", "UTF-8 text");
	switch (a->type) {
	case ARG_INTEGER:
		return parse_integer(a, value, out, why);
	case ARG_FIGURE:
		return parse_figure(a, value, out, why);
	case ARG_SECONDS:
		return parse_seconds(a, value, out, why);
	case ARG_PATH:
		return parse_path(a, value, out, why);
	case ARG_CHOICE:
		return parse_choice(a, value, out, why);
	case ARG_UID:
		good = im_uid_valid(s);
		right = "a user id: 1 to 64 of A-Z a-z 0-9 _ . @ -";
		break;
	case ARG_GID:
		good = im_gid_valid(s);
		right = "a group id: 1 to 64 of A-Z a-z 0-9 _ . @ -";
		break;
	case ARG_DEVICE:
		good = im_device_valid(s);
		right = "a client id: 1 to 128 bytes without control characters";
		break;
	case ARG_CONV:
		good = im_conv_parse(s, &kind, &peer);
		right = "a conversation: u/USER or g/GROUP";
		break;
	case ARG_TEXT:
	case ARG_FLAG:
	case ARG_UIDS:
		break;
	}
	if (!good)
		return refuse(why, a, value, right);
	*out = json_stringn(s.p, s.n);
	return IM_OK;
}

static int take(const struct arg *a, const char *value, json_t *params, struct im_buf *why)
{
	json_t *v = json_object_get(params, a->member);

	if (a->type == ARG_UIDS) {
		if (!v) {
			v = json_array();
			if (json_object_set_new(params, a->member, v) < 0)
				return IM_E_NOMEM;
		}
		return parse_uids(a, value, v, why);
	}
	if (v) {
		im_buf_printf(why, "%s is given twice", a->name);
		return IM_E_FORMAT;
	}
	if (a->type == ARG_FLAG) {
		v = json_true();
	} else {
		int rc = parse_value(a, value, &v, why);
		if (rc != IM_OK)
			return rc;
	}
	return json_object_set_new(params, a->member, v) < 0 ? IM_E_NOMEM : IM_OK;
}

/* The option of this name; `n` bytes, so that "--name=value" can be looked up in place. */
static const struct arg *find_option(const struct command *c, const char *name, size_t n)
{
	for (const struct arg *a = c->args; a->name; a++)
		if (is_option(a) && strlen(a->name) == n && memcmp(a->name, name, n) == 0)
			return a;
	return NULL;
}

static int unknown_option(const struct command *c, const char *word, size_t n, struct im_buf *why)
{
	const struct arg *a = c->args;

	im_buf_printf(
		why, "%s takes no option %.*s; see: imctl help %s", c->name, (int)n, word, c->name);
	while (a->name && is_option(a))
		a++;
	if (a->name)
		im_buf_printf(why, "; a %s that begins with - stands behind --, after all options",
			a->name);
	return IM_E_FORMAT;
}

static int take_option(const struct command *c, int argc, char *const *argv, int *i, json_t *params,
	struct im_buf *why)
{
	const char *word = argv[*i];
	size_t n = strcspn(word, "=");
	const struct arg *a = find_option(c, word, n);
	if (!a)
		return unknown_option(c, word, n, why);
	const char *value = NULL;
	if (word[n])
		value = word + n + 1;
	if (a->type == ARG_FLAG) {
		if (value) {
			im_buf_printf(why, "%s takes no value", a->name);
			return IM_E_FORMAT;
		}
	} else if (!value) {
		if (++*i >= argc) {
			im_buf_printf(why, "%s needs a value", a->name);
			return IM_E_FORMAT;
		}
		value = argv[*i];
	}
	return take(a, value, params, why);
}

static int take_positional(const struct command *c, const struct arg **next, const char *word,
	json_t *params, struct im_buf *why)
{
	const struct arg *a = *next;
	while (a->name && is_option(a))
		a++;
	if (!a->name) {
		im_buf_printf(
			why, "\"%s\" is one argument too many; see: imctl help %s", word, c->name);
		return IM_E_FORMAT;
	}
	/* A list takes all the words that are left. */
	*next = a->type == ARG_UIDS ? a : a + 1;
	return take(a, word, params, why);
}

int args_parse(const struct command *c, int argc, char *const *argv, json_t **params_out,
	struct im_buf *why)
{
	json_t *params = json_object();
	const struct arg *next = c->args;
	bool options = true;
	int rc = params ? IM_OK : IM_E_NOMEM;

	for (int i = 0; rc == IM_OK && i < argc; i++) {
		if (options && strcmp(argv[i], "--") == 0)
			options = false;
		else if (options && argv[i][0] == '-' && argv[i][1])
			rc = take_option(c, argc, argv, &i, params, why);
		else
			rc = take_positional(c, &next, argv[i], params, why);
	}
	for (const struct arg *a = c->args; rc == IM_OK && a->name; a++) {
		if (!a->required || json_object_get(params, a->member))
			continue;
		im_buf_printf(why, "%s is missing; see: imctl help %s", a->name, c->name);
		rc = IM_E_FORMAT;
	}
	if (rc == IM_OK)
		*params_out = params;
	else
		json_decref(params);
	return rc;
}
