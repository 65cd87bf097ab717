/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns what was looked up for one page. Called by history; must not know what a page is. */
#include "bridge/rpc/quotes.h"

#include <inttypes.h>

#include "bridge/message/kind.h"
#include "bridge/message/meta.h"
#include "bridge/message/seen.h"
#include "bridge/rpc/view.h"

void quotes_init(struct quotes *q, struct rpc_read *rd)
{
	q->rd = rd;
	q->conv = q->floor = 0;
	q->read = q->n = 0;
	im_buf_init(&q->texts, 0);
}

void quotes_clear(struct quotes *q)
{
	im_buf_free(&q->texts);
}

uint64_t quotes_reply_to(const struct store_msg *m, int64_t now_ms)
{
	int64_t seq;

	if (m->meta.n == 0 || seen_gone(m->recalled, m->meta, m->ts_ms, now_ms))
		return 0;
	seq = meta_int(m->meta, "reply_to");
	return seq > 0 ? (uint64_t)seq : 0;
}

static int on_quoted(void *arg, const struct store_msg *m)
{
	struct quotes *q = arg;

	q->read += m->body.n;
	return kind_shows(m->type) ? view_quote(&q->texts, q->rd->names, m, q->rd->call.now_ms)
				   : IM_OK;
}

static int look_up(struct quotes *q, uint64_t seq)
{
	size_t before = q->texts.n;
	int rc = IM_OK;

	if (q->n == IM_PAGE_MAX)
		return IM_E_INTERNAL;
	if (seq > q->floor && q->read >= QUOTES_BYTES_MAX)
		im_buf_printf(&q->texts, "{\"seq\":%" PRIu64 ",\"cut\":true}", seq);
	else if (seq > q->floor)
		rc = q->rd->backend->read_conv(q->rd->log, q->conv, seq, seq, false, on_quoted, q);
	if (q->texts.n == before)
		im_buf_z(&q->texts, "null");
	q->v[q->n].seq = seq;
	q->v[q->n].end = q->texts.n;
	q->n++;
	return rc == IM_OK && q->texts.failed ? IM_E_NOMEM : rc;
}

int quotes_put(struct quotes *q, uint64_t seq, struct im_buf *out)
{
	size_t i = 0, from;
	int rc;

	while (i < q->n && q->v[i].seq != seq)
		i++;
	if (i == q->n) {
		rc = look_up(q, seq);
		if (rc != IM_OK)
			return rc;
	}
	from = i ? q->v[i - 1].end : 0;
	im_buf_z(out, ",\"quote\":");
	im_buf_put(out, q->texts.p + from, q->v[i].end - from);
	return IM_OK;
}
