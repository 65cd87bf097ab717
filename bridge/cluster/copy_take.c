/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the entry that is made of the open transaction, until the next one. Part of copy.h. */
#include "bridge/cluster/copy.h"

#include <stdlib.h>

#include "bridge/cluster/copy_inside.h"
#include "bridge/cluster/entry.h"
#include "db/rowcode.h"

/* An image whose bytes are in the arena, which may still move. */
int copy_keep(struct copy *c, int db, const struct sqldb_image *i)
{
	struct copy_list *l = &c->list[db];
	struct sqldb_image *v = copy_more(l->v, l->n, &l->cap, sizeof(*v));

	if (!v)
		return IM_E_NOMEM;
	l->v = v;
	v[l->n++] = *i;
	im_buf_str(&c->bytes, i->key);
	im_buf_str(&c->bytes, i->row);
	return c->bytes.failed ? IM_E_NOMEM : IM_OK;
}

static int keep_message(void *arg, const struct sqldb_image *i)
{
	return copy_keep(arg, COPY_MESSAGES_DB, i);
}

static int keep_directory(void *arg, const struct sqldb_image *i)
{
	return copy_keep(arg, COPY_DIRECTORY_DB, i);
}

/* Nothing is added any more: each is where it was put. */
void copy_settle(struct copy *c)
{
	const char *at = c->bytes.p;

	for (int db = 0; db < COPY_DBS; db++) {
		for (size_t i = 0; i < c->list[db].n; i++) {
			struct sqldb_image *v = &c->list[db].v[i];

			v->key.p = at;
			v->row.p = at + v->key.n;
			at = v->row.p + v->row.n;
		}
	}
}

static int gather(struct copy *c)
{
	int rc;

	im_buf_reset(&c->bytes);
	c->list[COPY_MESSAGES_DB].n = c->list[COPY_DIRECTORY_DB].n = 0;
	rc = sqldb_images_each(c->images[COPY_MESSAGES_DB], keep_message, c);
	if (!rc)
		rc = sqldb_images_each(c->images[COPY_DIRECTORY_DB], keep_directory, c);
	if (!rc)
		copy_settle(c);
	return rc;
}

/* -- messages -- */

static int take(struct im_str *row, enum rowcode_type type, struct rowcode_value *v)
{
	int rc = rowcode_take(row, v);

	return !rc && v->type != type && v->type != ROWCODE_NULL ? IM_E_INTERNAL : rc;
}

static int number(struct im_str *row, int64_t *out)
{
	struct rowcode_value v;
	int rc = take(row, ROWCODE_INT, &v);

	*out = v.i;
	return rc;
}

static int text(struct im_str *row, struct im_str *out, bool *has_out)
{
	struct rowcode_value v;
	int rc = take(row, ROWCODE_TEXT, &v);

	*has_out = v.type != ROWCODE_NULL;
	*out = v.s;
	return rc;
}

static int body(struct im_str *row, struct cluster_message *m)
{
	struct rowcode_value v;
	int rc = rowcode_take(row, &v);

	m->has_body = v.type != ROWCODE_NULL;
	m->body = v.s;
	return rc;
}

static int read_message(struct im_str row, struct cluster_message *m)
{
	int64_t v[6];
	int rc = IM_OK;

	for (int i = 0; i < 6 && !rc; i++)
		rc = number(&row, &v[i]);
	if (rc)
		return rc;
	*m = (struct cluster_message){.gid = (uint64_t)v[0],
		.conv = (uint64_t)v[1],
		.seq = (uint64_t)v[2],
		.sender = (uint64_t)v[3],
		.ts_ms = v[4],
		.enc = (int)v[5]};
	rc = text(&row, &m->type, &m->has_type);
	if (!rc)
		rc = text(&row, &m->client_id, &m->has_client_id);
	if (!rc)
		rc = text(&row, &m->meta, &m->has_meta);
	return rc ? rc : body(&row, m);
}

/* Of an older message, whose place was not touched. */
static int read_place(struct copy *c, struct cluster_message *m)
{
	struct sqldb *q = c->q[COPY_MESSAGES_DB];
	sqlite3_stmt *st = sqldb_prepare(q, &c->ordinals,
		"SELECT less_ord, less_shown FROM conv_log WHERE conv = ?1 AND seq = ?2");
	int rc;

	sqldb_bind_id(st, 1, m->conv);
	sqldb_bind_id(st, 2, m->seq);
	rc = sqldb_step(q, st);
	if (rc != SQLDB_ROW)
		return rc ? rc : IM_E_INTERNAL;
	m->has_ordinals = !sqldb_null(st, 0);
	m->less_ord = sqldb_int(st, 0);
	m->less_shown = sqldb_int(st, 1);
	sqldb_done(st);
	return IM_OK;
}

static int amended(struct copy *c, uint64_t gid)
{
	size_t cap = c->cap_amended;
	uint64_t *v = copy_more(c->amended, c->n_amended, &cap, sizeof(*v));

	if (!v)
		return IM_E_NOMEM;
	c->amended = v;
	c->cap_amended = (uint32_t)cap;
	v[c->n_amended++] = gid;
	return IM_OK;
}

static int add_message(struct copy *c, const struct sqldb_image *i, uint64_t after)
{
	size_t cap = c->cap_messages;
	struct cluster_message *m = copy_more(c->messages, c->n_messages, &cap, sizeof(*m));
	struct im_str key = i->key;
	int64_t gid = 0;
	int rc;

	if (!m)
		return IM_E_NOMEM;
	c->messages = m;
	c->cap_messages = (uint32_t)cap;
	m += c->n_messages++;
	rc = i->row.n ? read_message(i->row, m) : number(&key, &gid);
	if (!rc && !i->row.n)
		*m = (struct cluster_message){.gid = (uint64_t)gid, .gone = true};
	if (rc || m->gid > after)
		return rc;
	rc = m->gone ? IM_OK : read_place(c, m);
	return rc ? rc : amended(c, m->gid);
}

/* A message and its place come in the same order, so it is next to the one before. */
static struct cluster_message *message_at(struct copy *c, uint64_t gid, uint32_t *near)
{
	for (uint32_t n = 0; n < c->n_messages; n++) {
		uint32_t i = (*near + n) % c->n_messages;

		if (c->messages[i].gid != gid || c->messages[i].gone)
			continue;
		*near = i + 1;
		return &c->messages[i];
	}
	return NULL;
}

static int add_row(struct copy *c, int db, const struct sqldb_image *i)
{
	size_t cap = c->cap_rows;
	struct cluster_row *r = copy_more(c->rows, c->n_rows, &cap, sizeof(*r));

	if (!r)
		return IM_E_NOMEM;
	c->rows = r;
	c->cap_rows = (uint32_t)cap;
	r[c->n_rows++] =
		(struct cluster_row){db, im_str(copy_tables[db][i->table]), i->key, i->row};
	return IM_OK;
}

/* Beside its message, or, of an older one, a row like any other. */
static int add_place(struct copy *c, const struct sqldb_image *i, uint64_t after, uint32_t *near)
{
	struct im_str row = i->row;
	struct rowcode_value v[5] = {{.type = ROWCODE_NULL}};
	struct cluster_message *m = NULL;
	int rc = IM_OK;

	for (int n = 0; row.n && n < 5 && !rc; n++)
		rc = rowcode_take(&row, &v[n]);
	if (rc)
		return IM_E_INTERNAL;
	if (i->row.n && (uint64_t)v[2].i > after)
		m = message_at(c, (uint64_t)v[2].i, near);
	if (!m)
		return add_row(c, COPY_MESSAGES_DB, i);
	m->has_ordinals = v[3].type != ROWCODE_NULL;
	m->less_ord = v[3].i;
	m->less_shown = v[4].i;
	return IM_OK;
}

static int sort_out(struct copy *c, uint64_t after)
{
	const struct copy_list *l = &c->list[COPY_MESSAGES_DB];
	uint32_t near = 0;
	int rc = IM_OK;

	c->n_messages = c->n_rows = c->n_amended = 0;
	for (size_t i = 0; i < l->n && !rc; i++) {
		if (l->v[i].table == COPY_M_message)
			rc = add_message(c, &l->v[i], after);
		else if (l->v[i].table == COPY_M_conv_log)
			rc = add_place(c, &l->v[i], after, &near);
		else
			rc = add_row(c, COPY_MESSAGES_DB, &l->v[i]);
	}
	l = &c->list[COPY_DIRECTORY_DB];
	for (size_t i = 0; i < l->n && !rc; i++)
		rc = add_row(c, COPY_DIRECTORY_DB, &l->v[i]);
	return rc;
}

/* What chains it to the entry before. */
static int chain(struct copy *c, const struct cluster_place *from, struct cluster_entry *e)
{
	im_buf_reset(&c->body);
	entry_body(e, &c->body);
	if (c->body.failed)
		return IM_E_NOMEM;
	e->body = im_buf_view(&c->body);
	return entry_digest(from->digest, e, e->digest);
}

int copy_enter(struct copy *c, const struct cluster_place *from, struct cluster_entry *e)
{
	e->prev = from->pos;
	e->pos = e->era << COPY_ERA_SHIFT;
	return chain(c, from, e);
}

int copy_make(
	struct copy *c, const struct cluster_place *from, uint64_t pos, struct cluster_entry *e)
{
	int rc = sort_out(c, from->pos);

	if (rc)
		return rc;
	e->prev = from->pos;
	e->pos = pos;
	e->rows = c->rows;
	e->n_rows = c->n_rows;
	e->messages = c->messages;
	e->n_messages = c->n_messages;
	e->amended = c->amended;
	e->n_amended = c->n_amended;
	return chain(c, from, e);
}

int copy_take(
	struct copy *c, struct writer *w, const struct cluster_place *from, struct cluster_entry *e)
{
	struct cluster_place to = {.era = e->era};
	uint64_t last = writer_last(w) > from->pos ? writer_last(w) : from->pos + 1;
	int rc = writer_reach(w, from->pos, last);

	if (!rc)
		rc = gather(c);
	if (!rc)
		rc = copy_make(c, from, last, e);
	if (rc)
		return rc;
	to.pos = last;
	memcpy(to.digest, e->digest, CLUSTER_DIGEST);
	return copy_note(c, &to);
}
