/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owns the answer to "who has it, who has read it": computed when asked, from read marks and the
 * cursors of devices, so that no message is ever sent or stored for a reader. Reads only.
 */
#include "bridge/rpc/methods/methods.h"

#include <stdlib.h>

#include "bridge/directory/directory_group.h"
#include "bridge/directory/directory_user.h"
#include "bridge/directory/group_person.h"
#include "bridge/rpc/conv_ref.h"
#include "bridge/rpc/rpc_args.h"
#include "common/ids.h"
#include "common/jsonw.h"
#include "common/limits.h"

struct receipts {
	struct rpc_read *rd;
	uint64_t seq, gid, sender;
	struct group_person who[IM_PAGE_MAX + 1];
	uint32_t n, limit;
};

static int on_message(void *arg, const struct store_msg *m)
{
	struct receipts *r = arg;

	r->gid = m->gid;
	r->sender = m->sender;
	return IM_OK;
}

static void add_reader(struct receipts *r, uint64_t user, struct im_str uid)
{
	r->who[r->n++] = group_person_of(user, uid, DIRECTORY_MEMBER);
}

static int on_member(void *arg, const struct directory_member *m)
{
	struct receipts *r = arg;

	if (m->uid.n > IM_UID_MAX || r->n > r->limit)
		return IM_E_INTERNAL;
	add_reader(r, m->user, m->uid);
	/* Who came later was never sent it. Kept in the page, so that paging counts members. */
	if (m->joined_seq >= r->seq || m->user == r->sender)
		r->who[r->n - 1].user = 0;
	return IM_OK;
}

static int put_reader(
	struct receipts *r, const struct conv_ref *ref, const struct group_person *who)
{
	struct rpc_read *rd = r->rd;
	struct rpc_call *c = &rd->call;
	struct directory_conv_user mark;
	struct directory_user u;
	bool read, delivered, blocked, received = false;
	int rc = directory_conv_get(c->dir, who->user, ref->conv, &mark);

	if (rc == IM_OK)
		rc = directory_block_has(c->dir, who->user, c->user, &blocked);
	if (rc == IM_OK)
		rc = directory_received(c->dir, who->user, r->gid, &received);
	if (rc == IM_OK)
		rc = directory_user_by_id(c->dir, who->user, &u);
	if (rc != IM_OK)
		return rc == IM_E_NONE ? IM_OK : rc;
	/* Who has blocked the caller shows nothing of itself, and who tells nobody what he has read
	 * does not by its having arrived either. */
	read = !blocked && u.read_receipts && mark.read_seq >= r->seq;
	delivered = read || (!blocked && received);
	if (c->result->p[c->result->n - 1] != '[')
		im_buf_c(c->result, ',');
	im_buf_z(c->result, "{\"uid\":");
	im_jsonw_str(c->result, im_str(who->uid));
	im_buf_printf(c->result, ",\"delivered\":%s,\"read\":%s}", delivered ? "true" : "false",
		read ? "true" : "false");
	return c->result->failed ? IM_E_NOMEM : IM_OK;
}

static int list_readers(struct receipts *r, const struct conv_ref *ref)
{
	struct im_str after = rpc_str(&r->rd->call, "next");

	if (ref->kind == IM_CONV_GROUP)
		return directory_member_list(
			r->rd->call.dir, ref->peer_id, after, r->limit + 1, on_member, r);
	if (ref->peer.n > IM_UID_MAX)
		return IM_E_INTERNAL;
	add_reader(r, r->sender == r->rd->call.user ? ref->peer_id : r->rd->call.user,
		r->sender == r->rd->call.user ? ref->peer : r->rd->call.uid);
	return IM_OK;
}

static int put_receipts(struct receipts *r, const struct conv_ref *ref)
{
	struct im_buf *out = r->rd->call.result;
	bool more;
	int rc = list_readers(r, ref);

	more = r->n > r->limit;
	im_buf_printf(out, "{\"seq\":%llu,\"receipts\":[", (unsigned long long)r->seq);
	for (uint32_t i = 0; rc == IM_OK && i < (more ? r->limit : r->n); i++)
		if (r->who[i].user != 0)
			rc = put_reader(r, ref, &r->who[i]);
	if (rc != IM_OK)
		return rc;
	im_buf_z(out, more ? "],\"more\":true" : "],\"more\":false");
	if (more)
		im_jsonw_member_str(out, "next", im_str(r->who[r->limit - 1].uid));
	im_buf_c(out, '}');
	return out->failed ? IM_E_NOMEM : IM_OK;
}

static int receipts_in_view(struct receipts *r)
{
	struct rpc_read *rd = r->rd;
	struct rpc_call *c = &rd->call;
	struct conv_ref ref;
	uint64_t floor;
	int rc = conv_ref_read(rd, "conv", &ref);

	if (rc == IM_OK)
		rc = conv_ref_floor(c, &ref, &floor);
	if (rc != IM_OK)
		return rc;
	if (ref.conv != 0 && r->seq > floor)
		rc = rd->backend->read_conv(
			rd->log, ref.conv, r->seq, r->seq, false, on_message, r);
	if (rc == IM_OK && r->gid == 0)
		return rpc_fail(c, IM_E_UNKNOWN_MESSAGE,
			"there is no message %llu in this conversation that you can see",
			(unsigned long long)r->seq);
	return rc == IM_OK ? put_receipts(r, &ref) : rc;
}

static int receipts_call(struct rpc_read *rd)
{
	struct rpc_call *c = &rd->call;
	struct receipts *r = calloc(1, sizeof(*r));
	int rc;

	if (r == NULL)
		return IM_E_NOMEM;
	r->rd = rd;
	r->seq = (uint64_t)rpc_int(c, "seq", 0);
	r->limit = rpc_limit(c);
	rc = rpc_views_begin(rd);
	if (rc == IM_OK) {
		rc = receipts_in_view(r);
		rpc_views_end(rd);
	}
	free(r);
	return rc;
}

static const struct rpc_param receipts_params[] = {
	{"conv", RPC_STRING, true, 1, IM_CONV_MAX},
	{"seq", RPC_INTEGER, true, 1, INT64_MAX},
	{"limit", RPC_INTEGER, false, 1, IM_PAGE_MAX},
	{"next", RPC_STRING, false, 1, IM_UID_MAX},
	{0},
};

const struct rpc_method rpc_receipt_methods[] = {
	{"conv.receipts", RPC_READ, receipts_params, .read = receipts_call},
	{0},
};
