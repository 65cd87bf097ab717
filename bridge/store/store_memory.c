/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The log in memory: the reference that the store suite holds the other backends to, and what flow
 * tests run on. Durable as long as the process; its readers see what a database's would. Here is
 * the writer; what is visible, and the readers, are in store_memory_read.c.
 */
#include <stdlib.h>
#include <string.h>

#include "bridge/message/kind.h"
#include "bridge/message/meta.h"
#include "bridge/store/store_memory.h"

static int fail(struct store *s, int code, const char *err)
{
	s->err = err;
	if (s->in_tx && code != IM_E_NONE)
		s->failed = true;
	return code;
}

static bool push(struct list *l, struct row *r)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 8;
		struct row **at = realloc(l->at, cap * sizeof(struct row *));

		if (!at)
			return false;
		l->at = at;
		l->cap = cap;
	}
	l->at[l->n++] = r;
	return true;
}

static void free_version(struct version *v)
{
	if (v)
		free(v->mentions);
	free(v);
}

static void free_versions(struct version *v)
{
	while (v) {
		struct version *older = v->older;

		free_version(v);
		v = older;
	}
}

static void free_row(struct row *r)
{
	free_versions(r->content);
	free(r);
}

static void free_conv(struct conv *c)
{
	free(c->rows.at);
	free(c->spoke);
	free(c);
}

/* -- opening ------------------------------------------------------------------------------- */

static int memory_open(const char *where, struct store **out, struct im_buf *why)
{
	struct store *s = calloc(1, sizeof(*s));

	(void)where;
	(void)why;
	if (!s)
		return IM_E_NOMEM;
	pthread_rwlock_init(&s->lock, NULL);
	pthread_mutex_init(&s->views_lock, NULL);
	s->err = "";
	*out = s;
	return IM_OK;
}

static void memory_close(struct store *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->log.n; i++)
		free_row(s->log.at[i]);
	for (size_t i = 0; i < s->n_convs; i++) {
		free_conv(s->convs[i]);
	}
	free(s->convs);
	free(s->log.at);
	free(s->amended.at);
	pthread_rwlock_destroy(&s->lock);
	pthread_mutex_destroy(&s->views_lock);
	free(s);
}

static const char *memory_errmsg(const struct store *s)
{
	return s->err;
}

/* -- the writer ------------------------------------------------------------------------------ */

static int memory_begin(struct store *s)
{
	if (s->in_tx) {
		s->err = "a transaction is open already";
		return IM_E_IO;
	}
	s->in_tx = true;
	s->failed = false;
	s->amended.n = 0;
	s->log_head_before = s->log_head;
	return IM_OK;
}

static int add_conv(
	struct store *s, enum im_conv_kind kind, uint64_t a, uint64_t b, struct conv **out)
{
	struct conv *c = calloc(1, sizeof(*c));
	bool swap = kind == IM_CONV_USER && a > b;

	if (!c)
		return IM_E_NOMEM;
	if (s->n_convs == s->cap_convs) {
		size_t cap = s->cap_convs ? s->cap_convs * 2 : 8;
		struct conv **convs = realloc(s->convs, cap * sizeof(struct conv *));

		if (!convs) {
			free(c);
			return IM_E_NOMEM;
		}
		s->convs = convs;
		s->cap_convs = cap;
	}
	c->c = (struct store_conv){s->n_convs + 1, kind, swap ? b : a, swap ? a : b};
	c->born = s->version + 1;
	s->convs[s->n_convs++] = c;
	*out = c;
	return IM_OK;
}

static int memory_conv(struct store *s, enum im_conv_kind kind, uint64_t a, uint64_t b, bool create,
	uint64_t *id_out)
{
	struct conv *c = store_memory_conv_find(s, kind, a, b, s->version + 1);
	int rc = IM_OK;

	if (!c && !create)
		return IM_E_NONE;
	if (!c && (!s->in_tx || s->failed))
		return fail(s, IM_E_IO, "a conversation needs an open transaction");
	if (!c) {
		pthread_rwlock_wrlock(&s->lock);
		rc = add_conv(s, kind, a, b, &c);
		pthread_rwlock_unlock(&s->lock);
	}
	if (rc != IM_OK)
		return fail(s, rc, "out of memory");
	*id_out = c->c.id;
	return IM_OK;
}

static int memory_head(struct store *s, uint64_t conv, struct store_head *out)
{
	*out = store_memory_head_of(store_memory_conv_at(s, conv, s->version + 1), s->version + 1);
	return IM_OK;
}

static char *copy_str(char *to, struct im_str from, struct im_str *out)
{
	if (from.n)
		memcpy(to, from.p, from.n);
	*out = (struct im_str){to, from.n};
	return to + from.n;
}

static struct version *new_version(
	const struct store *s, const struct store_msg *m, const struct message_mentions *mentions)
{
	struct im_str body = m->recalled ? (struct im_str){NULL, 0} : m->body;
	struct version *v = malloc(sizeof(*v) + m->type.n + m->meta.n + body.n + m->id.n + 1);
	char *p;

	if (!v)
		return NULL;
	*v = (struct version){.born = s->version + 1, .enc = m->enc, .recalled = m->recalled};
	p = copy_str(v->data, m->type, &v->type);
	p = copy_str(p, m->meta, &v->meta);
	p = copy_str(p, body, &v->body);
	copy_str(p, m->id, &v->id);
	if (!mentions || m->recalled)
		return v;
	v->mentions = malloc(sizeof(*mentions));
	if (!v->mentions) {
		free_version(v);
		return NULL;
	}
	*v->mentions = *mentions;
	return v;
}

static int add_row(struct store *s, struct conv *c, const struct store_msg *m)
{
	struct row *r = calloc(1, sizeof(*r));
	struct version *v = r ? new_version(s, m, m->mentions) : NULL;

	if (!v || !push(&s->log, r)) {
		free_version(v);
		free(r);
		return IM_E_NOMEM;
	}
	*r = (struct row){.gid = m->gid,
		.conv = m->conv,
		.seq = m->seq,
		.sender = m->sender,
		.ts_ms = m->ts_ms,
		.born = s->version + 1,
		.died = NEVER,
		.expires_ms = m->expires_ms,
		.origin = m->origin,
		.content = v};
	if (!push(&c->rows, r)) {
		s->log.n--;
		free_row(r);
		return IM_E_NOMEM;
	}
	s->log_head = m->gid;
	return IM_OK;
}

static int memory_append(struct store *s, const struct store_msg *m)
{
	struct conv *c = store_memory_conv_at(s, m->conv, s->version + 1);
	int rc;

	if (!s->in_tx || s->failed)
		return fail(s, IM_E_IO, "a message needs an open transaction");
	if (!c || m->id.n > IM_MSGID_MAX)
		return fail(s, IM_E_IO, "no such conversation, or an id beyond its bound");
	if (m->seq != store_memory_head_of(c, s->version + 1).seq + 1 || m->gid <= s->log_head)
		return fail(s, IM_E_CONFLICT, "another writer took that place");
	pthread_rwlock_wrlock(&s->lock);
	rc = add_row(s, c, m);
	pthread_rwlock_unlock(&s->lock);
	return rc == IM_OK ? rc : fail(s, rc, "out of memory");
}

struct seen {
	store_msg_fn fn;
	void *arg;
	bool found;
};

static int see(void *arg, const struct store_msg *m)
{
	struct seen *seen = arg;

	seen->found = true;
	return seen->fn(seen->arg, m);
}

static int memory_get(struct store *s, uint64_t conv, uint64_t seq, store_msg_fn fn, void *arg)
{
	struct conv *c = store_memory_conv_at(s, conv, s->version + 1);
	struct seen seen = {.fn = fn, .arg = arg};
	int rc = c ? store_memory_walk(&c->rows, false, seq, seq, false, s->version + 1, see, &seen)
		   : IM_OK;

	return rc == IM_OK && !seen.found ? IM_E_NONE : rc;
}

static int memory_amend(struct store *s, const struct store_msg *m)
{
	size_t i = store_memory_lower_bound(&s->log, true, m->gid);
	struct row *r = i < s->log.n ? s->log.at[i] : NULL;
	struct version *v;

	if (!s->in_tx || s->failed)
		return fail(s, IM_E_IO, "an amendment needs an open transaction");
	if (!r || r->gid != m->gid || !store_memory_visible(r, s->version + 1))
		return IM_E_NONE;
	v = new_version(s, m, m->mentions ? m->mentions : r->content->mentions);
	if (!v || !push(&s->amended, r)) {
		free_version(v);
		return fail(s, IM_E_NOMEM, "out of memory");
	}
	pthread_rwlock_wrlock(&s->lock);
	v->older = r->content;
	r->content = v;
	pthread_rwlock_unlock(&s->lock);
	return IM_OK;
}

static int memory_origin(struct store *s, uint64_t gid, struct message_origin *out)
{
	size_t i = store_memory_lower_bound(&s->log, true, gid);
	const struct row *r = i < s->log.n ? s->log.at[i] : NULL;

	if (!r || r->gid != gid || !r->origin.author || !store_memory_visible(r, s->version + 1))
		return IM_E_NONE;
	*out = r->origin;
	return IM_OK;
}

static int memory_clean(struct store *s, uint32_t *at, bool *done_out)
{
	(void)s;
	(void)at;
	*done_out = true;
	return IM_OK;
}

static void undo(struct store *s)
{
	uint64_t born = s->version + 1;

	for (size_t i = s->amended.n; i-- > 0;) {
		struct row *r = s->amended.at[i];
		struct version *v = r->content;

		r->content = v->older;
		free_version(v);
	}
	while (s->log.n > 0 && s->log.at[s->log.n - 1]->born == born) {
		struct row *r = s->log.at[--s->log.n];

		s->convs[r->conv - 1]->rows.n--;
		free_row(r);
	}
	while (s->n_convs > 0 && s->convs[s->n_convs - 1]->born == born)
		free_conv(s->convs[--s->n_convs]);
	s->amended.n = 0;
	s->log_head = s->log_head_before;
}

static void memory_rollback(struct store *s)
{
	if (!s->in_tx)
		return;
	pthread_rwlock_wrlock(&s->lock);
	undo(s);
	pthread_rwlock_unlock(&s->lock);
	s->in_tx = false;
	s->failed = false;
}

static void drop_mark(struct store *s, uint32_t at)
{
	s->n_marks--;
	memmove(s->marks + at, s->marks + at + 1, (s->n_marks - at) * sizeof(s->marks[0]));
}

static void keep_mark(struct store *s, const struct store_mark *mark)
{
	uint32_t oldest = 0, same = 0;
	for (uint32_t i = s->n_marks; i-- > 0;) {
		const struct store_mark *m = &s->marks[i];
		if (m->epoch == mark->forget ||
			(m->epoch == mark->epoch && m->recno == mark->recno))
			drop_mark(s, i);
	}
	for (uint32_t i = s->n_marks; i-- > 0;) {
		if (s->marks[i].epoch == mark->epoch) {
			oldest = i;
			same++;
		}
	}
	if (same == STORE_MARKS || s->n_marks == STORE_MARKS * IM_PEERS_MAX)
		drop_mark(s, same == STORE_MARKS ? oldest : 0);
	s->marks[s->n_marks++] = *mark;
}

static int memory_commit(struct store *s, const struct store_mark *mark)
{
	if (!s->in_tx)
		return fail(s, IM_E_IO, "no transaction is open");
	if (s->failed) {
		memory_rollback(s);
		return IM_E_IO;
	}
	pthread_rwlock_wrlock(&s->lock);
	s->version++;
	if (mark)
		keep_mark(s, mark);
	pthread_rwlock_unlock(&s->lock);
	s->amended.n = 0;
	s->in_tx = false;
	return IM_OK;
}

static int memory_log_head(struct store *s, uint64_t *gid_out)
{
	*gid_out = s->log_head;
	return IM_OK;
}

static int memory_marks(struct store *s, store_mark_fn fn, void *arg)
{
	int rc = 0;

	for (uint32_t i = 0; i < s->n_marks && rc == 0; i++)
		rc = fn(arg, &s->marks[i]);
	return rc;
}

/* -- retention ------------------------------------------------------------------------------- */

/* Drops the dead rows of a list. */
static void compact(struct list *l, bool owner)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		if (l->at[i]->died == NEVER)
			l->at[n++] = l->at[i];
		else if (owner)
			free_row(l->at[i]);
	}
	l->n = n;
}

static void free_dead(struct store *s)
{
	for (size_t i = 0; i < s->n_convs; i++)
		compact(&s->convs[i]->rows, false);
	compact(&s->log, true);
}

static bool excepted(const uint64_t *except, size_t n, uint64_t conv)
{
	for (size_t i = 0; i < n; i++)
		if (except[i] == conv)
			return true;
	return false;
}

static int memory_prune(struct store *s, uint64_t conv, const uint64_t *except, size_t n_except,
	int64_t before_ms, uint32_t limit, uint32_t *deleted_out)
{
	uint32_t views;
	int rc = IM_OK;

	*deleted_out = 0;
	pthread_rwlock_wrlock(&s->lock);
	for (size_t i = 0; i < s->log.n && *deleted_out < limit; i++) {
		struct row *r = s->log.at[i];

		if (r->died != NEVER || r->ts_ms >= before_ms ||
			(conv ? r->conv != conv : excepted(except, n_except, r->conv)) ||
			r->seq == store_memory_head_of(s->convs[r->conv - 1], s->version).seq)
			continue;
		rc = store_memory_keep_spoke(s->convs[r->conv - 1], r);
		if (rc != IM_OK)
			break;
		r->died = s->version + 1;
		++*deleted_out;
	}
	s->version++;
	pthread_mutex_lock(&s->views_lock);
	views = s->views;
	pthread_mutex_unlock(&s->views_lock);
	if (views == 0)
		free_dead(s);
	pthread_rwlock_unlock(&s->lock);
	return rc;
}

/* Nothing here was stored by an earlier version. */
static int memory_number(struct store *s, uint32_t limit, uint64_t *left_out)
{
	(void)s;
	(void)limit;
	*left_out = 0;
	return IM_OK;
}

static int memory_backup_step(struct store *s, const char *where, struct store_copy **copy,
	bool *done_out, struct im_buf *why)
{
	(void)where;
	(void)copy;
	(void)why;
	*done_out = true;
	return fail(s, IM_E_NONE, "nothing to copy: the log is in memory");
}

static void memory_backup_end(struct store_copy **copy)
{
	*copy = NULL;
}

/* The ttl alone stays of what was sent. */
static struct im_str ttl_of(const struct row *r)
{
	struct im_str ttl = meta_get(r->content->meta, "ttl");

	return ttl.n ? (struct im_str){ttl.p - 6, ttl.n + 6} : ttl; /* with its name */
}

static int memory_expire(struct store *s, int64_t now_ms, uint32_t limit, uint32_t *expired_out)
{
	int rc = memory_begin(s);

	*expired_out = 0;
	for (size_t i = 0; i < s->log.n && rc == IM_OK && *expired_out < limit; i++) {
		struct row *r = s->log.at[i];
		struct store_msg m = {
			.gid = r->gid, .type = r->content->type, .id = r->content->id};

		if (r->expires_ms <= 0 || r->expires_ms > now_ms ||
			!store_memory_visible(r, s->version + 1))
			continue;
		r->expires_ms = 0;
		m.meta = ttl_of(r);
		if (!r->content->recalled)
			rc = memory_amend(s, &m);
		++*expired_out;
	}
	if (rc == IM_OK)
		return memory_commit(s, NULL);
	memory_rollback(s);
	return rc;
}

const struct store_backend store_memory = {
	.name = "memory",
	.open = memory_open,
	.close = memory_close,
	.errmsg = memory_errmsg,
	.begin = memory_begin,
	.conv = memory_conv,
	.head = memory_head,
	.append = memory_append,
	.get = memory_get,
	.amend = memory_amend,
	.origin = memory_origin,
	.clean = memory_clean,
	.commit = memory_commit,
	.rollback = memory_rollback,
	.log_head = memory_log_head,
	.marks = memory_marks,
	.prune = memory_prune,
	.expire = memory_expire,
	.number = memory_number,
	.backup_step = memory_backup_step,
	.backup_end = memory_backup_end,
	.reader_open = store_memory_reader_open,
	.reader_close = store_memory_reader_close,
	.reader_errmsg = store_memory_reader_errmsg,
	.view_begin = store_memory_view_begin,
	.view_end = store_memory_view_end,
	.reader_watch = store_memory_reader_watch,
	.find_conv = store_memory_find_conv,
	.get_conv = store_memory_get_conv,
	.user_convs = store_memory_user_convs,
	.read_head = store_memory_read_head,
	.read_conv = store_memory_read_conv,
	.read_shown_conv = store_memory_read_shown_conv,
	.read_log = store_memory_read_log,
	.read_shown = store_memory_read_shown,
	.unread = store_memory_unread,
	.mentions = store_memory_mentions,
};
