/* SPDX-License-Identifier: BSD-3-Clause */
/* Fills the window of client message ids from the log; see dedup_rebuild.h. */
#include "bridge/write/dedup_rebuild.h"

#include <string.h>

#include "bridge/message/meta_device.h"
#include "bridge/message/seen.h"
#include "bridge/write/dedup_place.h"

/* So many messages in a row from before the window end the walk: a clock that was behind for a
 * moment does not cut the window short. */
#define OLDER_MAX 1000

struct walk {
	struct dedup *d;
	int64_t oldest_ms, now_ms, reached_ms;
	uint32_t older, rows_left;
	struct im_buf key;
};

/* What was sent first is not in the log any more. Text that only looks like the mark, in a sender's
 * own `ext`, lets a repeated id through as the same message. */
static bool changed_since(const struct store_msg *m, int64_t now_ms)
{
	static const char edited[] = "\"edited\":";

	return seen_gone(m->recalled, m->meta, m->ts_ms, now_ms) ||
	       (m->meta.n && memmem(m->meta.p, m->meta.n, edited, sizeof(edited) - 1));
}

/* What the window has of a message, under which id. */
static struct dedup_value value_of(
	struct walk *w, const struct store_msg *m, char from[IM_DEVICE_MAX], struct im_str *id_out)
{
	struct dedup_value v = {.seq = m->seq, .gid = m->gid, .ts_ms = m->ts_ms};
	char to[IM_DEVICE_MAX];

	v.body_hash = changed_since(m, w->now_ms)
			      ? DEDUP_BODY_ANY
			      : dedup_place_hash(w->d, m->enc, m->body,
					meta_device_get(m->meta, META_TO_DEVICE, to));
	*id_out = dedup_place_id(&w->key, meta_device_get(m->meta, META_FROM_DEVICE, from), m->id);
	return v;
}

static int take(void *arg, const struct store_msg *m)
{
	struct walk *w = arg;
	struct dedup_value v;
	char from[IM_DEVICE_MAX];
	struct im_str id;

	w->reached_ms = m->ts_ms > w->oldest_ms ? m->ts_ms : w->oldest_ms;
	if (w->rows_left-- == 0)
		return IM_STOP;
	if (m->ts_ms < w->oldest_ms)
		return ++w->older == OLDER_MAX ? IM_STOP : 0;
	w->older = 0;
	if (m->id.n == 0)
		return 0;
	v = value_of(w, m, from, &id);
	return dedup_put_older(w->d, m->sender, m->conv, id, &v) ? 0 : IM_STOP;
}

static int follow(void *arg, const struct store_msg *m)
{
	struct walk *w = arg;
	struct dedup_value v;
	char from[IM_DEVICE_MAX];
	struct im_str id;

	if (m->id.n) {
		v = value_of(w, m, from, &id);
		dedup_put(w->d, m->sender, m->conv, id, &v);
	}
	return 0;
}

int dedup_follow(struct dedup *d, const struct store_backend *backend, struct store_reader *r,
	uint64_t first, uint64_t last, int64_t now_ms)
{
	struct walk w = {.d = d, .now_ms = now_ms};
	int rc;

	im_buf_init(&w.key, 0);
	rc = backend->read_log(r, first, last, false, follow, &w);
	im_buf_free(&w.key);
	return rc;
}

struct search {
	struct walk w;
	uint64_t sender;
	struct im_str id;
	struct dedup_value *out;
};

static int look(void *arg, const struct store_msg *m)
{
	struct search *s = arg;
	char from[IM_DEVICE_MAX];
	struct dedup_value v;
	struct im_str id;

	if (m->ts_ms < s->w.oldest_ms)
		return ++s->w.older == OLDER_MAX ? IM_STOP : 0;
	s->w.older = 0;
	if (m->sender != s->sender || !m->id.n)
		return 0;
	v = value_of(&s->w, m, from, &id);
	if (!im_str_eq(id, s->id))
		return 0;
	*s->out = v;
	return IM_E_EXISTS;
}

int dedup_seek(struct dedup *d, const struct store_backend *backend, struct store_reader *r,
	uint64_t sender, uint64_t conv, struct im_str id, int64_t now_ms, struct dedup_value *out)
{
	struct search s = {
		.w = {.d = d, .oldest_ms = now_ms - dedup_window_ms(d), .now_ms = now_ms},
		.sender = sender,
		.id = id,
		.out = out};
	int rc;

	im_buf_init(&s.w.key, 0);
	rc = backend->read_conv(r, conv, 1, UINT64_MAX, true, look, &s);
	im_buf_free(&s.w.key);
	if (rc == IM_E_EXISTS)
		return IM_OK;
	return rc == IM_STOP || rc == IM_OK ? IM_E_NONE : rc;
}

int dedup_rebuild(struct dedup *d, uint32_t max_rows, const struct store_backend *backend,
	struct store_reader *r, int64_t now_ms)
{
	struct walk w = {.d = d,
		.oldest_ms = now_ms - dedup_window_ms(d),
		.now_ms = now_ms,
		.rows_left = max_rows};
	int ret;
	if (max_rows == 0)
		w.rows_left = 2 * dedup_capacity(d);
	im_buf_init(&w.key, 0);
	ret = backend->read_log(r, 1, UINT64_MAX, true, take, &w);
	im_buf_free(&w.key);
	dedup_lacks_before(d, ret == IM_STOP ? w.reached_ms : w.oldest_ms);
	return ret == IM_STOP ? IM_OK : ret;
}
