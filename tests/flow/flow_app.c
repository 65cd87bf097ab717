/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the rules of an app's state. Called by flow_device.c with whatever comes over MQTT. */
#include "tests/flow/flow_app.h"

#include <stdio.h>

static const char *text_of(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s ? s : "";
}

static uint64_t number_of(const json_t *o, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(o, name));
}

uint64_t flow_app_cursor(const json_t *o)
{
	return strtoull(text_of(o, "cursor"), NULL, 10);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(
		json_string_value(*(json_t *const *)a), json_string_value(*(json_t *const *)b));
}

static json_t *sorted(json_t *names)
{
	size_t n = json_array_size(names);
	json_t **v = calloc(n + 1, sizeof(json_t *)), *out = json_array();

	for (size_t i = 0; i < n; i++)
		v[i] = json_array_get(names, i);
	qsort(v, n, sizeof(json_t *), by_text);
	for (size_t i = 0; i < n; i++)
		json_array_append(out, v[i]);
	free(v);
	return out;
}

char *flow_app_text(json_t *m)
{
	json_t *reactions = json_object_get(m, "reactions"), *names;
	const char *emoji;
	void *tmp;

	json_object_foreach_safe(reactions, tmp, emoji, names)
	{
		json_object_set_new(reactions, emoji, sorted(names));
	}
	return json_dumps(m, JSON_COMPACT | JSON_SORT_KEYS);
}

/* -- operations -- */

/* The message at seq, to be given back with put; NULL: not here, or recalled. */
static json_t *take(const struct flow_conv *c, uint64_t seq)
{
	json_t *m;

	if (seq < 1 || seq > c->n || !c->messages[seq - 1])
		return NULL;
	m = json_loads(c->messages[seq - 1], 0, NULL);
	assert_non_null(m);
	if (strcmp(text_of(m, "type"), "recalled") != 0)
		return m;
	json_decref(m);
	return NULL;
}

static void put(struct flow_conv *c, uint64_t seq, json_t *m)
{
	free(c->messages[seq - 1]);
	c->messages[seq - 1] = flow_app_text(m);
	json_decref(m);
}

static void edit(struct flow_conv *c, const json_t *op)
{
	const json_t *body = json_object_get(op, "body");
	uint64_t at = number_of(body, "seq"), seq = number_of(op, "seq");
	json_t *m = take(c, at), *edited;

	if (!m)
		return;
	edited = json_object_get(m, "edited");
	/* It came as it is now, with later edits than this one. */
	if (number_of(edited, "seq") >= seq) {
		json_decref(m);
		return;
	}
	json_object_set(m, "body", json_object_get(body, "body"));
	json_object_set_new(m, "edited",
		json_pack("{s:I,s:I,s:I}", "seq", (json_int_t)seq, "ts",
			(json_int_t)number_of(op, "ts"), "count",
			(json_int_t)number_of(edited, "count") + 1));
	put(c, at, m);
}

static void react(struct flow_conv *c, const json_t *op)
{
	const json_t *body = json_object_get(op, "body");
	const char *emoji = text_of(body, "emoji"), *from = text_of(op, "from");
	uint64_t at = number_of(body, "seq");
	json_t *m = take(c, at), *all, *names;
	size_t i = 0;

	if (!m)
		return;
	all = json_object_get(m, "reactions");
	if (!all)
		json_object_set_new(m, "reactions", all = json_object());
	names = json_object_get(all, emoji);
	if (!names)
		json_object_set_new(all, emoji, names = json_array());
	while (i < json_array_size(names) &&
		strcmp(json_string_value(json_array_get(names, i)), from) != 0)
		i++;
	if (json_is_true(json_object_get(body, "remove")))
		json_array_remove(names, i);
	else if (i == json_array_size(names))
		json_array_append_new(names, json_string(from));
	if (!json_array_size(names))
		json_object_del(all, emoji);
	if (!json_object_size(all))
		json_object_del(m, "reactions");
	put(c, at, m);
}

static void blank(struct flow_conv *c, uint64_t seq, const char *by)
{
	static const char *const kept[] = {"conv", "seq", "from", "ts", "id", "cursor"};
	json_t *m = take(c, seq), *left;

	if (!m)
		return;
	left = json_object();
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		json_object_set(left, kept[i], json_object_get(m, kept[i]));
	json_object_set_new(left, "type", json_string("recalled"));
	json_object_set_new(left, "body", json_null());
	if (by)
		json_object_set_new(left, "recalled_by", json_string(by));
	json_decref(m);
	put(c, seq, left);
}

static bool is_edit_of(const struct flow_conv *c, uint64_t seq, uint64_t target)
{
	json_t *m = take(c, seq);
	bool is = m && strcmp(text_of(m, "type"), "edit") == 0 &&
		  number_of(json_object_get(m, "body"), "seq") == target;

	json_decref(m);
	return is;
}

/* Its edits hold earlier versions of it. */
static void recall(struct flow_conv *c, const json_t *op)
{
	uint64_t at = number_of(json_object_get(op, "body"), "seq");

	blank(c, at, text_of(op, "from"));
	for (uint64_t seq = at + 1; seq <= c->n; seq++) {
		if (is_edit_of(c, seq, at))
			blank(c, seq, NULL);
	}
}

void flow_app_message(struct flow_device *d, struct flow_conv *c, const json_t *m)
{
	const char *type = text_of(m, "type");

	if (strcmp(type, "edit") == 0)
		edit(c, m);
	else if (strcmp(type, "react") == 0)
		react(c, m);
	else if (strcmp(type, "recall") == 0 && d->f->sabotage != FLOW_UNMOVED)
		recall(c, m);
}

/* -- events -- */

static void forget_through(struct flow_conv *c, uint64_t seq)
{
	for (uint64_t i = 0; i < seq && i < c->n; i++) {
		free(c->messages[i]);
		c->messages[i] = NULL;
	}
}

/* The user is out: the conversation goes, with all that was sent until then. */
static void leave(struct flow_conv *c, uint64_t cursor)
{
	forget_through(c, c->n);
	c->n = 0;
	c->pulling = false;
	c->left_at = cursor;
}

/* Names what an event is about. */
static void key_of(const struct flow_device *d, const json_t *e, char *out, size_t room)
{
	const char *kind = text_of(e, "event"), *action = text_of(e, "action");
	bool peer = strcmp(kind, "read") == 0 && strcmp(text_of(e, "by"), d->user) != 0;
	bool about_user = strcmp(kind, "contact") == 0 || strcmp(kind, "block") == 0;

	if (strcmp(kind, "group") == 0 && strcmp(action, "request") == 0)
		snprintf(out, room, "request:%s:%s", text_of(e, "conv"), text_of(e, "by"));
	else
		snprintf(out, room, "%s%s:%s", peer ? "peer_" : "", kind,
			text_of(e, about_user ? "uid" : "conv"));
}

static void follow(struct flow_device *d, const json_t *e)
{
	const char *kind = text_of(e, "event"), *action = text_of(e, "action");
	struct flow_conv *c = flow_conv(d, text_of(e, "conv"));

	if (strcmp(kind, "conv") == 0) {
		forget_through(c, number_of(e, "cleared_to"));
		/* What sync brings begins at the cursor. */
		c->pulling |= json_is_true(json_object_get(e, "follow"));
	} else if (strcmp(kind, "group") == 0 && flow_app_cursor(e) > c->left_at &&
		   (strcmp(action, "kick") == 0 || strcmp(action, "leave") == 0 ||
			   strcmp(action, "dismiss") == 0))
		leave(c, flow_app_cursor(e));
}

bool flow_app_follows(const struct flow_device *d, const char *conv)
{
	char key[160];

	snprintf(key, sizeof(key), "conv:%s", conv);
	return json_is_true(json_object_get(json_object_get(d->state, key), "follow"));
}

void flow_app_event(struct flow_device *d, json_t *e)
{
	char key[160];
	const json_t *had;

	if (!flow_app_cursor(e) || strcmp(text_of(e, "event"), "hello") == 0)
		return;
	key_of(d, e, key, sizeof(key));
	had = json_object_get(d->state, key);
	if (had && flow_app_cursor(had) >= flow_app_cursor(e))
		return;
	json_object_set(d->state, key, e);
	if (json_object_get(e, "conv"))
		follow(d, e);
}
