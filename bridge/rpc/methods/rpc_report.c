/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns what may be reported, how often, and what of a message is kept with the report. What becomes
 * of it is admin_report.c's. */
#include "bridge/rpc/methods/methods.h"

#include <inttypes.h>

#include "bridge/directory/directory_report.h"
#include "bridge/rpc/conv_ref.h"
#include "bridge/rpc/msg_target.h"
#include "bridge/rpc/rpc_args.h"
#include "common/limits.h"

#define HOUR_MS (INT64_C(60) * 60 * 1000)

static int within_bounds(struct rpc_call *c)
{
	uint32_t lately;
	bool full = false;
	int rc = directory_report_count(c->dir, c->user, c->now_ms - HOUR_MS, &lately);

	if (rc == IM_OK && lately >= IM_REPORTS_PER_HOUR)
		return rpc_fail(c, IM_E_RATE_LIMITED,
			"you have reported %d messages within an hour; report others later",
			IM_REPORTS_PER_HOUR);
	if (rc == IM_OK)
		rc = directory_report_full(c->dir, IM_REPORTS_OPEN_MAX, &full);
	if (rc == IM_OK && full)
		return rpc_fail(c, IM_E_LIMIT_REACHED,
			"%d reports wait for the administrators already; try again later",
			IM_REPORTS_OPEN_MAX);
	return rc;
}

static int keep(struct rpc_call *c, const struct conv_ref *ref, const struct store_msg *m)
{
	struct directory_report r = {.reporter = c->user,
		.conv = ref->conv,
		.conv_name = ref->name,
		.sender = m->sender,
		.seq = m->seq,
		.sent_ms = m->ts_ms,
		.type = im_type_shown(m->type, m->enc),
		.enc = m->enc,
		.body = m->body,
		.reason = rpc_str(c, "reason"),
		.created_ms = c->now_ms};

	r.cut = m->body.n > IM_REPORT_BODY_MAX;
	if (r.cut && m->enc == IM_ENC_BYTES)
		r.body.n = IM_REPORT_BODY_MAX;
	else if (r.cut)
		r.body = rpc_clip(m->body, IM_REPORT_BODY_MAX);
	return directory_report_add(c->dir, &r);
}

static int report(struct rpc_call *c, const struct conv_ref *ref, const struct store_msg *m)
{
	int rc;

	if (m->recalled)
		return rpc_fail(
			c, IM_E_UNKNOWN_MESSAGE, "message %" PRIu64 " was recalled", m->seq);
	if (m->sender == c->user)
		return rpc_fail(c, IM_E_NOT_ALLOWED,
			"message %" PRIu64 " is your own; take it back with msg.recall", m->seq);
	rc = within_bounds(c);
	return rc == IM_OK ? keep(c, ref, m) : rc;
}

static int report_call(struct rpc_write *wr)
{
	struct rpc_call *c = &wr->call;
	uint64_t seq = (uint64_t)rpc_int(c, "seq", 0);
	struct conv_ref ref;
	struct msg_target t;
	bool known = false;
	int rc = conv_ref_write(wr, "conv", &ref);

	if (rc == IM_OK && ref.conv != 0)
		rc = directory_report_has(c->dir, c->user, ref.conv, seq, &known);
	if (rc != IM_OK || known)
		return rc == IM_OK ? rpc_changed(c, false) : rc;
	rc = msg_target_get(wr, &ref, seq, &t);
	if (rc == IM_OK)
		rc = report(c, &ref, &t.m);
	msg_target_clear(&t);
	return rc == IM_OK ? rpc_changed(c, true) : rc;
}

static const struct rpc_param report_params[] = {
	{"conv", RPC_STRING, true, 1, IM_CONV_MAX},
	{"seq", RPC_INTEGER, true, 1, INT64_MAX},
	{"reason", RPC_NOTE, true, 1, IM_REPORT_TEXT_MAX},
	{0},
};

const struct rpc_method rpc_report_methods[] = {
	{"msg.report", RPC_DIRECTORY, report_params, .write = report_call},
	{0},
};
