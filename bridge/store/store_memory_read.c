/* SPDX-License-Identifier: BSD-3-Clause */
/* What of the log in memory is visible at a version, and the readers. */
#include <stdlib.h>

#include "bridge/message/kind.h"
#include "bridge/store/store_memory.h"

const struct version *store_memory_visible(const struct row *r, uint64_t version)
{
	const struct version *v = r->content;

	if (r->born > version || r->died <= version)
		return NULL;
	while (v && v->born > version)
		v = v->older;
	return v;
}

static int show(const struct row *r, const struct version *v, store_msg_fn fn, void *arg)
{
	struct store_msg m = {
		.gid = r->gid,
		.conv = r->conv,
		.seq = r->seq,
		.sender = r->sender,
		.ts_ms = r->ts_ms,
		.enc = v->enc,
		.type = v->type,
		.id = v->id,
		.meta = v->meta,
		.body = v->body,
		.recalled = v->recalled,
	};

	return fn(arg, &m);
}

/* The first row whose gid (or seq) is not below `key`. */
size_t store_memory_lower_bound(const struct list *l, bool by_gid, uint64_t key)
{
	size_t lo = 0, hi = l->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		uint64_t k = by_gid ? l->at[mid]->gid : l->at[mid]->seq;

		if (k < key)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct conv *store_memory_conv_at(const struct store *s, uint64_t id, uint64_t version)
{
	struct conv *c = id >= 1 && id <= s->n_convs ? s->convs[id - 1] : NULL;

	return c && c->born <= version ? c : NULL;
}

struct conv *store_memory_conv_find(
	const struct store *s, enum im_conv_kind kind, uint64_t a, uint64_t b, uint64_t version)
{
	bool swap = kind == IM_CONV_USER && a > b;

	for (size_t i = 0; i < s->n_convs; i++) {
		struct conv *c = s->convs[i];

		if (c->c.kind == kind && c->c.a == (swap ? b : a) && c->c.b == (swap ? a : b) &&
			c->born <= version)
			return c;
	}
	return NULL;
}

struct store_head store_memory_head_of(const struct conv *c, uint64_t version)
{
	for (size_t i = c ? c->rows.n : 0; i-- > 0;)
		if (store_memory_visible(c->rows.at[i], version))
			return (struct store_head){c->rows.at[i]->seq, c->rows.at[i]->gid};
	return (struct store_head){0};
}

int store_memory_walk(const struct list *l, bool by_gid, uint64_t lo, uint64_t hi, bool descending,
	uint64_t version, store_msg_fn fn, void *arg)
{
	size_t first = store_memory_lower_bound(l, by_gid, lo);
	size_t end = hi == UINT64_MAX ? l->n : store_memory_lower_bound(l, by_gid, hi + 1);

	for (size_t i = first; i < end; i++) {
		const struct row *r = l->at[descending ? end - 1 - (i - first) : i];
		const struct version *v = store_memory_visible(r, version);
		int rc = v ? show(r, v, fn, arg) : 0;

		if (rc != 0)
			return rc;
	}
	return IM_OK;
}

int store_memory_reader_open(struct store *s, struct store_reader **out)
{
	struct store_reader *r = calloc(1, sizeof(*r));

	if (!r)
		return IM_E_NOMEM;
	r->s = s;
	*out = r;
	return IM_OK;
}

void store_memory_view_end(struct store_reader *r)
{
	if (!r->in_view)
		return;
	r->in_view = false;
	pthread_mutex_lock(&r->s->views_lock);
	r->s->views--;
	pthread_mutex_unlock(&r->s->views_lock);
}

void store_memory_reader_close(struct store_reader *r)
{
	if (!r)
		return;
	store_memory_view_end(r);
	free(r);
}

const char *store_memory_reader_errmsg(const struct store_reader *r)
{
	(void)r;
	return "";
}

int store_memory_view_begin(struct store_reader *r)
{
	if (r->in_view)
		return IM_E_IO;
	pthread_rwlock_rdlock(&r->s->lock);
	pthread_mutex_lock(&r->s->views_lock);
	r->s->views++;
	pthread_mutex_unlock(&r->s->views_lock);
	r->version = r->s->version;
	pthread_rwlock_unlock(&r->s->lock);
	r->in_view = true;
	return IM_OK;
}

/* Takes the lock shared (a callback may read on: it may be held already) and tells what is seen. */
static uint64_t enter(struct store_reader *r)
{
	pthread_rwlock_rdlock(&r->s->lock);
	return r->in_view ? r->version : r->s->version;
}

static void leave(struct store_reader *r)
{
	pthread_rwlock_unlock(&r->s->lock);
}

void store_memory_reader_watch(struct store_reader *r, int (*passed)(void *arg), void *arg)
{
	r->passed = passed;
	r->passed_arg = arg;
}

/* A walk that is watched: the question comes with each row. */
struct watched {
	const struct store_reader *r;
	store_msg_fn fn;
	void *arg;
};

static int on_watched(void *arg, const struct store_msg *m)
{
	struct watched *w = arg;

	if (w->r->passed && w->r->passed(w->r->passed_arg))
		return IM_E_IO;
	return w->fn(w->arg, m);
}

int store_memory_find_conv(
	struct store_reader *r, enum im_conv_kind kind, uint64_t a, uint64_t b, uint64_t *id_out)
{
	uint64_t version = enter(r);
	const struct conv *c = store_memory_conv_find(r->s, kind, a, b, version);

	if (c)
		*id_out = c->c.id;
	leave(r);
	return c ? IM_OK : IM_E_NONE;
}

int store_memory_get_conv(struct store_reader *r, uint64_t id, struct store_conv *out)
{
	uint64_t version = enter(r);
	const struct conv *c = store_memory_conv_at(r->s, id, version);

	if (c)
		*out = c->c;
	leave(r);
	return c ? IM_OK : IM_E_NONE;
}

int store_memory_user_convs(struct store_reader *r, uint64_t user, store_conv_fn fn, void *arg)
{
	uint64_t version = enter(r);
	int rc = 0;

	for (size_t i = 0; i < r->s->n_convs && rc == 0; i++) {
		const struct conv *c = r->s->convs[i];

		if (c->c.kind == IM_CONV_USER && c->born <= version &&
			(c->c.a == user || c->c.b == user))
			rc = fn(arg, &c->c);
	}
	leave(r);
	return rc;
}

int store_memory_read_head(struct store_reader *r, uint64_t conv, struct store_head *out)
{
	uint64_t version = enter(r);

	*out = store_memory_head_of(store_memory_conv_at(r->s, conv, version), version);
	leave(r);
	return IM_OK;
}

int store_memory_read_conv(struct store_reader *r, uint64_t conv, uint64_t lo, uint64_t hi,
	bool descending, store_msg_fn fn, void *arg)
{
	struct watched w = {r, fn, arg};
	uint64_t version = enter(r);
	const struct conv *c = store_memory_conv_at(r->s, conv, version);
	int rc = c ? store_memory_walk(&c->rows, false, lo, hi, descending, version, on_watched, &w)
		   : IM_OK;

	leave(r);
	return rc;
}

struct filter {
	store_msg_fn fn;
	void *arg;
};

static int on_any(void *arg, const struct store_msg *m)
{
	const struct filter *f = arg;

	return kind_shows(m->type) ? f->fn(f->arg, m) : 0;
}

int store_memory_read_shown_conv(struct store_reader *r, uint64_t conv, uint64_t lo, uint64_t hi,
	bool descending, store_msg_fn fn, void *arg)
{
	struct filter f = {fn, arg};

	return store_memory_read_conv(r, conv, lo, hi, descending, on_any, &f);
}

int store_memory_read_log(struct store_reader *r, uint64_t lo, uint64_t hi, bool descending,
	store_msg_fn fn, void *arg)
{
	struct watched w = {r, fn, arg};
	uint64_t version = enter(r);
	int rc = store_memory_walk(&r->s->log, true, lo, hi, descending, version, on_watched, &w);

	leave(r);
	return rc;
}

int store_memory_read_shown(struct store_reader *r, uint64_t conv, struct store_head *out)
{
	uint64_t version = enter(r);
	const struct conv *c = store_memory_conv_at(r->s, conv, version);

	*out = (struct store_head){0};
	for (size_t i = c ? c->rows.n : 0; i-- > 0 && out->seq == 0;) {
		const struct row *row = c->rows.at[i];
		const struct version *v = store_memory_visible(row, version);

		if (v)
			*out = (struct store_head){kind_shows(v->type) ? row->seq : 0, row->gid};
	}
	leave(r);
	return IM_OK;
}

/* That somebody had sent a message is known also when it is deleted. */
int store_memory_keep_spoke(struct conv *c, const struct row *r)
{
	size_t i = 0;

	if (!kind_counts(r->content->type))
		return IM_OK;
	while (i < c->n_spoke && c->spoke[i].user != r->sender)
		i++;
	if (i == c->n_spoke) {
		void *more = realloc(c->spoke, (c->n_spoke + 1) * sizeof(*c->spoke));

		if (!more)
			return IM_E_NOMEM;
		c->spoke = more;
		c->spoke[c->n_spoke].user = r->sender;
		c->spoke[c->n_spoke++].seq = 0;
	}
	if (c->spoke[i].seq < r->seq)
		c->spoke[i].seq = r->seq;
	return IM_OK;
}

/* The user's newest message, one that was deleted too. */
static uint64_t own_seq(const struct conv *c, uint64_t user, uint64_t version)
{
	uint64_t seq = 0;

	for (size_t i = 0; i < c->n_spoke; i++)
		if (c->spoke[i].user == user)
			seq = c->spoke[i].seq;
	for (size_t i = 0; i < c->rows.n; i++) {
		const struct row *row = c->rows.at[i];
		const struct version *v = store_memory_visible(row, version);

		if (v && row->sender == user && row->seq > seq && kind_counts(v->type))
			seq = row->seq;
	}
	return seq;
}

static bool mentions(const struct version *v, uint64_t sender, uint64_t user)
{
	bool is = v->mentions && v->mentions->all;

	for (uint32_t i = 0; v->mentions && !is && i < v->mentions->n; i++)
		is = v->mentions->users[i] == user;
	return is && sender != user;
}

/* What others have sent after the mark and after the user's own last message; if `meant`, of that
 * what mentions him. */
static uint64_t count(
	struct store_reader *r, uint64_t conv, uint64_t user, uint64_t mark, bool meant)
{
	uint64_t version = enter(r);
	const struct conv *c = store_memory_conv_at(r->s, conv, version);
	uint64_t own = c ? own_seq(c, user, version) : 0;
	uint64_t from = own > mark ? own : mark, n = 0;

	for (size_t i = 0; c && i < c->rows.n; i++) {
		const struct row *row = c->rows.at[i];
		const struct version *v = store_memory_visible(row, version);

		n += v && row->seq > from && kind_counts(v->type) && !v->recalled &&
		     (!meant || mentions(v, row->sender, user));
	}
	leave(r);
	return n;
}

int store_memory_unread(
	struct store_reader *r, uint64_t conv, uint64_t user, uint64_t mark, uint64_t *n_out)
{
	*n_out = count(r, conv, user, mark, false);
	return IM_OK;
}

int store_memory_mentions(
	struct store_reader *r, uint64_t conv, uint64_t user, uint64_t mark, uint64_t *n_out)
{
	*n_out = count(r, conv, user, mark, true);
	if (*n_out > STORE_MENTIONS_MAX)
		*n_out = STORE_MENTIONS_MAX;
	return IM_OK;
}
