/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns one page of system messages at a time. Called by the engine at start and after a commit of
 * which only the first half happened. What a change means is group_change.c's and pin_change.c's.
 */
#include "bridge/write/project.h"

#include <stdlib.h>

#include "bridge/message/system_body.h"
#include "bridge/write/group_change.h"
#include "bridge/write/group_event.h"
#include "bridge/write/pin_change.h"
#include "common/buf.h"

#define PAGE_CHANGES 256
#define PAGE_MESSAGES 100000 /* looked at; a log without changes is walked in few pages */

struct change {
	uint64_t gid, conv, seq, sender;
	int64_t ts_ms;
	size_t at, n; /* in bodies */
};

struct page {
	struct change *v;
	size_t n, looked_at;
	struct im_buf bodies;
	uint64_t last; /* position of the last message looked at */
};

static int collect(void *arg, const struct store_msg *m)
{
	struct page *p = arg;

	if (p->n == PAGE_CHANGES || p->looked_at == PAGE_MESSAGES)
		return IM_STOP;
	p->looked_at++;
	p->last = m->gid;
	if (!system_body_is(m->type) || m->recalled)
		return IM_OK;
	p->v[p->n++] = (struct change){
		m->gid, m->conv, m->seq, m->sender, m->ts_ms, p->bodies.n, m->body.n};
	im_buf_str(&p->bodies, m->body);
	return p->bodies.failed ? IM_E_NOMEM : IM_OK;
}

static int apply_to_group(
	struct directory *d, uint64_t group, const struct change *c, struct im_str body)
{
	int rc = group_event_project(d, group, c->gid, c->ts_ms, body);

	return rc ? rc : group_apply(d, &group, c->seq, c->gid, c->ts_ms, body);
}

static int apply_one(const struct store_backend *backend, struct store_reader *log,
	struct directory *d, const struct change *c, struct im_str body)
{
	const struct pin_place at = {c->conv, c->gid, c->sender, c->ts_ms};
	struct store_conv conv;
	int rc = backend->get_conv(log, c->conv, &conv);

	if (rc)
		return rc;
	rc = pin_apply(d, &at, body);
	if (rc != IM_E_FORMAT)
		return rc;
	return conv.kind == IM_CONV_GROUP ? apply_to_group(d, conv.a, c, body) : IM_E_FORMAT;
}

static int apply(const struct store_backend *backend, struct store_reader *log, struct directory *d,
	const struct page *p, struct project_report *out)
{
	for (size_t i = 0; i < p->n; i++) {
		const struct change *c = &p->v[i];
		struct im_str body = {p->bodies.p + c->at, c->n};
		int rc = apply_one(backend, log, d, c, body);

		if (rc == IM_E_IO || rc == IM_E_NOMEM)
			return rc;
		if (rc)
			out->refused++;
		else
			out->applied++;
	}
	return IM_OK;
}

static int commit_page(const struct store_backend *backend, struct store_reader *log,
	struct directory *d, const struct page *p, struct project_report *out)
{
	int rc = directory_begin(d);

	if (rc)
		return rc;
	rc = apply(backend, log, d, p, out);
	if (!rc)
		rc = directory_meta_set(d, "applied_gid", p->last);
	if (rc) {
		directory_rollback(d);
		return rc;
	}
	return directory_commit(d);
}

int project_run(const struct store_backend *backend, struct store_reader *log, struct directory *d,
	struct project_report *out)
{
	struct page p = {0};
	int rc;

	*out = (struct project_report){0};
	im_buf_init(&p.bodies, 0);
	p.v = calloc(PAGE_CHANGES, sizeof(*p.v));
	if (!p.v)
		return IM_E_NOMEM;
	rc = directory_meta_get(d, "applied_gid", &out->through);
	while (!rc) {
		p.n = p.looked_at = 0;
		p.last = out->through;
		im_buf_reset(&p.bodies);
		rc = backend->read_log(log, out->through + 1, INT64_MAX, false, collect, &p);
		if (rc && rc != IM_STOP)
			break;
		rc = IM_OK;
		if (p.last == out->through)
			break;
		rc = commit_page(backend, log, d, &p, out);
		if (!rc)
			out->through = p.last;
	}
	im_buf_free(&p.bodies);
	free(p.v);
	return rc;
}
