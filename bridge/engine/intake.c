/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Asks of each record, in the order of what that costs, whether it may be, and what becomes of it.
 * What a message says is read by sent.c, what a signal looks like is signal.c's. Called by batch.c,
 * record by record, in the order in which the plugin accepted them. Must not know frames or
 * commits.
 */
#include "bridge/engine/intake.h"

#include <stdlib.h>

#include "bridge/directory/directory_bind.h"
#include "bridge/directory/directory_group.h"
#include "bridge/directory/mentions.h"
#include "bridge/message/meta.h"
#include "bridge/message/meta_device.h"
#include "bridge/message/moderation.h"
#include "bridge/message/sent.h"
#include "bridge/message/signal.h"
#include "bridge/write/dedup_place.h"
#include "common/ids.h"
#include "common/limits.h"
#include "common/may.h"

struct intake {
	struct intake_parts p;
	struct sent_reader reader;
	struct im_buf scratch; /* a signal's payload; the id of what nobody reads */
	struct im_buf why;     /* of a refusal: who may not, what is not paid */
	struct mentions mentions;
	struct im_buf named;  /* the meta with devices of device accounts */
	struct im_buf key;    /* an id among those of all devices of a sender */
	struct im_buf sifted; /* the meta with those mentions that stay */
};

/* One send on its way through the checks. */
struct send {
	const struct im_up_rec *rec;
	struct im_str target; /* the record's, without a device */
	char device_text[IM_DEVICE_MAX];
	struct im_str device; /* of a device account, to whom it is addressed; n == 0: to all */
	enum im_conv_kind kind;
	int64_t ts_ms;
	struct rights_user from, to;
	struct rights_group group;
	int role;
	struct im_str id, key; /* key: the id as dedup knows it */
	struct sent sent;
	struct im_str dropped; /* mentions */
	struct im_str why;
};

struct intake *intake_new(const struct intake_parts *p)
{
	struct intake *in = calloc(1, sizeof(*in));

	if (!in)
		return NULL;
	in->p = *p;
	sent_reader_init(&in->reader);
	im_buf_init(&in->scratch, 0);
	im_buf_init(&in->why, 0);
	mentions_init(&in->mentions);
	im_buf_init(&in->key, 0);
	im_buf_init(&in->named, 0);
	im_buf_init(&in->sifted, 0);
	return in;
}

void intake_free(struct intake **in)
{
	if (!*in)
		return;
	sent_reader_clear(&(*in)->reader);
	im_buf_free(&(*in)->scratch);
	im_buf_free(&(*in)->why);
	mentions_clear(&(*in)->mentions);
	im_buf_free(&(*in)->key);
	im_buf_free(&(*in)->named);
	im_buf_free(&(*in)->sifted);
	free(*in);
	*in = NULL;
}

/* Whose ack it is. */
static struct acks_of answers(const struct send *s)
{
	return (struct acks_of){.uid = s->rec->user,
		.device =
			s->from.role == IM_ROLE_DEVICE ? s->rec->device : (struct im_str){NULL, 0}};
}

/* True for what must not be answered but tried again. */
static bool broken(int rc)
{
	return rc == IM_E_IO || rc == IM_E_NOMEM;
}

/* Of an account whose client ids begin alike no other one can be a device. */
static int may_be_device(struct intake *in, const struct send *s)
{
	struct directory *d = writer_directory(in->p.writer);
	char prefix[IM_DEVICE_MAX];
	struct im_str begin;
	int rc = directory_bind_get(d, s->to.id, prefix, &begin);

	if (rc == IM_E_NONE)
		return IM_OK;
	if (rc != IM_OK || directory_bind_begins(s->device, begin))
		return rc;
	im_buf_printf(&in->why,
		"the devices of this account have client ids that begin with \"%.*s\"; check the "
		"last level of the topic",
		IM_ARGS(begin));
	return IM_E_NOT_ALLOWED;
}

static int may_send_direct(struct intake *in, struct send *s)
{
	int rc = rights_user(in->p.rights, s->target, &s->to);

	if (rc && rc != IM_E_UNKNOWN_USER)
		return rc;
	rc = rights_direct(in->p.rights, &s->from, &s->to, s->device.n > 0, &in->why);
	return rc || !s->device.n ? rc : may_be_device(in, s);
}

static int may_send_group(struct intake *in, struct send *s)
{
	int rc = rights_group(in->p.rights, s->target, &s->group);

	return rc && rc != IM_E_UNKNOWN_GROUP ? rc
					      : rights_send(in->p.rights, &s->group, &s->from,
							s->ts_ms, &s->role, &in->why);
}

/* The same answers for messages and signals. */
static int may_send(struct intake *in, struct send *s)
{
	int rc = rights_user(in->p.rights, s->rec->user, &s->from);

	if (rc && rc != IM_E_UNKNOWN_USER)
		return rc;
	im_buf_reset(&in->why);
	rc = im_may_act(s->from.id != 0, s->from.disabled, &in->why);
	if (!rc && s->rec->payload.n > IM_PAYLOAD_HARD_MAX) {
		im_buf_z(&in->why, "send less in one message");
		rc = IM_E_TOO_LARGE;
	}
	if (!rc)
		rc = s->kind == IM_CONV_USER ? may_send_direct(in, s) : may_send_group(in, s);
	s->why = im_buf_view(&in->why);
	return rc;
}

static int decode(struct intake *in, struct send *s)
{
	int rc = sent_read(&in->reader, s->rec, &s->sent);

	s->id = s->sent.id;
	s->why = s->sent.why;
	if (!rc && s->kind == IM_CONV_GROUP && s->sent.env.mentions_all &&
		s->role == DIRECTORY_MEMBER) {
		s->why = IM_STR("only the group's owner and admins mention all");
		return IM_E_NOT_ALLOWED;
	}
	return rc;
}

static int refuse(struct intake *in, struct send *s, int code)
{
	const struct acks_of of = answers(s);

	in->p.health->messages_refused++;
	return acks_refused(in->p.acks, &of, s->id, s->kind, s->target, code, s->why);
}

/* Answers a repeated id as it was answered first. *done_out: nothing is left to do. */
static int repeated(struct intake *in, struct send *s, uint64_t hash, bool *done_out)
{
	const struct acks_of of = answers(s);
	uint64_t a = s->from.id, b = s->to.id, conv;
	struct dedup_value first;
	int rc;

	*done_out = false;
	if (s->kind == IM_CONV_GROUP) {
		a = s->group.id;
		b = 0;
	}
	rc = writer_conv(in->p.writer, s->kind, a, b, false, &conv);
	if (rc)
		return rc == IM_E_NONE ? IM_OK : rc;
	if (!dedup_find(in->p.dedup, s->from.id, conv, s->key, s->ts_ms, &first))
		return IM_OK;
	*done_out = true;
	in->p.health->messages_duplicate++;
	if (!dedup_same_body(&first, hash)) {
		s->why = IM_STR("this id was used for another message; take a new one");
		return refuse(in, s, IM_E_CONFLICT);
	}
	/* Which mentions were dropped was told with the first one. */
	return acks_stored(in->p.acks, &of, s->id, s->kind, s->target, first.seq, first.ts_ms,
		(struct im_str){0});
}

static int store(struct intake *in, struct send *s, uint64_t hash)
{
	bool group = s->kind == IM_CONV_GROUP;
	struct message m = {
		.kind = s->kind,
		.a = group ? s->group.id : s->from.id,
		.b = group ? 0 : s->to.id,
		.sender = s->from.id,
		.from = s->rec->user,
		.device = s->rec->device,
		.peer = s->target,
		.ts_ms = s->ts_ms,
		.enc = s->sent.env.enc,
		.id = s->id,
		.type = s->sent.env.type,
		.meta = s->sent.env.meta,
		.body = s->sent.env.body,
		.plain = group && s->role == DIRECTORY_MEMBER,
		.mentions = s->sent.env.mentions.n ? &in->mentions.who : NULL,
	};
	struct dedup_value v = {.ts_ms = s->ts_ms, .body_hash = hash};
	const struct acks_of of = answers(s);
	uint64_t conv;
	int rc = writer_append(in->p.writer, &m, &v.seq, &v.gid);

	if (rc)
		return rc;
	in->p.health->messages_stored++;
	if (!s->id.n)
		return IM_OK;
	rc = writer_conv(in->p.writer, m.kind, m.a, m.b, false, &conv);
	if (rc)
		return rc;
	dedup_put(in->p.dedup, s->from.id, conv, s->key, &v);
	return acks_stored(in->p.acks, &of, s->id, s->kind, s->target, v.seq, s->ts_ms, s->dropped);
}

/* What is stored may be a masked body; a repeated id is compared by what the sender wrote. */
static int moderate(struct intake *in, struct send *s)
{
	struct moderation *m = in->p.moderation;
	struct im_str ext;

	if (!m || !m->words)
		return IM_OK;
	s->why = IM_STR(MODERATION_WHY);
	/* Both are shown to the receivers, and are texts as good as any. */
	if (moderation_hit(m, s->id) || moderation_hit(m, s->sent.env.type))
		return IM_E_NOT_ALLOWED;
	if (s->rec->corr.n && moderation_check_props(m, &s->sent.props))
		return IM_E_NOT_ALLOWED;
	/* First, for a masked body lives where this one is looked at. */
	ext = meta_get(s->sent.env.meta, "ext");
	if (ext.n && moderation_check(m, IM_ENC_JSON, &ext))
		return IM_E_NOT_ALLOWED;
	return moderation_check(m, s->sent.env.enc, &s->sent.env.body);
}

/* What a publish of the sender's leads to beyond itself: the plugin has counted that one. */
static int pay(struct intake *in, struct send *s, int64_t units)
{
	int64_t wait_ms;

	if (cost_take(in->p.cost, s->from.id, s->ts_ms, units, &wait_ms))
		return IM_OK;
	im_buf_reset(&in->why);
	cost_say(&in->why, wait_ms);
	s->why = im_buf_view(&in->why);
	return in->why.failed ? IM_E_NOMEM : IM_E_RATE_LIMITED;
}

static int pay_members(struct intake *in, struct send *s)
{
	if (s->kind == IM_CONV_USER)
		return IM_OK;
	return pay(in, s, cost_members(s->group.members, s->group.kind == DIRECTORY_ROOM));
}

/* Leaves out whom this message may not single out. */
static int sift(struct intake *in, struct send *s)
{
	struct mentions_place p = {.kind = s->kind,
		.group = &s->group,
		.from = &s->from,
		.from_uid = s->rec->user,
		.peer_uid = s->target,
		.peer = s->to.id};
	struct mentions *m = &in->mentions;
	int rc;

	if (!s->sent.env.mentions.n)
		return IM_OK;
	rc = mentions_sift(in->p.rights, &p, s->sent.env.mentions, m);
	if (!rc)
		rc = pay(in, s, 2 * COST_ROW * (int64_t)m->n);
	if (rc || !m->dropped.n)
		return rc;
	im_buf_reset(&in->sifted);
	meta_put(&in->sifted, s->sent.env.meta, "mentions",
		m->kept.n > 2 ? im_buf_view(&m->kept) : (struct im_str){0});
	s->sent.env.meta = im_buf_view(&in->sifted);
	s->dropped = im_buf_view(&m->dropped);
	return in->sifted.failed ? IM_E_NOMEM : IM_OK;
}

static int pace(struct intake *in, struct send *s)
{
	if (s->kind == IM_CONV_USER || !s->group.slow_ms || s->role != DIRECTORY_MEMBER ||
		!rights_pace(in->p.rights, &s->group, s->from.id, s->ts_ms))
		return IM_OK;
	s->why = IM_STR(RIGHTS_SLOW_WHY);
	return IM_E_RATE_LIMITED;
}

/* Which device it is for, and by which it was sent. */
static int name_devices(struct intake *in, struct send *s)
{
	struct im_str from = answers(s).device;

	if (!s->device.n && !from.n)
		return IM_OK;
	im_buf_reset(&in->named);
	im_buf_str(&in->named, s->sent.env.meta);
	meta_device_put(&in->named, META_TO_DEVICE, s->device);
	meta_device_put(&in->named, META_FROM_DEVICE, from);
	s->sent.env.meta = im_buf_view(&in->named);
	return in->named.failed ? IM_E_NOMEM : IM_OK;
}

static int take(struct intake *in, struct send *s)
{
	uint64_t hash = 0;
	bool done = false;
	int rc;

	if (s->id.n) {
		s->key = dedup_place_id(&in->key, answers(s).device, s->id);
		hash = dedup_place_hash(in->p.dedup, s->sent.env.enc, s->sent.env.body, s->device);
		rc = repeated(in, s, hash, &done);
		if (rc || done)
			return rc;
	}
	rc = pay_members(in, s);
	if (!rc)
		rc = moderate(in, s);
	if (!rc)
		rc = sift(in, s);
	if (!rc)
		rc = pace(in, s);
	if (!rc)
		rc = name_devices(in, s);
	if (rc)
		return broken(rc) ? rc : refuse(in, s, rc);
	return store(in, s, hash);
}

static void send_begin(struct send *s, const struct im_up_rec *rec, bool group)
{
	const char *slash =
		group || !rec->target.n ? NULL : memchr(rec->target.p, '/', rec->target.n);
	struct im_str level = {0};

	*s = (struct send){
		.rec = rec,
		.target = rec->target,
		.kind = group ? IM_CONV_GROUP : IM_CONV_USER,
		.ts_ms = rec->ts_ms > 0 ? rec->ts_ms : 0,
		.role = DIRECTORY_MEMBER,
	};
	if (!slash)
		return;
	s->target.n = (size_t)(slash - rec->target.p);
	level = (struct im_str){slash + 1, rec->target.n - s->target.n - 1};
	s->device = im_device_of_topic(level, s->device_text);
	/* The plugin has looked; nobody has a name with a slash. */
	if (!s->device.n)
		s->target = rec->target;
}

int intake_message(struct intake *in, const struct im_up_rec *rec)
{
	struct send s;
	int rc;

	send_begin(&s, rec, rec->type == IM_UP_MSG_GROUP);
	rc = may_send(in, &s);
	if (broken(rc))
		return rc;
	if (rc) {
		s.id = im_msgid_valid(rec->id) ? rec->id
					       : im_envelope_id(rec->payload, &in->scratch);
		return refuse(in, &s, rc);
	}
	rc = decode(in, &s);
	if (broken(rc))
		return rc;
	return rc ? refuse(in, &s, rc) : take(in, &s);
}

static int deliver_signal(struct intake *in, struct send *s)
{
	const struct signal g = {
		.from = s->rec->user,
		.target = s->target,
		.device = s->device,
		.payload = s->rec->payload,
		.kind = s->kind,
		.ts_ms = s->ts_ms,
	};
	struct im_down_rec r;
	char topic[SIGNAL_TOPIC_MAX];
	int rc = pay_members(in, s);

	if (!rc)
		rc = signal_make(&g, in->p.moderation, &in->scratch, topic, &r, &s->why);
	if (rc)
		return broken(rc) ? rc : refuse(in, s, rc);
	in->p.health->signals++;
	if (s->kind == IM_CONV_USER) {
		const struct im_recipient to = {.uid = s->target};

		effects_put(in->p.fx, EFFECTS_DIRECT, &r, &to, 1);
		return IM_OK;
	}
	rc = writer_fanout(in->p.writer, s->group.id, &r, s->rec->user, IM_SIGNAL_MEMBERS_MAX);
	if (rc != IM_E_FULL)
		return rc == IM_E_NONE ? IM_OK : rc;
	s->why = IM_STR("signals go to groups of up to 1000 members, and not to rooms");
	return refuse(in, s, IM_E_LIMIT_REACHED);
}

int intake_signal(struct intake *in, const struct im_up_rec *rec, int64_t now_ms)
{
	struct send s;
	int rc;

	send_begin(&s, rec, rec->type == IM_UP_SIGNAL_GROUP);
	if (now_ms - s.ts_ms > IM_SIGNAL_AGE_MS) {
		in->p.health->signals_stale++;
		return IM_OK;
	}
	rc = may_send(in, &s);
	if (broken(rc))
		return rc;
	return rc ? refuse(in, &s, rc) : deliver_signal(in, &s);
}
