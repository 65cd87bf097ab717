/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes the counters for UP_STATS. */
#include "plugin/stats.h"

#include "common/jsonw.h"

static void member(struct im_buf *b, const char *name, uint64_t v)
{
	im_buf_z(b, b->n > 1 ? ",\"" : "\"");
	im_buf_z(b, name);
	im_buf_z(b, "\":");
	im_buf_u64(b, v);
}

void stats_json(const struct stats *s, const struct stats_gauges *g, struct im_buf *out)
{
	im_buf_reset(out);
	im_buf_c(out, '{');
#define X(name) member(out, #name, s->name);
	STATS_COUNTERS(X)
#undef X
	member(out, "sessions_online", g->sessions_online);
	member(out, "sessions_offline", g->sessions_offline);
	member(out, "spool_bytes", g->spool_bytes);
	member(out, "spool_size", g->spool_size);
	member(out, "spool_first", g->spool_first);
	member(out, "spool_next", g->spool_next);
	member(out, "batches_out", g->batches_out);
	member(out, "batches", g->batches);
	member(out, "batch_records", g->batch_records);
	member(out, "batch_bytes", g->batch_bytes);
	member(out, "batches_again", g->batches_again);
	member(out, "directory_reads", g->directory_reads);
	member(out, "directory_errors", g->directory_errors);
	member(out, "logins_waiting", g->logins_waiting);
	member(out, "passwords_hashed", g->passwords_hashed);
	member(out, "passwords_fresh", g->passwords_fresh);
	member(out, "logins_cached", g->logins_cached);
	member(out, "tokens_checked", g->tokens_checked);
	member(out, "logins_throttled", g->logins_throttled);
	member(out, "throttled_user", g->throttled_user);
	member(out, "throttled_address", g->throttled_address);
	member(out, "throttled_all", g->throttled_all);
	member(out, "throttled_tokens", g->throttled_tokens);
	member(out, "max_payload", g->max_payload);
	im_jsonw_member_str(out, "topic_prefix", im_str(g->topic_prefix));
	im_buf_c(out, '}');
}
