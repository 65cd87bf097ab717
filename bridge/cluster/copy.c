/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns how far the copy is, and puts entries into it. Called by the shared log. */
#include "bridge/cluster/copy.h"

#include <stdlib.h>

#include "bridge/cluster/copy_inside.h"
#include "bridge/cluster/copy_news.h"
#include "bridge/cluster/entry.h"
#include "bridge/directory/directory_follow.h"
#include "bridge/store/store_sqlite_follow.h"
#include "db/rowcode.h"

/* Of a message's columns, what their bytes take beside the strings. */
#define MESSAGE_BYTES 160

#define NAME(name) #name,
const char *const copy_tables[COPY_DBS][COPY_D_TABLES] = {
	{COPY_MESSAGES(NAME)}, {COPY_DIRECTORY(NAME)}};

static const unsigned n_tables[COPY_DBS] = {COPY_M_TABLES, COPY_D_TABLES};

/* -- how far -- */

static int read_one(struct copy *c, int db, struct cluster_place *out)
{
	sqlite3_stmt *st = sqldb_prepare(
		c->q[db], &c->get[db], "SELECT era, pos, digest FROM place WHERE one = 1");
	int rc = sqldb_step(c->q[db], st);
	struct im_str digest;

	*out = (struct cluster_place){0};
	if (rc != SQLDB_ROW)
		return rc;
	out->era = sqldb_id(st, 0);
	out->pos = sqldb_id(st, 1);
	digest = sqldb_str(st, 2);
	if (digest.n == CLUSTER_DIGEST)
		memcpy(out->digest, digest.p, CLUSTER_DIGEST);
	sqldb_done(st);
	return digest.n == CLUSTER_DIGEST ? IM_OK : IM_E_IO;
}

int copy_place(struct copy *c, struct cluster_place *out)
{
	const struct cluster_place *f = c->file;

	for (int db = 0; db < COPY_DBS && !c->known; db++)
		if (read_one(c, db, &c->file[db]))
			return IM_E_IO;
	if (!c->known)
		c->place = f[f[COPY_DIRECTORY_DB].pos < f[COPY_MESSAGES_DB].pos];
	c->known = true;
	*out = c->place;
	return IM_OK;
}

static int note_one(struct copy *c, int db, const struct cluster_place *to)
{
	sqlite3_stmt *st = sqldb_prepare(c->q[db], &c->set[db],
		"INSERT INTO place (one, era, pos, digest) VALUES (1, ?1, ?2, ?3) ON CONFLICT DO"
		" UPDATE SET era = excluded.era, pos = excluded.pos, digest = excluded.digest");

	sqldb_bind_id(st, 1, to->era);
	sqldb_bind_id(st, 2, to->pos);
	sqldb_bind_blob(st, 3, (struct im_str){(const char *)to->digest, CLUSTER_DIGEST});
	return sqldb_run(c->q[db], st);
}

int copy_note(struct copy *c, const struct cluster_place *to)
{
	int rc = note_one(c, COPY_MESSAGES_DB, to);

	c->next = *to;
	return rc ? rc : note_one(c, COPY_DIRECTORY_DB, to);
}

int copy_stand(struct copy *c, const struct cluster_place *at)
{
	int rc = IM_OK;

	for (int db = 0; db < COPY_DBS && !rc; db++) {
		rc = sqldb_begin(c->q[db]);
		if (rc)
			break;
		rc = note_one(c, db, at);
		/* Where the writer begins. */
		if (!rc && db == COPY_DIRECTORY_DB)
			rc = directory_meta_set(c->dir, "applied_gid", at->pos);
		if (!rc)
			rc = sqldb_commit(c->q[db]);
		else
			sqldb_rollback(c->q[db]);
	}
	c->known = false;
	return rc;
}

uint64_t copy_newest(const struct copy *c)
{
	const struct cluster_place *f = c->file;

	return f[f[COPY_DIRECTORY_DB].pos > f[COPY_MESSAGES_DB].pos].pos;
}

/* Where one file is ahead it stays so, and is read again. */
static void on_commit(void *arg)
{
	struct copy *c = arg;

	if (!c->next.pos)
		return;
	c->known = copy_newest(c) <= c->next.pos;
	c->place = c->file[COPY_MESSAGES_DB] = c->file[COPY_DIRECTORY_DB] = c->next;
	c->next.pos = 0;
}

/* The log may have it while the directory has not. */
static void on_rollback(void *arg, uint64_t first, bool logged)
{
	struct copy *c = arg;

	(void)first;
	(void)logged;
	c->known = false;
	c->next.pos = 0;
}

struct tx_part copy_part(struct copy *c)
{
	return (struct tx_part){.commit = on_commit, .rollback = on_rollback, .arg = c};
}

const char *copy_errmsg(const struct copy *c)
{
	return c->q[COPY_MESSAGES_DB]->err[0] ? c->q[COPY_MESSAGES_DB]->err
					      : c->q[COPY_DIRECTORY_DB]->err;
}

/* -- putting -- */

void *copy_more(void *v, size_t n, size_t *cap, size_t each)
{
	size_t next = *cap ? *cap * 2 : 64;
	void *p;

	if (n < *cap)
		return v;
	p = reallocarray(v, next, each);
	if (p)
		*cap = next;
	return p;
}

static int add(struct copy *c, int db, const struct sqldb_image *i)
{
	struct copy_list *l = &c->list[db];
	struct sqldb_image *v = copy_more(l->v, l->n, &l->cap, sizeof(*v));

	if (!v)
		return IM_E_NOMEM;
	l->v = v;
	v[l->n++] = *i;
	return IM_OK;
}

struct reading {
	struct copy *c;
	bool dropped;
};

static int take_row(void *arg, const struct entry_row *r)
{
	struct reading *reading = arg;
	struct sqldb_image i = {.key = r->key, .row = r->row};

	/* A table of a later version. */
	if (sqldb_images_table(reading->c->images[r->db], r->table, &i.table)) {
		reading->dropped = true;
		return IM_OK;
	}
	return add(reading->c, r->db, &i);
}

static void put_text(struct im_buf *b, bool there, struct im_str s)
{
	rowcode_put(b, &(struct rowcode_value){there ? ROWCODE_TEXT : ROWCODE_NULL, .s = s});
}

static void put_int(struct im_buf *b, int64_t v)
{
	rowcode_put(b, &(struct rowcode_value){.type = ROWCODE_INT, .i = v});
}

/* In the order of the columns of schema/sqlite/messages. */
static void message_row(const struct cluster_message *m, struct im_buf *b)
{
	put_int(b, (int64_t)m->gid);
	put_int(b, (int64_t)m->conv);
	put_int(b, (int64_t)m->seq);
	put_int(b, (int64_t)m->sender);
	put_int(b, m->ts_ms);
	put_int(b, m->enc);
	put_text(b, m->has_type, m->type);
	put_text(b, m->has_client_id, m->client_id);
	put_text(b, m->has_meta, m->meta);
	rowcode_put(b,
		&(struct rowcode_value){m->has_body ? ROWCODE_BLOB : ROWCODE_NULL, .s = m->body});
}

static void place_row(const struct cluster_message *m, struct im_buf *b)
{
	put_int(b, (int64_t)m->conv);
	put_int(b, (int64_t)m->seq);
	put_int(b, (int64_t)m->gid);
	for (int i = 0; i < 2; i++) {
		if (m->has_ordinals)
			put_int(b, i ? m->less_shown : m->less_ord);
		else
			rowcode_put(b, &(struct rowcode_value){.type = ROWCODE_NULL});
	}
}

static struct im_str since(const struct im_buf *b, size_t at)
{
	return (struct im_str){b->p + at, b->n - at};
}

/* The arena has room for all of them, so it does not move. */
static int take_message(struct copy *c, const struct cluster_message *m)
{
	struct sqldb_image i = {.table = COPY_M_message};
	size_t at = c->bytes.n;
	int rc;

	if (m->gone) {
		put_int(&c->bytes, (int64_t)m->gid);
		i.key = since(&c->bytes, at);
		return add(c, COPY_MESSAGES_DB, &i);
	}
	message_row(m, &c->bytes);
	i.row = since(&c->bytes, at);
	rc = add(c, COPY_MESSAGES_DB, &i);
	at = c->bytes.n;
	place_row(m, &c->bytes);
	i = (struct sqldb_image){.table = COPY_M_conv_log, .row = since(&c->bytes, at)};
	return rc ? rc : add(c, COPY_MESSAGES_DB, &i);
}

static int take_messages(struct copy *c, const struct cluster_entry *e)
{
	size_t bytes = 0;
	int rc = IM_OK;

	for (uint32_t i = 0; i < e->n_messages; i++)
		bytes += MESSAGE_BYTES + e->messages[i].type.n + e->messages[i].client_id.n +
			 e->messages[i].meta.n + e->messages[i].body.n;
	im_buf_reset(&c->bytes);
	if (!im_buf_reserve(&c->bytes, bytes))
		return IM_E_NOMEM;
	for (uint32_t i = 0; i < e->n_messages && !rc; i++)
		rc = take_message(c, &e->messages[i]);
	return rc;
}

static int read_entry(struct copy *c, const struct cluster_entry *e, bool *dropped_out)
{
	struct reading r = {.c = c};
	int rc;

	c->list[COPY_MESSAGES_DB].n = c->list[COPY_DIRECTORY_DB].n = 0;
	rc = entry_read(e->body, take_row, NULL, &r);
	*dropped_out = r.dropped;
	return rc ? rc : take_messages(c, e);
}

static int numbers(struct im_str row, int64_t *out, unsigned n)
{
	struct rowcode_value v;

	for (unsigned i = 0; i < n; i++) {
		if (rowcode_take(&row, &v) || v.type != ROWCODE_INT)
			return IM_E_FORMAT;
		out[i] = v.i;
	}
	return IM_OK;
}

static int new_convs(struct copy *c)
{
	const struct copy_list *l = &c->list[COPY_MESSAGES_DB];
	int64_t v[4];
	int rc = IM_OK;

	for (size_t i = 0; i < l->n && !rc; i++) {
		if (l->v[i].table != COPY_M_conv || !l->v[i].row.n)
			continue;
		rc = numbers(l->v[i].row, v, 4);
		if (!rc)
			rc = store_sqlite_followed_conv(c->store,
				&(struct store_conv){(uint64_t)v[0], (enum im_conv_kind)v[1],
					(uint64_t)v[2], (uint64_t)v[3]});
	}
	return rc;
}

static int tell_store(struct copy *c, const struct cluster_entry *e)
{
	const struct copy_list *l = &c->list[COPY_MESSAGES_DB];
	int64_t v[2];

	for (uint32_t i = 0; i < e->n_messages; i++)
		store_sqlite_followed_message(c->store, e->messages[i].gid, e->messages[i].conv);
	for (size_t i = 0; i < l->n; i++) {
		if (l->v[i].table != COPY_M_spoke)
			continue;
		if (numbers(l->v[i].row.n ? l->v[i].row : l->v[i].key, v, 2))
			return IM_E_FORMAT;
		store_sqlite_followed_speaker(c->store, (uint64_t)v[0], (uint64_t)v[1]);
	}
	return IM_OK;
}

/* A file that has it already, or what comes behind it, keeps what it has: of a later entry, too. */
static bool has(const struct copy *c, int db, const struct cluster_entry *e)
{
	return c->file[db].pos >= e->pos;
}

static int put_rows(struct copy *c, const struct cluster_entry *e, bool *dropped_out)
{
	const struct copy_list *m = &c->list[COPY_MESSAGES_DB], *d = &c->list[COPY_DIRECTORY_DB];
	bool dropped = false;
	int rc = has(c, COPY_MESSAGES_DB, e) ? IM_OK : new_convs(c);

	if (!rc && !has(c, COPY_MESSAGES_DB, e))
		rc = sqldb_images_put(c->images[COPY_MESSAGES_DB], m->v, m->n, &dropped);
	*dropped_out |= dropped;
	if (rc || !d->n || has(c, COPY_DIRECTORY_DB, e))
		return rc;
	rc = directory_following(c->dir, true);
	if (!rc)
		rc = sqldb_images_put(c->images[COPY_DIRECTORY_DB], d->v, d->n, &dropped);
	*dropped_out |= dropped;
	return rc ? rc : directory_following(c->dir, false);
}

/* The newer file has the same entry, or has come by it. */
static bool agrees(const struct cluster_place *file, const struct cluster_entry *e)
{
	if (file->pos == e->pos)
		return memcmp(file->digest, e->digest, CLUSTER_DIGEST) == 0;
	return file->pos <= e->prev || file->pos > e->pos;
}

/* The entry is what follows here. */
static int follows(struct copy *c, const struct cluster_entry *e)
{
	unsigned char digest[CLUSTER_DIGEST];
	struct cluster_place at;
	int rc = copy_place(c, &at);

	if (rc)
		return rc;
	if (e->prev != at.pos || e->pos <= e->prev || !agrees(&c->file[COPY_MESSAGES_DB], e) ||
		!agrees(&c->file[COPY_DIRECTORY_DB], e))
		return IM_E_CONFLICT;
	rc = entry_digest(at.digest, e, digest);
	return !rc && memcmp(digest, e->digest, CLUSTER_DIGEST) != 0 ? IM_E_CONFLICT : rc;
}

int copy_put(struct copy *c, struct writer *w, const struct cluster_entry *e, bool *dropped_out)
{
	const struct copy_list *d = &c->list[COPY_DIRECTORY_DB];
	struct cluster_place to = {.era = e->era, .pos = e->pos};
	int rc = follows(c, e);

	memcpy(to.digest, e->digest, CLUSTER_DIGEST);
	if (!rc)
		rc = read_entry(c, e, dropped_out);
	if (!rc)
		rc = writer_reach(w, e->prev, e->pos);
	if (!rc)
		rc = copy_news(w, d->v, d->n, e->prev, true);
	if (!rc)
		rc = put_rows(c, e, dropped_out);
	if (!rc)
		rc = tell_store(c, e);
	if (!rc)
		rc = copy_news(w, d->v, d->n, e->prev, false);
	c->next = to;
	for (int db = 0; db < COPY_DBS && !rc; db++)
		rc = has(c, db, e) ? IM_OK : note_one(c, db, &to);
	return rc == IM_E_EXISTS || rc == IM_E_NONE ? IM_E_CONFLICT : rc;
}

/* -- beginning and end -- */

void copy_free(struct copy **copy)
{
	struct copy *c = *copy;

	if (!c)
		return;
	for (int db = 0; db < COPY_DBS; db++) {
		sqldb_images_free(&c->images[db]);
		sqldb_finalize(&c->get[db]);
		sqldb_finalize(&c->set[db]);
		free(c->list[db].v);
	}
	sqldb_finalize(&c->ordinals);
	free(c->messages);
	free(c->rows);
	free(c->amended);
	im_buf_free(&c->bytes);
	im_buf_free(&c->body);
	free(c);
	*copy = NULL;
}

int copy_new(struct store *store, struct directory *dir, const struct im_sipkey *key,
	struct copy **out, struct im_buf *why)
{
	struct copy *c = calloc(1, sizeof(*c));
	int rc = IM_OK;

	*out = NULL;
	if (!c)
		return IM_E_NOMEM;
	c->store = store;
	c->dir = dir;
	c->q[COPY_MESSAGES_DB] = store_sqlite_db(store);
	c->q[COPY_DIRECTORY_DB] = directory_db(dir);
	im_buf_init(&c->bytes, 0);
	im_buf_init(&c->body, 0);
	for (int db = 0; db < COPY_DBS && !rc; db++)
		rc = sqldb_images_new(
			c->q[db], copy_tables[db], n_tables[db], key, &c->images[db], why);
	if (rc)
		copy_free(&c);
	*out = c;
	return rc;
}
