/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owns the way two users become contacts and cease to be: both sides' rows change together, and
 * both are told. Who may write to or see whom follows from the rows elsewhere.
 */
#include "bridge/rpc/methods/rpc_contact.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/base/cost.h"
#include "bridge/directory/directory_contact.h"
#include "bridge/directory/directory_user.h"
#include "bridge/rpc/methods/methods.h"
#include "bridge/rpc/methods/rpc_user.h"
#include "bridge/rpc/quota.h"
#include "bridge/rpc/rpc_args.h"
#include "bridge/rpc/rpc_page.h"
#include "common/jsonw.h"
#include "common/limits.h"

#define NOTE_MAX 256
#define REMARK_MAX 128
#define TAGS_MAX 20
#define TAG_MAX 64

static const char *const state_names[] = {"none", "sent", "received", "contact"};

/* The caller's and the peer's rows. */
struct pair {
	struct im_str uid; /* the peer's */
	uint64_t peer;
	bool gone;        /* the peer's account is deleted, and its list with it */
	int mine, theirs; /* states */
};

static int read_state(struct rpc_call *c, uint64_t owner, uint64_t peer, int *out)
{
	struct directory_contact row;
	int rc = directory_contact_get(c->dir, owner, peer, &row);

	*out = rc == IM_OK ? row.state : DIRECTORY_CONTACT_NONE;
	return rc == IM_E_NONE ? IM_OK : rc;
}

/* past: a deleted peer, too, for what ends an entry. */
static int get_pair(struct rpc_call *c, bool past, struct pair *out)
{
	struct directory_user u = {.id = 0};
	int rc;

	out->uid = rpc_str(c, "uid");
	rc = past ? rpc_user_past(c, out->uid, &u) : rpc_user(c, out->uid, &u);
	out->peer = u.id;
	out->gone = u.deleted;
	if (rc == IM_OK && out->peer == c->user)
		return rpc_fail(
			c, IM_E_INVALID_PARAMS, "params.uid is yourself; give another user's id");
	if (rc == IM_OK)
		rc = read_state(c, c->user, out->peer, &out->mine);
	if (rc == IM_OK)
		rc = read_state(c, out->peer, c->user, &out->theirs);
	return rc;
}

/* Text of a row outlives the next call on the directory in here. */
struct texts {
	struct im_buf buf;
	struct im_str note, remark, tags;
};

static int keep_texts(struct texts *t, const struct directory_contact *row)
{
	im_buf_init(&t->buf, 0);
	im_buf_str(&t->buf, row->note);
	im_buf_str(&t->buf, row->remark);
	im_buf_str(&t->buf, row->tags);
	t->note = (struct im_str){t->buf.p, row->note.n};
	t->remark = (struct im_str){t->buf.p + row->note.n, row->remark.n};
	t->tags = (struct im_str){t->buf.p + row->note.n + row->remark.n, row->tags.n};
	return t->buf.failed ? IM_E_NOMEM : IM_OK;
}

/* Changes a side's state; note.p == NULL leaves the note. Remark and tags stay while it is a
 * contact. */
static int set_state(
	struct rpc_call *c, uint64_t owner, uint64_t peer, int state, struct im_str note)
{
	struct directory_contact row = {.owner = owner,
		.peer = peer,
		.note = IM_STR(""),
		.remark = IM_STR(""),
		.tags = IM_STR("[]")};
	struct texts t;
	int rc = directory_contact_get(c->dir, owner, peer, &row);

	if (rc != IM_OK && rc != IM_E_NONE)
		return rc;
	rc = keep_texts(&t, &row);
	row.state = state;
	row.changed_ms = c->now_ms;
	row.note = note.p ? note : t.note;
	row.remark = state == DIRECTORY_CONTACT_NONE ? IM_STR("") : t.remark;
	row.tags = state == DIRECTORY_CONTACT_NONE ? IM_STR("[]") : t.tags;
	if (rc == IM_OK)
		rc = directory_contact_put(c->dir, &row);
	im_buf_free(&t.buf);
	return rc;
}

/* `who` hears about its list's entry `uid`, and who has done it. */
static int tell(struct rpc_write *wr, uint64_t who, struct im_str who_uid, struct im_str uid,
	const char *action, struct im_str by, struct im_str note)
{
	struct rpc_call *c = &wr->call;
	struct event_contact entry = {.action = action, .uid = uid, .by = by, .note = note};
	struct event e;
	int rc = directory_contact_version(c->dir, who, &entry.version);

	if (rc != IM_OK)
		return rc;
	event_contact(&e, &entry);
	rc = writer_event(wr->writer, who, who_uid, &e);
	event_clear(&e);
	return rc;
}

/* Both sides change, both are told: a list that its owner's devices do not follow is no list. What
 * ends a request or a contact is told to who has blocked the caller as well, once, and without any
 * words. */
static int change(struct rpc_write *wr, const struct pair *p, int mine, int theirs,
	const char *action, struct im_str note)
{
	struct rpc_call *c = &wr->call;
	int rc = set_state(c, c->user, p->peer, mine, note);

	if (rc == IM_OK && !p->gone)
		rc = set_state(c, p->peer, c->user, theirs, note);
	if (rc == IM_OK)
		rc = tell(wr, c->user, c->uid, p->uid, action, c->uid, note);
	if (rc == IM_OK && !p->gone)
		rc = tell(wr, p->peer, p->uid, c->uid, action, c->uid, note);
	if (rc != IM_OK)
		return rc;
	effects_forget_user(writer_effects(wr->writer), c->uid);
	effects_forget_user(writer_effects(wr->writer), p->uid);
	return rpc_changed(c, true);
}

/* What makes two contacts, or may do so, is refused to who was blocked. */
static int not_blocked(struct rpc_call *c, const struct pair *p)
{
	bool blocked;
	int rc = directory_block_has(c->dir, p->peer, c->user, &blocked);

	if (rc == IM_OK && blocked)
		return rpc_fail(
			c, IM_E_BLOCKED, "\"%.*s\" takes no requests from you", IM_ARGS(p->uid));
	return rc;
}

static int check_room(struct rpc_call *c, uint64_t owner, const char *whose)
{
	uint64_t n;
	int rc = directory_contact_count(c->dir, owner, &n);

	if (rc == IM_OK && n >= IM_CONTACTS_MAX)
		return rpc_fail(c, IM_E_LIMIT_REACHED,
			"%s list has %d contacts and requests, which is the limit", whose,
			IM_CONTACTS_MAX);
	return rc;
}

/* Whom nobody may write to is nobody's contact either. */
static int not_deaf(struct rpc_call *c, const struct pair *p)
{
	struct directory_user u;
	int rc = directory_user_by_id(c->dir, p->peer, &u);

	if (rc == IM_OK && u.direct_policy == IM_DIRECT_NOBODY)
		return rpc_fail(c, IM_E_NOT_ALLOWED, "this user takes no requests");
	return rc;
}

static int request_call(struct rpc_write *wr)
{
	struct rpc_call *c = &wr->call;
	struct im_str note = rpc_has(c, "note") ? rpc_str(c, "note") : IM_STR("");
	struct pair p;
	int rc = get_pair(c, false, &p);

	if (rc != IM_OK)
		return rc;
	if (p.mine == DIRECTORY_CONTACT_YES || p.mine == DIRECTORY_CONTACT_SENT)
		return rpc_changed(c, false);
	rc = not_deaf(c, &p);
	if (rc == IM_OK)
		rc = not_blocked(c, &p);
	if (rc == IM_OK)
		rc = rpc_pay(wr, COST_CONTACT);
	if (rc == IM_OK)
		rc = check_room(c, c->user, "your");
	if (rc == IM_OK)
		rc = check_room(c, p.peer, "that user's");
	if (rc == IM_OK && p.mine != DIRECTORY_CONTACT_RECEIVED)
		rc = quota_request(c, DIRECTORY_QUOTA_USER, p.peer);
	if (rc != IM_OK)
		return rc;
	/* Two who ask each other have both said yes. */
	if (p.mine == DIRECTORY_CONTACT_RECEIVED)
		return change(wr, &p, DIRECTORY_CONTACT_YES, DIRECTORY_CONTACT_YES, "accept",
			(struct im_str){NULL, 0});
	return change(wr, &p, DIRECTORY_CONTACT_SENT, DIRECTORY_CONTACT_RECEIVED, "request", note);
}

static int accept_call(struct rpc_write *wr)
{
	struct rpc_call *c = &wr->call;
	struct pair p;
	int rc = get_pair(c, false, &p);

	if (rc != IM_OK)
		return rc;
	if (p.mine == DIRECTORY_CONTACT_YES)
		return rpc_changed(c, false);
	if (p.mine != DIRECTORY_CONTACT_RECEIVED)
		return rpc_fail(c, IM_E_NOT_ALLOWED,
			"\"%.*s\" has not asked you; use contact.request", IM_ARGS(p.uid));
	rc = not_blocked(c, &p);
	if (rc != IM_OK)
		return rc;
	return change(wr, &p, DIRECTORY_CONTACT_YES, DIRECTORY_CONTACT_YES, "accept",
		(struct im_str){NULL, 0});
}

static int reject_call(struct rpc_write *wr)
{
	struct rpc_call *c = &wr->call;
	struct pair p;
	int rc = get_pair(c, true, &p);

	if (rc != IM_OK)
		return rc;
	if (p.mine != DIRECTORY_CONTACT_RECEIVED)
		return rpc_changed(c, false);
	return change(wr, &p, DIRECTORY_CONTACT_NONE, DIRECTORY_CONTACT_NONE, "reject", IM_STR(""));
}

/* Ends a contact, or takes back a request. */
static int remove_call(struct rpc_write *wr)
{
	struct rpc_call *c = &wr->call;
	struct pair p;
	int rc = get_pair(c, true, &p);

	if (rc != IM_OK)
		return rc;
	if (p.mine == DIRECTORY_CONTACT_NONE && p.theirs == DIRECTORY_CONTACT_NONE)
		return rpc_changed(c, false);
	return change(wr, &p, DIRECTORY_CONTACT_NONE, DIRECTORY_CONTACT_NONE, "remove", IM_STR(""));
}

/* -- a user who is deleted -- */

static int on_owner(void *arg, uint64_t owner, struct im_str uid)
{
	struct im_buf *b = arg;

	im_buf_put(b, &owner, sizeof(owner));
	im_buf_le8(b, (uint8_t)uid.n);
	im_buf_str(b, uid);
	return b->failed ? IM_E_NOMEM : IM_OK;
}

static int forget_all(struct rpc_write *wr, uint64_t user, struct im_str uid, struct im_str owners)
{
	struct rpc_call *c = &wr->call;
	int rc = IM_OK;

	while (rc == IM_OK && owners.n > 0) {
		uint64_t owner;
		struct im_str name = {
			owners.p + sizeof(owner) + 1, (unsigned char)owners.p[sizeof(owner)]};

		memcpy(&owner, owners.p, sizeof(owner));
		rc = set_state(c, owner, user, DIRECTORY_CONTACT_NONE, IM_STR(""));
		if (rc == IM_OK)
			rc = tell(wr, owner, name, uid, "remove", uid, IM_STR(""));
		owners.n -= (size_t)(name.p + name.n - owners.p);
		owners.p = name.p + name.n;
	}
	return rc;
}

int contact_forget_user(struct rpc_write *wr, uint64_t user, struct im_str uid)
{
	struct rpc_call *c = &wr->call;
	struct im_buf owners; /* number, length and name of each */
	int rc;

	im_buf_init(&owners, 0);
	rc = directory_contact_owners(c->dir, user, on_owner, &owners);
	if (rc == IM_OK)
		rc = forget_all(wr, user, uid, im_buf_view(&owners));
	im_buf_free(&owners);
	return rc;
}

/* -- contact.update -- */

static int check_tags(struct rpc_call *c)
{
	for (size_t i = 0; i < rpc_list_size(c, "tags"); i++) {
		struct im_str tag = rpc_list_str(c, "tags", i);

		if (tag.n == 0 || tag.n > TAG_MAX)
			return rpc_fail(c, IM_E_INVALID_PARAMS, "a tag has %zu bytes; give 1..%d",
				tag.n, TAG_MAX);
	}
	return IM_OK;
}

static int write_own(struct rpc_write *wr, const struct pair *p, struct im_str tags)
{
	struct rpc_call *c = &wr->call;
	struct directory_contact row;
	struct texts t;
	bool same;
	int rc = directory_contact_get(c->dir, c->user, p->peer, &row);

	if (rc != IM_OK)
		return rc;
	rc = keep_texts(&t, &row);
	row.note = t.note;
	row.remark = rpc_has(c, "remark") ? rpc_str(c, "remark") : t.remark;
	row.tags = tags.p ? tags : t.tags;
	row.changed_ms = c->now_ms;
	same = im_str_eq(row.remark, t.remark) && im_str_eq(row.tags, t.tags);
	if (rc == IM_OK && !same)
		rc = directory_contact_put(c->dir, &row);
	if (rc == IM_OK && !same)
		rc = tell(wr, c->user, c->uid, p->uid, "update", c->uid, IM_STR(""));
	im_buf_free(&t.buf);
	return rc == IM_OK ? rpc_changed(c, !same) : rc;
}

static int update_call(struct rpc_write *wr)
{
	struct rpc_call *c = &wr->call;
	json_t *tags = json_object_get(c->params, "tags");
	char *text = NULL;
	struct pair p;
	int rc = get_pair(c, false, &p);

	if (rc == IM_OK && p.mine != DIRECTORY_CONTACT_YES)
		return rpc_fail(c, IM_E_NOT_ALLOWED,
			"\"%.*s\" is no contact of yours; send a contact.request", IM_ARGS(p.uid));
	if (rc == IM_OK)
		rc = check_tags(c);
	if (rc != IM_OK)
		return rc;
	if (tags != NULL) {
		text = json_dumps(tags, JSON_COMPACT);
		if (text == NULL)
			return IM_E_NOMEM;
	}
	rc = write_own(wr, &p, im_str(text));
	free(text);
	return rc;
}

/* -- contact.list -- */

struct listing {
	struct rpc_page page;
	uint64_t since, last;
};

static int on_contact(void *arg, const struct directory_contact *row)
{
	struct listing *l = arg;
	struct im_buf *b = &l->page.one;
	bool removed = row->state == DIRECTORY_CONTACT_NONE;
	int rc;

	/* Who starts from nothing has nothing to remove. */
	if (removed && l->since == 0) {
		rc = rpc_page_skip(&l->page, row->uid);
		if (rc == IM_OK)
			l->last = row->version;
		return rc;
	}
	im_buf_z(b, "{\"uid\":");
	im_jsonw_str(b, row->uid);
	im_jsonw_member_str(b, "state", im_str(state_names[row->state & 3]));
	if (!removed) {
		user_put_shown(b, row->nick, row->avatar, row->rev);
		im_jsonw_member_str(b, "note", row->note);
		im_jsonw_member_str(b, "remark", row->remark);
		im_buf_z(b, ",\"tags\":");
		im_buf_str(b, row->tags.n ? row->tags : IM_STR("[]"));
	}
	im_jsonw_member_int(b, "changed", row->changed_ms);
	im_jsonw_member_int(b, "version", (int64_t)row->version);
	im_buf_c(b, '}');
	rc = rpc_page_add(&l->page, row->uid);
	if (rc == IM_OK)
		l->last = row->version;
	return rc;
}

/* One list, ordered by version: all of it from 0 on, or what changed since. */
static int list_call(struct rpc_read *rd)
{
	struct rpc_call *c = &rd->call;
	struct listing l = {.since = (uint64_t)rpc_int(c, "since", 0)};
	uint64_t newest;
	int rc = directory_contact_version(c->dir, c->user, &newest);

	if (rc != IM_OK)
		return rc;
	rpc_page_begin(&l.page, c->result, "contacts", rpc_limit(c), rpc_page_bytes(c));
	rc = directory_contact_list(c->dir, c->user, l.since, l.page.limit + 1, on_contact, &l);
	if (rc != IM_OK && rc != RPC_PAGE_STOP) {
		im_buf_free(&l.page.one);
		return rc;
	}
	im_buf_free(&l.page.one);
	im_buf_printf(c->result, "],\"version\":%" PRIu64 ",\"more\":%s}",
		l.page.more ? l.last : newest, l.page.more ? "true" : "false");
	return c->result->failed ? IM_E_NOMEM : IM_OK;
}

#define UID                                            \
	{                                              \
		"uid", RPC_STRING, true, 1, IM_UID_MAX \
	}

static const struct rpc_param request_params[] = {
	UID,
	{"note", RPC_NOTE, false, 0, NOTE_MAX},
	{0},
};
static const struct rpc_param uid_params[] = {UID, {0}};
static const struct rpc_param update_params[] = {
	UID,
	{"remark", RPC_LINE, false, 0, REMARK_MAX},
	{"tags", RPC_LINES, false, 0, TAGS_MAX},
	{0},
};
static const struct rpc_param list_params[] = {
	{"since", RPC_INTEGER, false, 0, INT64_MAX},
	{"limit", RPC_INTEGER, false, 1, IM_PAGE_MAX},
	{0},
};

const struct rpc_method rpc_contact_methods[] = {
	{"contact.request", RPC_DIRECTORY, request_params, .write = request_call},
	{"contact.accept", RPC_DIRECTORY, uid_params, .write = accept_call},
	{"contact.reject", RPC_DIRECTORY, uid_params, .write = reject_call},
	{"contact.remove", RPC_DIRECTORY, uid_params, .write = remove_call},
	{"contact.update", RPC_DIRECTORY, update_params, .write = update_call},
	{"contact.list", RPC_READ, list_params, .read = list_call},
	{0},
};
