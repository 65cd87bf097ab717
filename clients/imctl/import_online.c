/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Users of a file into a running node, some at a time. Called by cmd_user.c. What a command is
 * given counts as a whole or not at all; users of a command whose answer did not come may be there.
 */
#include <stdlib.h>
#include <string.h>

#include "clients/imctl/import_target.h"
#include "common/limits.h"

/* Stands for a password that is not hashed yet: what it will be is not what is stored. */
#define UNHASHED "$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA"

struct import_online {
	struct control *con;
	json_t *names, *hashes; /* of the command that is put together */
	int64_t lines[IM_IMPORT_BATCH];
	int64_t last;
};

static void empty(struct import_online *on)
{
	json_decref(on->names);
	json_decref(on->hashes);
	on->names = json_array();
	on->hashes = json_array();
}

struct import_online *import_online_new(struct control *con)
{
	struct import_online *on = calloc(1, sizeof(*on));

	if (!on)
		return NULL;
	on->con = con;
	empty(on);
	return on;
}

void import_online_free(struct import_online **on)
{
	if (!*on)
		return;
	json_decref((*on)->names);
	json_decref((*on)->hashes);
	free(*on);
	*on = NULL;
}

/* What the node would not take, by the place in the command. */
static void take_faults(
	const struct import_online *on, struct import_pass *p, const json_t *refused)
{
	const json_t *one;
	struct im_buf why;
	size_t i;

	im_buf_init(&why, 0);
	json_array_foreach((json_t *)refused, i, one)
	{
		json_int_t at = json_integer_value(json_object_get(one, "at"));
		const char *text = json_string_value(json_object_get(one, "why"));

		im_buf_z(&why, text ? text : "the node refuses it");
		import_fault(&p->faults, at >= 0 && at < IM_IMPORT_BATCH ? on->lines[at] : on->last,
			&why);
	}
	im_buf_free(&why);
}

static int64_t number(const json_t *o, const char *member)
{
	return json_integer_value(json_object_get(o, member));
}

/* One command. */
static int flush(struct import_online *on, struct import_pass *p, struct im_buf *why)
{
	json_t *params, *data = NULL;
	int rc;

	if (json_array_size(on->names) == 0)
		return IMCTL_OK;
	params = json_pack("{s:O, s:O, s:b, s:b}", "usernames", on->names, "hashes", on->hashes,
		"update", p->update, "dry_run", !p->write);
	/* A bridge of the version before does not know it. */
	if (params && p->administrators)
		json_object_set_new(params, "administrators", json_true());
	rc = params ? control_call(on->con, "importUsers", params, 0, &data, why) : IMCTL_REFUSED;
	json_decref(params);
	empty(on);
	if (rc == IMCTL_OK) {
		take_faults(on, p, json_object_get(data, "refused"));
		p->counts.created += number(data, "created");
		p->counts.updated += number(data, "updated");
		p->counts.unchanged += number(data, "unchanged");
		p->counts.administrators += number(data, "administrators");
		p->done = on->last;
	}
	json_decref(data);
	return rc;
}

static int put(void *arg, struct import_pass *p, const struct import_entry *e, int64_t line,
	struct im_buf *why)
{
	struct import_online *on = arg;
	bool plain = e->kind == IMPORT_PASSWORD && !p->write;
	size_t n = json_array_size(on->names);

	on->lines[n] = on->last = line;
	if (json_array_append_new(on->names, json_stringn(e->uid.p, e->uid.n)) ||
		json_array_append_new(
			on->hashes, plain ? json_string(UNHASHED)
					  : json_stringn(e->text.n ? e->text.p : "", e->text.n)))
		return IMCTL_REFUSED;
	return n + 1 < IM_IMPORT_BATCH ? IMCTL_OK : flush(on, p, why);
}

static int end(void *arg, struct import_pass *p, struct im_buf *why)
{
	return flush(arg, p, why);
}

struct import_target import_online(struct import_online *on)
{
	return (struct import_target){.put = put, .end = end, .arg = on, .slow = true};
}
