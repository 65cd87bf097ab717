/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the arrays that are being built, one a sender; their memory is kept for the next
 * transaction. Called by intake and the engine. */
#include "bridge/deliver/acks.h"

#include <stdlib.h>
#include <uthash.h>

#include "common/frame.h"
#include "common/ids.h"
#include "common/limits.h"
#include "common/wire.h"

/* Below the soft bound of a frame, with room for the record around it. */
#define ACK_PUBLISH_BYTES (IM_DOWN_BYTES_SOFT - 1024)
/* One element at most: names, numbers, a sentence, all escaped; and every mention dropped. */
#define ACK_BYTES_MAX (2048 + IM_MENTIONS_MAX * (IM_UID_MAX + 3))
/* Senders whose buffers are kept. A batch has no more records than this. */
#define ACK_POOL IM_BATCH_RECORDS_MAX

struct sender {
	/* The uid, and of a device account a slash, which is in none, and the device's level. */
	char name[IM_UID_MAX + 1 + IM_DEVICE_TOPIC_MAX];
	size_t n;
	struct im_buf array; /* `[element,element` */
	UT_hash_handle hh;
};

struct acks {
	struct sender *by_uid;
	struct sender **pool;
	size_t pooled;
	struct im_buf full; /* closed arrays: a piece of the name, one of the array */
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

static struct sender *sender_new(struct acks *a)
{
	struct sender *s;

	if (a->pooled)
		return a->pool[--a->pooled];
	s = calloc(1, sizeof(*s));
	if (s)
		im_buf_init(&s->array, 0);
	return s;
}

static struct sender *sender_get(struct acks *a, const struct acks_of *of)
{
	char name[IM_UID_MAX + 1 + IM_DEVICE_TOPIC_MAX], level[IM_DEVICE_TOPIC_MAX];
	struct im_str device = of->device;
	struct sender *s;
	size_t n = of->uid.n;

	if (n > IM_UID_MAX || device.n > IM_DEVICE_MAX)
		return NULL;
	memcpy(name, of->uid.p, n);
	if (device.n) {
		device = im_device_topic(device, level);
		name[n++] = '/';
		memcpy(name + n, device.p, device.n);
		n += device.n;
	}
	HASH_FIND(hh, a->by_uid, name, n, s);
	if (s)
		return s;
	s = sender_new(a);
	if (!s)
		return NULL;
	memcpy(s->name, name, n);
	s->n = n;
	HASH_ADD_KEYPTR(hh, a->by_uid, s->name, s->n, s);
	return s;
}

/* Closes the sender's array when the next element may not fit any more. */
static void begin_element(struct acks *a, struct sender *s)
{
	if (s->array.n + ACK_BYTES_MAX > ACK_PUBLISH_BYTES) {
		im_buf_c(&s->array, ']');
		a->full.failed |= s->array.failed;
		im_piece_put(&a->full, (struct im_str){s->name, s->n});
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

int acks_stored(struct acks *a, const struct acks_of *sender, struct im_str id,
	enum im_conv_kind kind, struct im_str peer, uint64_t seq, int64_t ts_ms,
	struct im_str dropped)
{
	struct sender *s = sender_get(a, sender);

	if (!s)
		return IM_E_NOMEM;
	begin_element(a, s);
	im_wire_ack(&s->array, id, conv_name(a, kind, peer), seq, ts_ms, dropped);
	return s->array.failed || a->conv.failed || a->full.failed ? IM_E_NOMEM : IM_OK;
}

int acks_refused(struct acks *a, const struct acks_of *sender, struct im_str id,
	enum im_conv_kind kind, struct im_str peer, int code, struct im_str why)
{
	struct sender *s = sender_get(a, sender);

	if (!s)
		return IM_E_NOMEM;
	begin_element(a, s);
	im_wire_refusal(&s->array, id, conv_name(a, kind, peer), code, why);
	return s->array.failed || a->conv.failed || a->full.failed ? IM_E_NOMEM : IM_OK;
}

static void put(struct effects *fx, struct im_str name, struct im_str array)
{
	const char *slash = memchr(name.p, '/', name.n);
	char suffix[IM_DEVICE_TOPIC_MAX + 4];
	size_t n = slash ? name.n - (size_t)(slash - name.p) - 1 : 0;

	if (slash) {
		memcpy(suffix, slash + 1, n);
		suffix[n++] = '/';
		name.n = (size_t)(slash - name.p);
	}
	memcpy(suffix + n, "ack", 3);
	effects_inbox(fx, name, (struct im_str){suffix, n + 3}, array);
}

void acks_flush(struct acks *a, struct effects *fx)
{
	struct im_str full = im_buf_view(&a->full), name, array;
	struct sender *s, *tmp;

	while (!im_piece_take(&full, &name) && !im_piece_take(&full, &array))
		put(fx, name, array);
	HASH_ITER (hh, a->by_uid, s, tmp) {
		if (s->array.n) {
			im_buf_c(&s->array, ']');
			put(fx, (struct im_str){s->name, s->n}, im_buf_view(&s->array));
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
