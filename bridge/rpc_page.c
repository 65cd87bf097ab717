/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the form of paged results. Called by the list methods; knows nothing of what is listed. */
#include "rpc_page.h"

#include <string.h>

#include "../common/jsonw.h"

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

int rpc_page_add(struct rpc_page *p, struct im_str key)
{
	if (p->one.failed || key.n >= sizeof(p->next))
		return p->one.failed ? IM_E_NOMEM : IM_E_INTERNAL;
	p->more = p->count == p->limit || (p->count > 0 && p->out->n + p->one.n + 1 > p->max_bytes);
	if (p->more)
		return RPC_PAGE_STOP;
	if (p->count++ > 0)
		im_buf_c(p->out, ',');
	im_buf_str(p->out, im_buf_view(&p->one));
	im_buf_reset(&p->one);
	memcpy(p->next, key.p, key.n);
	p->next[key.n] = '\0';
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
