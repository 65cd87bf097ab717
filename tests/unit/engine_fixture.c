/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/engine_fixture.h"

#include <unistd.h>

#include "common/msgprops.h"

static void put_recipients(struct im_buf *b, const struct im_down_rec *r)
{
	struct im_str in = r->recipient_bytes;
	struct im_recipient to;

	for (uint32_t i = 0; i < r->recipients; i++) {
		assert_int_equal(im_recipient_read(&in, &to), IM_OK);
		im_buf_c(b, r->type == IM_DOWN_INBOX && i ? ',' : ' ');
		im_buf_str(b, to.uid);
		if (to.conv.n) {
			im_buf_c(b, '=');
			im_buf_str(b, to.conv);
		}
	}
}

/* The message's type, as its payload says. */
static struct im_str type_of(const struct im_down_rec *r)
{
	static const char key[] = ",\"type\":\"";
	const char *at = memmem(r->payload.p, r->payload.n, key, sizeof(key) - 1);

	assert_non_null(at);
	at += sizeof(key) - 1;
	return (struct im_str){at, (size_t)((char *)rawmemchr(at, '"') - at)};
}

/* When it ends and what goes with it, if it does and if something does. */
static void put_properties(struct im_buf *b, const struct im_down_rec *r)
{
	struct im_props p;
	struct im_str name, value;

	if (r->epoch)
		im_buf_printf(b, " ends=%llu", (unsigned long long)r->epoch);
	assert_int_equal(im_props_read(r->corr, &p), IM_OK);
	if (p.response_topic.n)
		im_buf_printf(b, " to=%s", p.response_topic.p);
	if (p.corr.n)
		im_buf_printf(b, " corr=%.*s", IM_ARGS(p.corr));
	while (im_props_pair(&p.pairs, &name, &value))
		im_buf_printf(b, " %s=%s", name.p, value.p);
}

static void put_message(struct im_buf *b, const struct im_down_rec *r)
{
	struct im_str type = type_of(r);

	im_buf_printf(b, "message %.*s/%.*s %llu %.*s id=%.*s", IM_ARGS(r->user),
		IM_ARGS(r->device), (unsigned long long)r->recno, IM_ARGS(type), IM_ARGS(r->id));
	put_properties(b, r);
	if (r->topic.n)
		im_buf_printf(b, " %.*s:", IM_ARGS(r->topic));
	put_recipients(b, r);
	im_buf_c(b, ' ');
	im_buf_str(b, r->payload);
}

static void put_other(struct im_buf *b, const struct im_down_rec *r)
{
	static const char *const names[] = {[IM_DOWN_HELLO] = "hello",
		[IM_DOWN_REPLY] = "reply",
		[IM_DOWN_CONTROL] = "control",
		[IM_DOWN_KICK_USER] = "kick",
		[IM_DOWN_KICK_DEVICE] = "kick",
		[IM_DOWN_FORGET_USER] = "forget",
		[IM_DOWN_FORGET_GROUP] = "forget group",
		[IM_DOWN_FORGET_MEMBER] = "forget member",
		[IM_DOWN_CREDIT] = "credit",
		[IM_DOWN_STATS] = "stats",
		[IM_DOWN_CREDENTIAL] = "credential"};
	const struct im_str part[] = {r->topic, r->user, r->device, r->corr, r->payload};
	bool reply = r->type == IM_DOWN_REPLY;

	im_buf_z(b, names[r->type]);
	if (reply)
		im_buf_printf(b, " %.*s", IM_ARGS(r->user));
	if (r->type == IM_DOWN_CONTROL)
		im_buf_printf(b, " %.*s", IM_ARGS(r->device));
	for (size_t i = 0; i < 5; i++) {
		if (part[i].n == 0 || (i == 1 && (reply || r->type == IM_DOWN_CONTROL)) ||
			(i == 2 && (reply || r->type == IM_DOWN_CONTROL)))
			continue;
		im_buf_c(b, i == 2 || (i == 1 && r->type == IM_DOWN_FORGET_MEMBER) ? '/' : ' ');
		im_buf_str(b, part[i]);
	}
}

static void put_line(struct im_buf *b, const struct im_down_rec *r)
{
	switch (r->type) {
	case IM_DOWN_COMMITTED:
		im_buf_printf(b, "committed %llu:%llu", (unsigned long long)r->epoch,
			(unsigned long long)r->recno);
		break;
	case IM_DOWN_MESSAGE:
		put_message(b, r);
		break;
	case IM_DOWN_DEVICE: {
		struct im_down_rec m = *r;

		im_buf_printf(b, "device %.*s ", IM_ARGS(r->topic));
		m.topic = (struct im_str){0};
		put_message(b, &m);
		break;
	}
	case IM_DOWN_INBOX:
		im_buf_z(b, r->flags & IM_DOWNF_QOS1 ? "inbox" : "inbox0");
		put_recipients(b, r);
		im_buf_printf(b, " %.*s ", IM_ARGS(r->topic));
		im_buf_str(b, r->payload);
		break;
	case IM_DOWN_TOPIC:
		im_buf_printf(b, "topic%s %.*s", r->flags & IM_DOWNF_RETAIN ? "+" : "",
			IM_ARGS(r->topic));
		put_properties(b, r);
		im_buf_c(b, ' ');
		im_buf_str(b, r->payload);
		break;
	default:
		put_other(b, r);
	}
	im_buf_c(b, '\n');
}

static void on_frame(void *arg, struct im_str frame)
{
	struct engine_fixture *f = arg;
	struct im_down_rec r;
	struct im_str in;

	f->frames++;
	if (frame.n > f->largest_frame)
		f->largest_frame = frame.n;
	assert_int_equal(im_down_frame_read(frame, &in), IM_OK);
	while (in.n) {
		assert_int_equal(im_down_rec_read(&in, &r), IM_OK);
		if (r.type == IM_DOWN_STEP)
			f->steps++;
		else
			put_line(&f->told, &r);
	}
	assert_false(f->told.failed);
}

static bool on_hold(void *arg, struct im_str uid, struct im_str device, struct im_str response)
{
	struct engine_fixture *f = arg;

	(void)uid;
	(void)device;
	if (!f->hold)
		return false;
	im_buf_reset(&f->held);
	im_buf_str(&f->held, response);
	return true;
}

struct engine_fixture *engine_prepare(const struct store_backend *backend)
{
	static const char *const users[] = {"alice", "bob", "carol", "dave", NULL};
	struct engine_fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	rig_init(&f->rig, "/tmp", backend, users, false, "", "ENGINE_LOG");
	f->rig.set.sessions.remembered_devices = 3;
	im_buf_init(&f->told, 0);
	im_buf_init(&f->records, 0);
	im_buf_init(&f->held, 0);
	f->now = (struct engine_now){1000000, 5000};
	f->epoch = ENGINE_EPOCH;
	f->first = f->next = 1;
	f->queue_max = 100;
	f->level = IM_PLUGIN_LEVEL;
	return f;
}

void engine_open(struct engine_fixture *f)
{
	struct engine_parts ep = {.moderation = f->moderation,
		.shared = f->shared,
		.hooks = {.arg = f},
		.hold = on_hold,
		.instance = 4711,
		.dedup_entries = 1000,
		.dedup_window_ms = 3600 * 1000};

	memset(&ep.key, 7, sizeof(ep.key));
	rig_open(&f->rig, &ep, f->queue_max, &f->now);
	assert_int_equal(engine_add_peer(f->rig.engine, 1, "one", on_frame, f, &f->peer), IM_OK);
}

void engine_restart(struct engine_fixture *f)
{
	rig_close(&f->rig);
	engine_open(f);
	engine_forget(f);
}

void engine_link(struct engine_fixture *f)
{
	engine_linked(f->rig.engine, f->peer, &f->now);
	engine_sessions(f, (const char *const[]){NULL});
}

static int set_up(void **state, const struct store_backend *backend)
{
	struct engine_fixture *f = engine_prepare(backend);

	engine_open(f);
	engine_link(f);
	engine_forget(f);
	*state = f;
	return 0;
}

int engine_set_up(void **state)
{
	return set_up(state, &store_memory);
}

int engine_set_up_sqlite(void **state)
{
	return set_up(state, &store_sqlite);
}

int engine_tear_down(void **state)
{
	struct engine_fixture *f = *state;

	rig_clear(&f->rig);
	im_buf_free(&f->told);
	im_buf_free(&f->records);
	im_buf_free(&f->held);
	free(f);
	return 0;
}

void engine_add(struct engine_fixture *f, struct im_up_rec r)
{
	char *at;

	if (!r.ts_ms)
		r.ts_ms = f->now.wall_ms;
	at = im_buf_add(&f->records, im_up_rec_size(&r));
	assert_non_null(at);
	im_up_rec_write(at, &r);
	f->next++;
}

void engine_add_message(
	struct engine_fixture *f, const char *from, const char *target, const char *payload)
{
	bool group = strncmp(target, "g/", 2) == 0;

	engine_add(f, (struct im_up_rec){.type = group ? IM_UP_MSG_GROUP : IM_UP_MSG_USER,
			      .user = im_str(from),
			      .device = IM_STR("phone"),
			      .target = im_str(group ? target + 2 : target),
			      .payload = im_str(payload)});
}

void engine_add_rpc(
	struct engine_fixture *f, const char *from, const char *method, const char *params)
{
	engine_add(f, (struct im_up_rec){.type = IM_UP_RPC,
			      .user = im_str(from),
			      .device = IM_STR("phone"),
			      .target = im_str(method),
			      .payload = im_str(params)});
}

void engine_add_session(
	struct engine_fixture *f, int type, const char *user, const char *device, int flags)
{
	engine_add(f, (struct im_up_rec){.type = (uint8_t)type,
			      .flags = (uint8_t)flags,
			      .user = im_str(user),
			      .device = im_str(device)});
}

static void give(struct engine_fixture *f, struct im_buf *frame)
{
	assert_false(frame->failed);
	engine_forget(f);
	engine_up(f->rig.engine, f->peer, im_buf_view(frame), &f->now);
	engine_reads(f->rig.engine);
	im_buf_free(frame);
}

void engine_send_again(
	struct engine_fixture *f, uint64_t first, uint64_t count, struct im_str bytes)
{
	struct im_up_batch h = {f->epoch, first, (uint32_t)count};
	struct im_buf frame;

	im_buf_init(&frame, 0);
	im_frame_batch_begin(&frame, &h);
	im_buf_str(&frame, bytes);
	give(f, &frame);
}

void engine_send(struct engine_fixture *f)
{
	engine_send_again(f, f->first, f->next - f->first, im_buf_view(&f->records));
	im_buf_reset(&f->records);
	f->first = f->next;
}

void engine_message(
	struct engine_fixture *f, const char *from, const char *target, const char *payload)
{
	engine_add_message(f, from, target, payload);
	engine_send(f);
}

void engine_rpc(struct engine_fixture *f, const char *from, const char *method, const char *params)
{
	engine_add_rpc(f, from, method, params);
	engine_send(f);
}

void engine_credit(struct engine_fixture *f, uint32_t frames)
{
	struct im_buf frame;

	im_buf_init(&frame, 0);
	im_frame_credit(&frame, frames);
	give(f, &frame);
}

void engine_sessions(struct engine_fixture *f, const char *const *user_device_sub)
{
	struct im_up_batch h = {f->epoch, f->spool_first ? f->spool_first : f->first, 0};
	struct im_buf frame, recs;
	uint32_t n = 0;

	im_buf_init(&frame, 0);
	im_buf_init(&recs, 0);
	for (const char *const *p = user_device_sub; *p; p += 3) {
		for (int type = IM_UP_OPEN; type <= (p[2][0] ? IM_UP_SUB : IM_UP_OPEN); type++) {
			struct im_up_rec r = {.type = (uint8_t)type,
				.ts_ms = f->now.wall_ms,
				.user = im_str(p[0]),
				.device = im_str(p[1])};

			im_up_rec_write(im_buf_add(&recs, im_up_rec_size(&r)), &r);
			n++;
		}
	}
	h.count = n;
	im_frame_sessions_begin(&frame, (struct im_up_part){true, true, f->level}, &h);
	im_buf_str(&frame, im_buf_view(&recs));
	im_buf_free(&recs);
	give(f, &frame);
}

void engine_wait(struct engine_fixture *f, int64_t ms)
{
	f->now.wall_ms += ms;
	f->now.mono_ms += ms;
	engine_forget(f);
	engine_tick(f->rig.engine, &f->now);
	engine_reads(f->rig.engine);
}

/* -- the log -- */

static struct {
	int file, kept;
	char text[8192];
} logged;

void engine_log_begin(void)
{
	char path[] = "/tmp/im-log-XXXXXX";

	logged.file = mkstemp(path);
	logged.kept = dup(STDERR_FILENO);
	assert_true(logged.file >= 0 && logged.kept >= 0);
	unlink(path);
	assert_true(dup2(logged.file, STDERR_FILENO) >= 0);
	setenv("ENGINE_LOG", "1", 1);
}

const char *engine_log_end(void)
{
	ssize_t n = pread(logged.file, logged.text, sizeof(logged.text) - 1, 0);

	unsetenv("ENGINE_LOG");
	assert_true(dup2(logged.kept, STDERR_FILENO) >= 0);
	close(logged.kept);
	close(logged.file);
	assert_true(n >= 0);
	logged.text[n] = '\0';
	return logged.text;
}

void engine_forget(struct engine_fixture *f)
{
	im_buf_reset(&f->told);
	f->frames = 0;
	f->largest_frame = 0;
}

unsigned engine_count(const struct engine_fixture *f, const char *begin)
{
	const char *p = f->told.p, *end = p + f->told.n;
	size_t n = strlen(begin);
	unsigned count = 0;

	while (p && p < end) {
		if ((size_t)(end - p) >= n && memcmp(p, begin, n) == 0)
			count++;
		p = memchr(p, '\n', (size_t)(end - p));
		p = p ? p + 1 : end;
	}
	return count;
}

bool engine_told(const struct engine_fixture *f, const char *begin)
{
	return engine_count(f, begin) > 0;
}

bool engine_told_part(const struct engine_fixture *f, const char *part)
{
	return f->told.n && memmem(f->told.p, f->told.n, part, strlen(part));
}

void engine_assert_told(
	const struct engine_fixture *f, const char *begin, bool want, const char *file, int line)
{
	if (engine_told(f, begin) == want)
		return;
	print_error("%s: %s\ntold:\n%.*s", want ? "not told" : "told", begin, IM_ARGS(f->told));
	_fail(file, line);
}
