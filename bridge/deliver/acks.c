/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the arrays that are being built, one a sender; their memory is kept for the next
 * transaction. Called by intake and the engine. */
#include "bridge/deliver/acks.h"

#include <stdlib.h>
#include <uthash.h>

#include "common/frame.h"
#include "common/limits.h"
#include "common/wire.h"

/* Below the soft bound of a frame, with room for the record around it. */
#define ACK_PUBLISH_BYTES (IM_DOWN_BYTES_SOFT - 1024)
/* One element at most: names, numbers, a sentence, all escaped; and every mention dropped. */
#define ACK_BYTES_MAX (2048 + IM_MENTIONS_MAX * (IM_UID_MAX + 3))
/* Senders whose buffers are kept. A batch has no more records than this. */
#define ACK_POOL IM_BATCH_RECORDS_MAX

struct sender {
	char uid[IM_UID_MAX];
	size_t n;
	struct im_buf array; /* `[element,element` */
	UT_hash_handle hh;
};

struct acks {
	struct sender *by_uid;
	struct sender **pool;
	size_t pooled;
	struct im_buf full; /* closed arrays: a piece of the uid, one of the array */
	struct im_buf conv;
};

struct acks *acks_new(void)
{
	struct acks *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->pool = calloc(ACK_POOL, sizeof(*a->pool));
	im_buf_init(&a->full, 0);
	im_buf_init(&a->conv, 0);
	if (!a->pool)
		acks_free(&a);
	return a;
}

static void sender_free(struct sender *s)
{
	im_buf_free(&s->array);
	free(s);
}

static void recycle(struct acks *a, struct sender *s)
{
	HASH_DEL(a->by_uid, s);
	if (a->pooled == ACK_POOL) {
		sender_free(s);
		return;
	}
	im_buf_reset(&s->array);
	a->pool[a->pooled++] = s;
}

void acks_reset(struct acks *a)
{
	struct sender *s, *tmp;

	HASH_ITER (hh, a->by_uid, s, tmp)
		recycle(a, s);
	im_buf_reset(&a->full);
}

void acks_free(struct acks **a)
{
	if (!*a)
		return;
	if ((*a)->pool) {
		acks_reset(*a);
		while ((*a)->pooled)
			sender_free((*a)->pool[--(*a)->pooled]);
	}
	free((*a)->pool);
	im_buf_free(&(*a)->full);
	im_buf_free(&(*a)->conv);
	free(*a);
	*a = NULL;
}

static struct sender *sender_get(struct acks *a, struct im_str uid)
{
	struct sender *s;

	HASH_FIND(hh, a->by_uid, uid.p, uid.n, s);
	if (s || uid.n > IM_UID_MAX)
		return s;
	if (a->pooled) {
		s = a->pool[--a->pooled];
	} else {
		s = calloc(1, sizeof(*s));
		if (!s)
			return NULL;
		im_buf_init(&s->array, 0);
	}
	memcpy(s->uid, uid.p, uid.n);
	s->n = uid.n;
	HASH_ADD_KEYPTR(hh, a->by_uid, s->uid, s->n, s);
	return s;
}

/* Closes the sender's array when the next element may not fit any more. */
static void begin_element(struct acks *a, struct sender *s)
{
	if (s->array.n + ACK_BYTES_MAX > ACK_PUBLISH_BYTES) {
		im_buf_c(&s->array, ']');
		a->full.failed |= s->array.failed;
		im_piece_put(&a->full, (struct im_str){s->uid, s->n});
		im_piece_put(&a->full, im_buf_view(&s->array));
		im_buf_reset(&s->array);
	}
	im_buf_c(&s->array, s->array.n ? ',' : '[');
}

static struct im_str conv_name(struct acks *a, enum im_conv_kind kind, struct im_str peer)
{
	im_buf_reset(&a->conv);
	if (!peer.n)
		return im_buf_view(&a->conv);
	im_buf_z(&a->conv, kind == IM_CONV_USER ? "u/" : "g/");
	im_buf_str(&a->conv, peer);
	return im_buf_view(&a->conv);
}

int acks_stored(struct acks *a, struct im_str sender, struct im_str id, enum im_conv_kind kind,
	struct im_str peer, uint64_t seq, int64_t ts_ms, struct im_str dropped)
{
	struct sender *s = sender_get(a, sender);

	if (!s)
		return IM_E_NOMEM;
	begin_element(a, s);
	im_wire_ack(&s->array, id, conv_name(a, kind, peer), seq, ts_ms, dropped);
	return s->array.failed || a->conv.failed || a->full.failed ? IM_E_NOMEM : IM_OK;
}

int acks_refused(struct acks *a, struct im_str sender, struct im_str id, enum im_conv_kind kind,
	struct im_str peer, int code, struct im_str why)
{
	struct sender *s = sender_get(a, sender);

	if (!s)
		return IM_E_NOMEM;
	begin_element(a, s);
	im_wire_refusal(&s->array, id, conv_name(a, kind, peer), code, why);
	return s->array.failed || a->conv.failed || a->full.failed ? IM_E_NOMEM : IM_OK;
}

void acks_flush(struct acks *a, struct effects *fx)
{
	struct im_str full = im_buf_view(&a->full), uid, array;
	struct sender *s, *tmp;

	while (!im_piece_take(&full, &uid) && !im_piece_take(&full, &array))
		effects_inbox(fx, uid, IM_STR("ack"), array);
	HASH_ITER (hh, a->by_uid, s, tmp) {
		if (s->array.n) {
			im_buf_c(&s->array, ']');
			effects_inbox(fx, (struct im_str){s->uid, s->n}, IM_STR("ack"),
				im_buf_view(&s->array));
		}
	}
	acks_reset(a);
}

static void rolled_back(void *arg, uint64_t first, bool logged)
{
	(void)first;
	(void)logged;
	acks_reset(arg);
}

struct tx_part acks_part(struct acks *a)
{
	return (struct tx_part){.rollback = rolled_back, .arg = a};
}
