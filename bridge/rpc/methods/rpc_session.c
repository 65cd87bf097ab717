/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owns `session.start`: what an app shows first, in one answer, whatever the number of
 * conversations. Reads only: what a device has received is said by its acknowledgements.
 */
#include "bridge/rpc/methods/methods.h"

#include "bridge/directory/directory_contact.h"
#include "bridge/directory/directory_user.h"
#include "bridge/rpc/conv_list.h"
#include "bridge/rpc/methods/rpc_user.h"
#include "bridge/rpc/rpc_args.h"
#include "bridge/rpc/user_search.h"
#include "common/jsonw.h"
#include "common/limits.h"
#include "common/may.h"

static void put_node(struct rpc_read *rd)
{
	struct rpc_call *c = &rd->call;
	const struct rpc_settings *set = c->set;
	struct im_buf *b = c->result;

	im_buf_z(b, "{\"node\":{\"version\":");
	im_jsonw_str(b, IM_STR(IM_VERSION));
	if (set->max_payload > 0)
		im_jsonw_member_int(b, "max_payload", set->max_payload);
	im_jsonw_member_int(b, "recall_window", set->recall_window_s);
	im_jsonw_member_int(b, "dedup_hours", set->dedup_hours);
	im_jsonw_member_str(b, "presence",
		im_str(set->presence ? im_presence_policy_names[set->presence_policy] : "off"));
	im_jsonw_member_str(b, "user_search", im_str(user_search_name(set->user_search)));
	im_buf_printf(b, ",\"search\":%s}", rd->search ? "true" : "false");
}

/* Who the caller is, and what his lists are to be compared with. */
static int put_own(struct rpc_read *rd)
{
	struct rpc_call *c = &rd->call;
	struct directory_user me;
	uint64_t contacts;
	int rc = directory_user_by_id(c->dir, c->user, &me);

	if (rc != IM_OK)
		return rc;
	im_buf_z(c->result, ",\"profile\":{");
	user_put_own(c->result, &me);
	im_buf_c(c->result, '}');
	rc = directory_contact_version(c->dir, c->user, &contacts);
	if (rc != IM_OK)
		return rc;
	im_buf_z(c->result, ",\"contacts\":{\"version\":");
	im_buf_u64(c->result, contacts);
	im_buf_c(c->result, '}');
	return IM_OK;
}

static int put_list(struct rpc_read *rd)
{
	const struct conv_choice all = {.pinned_first = true};
	struct conv_list l;
	int rc = conv_list_open(rd, &all, &l);

	if (rc == IM_OK)
		rc = conv_list_put_groups(&l);
	if (rc == IM_OK) {
		conv_list_put_cursor(&l);
		rc = conv_list_put_news(&l);
	}
	if (rc == IM_OK)
		rc = conv_list_page(&l, true, NULL);
	conv_list_close(&l);
	return rc;
}

static int start_call(struct rpc_read *rd)
{
	int rc = rpc_views_begin(rd);

	if (rc != IM_OK)
		return rc;
	put_node(rd);
	rc = put_own(rd);
	if (rc == IM_OK)
		rc = put_list(rd);
	rpc_views_end(rd);
	return rc;
}

static const struct rpc_param start_params[] = {
	{"limit", RPC_INTEGER, false, 1, IM_PAGE_MAX},
	{0},
};

const struct rpc_method rpc_session_methods[] = {
	{"session.start", RPC_READ, start_params, .read = start_call},
	{0},
};
