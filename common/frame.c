/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The frame codec. The plugin writes up records and reads down frames, the bridge the other way
 * round. Every length is checked against the bytes that are there before anything is looked at.
 *
 * Up record, after its u32 length:
 *   u8 type, u8 flags, i64 ts_ms, u16 length of user, device, target, id, reply_topic, corr,
 *   then these six fields; the payload is the rest.
 * Down record, after its u32 length:
 *   u8 type, u8 flags, u64 epoch, u64 recno, u16 length of user, device, topic, corr, id,
 *   u32 length of payload, u32 recipients, then these six fields; the recipients are the rest,
 *   each u8 length of uid, u8 length of conv, uid, conv.
 */
#include "common/frame.h"

#define UP_FIELDS 6
#define UP_HEAD (4 + 2 + 8 + 2 * UP_FIELDS)
#define DOWN_FIELDS 5
#define DOWN_HEAD (4 + 2 + 8 + 8 + 2 * DOWN_FIELDS + 4 + 4)
#define FRAME_HEAD 4
#define PART_BITS 2 /* of the flags of SESSIONS, below the level */

static uint16_t get16(const char **at)
{
	uint16_t v = (uint16_t)im_le_get(*at, 2);

	*at += 2;
	return v;
}

static uint32_t get32(const char **at)
{
	uint32_t v = (uint32_t)im_le_get(*at, 4);

	*at += 4;
	return v;
}

static uint64_t get64(const char **at)
{
	uint64_t v = im_le_get(*at, 8);

	*at += 8;
	return v;
}

static char *put_str(char *at, struct im_str s)
{
	if (s.n)
		memcpy(at, s.p, s.n);
	return at + s.n;
}

/* Takes n bytes from *in; the caller has checked that they are there. */
static struct im_str take(struct im_str *in, size_t n)
{
	struct im_str s = {in->p, n};

	in->p += n;
	in->n -= n;
	return s;
}

void im_piece_put(struct im_buf *b, struct im_str s)
{
	if (s.n > UINT32_MAX)
		b->failed = true;
	im_buf_le32(b, (uint32_t)s.n);
	im_buf_str(b, s);
}

int im_piece_take(struct im_str *in, struct im_str *out)
{
	size_t n;

	if (in->n < 4)
		return IM_E_FORMAT;
	n = im_le_get(in->p, 4);
	if (n > in->n - 4)
		return IM_E_FORMAT;
	take(in, 4);
	*out = take(in, n);
	return IM_OK;
}

/* Takes a record's bytes, after its length, from *in. */
static int take_record(struct im_str *in, size_t head, struct im_str *body_out)
{
	return im_piece_take(in, body_out) || body_out->n < head - 4 ? IM_E_FORMAT : IM_OK;
}

/* A field that does not fit its u16 length is cut; callers bound them far below. */
static struct im_str cut(struct im_str s)
{
	return (struct im_str){s.p, s.n > UINT16_MAX ? UINT16_MAX : s.n};
}

static void up_fields(const struct im_up_rec *r, struct im_str f[UP_FIELDS])
{
	f[0] = cut(r->user);
	f[1] = cut(r->device);
	f[2] = cut(r->target);
	f[3] = cut(r->id);
	f[4] = cut(r->reply_topic);
	f[5] = cut(r->corr);
}

void im_rehash_write(char at[IM_REHASH_BYTES], const struct im_rehash *r)
{
	im_le_put(at, r->user, 8);
	im_le_put(at + 8, (uint64_t)r->credential, 8);
	im_le_put(at + 16, r->rehashed, 8);
}

int im_rehash_read(struct im_str s, struct im_rehash *out)
{
	const char *at = s.p;

	if (s.n != IM_REHASH_BYTES)
		return IM_E_FORMAT;
	out->user = get64(&at);
	out->credential = (int64_t)get64(&at);
	out->rehashed = get64(&at);
	return IM_OK;
}

size_t im_up_rec_size(const struct im_up_rec *r)
{
	struct im_str f[UP_FIELDS];
	size_t n = UP_HEAD + r->payload.n;
	size_t i;

	up_fields(r, f);
	for (i = 0; i < UP_FIELDS; i++)
		n += f[i].n;
	return n;
}

void im_up_rec_write(char *dst, const struct im_up_rec *r)
{
	struct im_str f[UP_FIELDS];
	char *at = dst + 4;
	size_t i;

	up_fields(r, f);
	at = im_le_put(at, r->type, 1);
	at = im_le_put(at, r->flags, 1);
	at = im_le_put(at, (uint64_t)r->ts_ms, 8);
	for (i = 0; i < UP_FIELDS; i++)
		at = im_le_put(at, f[i].n, 2);
	for (i = 0; i < UP_FIELDS; i++)
		at = put_str(at, f[i]);
	at = put_str(at, r->payload);
	im_le_put(dst, (uint64_t)(at - dst - 4), 4);
}

int im_up_rec_read(struct im_str *in, struct im_up_rec *out)
{
	struct im_str rest = *in;
	struct im_str body;
	size_t n[UP_FIELDS];
	size_t sum = 0;
	const char *at;
	size_t i;

	if (take_record(&rest, UP_HEAD, &body))
		return IM_E_FORMAT;
	at = body.p;
	out->type = (uint8_t)*at++;
	out->flags = (uint8_t)*at++;
	out->ts_ms = (int64_t)get64(&at);
	for (i = 0; i < UP_FIELDS; i++) {
		n[i] = get16(&at);
		sum += n[i];
	}
	take(&body, UP_HEAD - 4);
	if (out->type > IM_UP_LAST || sum > body.n)
		return IM_E_FORMAT;
	out->user = take(&body, n[0]);
	out->device = take(&body, n[1]);
	out->target = take(&body, n[2]);
	out->id = take(&body, n[3]);
	out->reply_topic = take(&body, n[4]);
	out->corr = take(&body, n[5]);
	out->payload = body;
	*in = rest;
	return IM_OK;
}

static void frame_begin(struct im_buf *b, enum im_frame_kind kind)
{
	const char head[FRAME_HEAD] = {'I', 'M', IM_FRAME_VERSION, (char)kind};

	im_buf_put(b, head, sizeof(head));
}

void im_frame_batch_begin(struct im_buf *b, const struct im_up_batch *h)
{
	frame_begin(b, IM_FRAME_UP_BATCH);
	im_buf_le64(b, h->epoch);
	im_buf_le64(b, h->first);
	im_buf_le32(b, h->count);
}

void im_frame_sessions_begin(struct im_buf *b, struct im_up_part part, const struct im_up_batch *h)
{
	frame_begin(b, IM_FRAME_UP_SESSIONS);
	im_buf_le8(b, (uint8_t)(part.first | part.last << 1 | part.level << PART_BITS));
	im_buf_le64(b, h->epoch);
	im_buf_le64(b, h->first);
	im_buf_le32(b, h->count);
}

void im_frame_ahead(struct im_buf *b, uint64_t epoch, uint64_t recno, struct im_str record)
{
	frame_begin(b, IM_FRAME_UP_AHEAD);
	im_buf_le64(b, epoch);
	im_buf_le64(b, recno);
	im_buf_le32(b, 1);
	im_buf_str(b, record);
}

void im_frame_credit(struct im_buf *b, uint32_t frames)
{
	frame_begin(b, IM_FRAME_UP_CREDIT);
	im_buf_le32(b, frames);
}

void im_frame_stats(struct im_buf *b, struct im_str json)
{
	frame_begin(b, IM_FRAME_UP_STATS);
	im_buf_str(b, json);
}

/* Checks magic and version, takes the head. */
static int take_frame(struct im_str *frame, uint8_t *kind_out)
{
	if (frame->n < FRAME_HEAD || frame->p[0] != 'I' || frame->p[1] != 'M' ||
		frame->p[2] != IM_FRAME_VERSION)
		return IM_E_FORMAT;
	*kind_out = (uint8_t)frame->p[3];
	take(frame, FRAME_HEAD);
	return IM_OK;
}

/* The fixed fields of each kind, in the order of the begin functions above. */
static void read_up_head(const char *at, struct im_up_frame *out)
{
	uint8_t flags;

	switch (out->kind) {
	case IM_FRAME_UP_BATCH:
	case IM_FRAME_UP_AHEAD:
		out->batch.epoch = get64(&at);
		out->batch.first = get64(&at);
		out->batch.count = get32(&at);
		return;
	case IM_FRAME_UP_SESSIONS:
		flags = (uint8_t)*at++;
		out->part.first = flags & 1;
		out->part.last = flags & 2;
		out->part.level = flags >> PART_BITS;
		out->batch.epoch = get64(&at);
		out->batch.first = get64(&at);
		out->batch.count = get32(&at);
		return;
	case IM_FRAME_UP_CREDIT:
		out->credit = get32(&at);
		return;
	default:
		return;
	}
}

int im_up_frame_read(struct im_str frame, struct im_up_frame *out)
{
	uint8_t kind;
	size_t head;

	*out = (struct im_up_frame){0};
	if (take_frame(&frame, &kind))
		return IM_E_FORMAT;
	switch (kind) {
	case IM_FRAME_UP_BATCH:
	case IM_FRAME_UP_AHEAD:
		head = 8 + 8 + 4;
		break;
	case IM_FRAME_UP_SESSIONS:
		head = 1 + 8 + 8 + 4;
		break;
	case IM_FRAME_UP_CREDIT:
		head = 4;
		break;
	case IM_FRAME_UP_STATS:
		head = 0;
		break;
	default:
		return IM_E_FORMAT;
	}
	out->kind = (enum im_frame_kind)kind;
	if (frame.n < head)
		return IM_E_FORMAT;
	read_up_head(take(&frame, head).p, out);
	/* A count that the bytes cannot hold is refused before anybody sizes a table by it. */
	if (out->batch.count > frame.n / UP_HEAD || (kind == IM_FRAME_UP_CREDIT && frame.n) ||
		(kind == IM_FRAME_UP_AHEAD && out->batch.count != 1))
		return IM_E_FORMAT;
	out->rest = frame;
	return IM_OK;
}

void im_frame_down_begin(struct im_buf *b)
{
	frame_begin(b, IM_FRAME_DOWN);
}

/* Size after the length field, or 0 if a field is longer than its length can say. */
static size_t down_size(const struct im_str f[DOWN_FIELDS], size_t payload,
	const struct im_recipient *to, uint32_t n)
{
	size_t size = DOWN_HEAD - 4 + payload;
	uint32_t i;

	for (i = 0; i < DOWN_FIELDS; i++) {
		if (f[i].n > UINT16_MAX)
			return 0;
		size += f[i].n;
	}
	for (i = 0; i < n; i++) {
		if (to[i].uid.n > UINT8_MAX || to[i].conv.n > UINT8_MAX)
			return 0;
		size += 2 + to[i].uid.n + to[i].conv.n;
	}
	return size > UINT32_MAX || payload > UINT32_MAX ? 0 : size;
}

void im_down_rec_put(
	struct im_buf *b, const struct im_down_rec *r, const struct im_recipient *to, uint32_t n)
{
	const struct im_str f[DOWN_FIELDS] = {r->user, r->device, r->topic, r->corr, r->id};
	size_t size = down_size(f, r->payload.n, to, n);
	char *at;
	uint32_t i;

	if (!size) {
		b->failed = true;
		return;
	}
	at = im_buf_add(b, 4 + size);
	if (!at)
		return;
	at = im_le_put(at, size, 4);
	at = im_le_put(at, r->type, 1);
	at = im_le_put(at, r->flags, 1);
	at = im_le_put(at, r->epoch, 8);
	at = im_le_put(at, r->recno, 8);
	for (i = 0; i < DOWN_FIELDS; i++)
		at = im_le_put(at, f[i].n, 2);
	at = im_le_put(at, r->payload.n, 4);
	at = im_le_put(at, n, 4);
	for (i = 0; i < DOWN_FIELDS; i++)
		at = put_str(at, f[i]);
	at = put_str(at, r->payload);
	for (i = 0; i < n; i++) {
		at = im_le_put(at, to[i].uid.n, 1);
		at = im_le_put(at, to[i].conv.n, 1);
		at = put_str(at, to[i].uid);
		at = put_str(at, to[i].conv);
	}
}

size_t im_down_rec_bytes(const char *p)
{
	return 4 + get32(&p);
}

uint32_t im_down_rec_recipients(const char *p)
{
	p += DOWN_HEAD - 4; /* the last of the fixed fields */
	return get32(&p);
}

int im_down_frame_read(struct im_str frame, struct im_str *records_out)
{
	uint8_t kind;

	if (take_frame(&frame, &kind) || kind != IM_FRAME_DOWN)
		return IM_E_FORMAT;
	*records_out = frame;
	return IM_OK;
}

/* True if s holds exactly n recipients. */
static bool recipients_valid(struct im_str s, uint32_t n)
{
	struct im_recipient r;

	for (; n; n--) {
		if (im_recipient_read(&s, &r))
			return false;
	}
	return s.n == 0;
}

int im_down_rec_read(struct im_str *in, struct im_down_rec *out)
{
	struct im_str rest = *in;
	struct im_str body;
	size_t n[DOWN_FIELDS];
	uint64_t sum = 0;
	uint32_t payload_n;
	const char *at;
	size_t i;

	if (take_record(&rest, DOWN_HEAD, &body))
		return IM_E_FORMAT;
	at = body.p;
	out->type = (uint8_t)*at++;
	out->flags = (uint8_t)*at++;
	out->epoch = get64(&at);
	out->recno = get64(&at);
	for (i = 0; i < DOWN_FIELDS; i++) {
		n[i] = get16(&at);
		sum += n[i];
	}
	payload_n = get32(&at);
	out->recipients = get32(&at);
	take(&body, DOWN_HEAD - 4);
	if (out->type < IM_DOWN_HELLO || out->type > IM_DOWN_LAST || sum + payload_n > body.n)
		return IM_E_FORMAT;
	out->user = take(&body, n[0]);
	out->device = take(&body, n[1]);
	out->topic = take(&body, n[2]);
	out->corr = take(&body, n[3]);
	out->id = take(&body, n[4]);
	out->payload = take(&body, payload_n);
	out->recipient_bytes = body;
	if (!recipients_valid(body, out->recipients))
		return IM_E_FORMAT;
	*in = rest;
	return IM_OK;
}

int im_recipient_read(struct im_str *in, struct im_recipient *out)
{
	size_t uid_n, conv_n;

	if (in->n < 2)
		return IM_E_FORMAT;
	uid_n = (unsigned char)in->p[0];
	conv_n = (unsigned char)in->p[1];
	if (uid_n + conv_n > in->n - 2)
		return IM_E_FORMAT;
	take(in, 2);
	out->uid = take(in, uid_n);
	out->conv = take(in, conv_n);
	return IM_OK;
}
