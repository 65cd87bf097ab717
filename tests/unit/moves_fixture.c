/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/moves_fixture.h"

#include <stdio.h>

#include "bridge/directory/directory_bind.h"
#include "bridge/directory/directory_sql.h"
#include "bridge/directory/directory_user.h"
#include "common/ids.h"

#define BOB 2
#define FLEET 3
#define EPOCH 70

static const char *const ends[IM_ENDS] = {[IM_END_KICKED] = "kicked",
	[IM_END_DELETED] = "deleted",
	[IM_END_REMOVED] = "removed",
	[IM_END_REPLACED] = "replaced",
	[IM_END_MOVED] = "moved",
	[IM_END_CONTESTED] = "contested",
	[IM_END_LIMIT] = "limit"};

/* As the plugin does. */
static void kick(struct trio_side *s, const struct im_down_rec *r)
{
	uint64_t own = r->recno ? s->number : 0;

	for (size_t i = 0; i < s->n && r->recno != s->number; i++) {
		struct trio_session *e = &s->all[i];

		if (im_str_eq(r->user, im_str(e->user)) &&
			im_str_eq(r->device, im_str(e->device)) && e->end == TRIO_ALIVE &&
			!im_connection_later(e->since_ms, own, (int64_t)r->epoch, r->recno))
			e->end = r->flags;
	}
}

struct trio_session *trio_session(struct trio_side *s, const char *device)
{
	struct trio_session *found = NULL;

	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->all[i].device, device) == 0)
			found = &s->all[i];
	return found;
}

static void put_record(struct trio_side *s, const struct im_down_rec *r)
{
	struct im_str in = r->recipient_bytes;
	struct im_recipient to;

	/* What others have decided has neither time nor number. */
	if (r->type == IM_DOWN_KICK_DEVICE && !r->epoch)
		im_buf_printf(&s->told, "%.*s/%.*s %s\n", IM_ARGS(r->user), IM_ARGS(r->device),
			ends[r->flags]);
	if (r->type == IM_DOWN_KICK_USER)
		im_buf_printf(&s->told, "%.*s %s\n", IM_ARGS(r->user), ends[r->flags]);
	if (r->type == IM_DOWN_KICK_DEVICE && r->epoch)
		im_buf_printf(&s->told, "%.*s/%.*s %s %llu at %llu\n", IM_ARGS(r->user),
			IM_ARGS(r->device), ends[r->flags], (unsigned long long)r->epoch,
			(unsigned long long)r->recno);
	if (r->type == IM_DOWN_KICK_DEVICE && r->epoch)
		kick(s, r);
	if (r->type == IM_DOWN_CONTROL)
		im_buf_str(&s->answers, r->payload);
	if (r->type == IM_DOWN_INBOX &&
		memmem(r->payload.p, r->payload.n, "\"device\",\"action", 16)) {
		assert_int_equal(im_recipient_read(&in, &to), IM_OK);
		im_buf_printf(&s->events, "%.*s %.*s %.*s\n", IM_ARGS(to.uid), IM_ARGS(r->topic),
			IM_ARGS(r->payload));
	}
	s->messages += r->type == IM_DOWN_MESSAGE;
	s->credit += r->type == IM_DOWN_CREDIT;
	s->hello |= r->type == IM_DOWN_HELLO;
}

static void on_frame(void *arg, struct im_str frame)
{
	struct im_down_rec r;
	struct im_str in;

	assert_int_equal(im_down_frame_read(frame, &in), IM_OK);
	while (in.n) {
		assert_int_equal(im_down_rec_read(&in, &r), IM_OK);
		put_record(arg, &r);
	}
}

static int directory_commits(void *arg)
{
	return ((struct trio *)arg)->broken;
}

/* The brokers' plugins have carried out what they were sent. */
static void carry_out(struct trio *w)
{
	struct im_buf frame;

	for (unsigned i = 0; i < w->n; i++) {
		while (w->sides[i].credit) {
			im_buf_init(&frame, 0);
			im_frame_credit(&frame, w->sides[i].credit);
			w->sides[i].credit = 0;
			engine_up(w->rig.engine, w->sides[i].peer, im_buf_view(&frame), &w->now);
			im_buf_free(&frame);
		}
	}
}

/* -- what plugins say -- */

void trio_put(struct im_buf *b, const struct im_up_rec *r)
{
	char *at = im_buf_add(b, im_up_rec_size(r));

	assert_non_null(at);
	im_up_rec_write(at, r);
}

void trio_send(struct trio *w, unsigned i, uint64_t first, struct im_str records, unsigned n)
{
	const struct im_up_batch h = {EPOCH + i, first, n};
	struct im_buf frame;

	im_buf_init(&frame, 0);
	im_frame_batch_begin(&frame, &h);
	im_buf_str(&frame, records);
	engine_up(w->rig.engine, w->sides[i].peer, im_buf_view(&frame), &w->now);
	im_buf_free(&frame);
	carry_out(w);
}

void trio_say(struct trio *w, unsigned i, const struct im_up_rec *r)
{
	struct im_buf b;

	im_buf_init(&b, 0);
	trio_put(&b, r);
	trio_send(w, i, w->sides[i].next++, im_buf_view(&b), 1);
	im_buf_free(&b);
}

struct im_up_rec trio_open(const char *user, const char *device, int64_t ts_ms)
{
	return (struct im_up_rec){
		.type = IM_UP_OPEN, .user = im_str(user), .device = im_str(device), .ts_ms = ts_ms};
}

void trio_connects(
	struct trio *w, unsigned i, const char *user, const char *device, int64_t since_ms)
{
	struct trio_side *s = &w->sides[i];
	struct trio_session *e = trio_session(s, device);

	assert_true(e || s->n < TRIO_SESSIONS);
	*(e ? e : &s->all[s->n++]) =
		(struct trio_session){user, device, since_ms, TRIO_ALIVE, false};
}

void trio_opens(struct trio *w, unsigned i, const char *device, int64_t ts_ms)
{
	struct im_up_rec r = trio_open("bob", device, ts_ms);

	trio_connects(w, i, "bob", device, ts_ms);
	trio_say(w, i, &r);
}

void trio_opens_of(struct trio *w, unsigned i, const char *device, int64_t ts_ms, const char *limit)
{
	struct im_up_rec r = trio_open("bob", device, ts_ms);

	trio_connects(w, i, "bob", device, ts_ms);
	if (*limit == '-') {
		r.flags = IM_UPF_OLDEST;
		limit++;
	}
	r.target = im_str(limit);
	trio_say(w, i, &r);
}

static void ends_at(struct trio *w, unsigned i, const char *device)
{
	struct trio_session *e = trio_session(&w->sides[i], device);

	if (e)
		*e = w->sides[i].all[--w->sides[i].n];
}

void trio_closes(struct trio *w, unsigned i, const char *device, int64_t ts_ms)
{
	struct im_up_rec r = trio_open("bob", device, ts_ms);

	ends_at(w, i, device);
	r.type = IM_UP_CLOSE;
	trio_say(w, i, &r);
}

void trio_speaks(struct trio *w, unsigned i, const char *device, int64_t ts_ms)
{
	struct im_up_rec r = trio_open("bob", device, ts_ms);

	r.type = IM_UP_KEEP;
	trio_say(w, i, &r);
}

void trio_commands(struct trio *w, unsigned i, const char *json)
{
	char payload[512];
	struct im_up_rec r = trio_open("alice", "console", w->now.wall_ms);

	snprintf(payload, sizeof(payload), "{\"commands\":[%s]}", json);
	r.type = IM_UP_CONTROL;
	r.payload = im_str(payload);
	trio_say(w, i, &r);
}

void trio_snapshot(struct trio *w, unsigned i)
{
	struct trio_side *s = &w->sides[i];
	struct im_up_batch h = {EPOCH + i, s->next, 0};
	struct im_buf frame, b;

	im_buf_init(&frame, 0);
	im_buf_init(&b, 0);
	for (size_t k = 0; k < s->n; k++) {
		struct im_up_rec r =
			trio_open(s->all[k].user, s->all[k].device, s->all[k].since_ms);

		if (s->all[k].end != TRIO_ALIVE)
			continue;
		if (!s->all[k].pending && !im_device_made_up(r.device))
			r.flags |= IM_UPF_WRITTEN;
		trio_put(&b, &r);
		h.count++;
	}
	im_frame_sessions_begin(&frame, (struct im_up_part){true, true, IM_PLUGIN_LEVEL}, &h);
	im_buf_str(&frame, im_buf_view(&b));
	engine_up(w->rig.engine, s->peer, im_buf_view(&frame), &w->now);
	im_buf_free(&b);
	im_buf_free(&frame);
	carry_out(w);
}

void trio_link(struct trio *w, unsigned i)
{
	w->sides[i].hello = false;
	w->sides[i].linked = true;
	engine_linked(w->rig.engine, w->sides[i].peer, &w->now);
	assert_true(w->sides[i].hello);
}

void trio_link_all(struct trio *w)
{
	for (unsigned i = 0; i < w->n; i++) {
		trio_link(w, i);
		trio_snapshot(w, i);
	}
}

void trio_unlink(struct trio *w, unsigned i)
{
	w->sides[i].linked = false;
	engine_unlinked(w->rig.engine, w->sides[i].peer);
}

/* -- what they were told -- */

void trio_forget(struct trio *w)
{
	for (unsigned i = 0; i < w->n; i++) {
		im_buf_reset(&w->sides[i].told);
		im_buf_reset(&w->sides[i].events);
		im_buf_reset(&w->sides[i].answers);
		w->sides[i].messages = 0;
	}
}

static void compare(
	const struct im_buf *have, const char *want, unsigned i, const char *file, int line)
{
	if (im_str_eq(im_buf_view(have), im_str(want)))
		return;
	print_error("broker %u: want:\n%shave:\n%.*s", i, want, IM_ARGS(im_buf_view(have)));
	_fail(file, line);
}

void trio_assert_told(
	struct trio *w, const char *text, const char *event, const char *file, int line)
{
	bool heard = !*event;

	for (unsigned i = 0; i < w->n; i++) {
		const struct trio_side *s = &w->sides[i];

		if (s->linked)
			compare(&s->told, text, i, file, line);
		if (s->events.n)
			compare(&s->events, event, i, file, line);
		heard |= s->events.n > 0;
	}
	if (!heard)
		_fail(file, line);
	trio_forget(w);
}

unsigned trio_home(struct trio *w, const char *device)
{
	struct directory_device dev;

	assert_int_equal(directory_device_get(w->rig.dir, im_str(device), &dev), IM_OK);
	return dev.broker;
}

/* -- the world -- */

static void open_trio(struct trio *w)
{
	struct engine_parts ep = {
		.instance = 4711, .dedup_entries = 1000, .dedup_window_ms = 3600000};

	memset(&ep.key, 7, sizeof(ep.key));
	rig_open(&w->rig, &ep, 100, &w->now);
	sqlite3_commit_hook(w->rig.dir->q.db, directory_commits, w);
	for (unsigned i = 0; i < w->n; i++) {
		w->sides[i].linked = false;
		assert_int_equal(engine_add_peer(w->rig.engine, i + 1, "one", on_frame,
					 &w->sides[i], &w->sides[i].peer),
			IM_OK);
	}
}

static void add_devices(struct trio *w)
{
	static const char *const devices[] = {"phone", "tablet", "desk", "tv", NULL};

	assert_int_equal(directory_begin(w->rig.dir), IM_OK);
	for (const char *const *d = devices; *d; d++)
		assert_int_equal(directory_device_bind(w->rig.dir, im_str(*d), BOB, 1, 0), IM_OK);
	assert_int_equal(directory_user_set_role(w->rig.dir, FLEET, IM_ROLE_DEVICE), IM_OK);
	assert_int_equal(directory_device_bind(w->rig.dir, IM_STR("own"), FLEET, 1, 0), IM_OK);
	assert_int_equal(directory_bind_set(w->rig.dir, FLEET, IM_STR("veh-")), IM_OK);
	assert_int_equal(directory_commit(w->rig.dir), IM_OK);
}

static void begin(struct trio *w)
{
	trio_link_all(w);
	trio_forget(w);
}

static int start_with(void **state, unsigned n)
{
	static const char *const users[] = {"alice", "bob", "fleet", NULL};
	struct trio *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->n = n;
	w->now = (struct engine_now){1000000, 5000};
	rig_init(&w->rig, "/tmp", &store_memory, users, true, "", "ENGINE_LOG");
	for (unsigned i = 0; i < TRIO_SIDES; i++) {
		w->sides[i] = (struct trio_side){.w = w, .next = 1, .number = i + 1};
		im_buf_init(&w->sides[i].told, 0);
		im_buf_init(&w->sides[i].events, 0);
		im_buf_init(&w->sides[i].answers, 0);
	}
	open_trio(w);
	add_devices(w);
	begin(w);
	*state = w;
	return 0;
}

int trio_start(void **state)
{
	return start_with(state, TRIO_SIDES);
}

int trio_start_one(void **state)
{
	return start_with(state, 1);
}

int trio_stop(void **state)
{
	struct trio *w = *state;

	rig_clear(&w->rig);
	for (unsigned i = 0; i < TRIO_SIDES; i++) {
		im_buf_free(&w->sides[i].told);
		im_buf_free(&w->sides[i].events);
		im_buf_free(&w->sides[i].answers);
	}
	free(w);
	return 0;
}

void trio_restart(struct trio *w)
{
	rig_close(&w->rig);
	open_trio(w);
	trio_forget(w);
}

void trio_pass(struct trio *w, int64_t ms)
{
	w->now.wall_ms += ms;
	w->now.mono_ms += ms;
	engine_tick(w->rig.engine, &w->now);
	carry_out(w);
}
