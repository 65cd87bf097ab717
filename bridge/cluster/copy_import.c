/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns nothing: walks the copy's tables a piece at a time. Part of copy.h. */
#include "bridge/cluster/copy.h"

#include "bridge/cluster/copy_inside.h"
#include "bridge/directory/directory_user.h"

/* What one entry holds: bounds the memory of each node, and how long the log's end is held. */
#define PIECE_ROWS 2000
#define PIECE_BYTES (2 * 1024 * 1024)
/* In table meta of directory.db, which is no part of the copy. */
#define IMPORTING "importing"

struct piece {
	struct copy *c;
	struct copy_import *at;
	unsigned rows;
};

static int keep(void *arg, const struct sqldb_image *i)
{
	struct piece *p = arg;

	if (i->key.n > sizeof(p->at->after))
		return IM_E_INTERNAL;
	memcpy(p->at->after, i->key.p, i->key.n);
	p->at->n_after = i->key.n;
	if (copy_keep(p->c, p->at->db, i))
		return IM_E_NOMEM;
	return ++p->rows < PIECE_ROWS && p->c->bytes.n < PIECE_BYTES ? IM_OK : IM_STOP;
}

static bool next_table(struct copy_import *at)
{
	const unsigned n = at->db == COPY_MESSAGES_DB ? COPY_M_TABLES : COPY_D_TABLES;

	at->n_after = 0;
	if (++at->table < n)
		return true;
	at->table = 0;
	return ++at->db < COPY_DBS;
}

/* Its rows go with their messages. */
static bool passes_over(const struct copy_import *at)
{
	return at->db == COPY_MESSAGES_DB && at->table == COPY_M_conv_log;
}

int copy_import(struct copy *c, const struct cluster_place *from, struct copy_import *at,
	struct cluster_entry *e)
{
	struct piece p = {.c = c, .at = at};
	uint64_t pos = e->era << COPY_ERA_SHIFT;
	int rc = IM_OK;

	im_buf_reset(&c->bytes);
	c->list[COPY_MESSAGES_DB].n = c->list[COPY_DIRECTORY_DB].n = 0;
	while (!rc && !p.rows) {
		if (at->db == COPY_DBS)
			return IM_E_NONE;
		if (!passes_over(at))
			rc = sqldb_images_walk(c->images[at->db], at->table,
				(struct im_str){at->after, at->n_after}, keep, &p);
		if (!rc)
			(void)next_table(at);
	}
	if (rc && rc != IM_STOP)
		return rc;
	copy_settle(c);
	return copy_make(c, from, pos > from->pos ? pos : from->pos + 1, e);
}

int copy_is_own(struct copy *c, bool *out)
{
	struct cluster_place at;
	uint64_t head, importing;
	int rc = copy_place(c, &at);

	if (!rc)
		rc = store_sqlite.log_head(c->store, &head);
	if (!rc)
		rc = directory_meta_get(c->dir, IMPORTING, &importing);
	if (!rc)
		*out = importing || (!at.pos && (head || directory_user_count(c->dir)));
	return rc;
}

int copy_set_importing(struct copy *c, bool on)
{
	int rc = directory_begin(c->dir);

	if (!rc)
		rc = directory_meta_set(c->dir, IMPORTING, on);
	if (!rc)
		return directory_commit(c->dir);
	directory_rollback(c->dir);
	return rc;
}
