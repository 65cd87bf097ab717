/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owns the cached member lists; called by the writer. The least recently used groups go first when
 * the bound is reached; one group alone may exceed it, because its message must go out all the
 * same.
 */
#include "bridge/directory/members.h"

#include <stdlib.h>
#include <uthash.h>
#include <utlist.h>

#include "bridge/directory/directory_group.h"

struct entry {
	struct members_group g;
	char *text; /* the uids, one after the other */
	struct entry *prev, *next;
	UT_hash_handle hh;
};

struct members {
	struct directory *d;
	size_t max, cached;
	struct entry *by_id;
	struct entry *recent; /* most recently used first */
};

/* What a list costs against the bound: a room, whose list is not kept, counts as one. */
static size_t weight(const struct entry *e)
{
	return e->g.uids ? e->g.n + 1 : 1;
}

static void entry_free(struct entry *e)
{
	free(e->g.uids);
	free(e->text);
	free(e);
}

static void entry_drop(struct members *m, struct entry *e)
{
	HASH_DEL(m->by_id, e);
	DL_DELETE(m->recent, e);
	m->cached -= weight(e);
	entry_free(e);
}

struct members *members_new(struct directory *d, size_t max)
{
	struct members *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->d = d;
	m->max = max;
	return m;
}

void members_clear(struct members *m)
{
	struct entry *e, *tmp;

	HASH_ITER (hh, m->by_id, e, tmp)
		entry_drop(m, e);
}

static void forget(void *arg)
{
	members_clear(arg);
}

struct tx_part members_part(struct members *m)
{
	return (struct tx_part){.forget = forget, .arg = m};
}

void members_free(struct members **m)
{
	if (!*m)
		return;
	members_clear(*m);
	free(*m);
	*m = NULL;
}

/* Collects a list: lengths first, because the text moves while it grows. */
struct collect {
	struct im_buf text, lengths;
};

static int collect_member(void *arg, const struct directory_member *dm)
{
	struct collect *c = arg;

	im_buf_str(&c->text, dm->uid);
	im_buf_le8(&c->lengths, (uint8_t)dm->uid.n);
	return c->text.failed || c->lengths.failed ? IM_E_NOMEM : IM_OK;
}

static int load_list(struct members *m, struct entry *e)
{
	struct collect c;
	char *at;
	int rc;

	im_buf_init(&c.text, 0);
	im_buf_init(&c.lengths, 0);
	rc = directory_member_list(m->d, e->g.id, (struct im_str){0}, 0, collect_member, &c);
	if (rc)
		goto out;
	e->g.n = c.lengths.n;
	/* One more than needed: an empty group's list is not NULL. */
	e->g.uids = malloc((e->g.n + 1) * sizeof(*e->g.uids));
	if (!e->g.uids) {
		rc = IM_E_NOMEM;
		goto out;
	}
	e->text = at = c.text.p;
	for (size_t i = 0; i < e->g.n; i++) {
		e->g.uids[i] = (struct im_str){at, (uint8_t)c.lengths.p[i]};
		at += e->g.uids[i].n;
	}
	c.text = (struct im_buf){0};
out:
	im_buf_free(&c.text);
	im_buf_free(&c.lengths);
	return rc;
}

static int load(struct members *m, uint64_t group, struct entry **out)
{
	struct directory_group g;
	struct entry *e;
	int rc = directory_group_by_id(m->d, group, &g);

	if (rc)
		return rc;
	e = calloc(1, sizeof(*e));
	if (!e)
		return IM_E_NOMEM;
	e->g.id = group;
	e->g.kind = g.kind;
	e->g.n = g.members;
	rc = g.kind == DIRECTORY_ROOM ? IM_OK : load_list(m, e);
	if (rc) {
		entry_free(e);
		return rc;
	}
	*out = e;
	return IM_OK;
}

int members_get(struct members *m, uint64_t group, const struct members_group **out)
{
	struct entry *e;
	int rc;

	HASH_FIND(hh, m->by_id, &group, sizeof(group), e);
	if (e) {
		DL_DELETE(m->recent, e);
		DL_PREPEND(m->recent, e);
		*out = &e->g;
		return IM_OK;
	}
	rc = load(m, group, &e);
	if (rc)
		return rc;
	while (m->recent && m->cached + weight(e) > m->max)
		entry_drop(m, m->recent->prev);
	HASH_ADD(hh, m->by_id, g.id, sizeof(e->g.id), e);
	DL_PREPEND(m->recent, e);
	m->cached += weight(e);
	*out = &e->g;
	return IM_OK;
}

void members_forget(struct members *m, uint64_t group)
{
	struct entry *e;

	HASH_FIND(hh, m->by_id, &group, sizeof(group), e);
	if (e)
		entry_drop(m, e);
}

size_t members_cached(const struct members *m)
{
	return m->cached;
}
