/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the sections, their order and the form of a page. Called by the readers;
 * admin_export.c plans it. */
#include "bridge/admin/export.h"
#include "bridge/rpc/methods/methods.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/directory/directory_conv.h"
#include "bridge/directory/directory_group.h"
#include "bridge/directory/directory_report.h"
#include "bridge/directory/directory_user.h"
#include "bridge/rpc/rpc_args.h"
#include "bridge/write/group_change.h"
#include "common/jsonscan.h"
#include "common/jsonw.h"
#include "common/limits.h"
#include "common/wire.h"

#define PAGE_ITEMS IM_PAGE_MAX
/* So that the answer fits a frame, whatever a single item adds. */
#define PAGE_BYTES ((size_t)256 * 1024)

/* -- a page -- */

int export_add(struct user_export *x, struct im_str key)
{
	struct im_buf *out = &x->items;

	if (x->one.failed || key.n >= sizeof(x->next))
		return x->one.failed ? IM_E_NOMEM : IM_E_INTERNAL;
	x->more = x->count == PAGE_ITEMS || (x->count > 0 && out->n + x->one.n > PAGE_BYTES);
	if (x->more)
		return EXPORT_FULL;
	if (x->count++ > 0)
		im_buf_c(out, ',');
	im_buf_str(out, im_buf_view(&x->one));
	im_buf_reset(&x->one);
	snprintf(x->next, sizeof(x->next), "%.*s", IM_ARGS(key));
	return out->failed ? IM_E_NOMEM : IM_OK;
}

int export_add_at(struct user_export *x, uint64_t position)
{
	char key[24];

	snprintf(key, sizeof(key), "%" PRIu64, position);
	return export_add(x, im_str(key));
}

uint64_t export_from(const struct user_export *x)
{
	uint64_t position = 0;

	return im_cursor_parse(x->from, &position) == IM_OK ? position : 0;
}

/* -- what the user may ask for, too -- */

/* A number, or a text: a client id may have in it what JSON escapes. */
static int take_next(struct user_export *x, const struct im_json *v)
{
	struct im_buf text;
	int rc = IM_OK;

	im_buf_init(&text, 0);
	if (v->type == IM_JSON_STRING)
		rc = im_json_text(v, &text);
	else
		im_buf_str(&text, v->raw);
	if (rc == IM_OK && text.failed)
		rc = IM_E_NOMEM;
	if (rc == IM_OK && text.n < sizeof(x->next))
		snprintf(x->next, sizeof(x->next), "%.*s", IM_ARGS(im_buf_view(&text)));
	im_buf_free(&text);
	return rc;
}

/* A page of a method becomes one of ours: its list, and the member that says where it goes on. */
static int take_page(
	struct user_export *x, struct im_str result, const char *list, const char *next)
{
	struct im_json page, v;
	struct im_json_iter it;
	struct im_str key;
	int rc = IM_OK;

	if (im_json_parse_any(result, &page) != IM_OK)
		return IM_E_INTERNAL;
	im_json_iter_any(&page, &it);
	while (rc == IM_OK && im_json_next(&it, &key, &v)) {
		if (im_str_eqz(key, list))
			im_buf_put(&x->items, v.raw.p + 1, v.raw.n - 2);
		else if (im_str_eqz(key, "more"))
			x->more = im_str_eqz(v.raw, "true");
		else if (im_str_eqz(key, next))
			rc = take_next(x, &v);
	}
	return rc == IM_OK && x->items.failed ? IM_E_NOMEM : rc;
}

/* As the user would have asked. params: taken over. */
static int call_method(
	struct user_export *x, const char *method, json_t *params, struct im_buf *result)
{
	const struct rpc_method *m = methods_find(im_str(method));
	struct rpc_read as = x->as;
	int rc = IM_E_NOMEM;

	as.call.params = params;
	as.call.result = result;
	if (params != NULL && m != NULL)
		rc = m->read(&as);
	json_decref(params);
	return rc;
}

/* param: what the method calls the place to go on from; a number or a text. */
static int ask(struct user_export *x, const char *method, const char *list, const char *next,
	const char *param, bool number)
{
	json_t *params = json_pack("{s:i}", "limit", IM_PAGE_MAX);
	struct im_buf result;
	int rc;

	im_buf_init(&result, 0);
	if (x->from.n > 0)
		json_object_set_new(params, param,
			number ? json_integer((json_int_t)export_from(x))
			       : json_stringn(x->from.p, x->from.n));
	rc = call_method(x, method, params, &result);
	if (rc == IM_OK)
		rc = take_page(x, im_buf_view(&result), list, next);
	im_buf_free(&result);
	return rc;
}

static int devices(struct user_export *x)
{
	return ask(x, "device.list", "devices", "next", "next", false);
}

static int contacts(struct user_export *x)
{
	return ask(x, "contact.list", "contacts", "version", "since", true);
}

static int blocks(struct user_export *x)
{
	return ask(x, "block.list", "blocks", "next", "next", false);
}

static int conversations(struct user_export *x)
{
	return ask(x, "conv.list", "conversations", "next", "next", false);
}

/* -- what only the node knows -- */

static void put_account(struct im_buf *b, const struct directory_user *u)
{
	im_buf_z(b, "{\"username\":");
	im_jsonw_str(b, u->uid);
	im_jsonw_member_int(b, "user", (int64_t)u->id);
	im_jsonw_member_str(b, "role", im_str(im_role_names[u->role < IM_ROLES ? u->role : 0]));
	im_jsonw_member_int(b, "created_ms", u->created_ms);
	im_jsonw_member_int(b, "seen_ms", u->seen_ms);
	im_buf_printf(b,
		",\"disabled\":%s,\"deleted\":%s,\"profile\":", u->disabled ? "true" : "false",
		u->deleted ? "true" : "false");
}

static int account(struct user_export *x)
{
	struct im_buf *b = &x->items;
	struct directory_user u;
	struct im_buf profile;
	int rc = directory_user_by_id(x->rd->call.dir, x->as.call.user, &u);

	if (rc != IM_OK)
		return rc;
	put_account(b, &u);
	im_buf_init(&profile, 0);
	rc = call_method(x, "user.get", json_object(), &profile);
	im_buf_str(b, im_buf_view(&profile));
	im_buf_c(b, '}');
	im_buf_free(&profile);
	return rc;
}

struct membership {
	uint64_t group;
	int role;
	int64_t joined_ms;
};

struct memberships {
	struct membership *v;
	size_t n, cap;
	uint64_t after;
};

static int on_membership(void *arg, const struct directory_member *m)
{
	struct memberships *l = arg;
	struct membership *v;
	size_t cap = l->cap ? 2 * l->cap : 64;

	if (m->group <= l->after)
		return IM_OK;
	if (l->n == l->cap) {
		v = realloc(l->v, cap * sizeof(*v));
		if (v == NULL)
			return IM_E_NOMEM;
		l->v = v;
		l->cap = cap;
	}
	l->v[l->n++] = (struct membership){m->group, m->role, m->joined_ms};
	return IM_OK;
}

static int by_group(const void *a, const void *b)
{
	const struct membership *x = a, *y = b;

	return x->group < y->group ? -1 : x->group > y->group;
}

static int add_group(struct user_export *x, const struct membership *m)
{
	struct directory_group g;
	int rc = directory_group_by_id(x->rd->call.dir, m->group, &g);

	if (rc != IM_OK)
		return rc == IM_E_NONE ? IM_OK : rc;
	im_buf_z(&x->one, "{\"gid\":");
	im_jsonw_str(&x->one, g.gid);
	im_jsonw_member_str(&x->one, "name", g.name);
	im_jsonw_member_str(&x->one, "role", im_str(group_role_name(m->role)));
	im_jsonw_member_int(&x->one, "joined_ms", m->joined_ms);
	im_buf_c(&x->one, '}');
	return export_add_at(x, m->group);
}

static int groups(struct user_export *x)
{
	struct memberships l = {.after = export_from(x)};
	int rc = directory_user_groups(x->rd->call.dir, x->as.call.user, on_membership, &l);

	if (rc == IM_OK && l.n > 1)
		qsort(l.v, l.n, sizeof(*l.v), by_group);
	for (size_t i = 0; rc == IM_OK && i < l.n; i++)
		rc = add_group(x, &l.v[i]);
	free(l.v);
	return rc;
}

static int on_event(void *arg, const struct directory_event *e)
{
	struct user_export *x = arg;

	im_buf_str(&x->one, e->event);
	return export_add_at(x, e->gid);
}

static int events(struct user_export *x)
{
	return directory_event_list(x->rd->call.dir, x->as.call.user, export_from(x) + 1,
		x->rd->call.position, on_event, x);
}

/* Not the message: that is its sender's, and among the messages if the user may read it. */
static int on_report(void *arg, const struct directory_report *r)
{
	struct user_export *x = arg;
	struct im_buf *b = &x->one;

	im_buf_z(b, "{\"conv\":");
	im_jsonw_str(b, r->conv_name);
	im_jsonw_member_int(b, "seq", (int64_t)r->seq);
	im_jsonw_member_int(b, "created_ms", r->created_ms);
	im_jsonw_member_str(b, "reason", r->reason);
	im_buf_printf(b, ",\"closed\":%s}", r->closed ? "true" : "false");
	return export_add_at(x, r->id);
}

static int reports(struct user_export *x)
{
	return directory_report_of(
		x->rd->call.dir, x->as.call.user, export_from(x), PAGE_ITEMS + 1, on_report, x);
}

/* -- the sections, in this order -- */

static const struct section {
	const char *name;
	int (*fill)(struct user_export *x);
	bool own_views; /* it opens them by itself */
} sections[] = {
	{"account", account, true},
	{"devices", devices, true},
	{"contacts", contacts, true},
	{"blocks", blocks, true},
	{"groups", groups, false},
	{"conversations", conversations, true},
	{"messages", export_messages, false},
	{"events", events, false},
	{"reports", reports, false},
};
#define SECTIONS (sizeof(sections) / sizeof(sections[0]))

/* `next`: a section, and behind a colon the place in it. */
static int find_place(struct rpc_call *c, size_t *section_out, struct im_str *from_out)
{
	struct im_str next = rpc_str(c, "next"), name = next;
	const char *colon = next.n ? memchr(next.p, ':', next.n) : NULL;

	*section_out = 0;
	*from_out = (struct im_str){NULL, 0};
	if (!rpc_has(c, "next"))
		return IM_OK;
	if (colon != NULL) {
		name.n = (size_t)(colon - next.p);
		*from_out = (struct im_str){colon + 1, next.n - name.n - 1};
	}
	for (; *section_out < SECTIONS; ++*section_out)
		if (im_str_eqz(name, sections[*section_out].name))
			return IM_OK;
	return rpc_fail(
		c, IM_E_INVALID_PARAMS, "next is none that exportUser gave; leave it out to begin");
}

static int fill(struct user_export *x, const struct section *s)
{
	int rc = s->own_views ? IM_OK : rpc_views_begin(x->rd);

	if (rc != IM_OK)
		return rc;
	rc = s->fill(x);
	if (!s->own_views)
		rpc_views_end(x->rd);
	return rc == EXPORT_FULL ? IM_OK : rc;
}

static void put_page(struct user_export *x, size_t section)
{
	struct im_buf *b = x->rd->call.result;
	char next[EXPORT_NEXT_MAX + 32];

	im_buf_printf(b, "{\"section\":\"%s\"", sections[section].name);
	im_jsonw_member_str(b, "items", im_buf_view(&x->items));
	if (x->more)
		snprintf(next, sizeof(next), "%s:%s", sections[section].name, x->next);
	else if (section + 1 < SECTIONS)
		snprintf(next, sizeof(next), "%s", sections[section + 1].name);
	else
		next[0] = '\0';
	if (next[0])
		im_jsonw_member_str(b, "next", im_str(next));
	im_buf_c(b, '}');
}

static int export_call(struct rpc_read *rd)
{
	struct rpc_call *c = &rd->call;
	struct user_export x = {.rd = rd, .as = *rd};
	char uid[IM_UID_MAX + 1];
	struct directory_user u;
	size_t section;
	int rc = find_place(c, &section, &x.from);

	if (rc == IM_OK)
		rc = rpc_user_past(c, rpc_str(c, "username"), &u);
	if (rc != IM_OK)
		return rc;
	snprintf(uid, sizeof(uid), "%.*s", IM_ARGS(u.uid));
	x.as.call.user = u.id;
	x.as.call.uid = im_str(uid);
	x.as.call.device = IM_STR("");
	x.as.call.admin = false;
	im_buf_init(&x.items, 0);
	im_buf_init(&x.one, 0);
	im_buf_c(&x.items, '[');
	rc = fill(&x, &sections[section]);
	im_buf_c(&x.items, ']');
	if (rc == IM_OK && x.items.failed)
		rc = IM_E_NOMEM;
	if (rc == IM_OK)
		put_page(&x, section);
	im_buf_free(&x.items);
	im_buf_free(&x.one);
	return rc != IM_OK ? rc : c->result->failed ? IM_E_NOMEM : IM_OK;
}

const struct rpc_param export_params[] = {
	{"username", RPC_STRING, true, 1, IM_UID_MAX},
	{"next", RPC_STRING, false, 1, EXPORT_NEXT_MAX + 32},
	{0},
};

const struct rpc_method export_method = {
	"exportUser", RPC_READ, export_params, .read = export_call};
