/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the walk over the users. Called by the engine when time passes, sessions.c for the form of
 * the record. Knows no link. */
#include "bridge/engine/retained.h"

#include "bridge/directory/directory_user.h"
#include "common/buf.h"

/* So many rows are looked at in a piece: some 20 KB, behind which a direct message may have to wait
 * for a few milliseconds. */
#define PIECE 200

struct im_down_rec retained_record(
	char topic[RETAINED_TOPIC_MAX], struct im_str uid, struct im_str json)
{
	memcpy(topic, "presence/", 9);
	memcpy(topic + 9, uid.p, uid.n);
	return (struct im_down_rec){.type = IM_DOWN_TOPIC,
		.flags = IM_DOWNF_RETAIN,
		.topic = {topic, 9 + uid.n},
		.payload = json};
}

void retained_begin(struct retained *r)
{
	*r = (struct retained){.on = true};
}

struct piece {
	struct directory *dir;
	struct presence *presence;
	uint64_t through;
	uint32_t n;
	struct im_buf records;
};

static void put(struct piece *w, struct im_str uid, struct im_str json)
{
	char topic[RETAINED_TOPIC_MAX];
	const struct im_down_rec r = retained_record(topic, uid, json);

	im_down_rec_put(&w->records, &r, NULL, 0);
}

/* Of who is deleted, or has become a device account, nothing is retained. Older databases may have
 * given a name twice: then it is the living one's. */
static int put_nothing(struct piece *w, const struct directory_user *u)
{
	struct directory_user living;
	int rc = u->deleted ? directory_user_get(w->dir, u->uid, &living) : IM_E_NONE;

	if (rc == IM_E_NONE)
		put(w, u->uid, (struct im_str){0});
	return rc == IM_E_NONE ? IM_OK : rc;
}

static int on_user(void *arg, const struct directory_user *u)
{
	struct piece *w = arg;
	struct im_str json;
	int rc = IM_OK;

	if (u->seen_ms && u->uid.n <= IM_UID_MAX) {
		if (u->deleted || u->role == IM_ROLE_DEVICE)
			rc = put_nothing(w, u);
		else if (presence_absent(w->presence, u->uid, u->online, u->seen_ms, &json))
			put(w, u->uid, json);
	}
	w->through = u->id;
	w->n++;
	return rc;
}

int retained_go_on(
	struct retained *r, struct directory *dir, struct presence *presence, struct outbox *to)
{
	struct piece w = {.dir = dir, .presence = presence, .through = r->through};
	struct effects_share s = {.retained = true};
	int rc;

	im_buf_init(&w.records, 0);
	rc = directory_user_walk(dir, r->through, PIECE, on_user, &w);
	if (!rc && w.records.failed)
		rc = IM_E_NOMEM;
	if (!rc) {
		s.records[EFFECTS_DIRECT] = im_buf_view(&w.records);
		outbox_hear(to, &s);
		r->through = w.through;
		r->on = w.n == PIECE;
	}
	im_buf_free(&w.records);
	return rc;
}
