/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the pace, and who has it already. Called by the service between other transactions. */
#include "bridge/admin/announcing.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/admin/system_user.h"
#include "bridge/directory/directory_announce.h"
#include "common/envelope.h"
#include "common/limits.h"

/* A piece: a tenth of a second's messages, of so many and of so many bytes at most, since
 * everybody else waits for its transaction. */
#define PIECES_PER_SECOND 10
#define PIECE_MAX 200
#define PIECE_BYTES (1024 * 1024)
#define IDLE_MS 1000
#define FAILED_MS 2000
/* Messages of his in a conversation, newest first, among which one that was sent already is: the
 * ones behind it are administrators' recalls. */
#define LOOK_BACK 16

struct person {
	uint64_t id;
	char uid[IM_UID_MAX];
	size_t n;
	bool skip;
};

struct announcing {
	struct directory *d;
	struct log *log;
	int64_t due_ms;
	bool failed_said;
	uint64_t sure; /* of this one nothing is in the log that the directory does not know of */
	/* the piece in hand */
	uint64_t id;
	uint32_t asked, sent, rate;
	bool last;
	struct person v[PIECE_MAX];
	size_t n;
	struct im_buf message, scratch, why;
};

struct announcing *announcing_new(struct directory *d, struct log *log)
{
	struct announcing *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->d = d;
	a->log = log;
	im_buf_init(&a->message, 0);
	im_buf_init(&a->scratch, 0);
	im_buf_init(&a->why, 0);
	return a;
}

void announcing_free(struct announcing **a)
{
	if (!*a)
		return;
	im_buf_free(&(*a)->message);
	im_buf_free(&(*a)->scratch);
	im_buf_free(&(*a)->why);
	free(*a);
	*a = NULL;
}

int64_t announcing_due(struct announcing *a, int64_t mono_ms)
{
	struct directory_announcement row;

	if (mono_ms < a->due_ms)
		return a->due_ms - mono_ms;
	if (directory_announce_next(a->d, &row) == IM_OK)
		return 0;
	a->due_ms = mono_ms + IDLE_MS;
	return IDLE_MS;
}

/* -- a piece -- */

static uint32_t piece_size(const struct directory_announcement *row)
{
	uint32_t n = row->rate / PIECES_PER_SECOND;
	uint32_t fit = PIECE_BYTES / (uint32_t)(row->message.n + 1);

	n = n > PIECE_MAX ? PIECE_MAX : n;
	n = n > fit ? fit : n;
	return n > 0 ? n : 1;
}

static int on_user(void *arg, const struct directory_announce_user *u)
{
	struct announcing *a = arg;
	struct person *p = &a->v[a->n];

	if (u->uid.n > sizeof(p->uid))
		return IM_E_INTERNAL;
	p->id = u->id;
	p->n = u->uid.n;
	memcpy(p->uid, u->uid.p, u->uid.n);
	p->skip = u->deleted;
	a->n++;
	return IM_OK;
}

static int on_message(void *arg, const struct store_msg *m)
{
	struct message *want = arg;

	/* Found: nobody is its sender any more. */
	if (m->sender == want->sender && im_str_eq(m->id, want->id))
		want->sender = 0;
	return IM_OK;
}

/* Whether the log has it, though the directory does not say so. */
static int is_sent(struct writer *w, const struct message *m, bool *out)
{
	struct message want = *m;
	struct store_head head = {0, 0};
	uint64_t conv;
	int rc = writer_conv(w, IM_CONV_USER, m->a, m->b, false, &conv);

	*out = false;
	if (rc != IM_OK)
		return rc == IM_E_NONE ? IM_OK : rc;
	rc = writer_head(w, conv, &head);
	for (int i = 0; rc == IM_OK && i < LOOK_BACK && head.seq > 0 && want.sender; i++) {
		rc = writer_message(w, conv, head.seq--, on_message, &want);
		rc = rc == IM_E_NONE ? IM_OK : rc;
	}
	*out = want.sender == 0;
	return rc;
}

static int send_one(
	struct announcing *a, struct writer *w, const struct message *what, const struct person *p)
{
	struct message m = *what;
	bool sent = false;
	uint64_t seq, gid;
	int rc = IM_OK;

	m.b = p->id;
	m.peer = (struct im_str){p->uid, p->n};
	if (a->sure != a->id)
		rc = is_sent(w, &m, &sent);
	if (rc == IM_OK && !sent)
		rc = writer_append(w, &m, &seq, &gid);
	a->sent += rc == IM_OK;
	return rc;
}

static int send_all(struct announcing *a, struct writer *w, uint64_t from, uint64_t *position)
{
	struct im_envelope e;
	char id[32];
	struct message m = {.kind = IM_CONV_USER,
		.a = from,
		.sender = from,
		.from = IM_STR(SYSTEM_USER),
		.ts_ms = writer_now_ms(w)};
	int rc = im_envelope_parse(im_buf_view(&a->message), &a->scratch, &e, &a->why);

	snprintf(id, sizeof(id), "announce-%" PRIu64, a->id);
	m.id = im_str(id);
	m.enc = e.enc;
	m.type = e.type;
	m.meta = e.meta;
	m.body = e.body;
	for (size_t i = 0; rc == IM_OK && i < a->n; i++) {
		if (!a->v[i].skip && a->v[i].id != from)
			rc = send_one(a, w, &m, &a->v[i]);
		*position = a->v[i].id;
	}
	return rc;
}

static int take_piece(struct announcing *a, const struct directory_announcement *row)
{
	a->id = row->id;
	a->rate = row->rate;
	a->sent = 0;
	a->n = 0;
	a->asked = piece_size(row);
	im_buf_reset(&a->message);
	im_buf_str(&a->message, row->message);
	return a->message.failed ? IM_E_NOMEM : IM_OK;
}

/* All that it goes by is in the databases, so it can be done again. */
int announcing_piece(void *announcing, struct writer *w)
{
	struct announcing *a = announcing;
	struct directory *d = writer_directory(w);
	struct directory_announcement row;
	uint64_t from, position;
	int rc = directory_announce_next(d, &row);

	a->last = false;
	a->n = 0;
	if (rc != IM_OK)
		return rc == IM_E_NONE ? IM_OK : rc;
	position = row.position;
	rc = take_piece(a, &row);
	if (rc == IM_OK)
		rc = system_user_id(d, &from);
	if (rc == IM_OK)
		rc = directory_announce_users(d, &row, a->asked, on_user, a);
	if (rc == IM_OK)
		rc = send_all(a, w, from, &position);
	if (rc == IM_OK)
		rc = directory_announce_move(d, a->id, position, row.sent + a->sent);
	a->last = a->n < a->asked;
	if (rc == IM_OK && a->last)
		rc = directory_announce_end(d, a->id, ANNOUNCE_DONE, writer_now_ms(w));
	return rc;
}

void announcing_ended(struct announcing *a, bool done, int64_t mono_ms)
{
	if (!done) {
		if (!a->failed_said)
			log_line(a->log, LOG_LEVEL_ERROR, "announcing_failed",
				"why=\"%s\" will=\"try again\"", directory_errmsg(a->d));
		a->failed_said = true;
		a->sure = 0;
		a->due_ms = mono_ms + FAILED_MS;
		return;
	}
	a->failed_said = false;
	a->sure = a->id;
	if (a->last)
		log_line(a->log, LOG_LEVEL_INFO, "announced", "id=%" PRIu64, a->id);
	a->due_ms = mono_ms + (a->n ? (int64_t)a->n * 1000 / a->rate : 0);
}
