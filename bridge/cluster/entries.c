/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the copies: each one allocation for its strings, and one for its messages. */
#include "bridge/cluster/entries.h"

#include <stdlib.h>

struct kept {
	struct kept *next;
	struct cluster_entry e;
	struct cluster_message *messages;
	char *bytes;
};

struct entries {
	struct kept *first, **end;
};

struct entries *entries_new(void)
{
	struct entries *q = calloc(1, sizeof(*q));

	if (q)
		q->end = &q->first;
	return q;
}

static void kept_free(struct kept *k)
{
	free(k->messages);
	free(k->bytes);
	free(k);
}

void entries_clear(struct entries *q)
{
	while (q->first)
		entries_drop_first(q);
}

void entries_free(struct entries **q)
{
	if (!*q)
		return;
	entries_clear(*q);
	free(*q);
	*q = NULL;
}

static size_t bytes_of(const struct cluster_entry *e)
{
	size_t n = e->body.n + 1;

	for (uint32_t i = 0; i < e->n_messages; i++)
		n += e->messages[i].type.n + e->messages[i].client_id.n + e->messages[i].meta.n +
		     e->messages[i].body.n;
	return n;
}

static struct im_str put(char **at, struct im_str s)
{
	struct im_str out = {*at, s.n};

	if (s.n)
		memcpy(*at, s.p, s.n);
	*at += s.n;
	return out;
}

int entries_add(struct entries *q, const struct cluster_entry *e)
{
	struct kept *k = calloc(1, sizeof(*k));
	char *at;

	if (!k)
		return IM_E_NOMEM;
	k->messages = calloc(e->n_messages + 1, sizeof(*k->messages));
	k->bytes = at = malloc(bytes_of(e));
	if (!k->messages || !k->bytes) {
		kept_free(k);
		return IM_E_NOMEM;
	}
	k->e = *e;
	k->e.body = put(&at, e->body);
	k->e.messages = k->messages;
	k->e.amended = NULL;
	k->e.rows = NULL;
	k->e.n_amended = k->e.n_rows = 0;
	for (uint32_t i = 0; i < e->n_messages; i++) {
		struct cluster_message *m = &k->messages[i];

		*m = e->messages[i];
		m->type = put(&at, m->type);
		m->client_id = put(&at, m->client_id);
		m->meta = put(&at, m->meta);
		m->body = put(&at, m->body);
	}
	*q->end = k;
	q->end = &k->next;
	return IM_OK;
}

const struct cluster_entry *entries_first(const struct entries *q)
{
	return q->first ? &q->first->e : NULL;
}

void entries_drop_first(struct entries *q)
{
	struct kept *k = q->first;

	q->first = k->next;
	if (!q->first)
		q->end = &q->first;
	kept_free(k);
}
