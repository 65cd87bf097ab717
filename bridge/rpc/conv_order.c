/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns that heap. Called by conv_list.c; must not know how a conversation looks. */
#include "bridge/rpc/conv_order.h"

#include <stdlib.h>

#include "common/wire.h"

struct conv_place {
	struct conv_item *item;
	struct conv_key key;
	bool known; /* the key is of what is shown, or of the settings; else of the head */
};

static bool before(const struct conv_key *a, const struct conv_key *b)
{
	return a->pinned != b->pinned ? a->pinned : a->at > b->at;
}

static void sink(struct conv_order *o, size_t i)
{
	struct conv_place p = o->v[i];
	size_t child;

	while ((child = 2 * i + 1) < o->n) {
		if (child + 1 < o->n && before(&o->v[child + 1].key, &o->v[child].key))
			child++;
		if (!before(&o->v[child].key, &p.key))
			break;
		o->v[i] = o->v[child];
		i = child;
	}
	o->v[i] = p;
}

static void drop_first(struct conv_order *o)
{
	o->v[0] = o->v[--o->n];
	if (o->n > 0)
		sink(o, 0);
}

int conv_order_init(struct conv_order *o, size_t max, bool pinned_first)
{
	*o = (struct conv_order){.pinned_first = pinned_first};
	o->v = calloc(max + 1, sizeof(*o->v));
	return o->v ? IM_OK : IM_E_NOMEM;
}

void conv_order_clear(struct conv_order *o)
{
	free(o->v);
	*o = (struct conv_order){NULL, 0, false};
}

void conv_order_add(struct conv_order *o, struct conv_item *item)
{
	bool settled = item->gone || item->head.seq == 0;
	const struct conv_key key = {.pinned = o->pinned_first && item->pinned && !item->gone,
		.at = settled ? item->changed : item->head.gid};

	o->v[o->n++] = (struct conv_place){item, key, settled};
}

void conv_order_sort(struct conv_order *o)
{
	for (size_t i = o->n / 2; i-- > 0;)
		sink(o, i);
}

int conv_order_next(struct rpc_read *rd, struct conv_order *o, const struct conv_key *after,
	struct conv_item **out, struct conv_key *key_out)
{
	*out = NULL;
	while (o->n > 0) {
		struct conv_place *first = &o->v[0];
		int rc;

		if (!first->known) {
			rc = rd->backend->read_shown(
				rd->log, first->item->conv, &first->item->shown);
			if (rc != IM_OK)
				return rc;
			first->known = true;
			first->key.at = first->item->shown.gid;
			sink(o, 0);
			continue;
		}
		if (after == NULL || before(after, &first->key)) {
			*out = first->item;
			*key_out = first->key;
		}
		drop_first(o);
		if (*out != NULL)
			return IM_OK;
	}
	return IM_OK;
}

void conv_key_put(struct im_buf *b, const struct conv_key *key)
{
	if (key->pinned)
		im_buf_c(b, 'p');
	im_cursor_put(b, key->at);
}

bool conv_key_parse(struct im_str text, bool pinned_first, struct conv_key *out)
{
	*out = (struct conv_key){.pinned = pinned_first && text.n > 1 && text.p[0] == 'p'};
	if (out->pinned)
		text = (struct im_str){text.p + 1, text.n - 1};
	return im_cursor_parse(text, &out->at) == IM_OK && out->at > 0;
}
