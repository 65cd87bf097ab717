/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the form of paged results. Called by the list methods; knows nothing of what is listed. */
#include "bridge/rpc/rpc_page.h"

#include <string.h>

#include "common/jsonw.h"

void rpc_page_begin(
	struct rpc_page *p, struct im_buf *out, const char *list, uint32_t limit, size_t max_bytes)
{
	memset(p, 0, sizeof(*p));
	im_buf_init(&p->one, 0);
	p->out = out;
	p->limit = limit;
	p->max_bytes = max_bytes;
	im_buf_printf(out, "%c\"%s\":[", out->n == 0 ? '{' : ',', list);
}

int rpc_page_skip(struct rpc_page *p, struct im_str key)
{
	if (key.n >= sizeof(p->next))
		return IM_E_INTERNAL;
	p->more = p->count == p->limit;
	if (p->more)
		return RPC_PAGE_STOP;
	p->count++;
	memcpy(p->next, key.p, key.n);
	p->next[key.n] = '\0';
	return IM_OK;
}

int rpc_page_add(struct rpc_page *p, struct im_str key)
{
	bool first = p->out->n > 0 && p->out->p[p->out->n - 1] == '[';
	int rc;

	if (p->one.failed)
		return IM_E_NOMEM;
	p->more = !first && p->out->n + p->one.n + 1 > p->max_bytes;
	rc = p->more ? RPC_PAGE_STOP : rpc_page_skip(p, key);
	if (rc != IM_OK)
		return rc;
	if (!first)
		im_buf_c(p->out, ',');
	im_buf_str(p->out, im_buf_view(&p->one));
	im_buf_reset(&p->one);
	return p->out->failed ? IM_E_NOMEM : IM_OK;
}

int rpc_page_end(struct rpc_page *p, int rc)
{
	im_buf_free(&p->one);
	if (rc != IM_OK && rc != RPC_PAGE_STOP)
		return rc;
	im_buf_z(p->out, p->more ? "],\"more\":true" : "],\"more\":false");
	if (p->more)
		im_jsonw_member_str(p->out, "next", im_str(p->next));
	im_buf_c(p->out, '}');
	return p->out->failed ? IM_E_NOMEM : IM_OK;
}
