/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns what the list of conversations is asked for, and a conversation by itself. Reads only, on
 * reader threads. */
#include "bridge/rpc/methods/methods.h"

#include "bridge/rpc/conv_item.h"
#include "bridge/rpc/conv_list.h"
#include "bridge/rpc/conv_ref.h"
#include "bridge/rpc/rpc_args.h"
#include "common/limits.h"
#include "common/wire.h"

/* -- conv.list -- */

/* What stands before the page. Only the first one says from where to go on: what changes while the
 * others are asked for is newer. */
static int put_begin(struct conv_list *l, bool changed)
{
	struct rpc_call *c = &l->rd->call;

	if (!rpc_has(c, "next"))
		conv_list_put_cursor(l);
	if (changed && l->all)
		conv_list_put_all(l);
	return rpc_bool(c, "total", false) ? conv_list_put_news(l) : IM_OK;
}

static int list_in_view(
	struct rpc_read *rd, const struct conv_choice *choice, const struct conv_key *after)
{
	struct conv_list l;
	int rc = conv_list_open(rd, choice, &l);

	if (rc == IM_OK)
		rc = put_begin(&l, choice->changed);
	if (rc == IM_OK)
		rc = conv_list_page(&l, rpc_bool(&rd->call, "brief", false), after);
	conv_list_close(&l);
	return rc;
}

static int list_call(struct rpc_read *rd)
{
	struct rpc_call *c = &rd->call;
	struct conv_choice choice = {
		.pinned_first = rpc_bool(c, "pinned_first", false), .changed = rpc_has(c, "since")};
	struct conv_key after;
	bool next = rpc_has(c, "next");
	int rc;

	if (choice.changed && im_cursor_parse(rpc_str(c, "since"), &choice.since) != IM_OK)
		return rpc_fail(c, IM_E_INVALID_PARAMS,
			"params.since is no cursor; give the one of the last session.start or "
			"conv.list, or leave it out for all");
	if (next && !conv_key_parse(rpc_str(c, "next"), choice.pinned_first, &after))
		return rpc_fail(c, IM_E_INVALID_PARAMS,
			"params.next is none that conv.list gave for such a list; leave it out to "
			"begin");
	rc = rpc_views_begin(rd);
	if (rc != IM_OK)
		return rc;
	rc = list_in_view(rd, &choice, next ? &after : NULL);
	rpc_views_end(rd);
	return rc;
}

/* -- conv.get -- */

static int get_in_view(struct rpc_read *rd)
{
	struct rpc_call *c = &rd->call;
	struct conv_item item;
	struct conv_ref ref;
	int rc = conv_ref_read(rd, "conv", &ref);

	if (rc != IM_OK)
		return rc;
	item = (struct conv_item){.conv = ref.conv,
		.peer = ref.peer_id,
		.joined_seq = ref.joined_seq,
		.kind = ref.kind};
	rc = conv_ref_read_head(rd, &ref, &item.head);
	if (rc == IM_OK && item.head.seq > 0)
		rc = rd->backend->read_shown(rd->log, item.conv, &item.shown);
	if (rc != IM_OK)
		return rc;
	im_buf_z(c->result, "{\"conversation\":");
	rc = conv_item_put(rd, &item, rpc_bool(c, "brief", false), c->result);
	im_buf_c(c->result, '}');
	return rc != IM_OK ? rc : c->result->failed ? IM_E_NOMEM : IM_OK;
}

static int get_call(struct rpc_read *rd)
{
	int rc = rpc_views_begin(rd);

	if (rc != IM_OK)
		return rc;
	rc = get_in_view(rd);
	rpc_views_end(rd);
	return rc;
}

static const struct rpc_param list_params[] = {
	{"limit", RPC_INTEGER, false, 1, IM_PAGE_MAX},
	{"next", RPC_STRING, false, 1, 32},
	{"brief", RPC_BOOLEAN, false, 0, 0},
	{"pinned_first", RPC_BOOLEAN, false, 0, 0},
	{"since", RPC_STRING, false, 1, 32},
	{"total", RPC_BOOLEAN, false, 0, 0},
	{0},
};

static const struct rpc_param get_params[] = {
	{"conv", RPC_STRING, true, 1, IM_CONV_MAX},
	{"brief", RPC_BOOLEAN, false, 0, 0},
	{0},
};

const struct rpc_method rpc_conv_methods[] = {
	{"conv.list", RPC_READ, list_params, .read = list_call},
	{"conv.get", RPC_READ, get_params, .read = get_call},
	{0},
};
