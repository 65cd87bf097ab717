/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owns the encoded down records of the open transaction, one buffer a tier, and the list of what is
 * to be read. Filled by intake, the writer and the RPC handlers; emptied by outboxes.c. Knows
 * neither the link nor the databases.
 */
#include "bridge/deliver/effects.h"

#include <stdlib.h>

#include "common/ids.h"
#include "common/limits.h"

/* What a buffer may keep between transactions; one that a burst has blown up is given back. */
#define EFFECTS_KEEP_BYTES (1024 * 1024)

struct effects {
	struct im_buf tier[EFFECTS_TIERS];
	struct effects_span span[EFFECTS_TIERS];
	uint64_t at;
	size_t before_groups, kept; /* bytes of EFFECTS_DIRECT; of these, of events */
	struct effects_read *reads, **reads_end;
	effects_forget_fn forget;
	void *forget_arg;
	effects_kick_fn kick;
	void *kick_arg;
	unsigned level; /* of the link, not of the transaction */
	bool retained;
};

struct effects *effects_new(void)
{
	struct effects *fx = calloc(1, sizeof(*fx));

	if (!fx)
		return NULL;
	for (int i = 0; i < EFFECTS_TIERS; i++)
		im_buf_init(&fx->tier[i], 0);
	fx->reads_end = &fx->reads;
	return fx;
}

static void drop_reads(struct effects *fx)
{
	struct effects_read *r, *next = effects_reads(fx);

	while ((r = next)) {
		next = r->next;
		r->drop(r);
	}
}

void effects_free(struct effects **fx)
{
	if (!*fx)
		return;
	drop_reads(*fx);
	for (int i = 0; i < EFFECTS_TIERS; i++)
		im_buf_free(&(*fx)->tier[i]);
	free(*fx);
	*fx = NULL;
}

void effects_reset(struct effects *fx)
{
	drop_reads(fx);
	fx->at = 0;
	fx->before_groups = fx->kept = 0;
	fx->retained = false;
	for (int i = 0; i < EFFECTS_TIERS; i++) {
		fx->span[i] = (struct effects_span){0};
		if (fx->tier[i].cap > EFFECTS_KEEP_BYTES)
			im_buf_free(&fx->tier[i]);
		else
			im_buf_reset(&fx->tier[i]);
	}
}

static void rolled_back(void *arg, uint64_t first, bool logged)
{
	(void)first;
	(void)logged;
	effects_reset(arg);
}

struct tx_part effects_part(struct effects *fx)
{
	return (struct tx_part){.rollback = rolled_back, .arg = fx};
}

bool effects_failed(const struct effects *fx)
{
	for (int i = 0; i < EFFECTS_TIERS; i++) {
		if (fx->tier[i].failed)
			return true;
	}
	return false;
}

struct im_str effects_view(const struct effects *fx, enum effects_tier tier)
{
	return im_buf_view(&fx->tier[tier]);
}

void effects_read(struct effects *fx, struct effects_read *r)
{
	r->next = NULL;
	*fx->reads_end = r;
	fx->reads_end = &r->next;
}

struct effects_read *effects_reads(struct effects *fx)
{
	struct effects_read *first = fx->reads;

	fx->reads = NULL;
	fx->reads_end = &fx->reads;
	return first;
}

size_t effects_bytes(const struct effects *fx)
{
	size_t n = 0;

	for (int i = 0; i < EFFECTS_TIERS; i++)
		n += fx->tier[i].n;
	return n;
}

void effects_set_level(struct effects *fx, unsigned level)
{
	fx->level = level;
}

unsigned effects_level(const struct effects *fx)
{
	return fx->level;
}

void effects_on_forget(struct effects *fx, effects_forget_fn fn, void *arg)
{
	fx->forget = fn;
	fx->forget_arg = arg;
}

void effects_at(struct effects *fx, uint64_t position)
{
	fx->at = position;
}

static uint64_t oldest_of_groups(const struct effects_span span[EFFECTS_TIERS])
{
	uint64_t least = UINT64_MAX;

	for (int i = EFFECTS_SMALL; i < EFFECTS_ROOM; i++)
		if (span[i].first && span[i].first < least)
			least = span[i].first;
	return least;
}

uint64_t effects_groups(const struct effects_share *s)
{
	return oldest_of_groups(s->span);
}

void effects_all(const struct effects *fx, struct effects_share *out)
{
	for (int i = 0; i < EFFECTS_TIERS; i++) {
		out->records[i] = im_buf_view(&fx->tier[i]);
		out->span[i] = fx->span[i];
	}
	out->before_groups = fx->before_groups;
	out->retained = fx->retained;
	out->hurries = fx->tier[EFFECTS_DIRECT].n > fx->kept;
}

/* A delivery is planned at fx->at. */
static void stretch(struct effects *fx, enum effects_tier tier)
{
	struct effects_span *s = &fx->span[tier];

	if (!fx->at || tier == EFFECTS_CONTROL || tier == EFFECTS_ROOM)
		return;
	if (tier > EFFECTS_DIRECT && oldest_of_groups(fx->span) == UINT64_MAX)
		fx->before_groups = fx->tier[EFFECTS_DIRECT].n;
	if (!s->first || fx->at < s->first)
		s->first = fx->at;
	if (fx->at > s->last)
		s->last = fx->at;
}

void effects_put(struct effects *fx, enum effects_tier tier, const struct im_down_rec *r,
	const struct im_recipient *to, uint32_t n)
{
	stretch(fx, tier);
	fx->retained |= r->flags & IM_DOWNF_RETAIN;
	im_down_rec_put(&fx->tier[tier], r, to, n);
}

void effects_inbox(
	struct effects *fx, struct im_str uid, struct im_str suffix, struct im_str payload)
{
	struct im_down_rec r = {
		.type = IM_DOWN_INBOX, .flags = IM_DOWNF_QOS1, .topic = suffix, .payload = payload};
	struct im_recipient to = {.uid = uid};

	effects_put(fx, EFFECTS_CONTROL, &r, &to, 1);
}

void effects_kept(struct effects *fx, struct im_str uid, struct im_str event, uint64_t position)
{
	struct im_down_rec r = {.type = IM_DOWN_INBOX,
		.flags = IM_DOWNF_QOS1 | IM_DOWNF_KEPT,
		.topic = IM_STR("event"),
		.payload = event};
	struct im_recipient to = {.uid = uid};

	effects_at(fx, position);
	fx->kept -= fx->tier[EFFECTS_DIRECT].n;
	effects_put(fx, EFFECTS_DIRECT, &r, &to, 1);
	fx->kept += fx->tier[EFFECTS_DIRECT].n;
	effects_at(fx, 0);
}

void effects_hello(struct effects *fx, struct im_str uid, struct im_str device, uint64_t ask,
	struct im_str event)
{
	struct im_down_rec r = {.type = IM_DOWN_INBOX,
		.flags = IM_DOWNF_QOS1,
		.recno = ask,
		.device = device,
		.topic = IM_STR("event"),
		.payload = event};
	struct im_recipient to = {.uid = uid};

	effects_put(fx, EFFECTS_CONTROL, &r, &to, 1);
}

void effects_reply(struct effects *fx, struct im_str uid, struct im_str device,
	struct im_str reply_topic, struct im_str corr, struct im_str payload)
{
	struct im_down_rec r = {.type = IM_DOWN_REPLY,
		.flags = IM_DOWNF_QOS1,
		.user = uid,
		.device = device,
		.topic = reply_topic,
		.corr = corr,
		.payload = payload};
	char suffix[4 + IM_DEVICE_TOPIC_MAX], level[IM_DEVICE_TOPIC_MAX];

	if (reply_topic.n) {
		effects_put(fx, EFFECTS_CONTROL, &r, NULL, 0);
		return;
	}
	/* The plugin lets no longer device in, so a longer one has nobody who waits for an answer.
	 */
	if (device.n == 0 || device.n > IM_DEVICE_MAX)
		return;
	memcpy(suffix, "rpc/", 4);
	device = im_device_topic(device, level);
	memcpy(suffix + 4, device.p, device.n);
	effects_inbox(fx, uid, (struct im_str){suffix, 4 + device.n}, payload);
}

bool effects_is_answer(const struct im_down_rec *r)
{
	return r->type == IM_DOWN_REPLY || r->type == IM_DOWN_CONTROL ||
	       (r->type == IM_DOWN_INBOX && r->topic.n > 4 && memcmp(r->topic.p, "rpc/", 4) == 0);
}

static void forget(struct effects *fx, enum im_down_type type, struct im_str uid, struct im_str gid)
{
	struct im_down_rec r = {.type = (uint8_t)type, .user = uid, .topic = gid};

	effects_put(fx, EFFECTS_CONTROL, &r, NULL, 0);
	if (fx->forget)
		fx->forget(fx->forget_arg, uid, gid);
}

void effects_forget_user(struct effects *fx, struct im_str uid)
{
	forget(fx, IM_DOWN_FORGET_USER, uid, (struct im_str){0});
}

void effects_credential(
	struct effects *fx, struct im_str uid, struct im_str device, int64_t since_ms)
{
	struct im_down_rec r = {
		.type = IM_DOWN_CREDENTIAL,
		.user = uid,
		.device = device,
		.epoch = since_ms > 0 ? (uint64_t)since_ms : 0,
	};

	if (fx->level < IM_PLUGIN_LEVEL_CREDENTIAL) {
		effects_forget_user(fx, uid);
		return;
	}
	effects_put(fx, EFFECTS_CONTROL, &r, NULL, 0);
	if (fx->forget)
		fx->forget(fx->forget_arg, uid, (struct im_str){0});
}

void effects_forget_group(struct effects *fx, struct im_str gid)
{
	forget(fx, IM_DOWN_FORGET_GROUP, (struct im_str){0}, gid);
}

void effects_forget_member(struct effects *fx, struct im_str gid, struct im_str uid)
{
	forget(fx, IM_DOWN_FORGET_MEMBER, uid, gid);
}

void effects_kick(struct effects *fx, struct im_str uid, struct im_str device, enum im_end why)
{
	struct im_down_rec r = {
		.type = device.n ? IM_DOWN_KICK_DEVICE : IM_DOWN_KICK_USER,
		.flags = (uint8_t)why,
		.user = uid,
		.device = device,
	};

	effects_put(fx, EFFECTS_CONTROL, &r, NULL, 0);
	if (fx->kick)
		fx->kick(fx->kick_arg, uid, device, why);
}

void effects_on_kick(struct effects *fx, effects_kick_fn fn, void *arg)
{
	fx->kick = fn;
	fx->kick_arg = arg;
}

/* Without a time it would mean any connection of the device, wherever it is. */
void effects_move(struct effects *fx, struct im_str uid, struct im_str device, enum im_end why,
	int64_t since_ms, unsigned home)
{
	struct im_down_rec r = {
		.type = IM_DOWN_KICK_DEVICE,
		.flags = (uint8_t)why,
		.epoch = since_ms > 0 ? (uint64_t)since_ms : 1,
		.recno = home,
		.user = uid,
		.device = device,
	};

	effects_put(fx, EFFECTS_CONTROL, &r, NULL, 0);
}
