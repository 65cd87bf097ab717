/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sends the spool's records to the bridge. Pumped by capture.c and capture_session.c after each
 * record and by the downlink after each commit-return. Knows nothing of what the records say.
 */
#include "plugin/uplink.h"

#include "common/topic.h"
#include "plugin/log.h"
#include "plugin/publish.h"

/* A batch or its return can only get lost when a queue in between overflows. The bridge ignores
 * what it has stored already, so asking again does no harm; but a bridge that is merely slow must
 * not be buried, hence the doubling. */
#define PATIENCE_US INT64_C(10000000)
#define PATIENCE_MAX_US INT64_C(320000000)

/* What is worth a batch of its own while another is under way. */
#define BESIDE_RECORDS 256
#define BESIDE_BYTES (64 * 1024)

/* For so long does what is not urgent wait for more: a part of what its sender waits for. */
#define WAIT_US INT64_C(50000)

/* Since when a commit is so late that requests do not wait for it, and how many copies a bridge
 * gets that is not heard of. */
#define LATE_US INT64_C(200000)
#define AHEAD_MAX 256

/* A place in the sequence for a record that is void, so that the numbers stay consecutive. */
static const struct im_up_rec nothing = {.type = IM_UP_NONE};

void uplink_init(struct uplink *u, struct spool *spool, unsigned window)
{
	*u = (struct uplink){
		.spool = spool,
		.window = window > IM_WINDOW_MAX ? IM_WINDOW_MAX : window,
		.patience_us = PATIENCE_US,
		.idle = true,
	};
	im_buf_init(&u->head, 0);
}

void uplink_clear(struct uplink *u)
{
	im_buf_free(&u->head);
}

static void rewind_all(struct uplink *u, int64_t now_us)
{
	u->next = u->ahead = ring_begin(&u->spool->ring);
	u->n_out = 0;
	u->urgent = u->next.pos < u->spool->ring.head;
	u->waits = false;
	u->moved_us = now_us;
}

void uplink_hello(struct uplink *u, bool takes_ahead, int64_t now_us)
{
	if (!u->up)
		u->commit_us = now_us;
	u->up = true;
	u->takes_ahead = takes_ahead;
	u->patience_us = PATIENCE_US;
	rewind_all(u, now_us);
}

void uplink_lost(struct uplink *u)
{
	u->up = false;
	u->n_out = 0;
}

void uplink_heard(struct uplink *u)
{
	u->n_ahead = 0;
}

struct batch {
	struct ring_cursor end;
	uint64_t first;
	uint32_t count;
	size_t bytes;
};

static size_t sent_size(const struct uplink *u, const struct ring_record *rec)
{
	return spool_is_void(u->spool, rec) ? im_up_rec_size(&nothing) : rec->bytes.n;
}

/* What the next batch holds: records with consecutive numbers, up to the bounds. */
static struct batch measure(const struct uplink *u)
{
	const struct ring *r = &u->spool->ring;
	struct batch b = {.end = u->next};
	struct ring_cursor c = u->next;
	struct ring_record rec;

	while (b.count < IM_BATCH_RECORDS_MAX && ring_next(r, &c, &rec)) {
		size_t n = sent_size(u, &rec);

		if (b.count == 0)
			b.first = rec.recno;
		else if (rec.recno != b.first + b.count || b.bytes + n > IM_BATCH_BYTES_MAX)
			break;
		b.count++;
		b.bytes += n;
		b.end = c;
	}
	return b;
}

static void copy(const struct uplink *u, const struct batch *b, char *to)
{
	struct ring_cursor c = u->next;
	struct ring_record rec;
	uint32_t i;

	for (i = 0; i < b->count && ring_next(&u->spool->ring, &c, &rec); i++) {
		size_t n = sent_size(u, &rec);

		if (spool_is_void(u->spool, &rec))
			im_up_rec_write(to, &nothing);
		else
			memcpy(to, rec.bytes.p, n);
		to += n;
	}
}

static int send_batch(struct uplink *u, const struct batch *b)
{
	const struct publish to = {.topic = IM_TOPIC_UP};
	const struct im_up_batch h = {u->spool->ring.epoch, b->first, b->count};
	char *payload;

	im_buf_reset(&u->head);
	im_frame_batch_begin(&u->head, &h);
	payload = u->head.failed ? NULL : publish_alloc(u->head.n + b->bytes);
	if (payload) {
		memcpy(payload, u->head.p, u->head.n);
		copy(u, b, payload + u->head.n);
	}
	return publish_take(&to, payload, u->head.n + b->bytes);
}

/* A batch costs the bridge a commit, and each of its senders a publish, however small it is. One
 * alone on the way leaves at once; beside another only a large one does, and what is less comes
 * together until that one has returned. */
static bool may_leave(const struct uplink *u)
{
	const struct ring *r = &u->spool->ring;

	if (u->next.pos >= r->head || u->n_out >= u->window)
		return false;
	return u->n_out == 0 || r->head - u->next.pos >= BESIDE_BYTES ||
	       r->head_recno - u->out[u->n_out - 1].last > BESIDE_RECORDS;
}

/* Of a record that is a request. False: it cannot be sent. */
static bool send_ahead(struct uplink *u, const struct ring_record *rec)
{
	const struct publish to = {.topic = IM_TOPIC_UP};
	struct im_str bytes = rec->bytes;
	struct im_up_rec up;

	if (spool_is_void(u->spool, rec) || im_up_rec_read(&bytes, &up) || up.type != IM_UP_RPC)
		return true;
	im_buf_reset(&u->head);
	im_frame_ahead(&u->head, u->spool->ring.epoch, rec->recno, rec->bytes);
	if (u->head.failed || publish_copy(&to, im_buf_view(&u->head)))
		return false;
	u->n_ahead++;
	return true;
}

/* Each once; what the bridge asks for from the beginning it gets from there, too. */
static void go_ahead(struct uplink *u, int64_t now_us)
{
	const struct ring *r = &u->spool->ring;
	struct ring_cursor c;
	struct ring_record rec;

	if (!u->up || !u->takes_ahead || !u->n_out || now_us - u->commit_us < LATE_US)
		return;
	if (u->ahead.pos < r->tail)
		u->ahead = ring_begin(r);
	for (c = u->ahead; u->n_ahead < AHEAD_MAX && ring_next(r, &c, &rec); u->ahead = c)
		if (!send_ahead(u, &rec))
			break;
}

void uplink_wait(struct uplink *u, int64_t now_us)
{
	if (u->urgent || u->waits)
		return;
	u->waits = true;
	u->waits_us = now_us;
}

void uplink_go_on(struct uplink *u, int64_t now_us)
{
	if (!u->waits || now_us - u->waits_us >= WAIT_US)
		uplink_pump(u, now_us);
}

void uplink_pump(struct uplink *u, int64_t now_us)
{
	u->waits = false;
	while (u->up && may_leave(u)) {
		struct batch b = measure(u);

		/* Without memory nothing is lost: the watchdog tries again. */
		if (b.count == 0 || send_batch(u, &b))
			break;
		if (u->idle)
			u->commit_us = now_us;
		u->idle = false;
		u->out[u->n_out++] = (struct uplink_batch){b.first + b.count - 1, b.end};
		u->next = b.end;
		if (u->sent < b.first + b.count - 1)
			u->sent = b.first + b.count - 1;
		u->moved_us = now_us;
		u->stats.batches++;
		u->stats.records += b.count;
		u->stats.bytes += b.bytes;
	}
	u->urgent = u->next.pos < u->spool->ring.head;
	go_ahead(u, now_us);
}

/* What is freed is gone, so a number alone is not believed. */
static bool may_be_committed(const struct uplink *u, uint64_t recno)
{
	const struct ring *r = &u->spool->ring;
	struct ring_cursor c = u->next.pos < r->tail ? ring_begin(r) : u->next;
	struct ring_record rec;

	if (recno > RING_RECNO_MAX)
		return false;
	/* Records found at start may have been sent before it. */
	while (ring_next(r, &c, &rec) && rec.recno <= recno)
		if (rec.recno > u->sent && rec.recno >= u->spool->boot_recno)
			return false;
	return true;
}

int uplink_committed(struct uplink *u, uint64_t epoch, uint64_t recno, int64_t now_us)
{
	struct ring *r = &u->spool->ring;
	struct uplink_batch done = {0};
	unsigned n = 0;

	if (epoch != r->epoch)
		return IM_E_FORMAT;
	if (!may_be_committed(u, recno))
		return IM_E_NONE;
	if (recno >= r->head_recno) {
		log_line(LOG_LEVEL_ERROR,
			"spool is older than the database recno=%llu committed=%llu: was a copy "
			"restored? what it held may have been stored before",
			(unsigned long long)r->head_recno, (unsigned long long)recno);
		ring_skip(r, recno);
	}
	while (n < u->n_out && u->out[n].last <= recno)
		done = u->out[n++];
	if (n && done.last == recno)
		ring_free_to(r, done.end, recno);
	else
		ring_free_through(r, recno);
	u->n_out -= n;
	memmove(u->out, u->out + n, u->n_out * sizeof(u->out[0]));
	if (u->next.pos < r->tail)
		u->next = ring_begin(r);
	u->moved_us = u->commit_us = now_us;
	u->idle = r->tail == r->head;
	u->patience_us = PATIENCE_US;
	return IM_OK;
}

void uplink_tick(struct uplink *u, int64_t now_us)
{
	if (u->up && u->n_out && now_us - u->moved_us > u->patience_us) {
		log_line(LOG_LEVEL_WARNING,
			"link stalled batches=%u seconds=%lld: sending them again", u->n_out,
			(long long)(u->patience_us / 1000000));
		u->stats.again++;
		if (u->patience_us < PATIENCE_MAX_US)
			u->patience_us *= 2;
		rewind_all(u, now_us);
	}
	uplink_go_on(u, now_us);
	go_ahead(u, now_us);
}

int uplink_send(struct uplink *u, struct im_str frame)
{
	const struct publish to = {.topic = IM_TOPIC_UP};

	return u->up ? publish_copy(&to, frame) : IM_E_NONE;
}
