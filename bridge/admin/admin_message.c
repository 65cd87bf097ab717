/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owns the recall of any message by an administrator, who belongs to none of its conversation. It
 * is told as from the message's own sender, "by":"administrator"; who it was is noted (audit.h) and
 * told to nobody.
 */
#include "bridge/admin/admin_message.h"

#include <inttypes.h>
#include <stdio.h>

#include "bridge/admin/audit.h"
#include "bridge/directory/directory_group.h"
#include "bridge/directory/directory_report.h"
#include "bridge/directory/directory_user.h"
#include "bridge/directory/group_person.h"
#include "bridge/message/seen.h"
#include "bridge/rpc/group_ref.h"
#include "bridge/rpc/msg_target.h"
#include "bridge/rpc/recall.h"
#include "bridge/rpc/rpc_args.h"
#include "common/ids.h"
#include "common/limits.h"

/* A conversation as the log has it. */
struct place {
	enum im_conv_kind kind;
	struct im_str gid; /* a group's */
	uint64_t group;
	struct group_person one, other; /* of a direct one, in any order */
};

static int person(struct rpc_call *c, uint64_t user, struct group_person *out)
{
	struct directory_user u;
	int rc = directory_user_by_id(c->dir, user, &u);

	if (rc == IM_OK)
		*out = group_person_of(user, u.uid, 0);
	return rc;
}

/* Who seems to say it to whom. from: the message's sender. */
static struct message said_by(const struct place *at, const struct group_person *from)
{
	const struct group_person *other = at->one.user == from->user ? &at->other : &at->one;

	return (struct message){.kind = at->kind,
		.a = at->kind == IM_CONV_GROUP ? at->group : from->user,
		.b = at->kind == IM_CONV_GROUP ? 0 : other->user,
		.sender = from->user,
		.from = im_str(from->uid),
		.peer = at->kind == IM_CONV_GROUP ? at->gid : im_str(other->uid)};
}

/* What the command does not say by its parameters. */
static void note(struct admin_call *ac, const struct place *at, uint64_t seq, const char *sender)
{
	struct rpc_call *c = &ac->write.call;
	char text[IM_CONV_MAX + 1];

	if (!rpc_has(c, "conv")) {
		if (at->kind == IM_CONV_GROUP)
			snprintf(text, sizeof(text), "g/%.*s", IM_ARGS(at->gid));
		else
			snprintf(text, sizeof(text), "u/%s", at->one.uid);
		audit_note(ac, "conv", im_str(text));
		if (at->kind == IM_CONV_USER)
			audit_note(ac, "with", im_str(at->other.uid));
		snprintf(text, sizeof(text), "%" PRIu64, seq);
		audit_note(ac, "seq", im_str(text));
	}
	audit_note(ac, "sender", im_str(sender));
}

static int write_recall(
	struct admin_call *ac, const struct place *at, uint64_t conv, struct msg_target *t)
{
	struct rpc_call *c = &ac->write.call;
	struct recall r = {.conv = conv, .by = IM_STR(RECALL_ADMINISTRATOR), .say_by = true};
	struct group_person from;
	uint64_t seq;
	int rc = person(c, t->m.sender, &from);

	if (rc != IM_OK)
		return rc;
	r.say = said_by(at, &from);
	rc = recall_write(&ac->write, &r, t, &seq);
	if (rc != IM_OK)
		return rc;
	ac->about = t->m.sender;
	note(ac, at, t->m.seq, from.uid);
	return rpc_changed(c, true);
}

static int recall(struct admin_call *ac, const struct place *at, uint64_t conv, uint64_t seq)
{
	struct rpc_call *c = &ac->write.call;
	struct msg_target t;
	int rc = msg_target_read(&ac->write, conv, seq, &t);

	if (rc == IM_E_NONE || (rc == IM_OK && seen_expired(t.m.meta, t.m.ts_ms, c->now_ms)))
		rc = rpc_fail(c, IM_E_UNKNOWN_MESSAGE,
			"there is no message %" PRIu64 " in this conversation", seq);
	if (rc == IM_OK)
		rc = msg_target_plain(c, &t);
	if (rc == IM_OK)
		rc = t.m.recalled ? rpc_changed(c, false) : write_recall(ac, at, conv, &t);
	msg_target_clear(&t);
	return rc;
}

/* -- recallMessage -- */

static int named_group(struct rpc_call *c, struct im_str gid, struct place *out)
{
	struct directory_group g;
	int rc = directory_group_get(c->dir, gid, &g);

	if (rc == IM_E_NONE)
		return group_unknown(c, gid);
	out->gid = gid;
	out->group = g.id;
	return rc;
}

/* Deleted ones, too. */
static int person_past(struct rpc_call *c, struct im_str uid, struct group_person *out)
{
	struct directory_user u;
	int rc = rpc_user_past(c, uid, &u);

	if (rc == IM_OK)
		*out = group_person_of(u.id, u.uid, 0);
	return rc;
}

static int named_pair(struct rpc_call *c, struct im_str one, struct place *out)
{
	struct im_str other = rpc_str(c, "with");
	int rc;

	if (other.p == NULL)
		return rpc_fail(c, IM_E_INVALID_PARAMS,
			"a direct conversation is between two; name the other one in `with` "
			"(imctl: --with)");
	rc = person_past(c, one, &out->one);
	return rc == IM_OK ? person_past(c, other, &out->other) : rc;
}

static int find_conv(struct rpc_write *wr, const struct place *at, uint64_t *conv_out)
{
	struct rpc_call *c = &wr->call;
	int rc = at->kind == IM_CONV_GROUP
			 ? writer_conv(wr->writer, at->kind, at->group, 0, false, conv_out)
			 : writer_conv(wr->writer, at->kind, at->one.user, at->other.user, false,
				   conv_out);

	return rc == IM_E_NONE ? rpc_fail(c, IM_E_UNKNOWN_MESSAGE,
					 "nothing was ever sent in this conversation")
			       : rc;
}

static int recall_message(struct admin_call *ac)
{
	struct rpc_call *c = &ac->write.call;
	struct place at = {.group = 0};
	struct im_str peer;
	uint64_t conv;
	int rc;

	if (!im_conv_parse(rpc_str(c, "conv"), &at.kind, &peer))
		return rpc_fail(c, IM_E_INVALID_PARAMS,
			"conv is no conversation; give \"g/{gid}\", or \"u/{uid}\" and with");
	rc = at.kind == IM_CONV_GROUP ? named_group(c, peer, &at) : named_pair(c, peer, &at);
	if (rc == IM_OK)
		rc = find_conv(&ac->write, &at, &conv);
	return rc == IM_OK ? recall(ac, &at, conv, (uint64_t)rpc_int(c, "seq", 0)) : rc;
}

/* -- recallReported -- */

struct reported {
	struct place at;
	uint64_t conv, seq, reporter, sender;
	char gid[IM_GID_MAX + 1];
};

static int on_report(void *arg, const struct directory_report *r)
{
	struct reported *out = arg;
	struct im_str peer;

	out->conv = r->conv;
	out->seq = r->seq;
	out->reporter = r->reporter;
	out->sender = r->sender;
	if (!im_conv_parse(r->conv_name, &out->at.kind, &peer))
		return IM_E_INTERNAL;
	memcpy(out->gid, peer.p, peer.n);
	return IM_OK;
}

/* By the numbers of the report: names may have passed on since. */
static int reported_place(struct rpc_call *c, struct reported *r)
{
	struct directory_group g;
	int rc;

	if (r->at.kind == IM_CONV_USER) {
		rc = person(c, r->reporter, &r->at.one);
		return rc == IM_OK ? person(c, r->sender, &r->at.other) : rc;
	}
	r->at.gid = im_str(r->gid);
	rc = directory_group_get(c->dir, r->at.gid, &g);
	r->at.group = g.id;
	return rc == IM_E_NONE ? group_unknown(c, r->at.gid) : rc;
}

static int recall_reported(struct admin_call *ac)
{
	struct rpc_call *c = &ac->write.call;
	int64_t id = rpc_int(c, "id", 0);
	struct reported r = {.conv = 0};
	int rc = directory_report_get(c->dir, (uint64_t)id, on_report, &r);

	if (rc == IM_E_NONE)
		return rpc_fail(c, IM_E_INVALID_PARAMS,
			"there is no report %" PRId64 "; listReports (imctl report list) shows "
			"them",
			id);
	if (rc == IM_OK)
		rc = reported_place(c, &r);
	return rc == IM_OK ? recall(ac, &r.at, r.conv, r.seq) : rc;
}

static const struct rpc_param recall_params[] = {
	{"conv", RPC_STRING, true, 1, IM_CONV_MAX},
	{"with", RPC_STRING, false, 1, IM_UID_MAX},
	{"seq", RPC_INTEGER, true, 1, INT64_MAX},
	{0},
};
static const struct rpc_param report_params[] = {
	{"id", RPC_INTEGER, true, 1, INT64_MAX},
	{0},
};

const struct admin_command admin_message_commands[] = {
	{"recallMessage", ADMIN_CHANGE, recall_params, recall_message},
	{"recallReported", ADMIN_CHANGE, report_params, recall_reported},
	{0},
};
