/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the walk; read first and changed then, so that no row moves under it. Called by erasure.c.
 */
#include "bridge/upkeep/erasure_events.h"

#include <stdlib.h>

#include "bridge/directory/directory_erasure.h"

#define PAGE_EVENTS 500

/* Old key, new key and event stand in texts, one behind the other. */
struct change {
	uint64_t user;
	size_t at, old_n, new_n, event_n;
};

struct page {
	struct erasure_events *at;
	struct erasure_who who;
	struct change v[PAGE_EVENTS];
	size_t n, seen;
	struct im_buf texts;
};

static int on_event(void *arg, const struct directory_event *e)
{
	struct page *p = arg;
	struct change *c = &p->v[p->n];
	struct renaming r = p->who.name;
	bool changed;

	p->seen++;
	p->at->user = e->user;
	im_buf_reset(&p->at->key);
	im_buf_str(&p->at->key, e->key);
	if (e->ts_ms < p->who.from_ms || e->ts_ms >= p->who.until_ms)
		r.name.n = 0;
	*c = (struct change){.user = e->user, .at = p->texts.n, .old_n = e->key.n};
	im_buf_str(&p->texts, e->key);
	changed = renaming_key(&p->texts, e->key, &r);
	c->new_n = p->texts.n - c->at - c->old_n;
	changed |= renaming_event(&p->texts, e->event, &r, p->who.words);
	c->event_n = p->texts.n - c->at - c->old_n - c->new_n;
	if (changed)
		p->n++;
	else if (!p->texts.failed)
		p->texts.n = c->at;
	return p->texts.failed || p->at->key.failed ? IM_E_NOMEM : IM_OK;
}

static int change_all(struct directory *d, const struct page *p)
{
	int rc = IM_OK;

	for (size_t i = 0; !rc && i < p->n; i++) {
		const struct change *c = &p->v[i];
		const char *at = p->texts.p + c->at;

		rc = directory_event_change(d, c->user, (struct im_str){at, c->old_n},
			(struct im_str){at + c->old_n, c->new_n},
			(struct im_str){at + c->old_n + c->new_n, c->event_n});
	}
	return rc;
}

static int write(struct directory *d, const struct page *p)
{
	int rc = p->n ? directory_begin(d) : IM_OK;

	if (rc || !p->n)
		return rc;
	rc = change_all(d, p);
	if (!rc)
		return directory_commit(d);
	directory_rollback(d);
	return rc;
}

int erasure_events_step(struct directory *d, const struct erasure_who *who,
	struct erasure_events *at, bool *done_out)
{
	struct page *p = calloc(1, sizeof(*p));
	struct im_buf from;
	int rc = IM_E_NOMEM;

	*done_out = false;
	if (!p)
		return rc;
	p->at = at;
	p->who = *who;
	im_buf_init(&p->texts, 0);
	im_buf_init(&from, 0);
	im_buf_str(&from, im_buf_view(&at->key));
	if (!from.failed)
		rc = directory_event_walk(
			d, at->user, im_buf_view(&from), PAGE_EVENTS, on_event, p);
	if (!rc)
		rc = write(d, p);
	*done_out = !rc && p->seen < PAGE_EVENTS;
	im_buf_free(&from);
	im_buf_free(&p->texts);
	free(p);
	return rc;
}
