/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the rules of a list. Called by the convergence test when all has come to rest. */
#include "tests/flow/flow_list.h"

enum what { NOTHING, SENT, RECALLED, SYSTEM, OPERATION };

static enum what what_is(const json_t *m)
{
	static const char *const operations[] = {"edit", "react", "recall"};
	const char *type = json_string_value(json_object_get(m, "type"));

	if (!m)
		return NOTHING;
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
		if (strcmp(type, operations[i]) == 0)
			return OPERATION;
	}
	/* An edit goes with the message that it was about, and nobody recalled it by itself. */
	if (strcmp(type, "recalled") == 0)
		return json_object_get(m, "recalled_by") ? RECALLED : OPERATION;
	return strcmp(type, "system") == 0 ? SYSTEM : SENT;
}

/* A system message by which the user came into the group. */
static bool brings(const json_t *m, const char *uid)
{
	const json_t *body = json_object_get(m, "body");
	const char *action = json_string_value(json_object_get(body, "action"));
	json_t *one;
	size_t i;

	if (strcmp(action, "create") != 0 && strcmp(action, "join") != 0 &&
		strcmp(action, "invite") != 0)
		return false;
	json_array_foreach(json_object_get(body, "members"), i, one)
	{
		if (strcmp(json_string_value(json_object_get(one, "uid")), uid) == 0)
			return true;
	}
	return false;
}

uint64_t flow_list_unread(const struct flow_device *d, const struct flow_conv *c, uint64_t read)
{
	uint64_t n = 0;

	for (uint64_t seq = 1; seq <= c->n; seq++) {
		const char *text = c->messages[seq - 1];
		json_t *m = text ? json_loads(text, 0, NULL) : NULL;
		const char *from = json_string_value(json_object_get(m, "from"));
		enum what what = what_is(m);
		bool own = from && strcmp(from, d->user) == 0;

		if (seq <= read || (own && (what == SENT || what == RECALLED)) ||
			(what == SYSTEM && brings(m, d->user)))
			n = 0;
		else if (what == SENT)
			n++;
		json_decref(m);
	}
	return n;
}

uint64_t flow_list_last(const struct flow_conv *c)
{
	uint64_t seq = c->n;

	for (; seq > 0; seq--) {
		const char *text = c->messages[seq - 1];
		json_t *m = text ? json_loads(text, 0, NULL) : NULL;
		enum what what = what_is(m);

		json_decref(m);
		if (what != NOTHING && what != OPERATION)
			break;
	}
	return seq;
}
