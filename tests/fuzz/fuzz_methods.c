/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What users and an administrator may ask for, carried out on a small node. A line is one request:
 * a letter for the user (a to d; r: an administrator's command, the rest its payload), the method,
 * a blank, the parameters. All of an input is one transaction, which is rolled back at its end.
 * Whatever is asked for, the answer is JSON or a refusal with a sentence, what it makes visible can
 * be read and has valid names, and no error is one of the server's own.
 */
#include "bridge/rpc/methods/methods.h"
#include "bridge/rpc/rpc_request.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/rpc_fixture.h"

#include "common/ids.h"
#include "common/jsonscan.h"
#include "common/utf8.h"

#define REQUESTS_MAX 50

static struct rpc_fixture *f;

static void tear_down(void)
{
	void *state = f;

	rpc_tear_down(&state);
}

/* Somebody of every kind: members, a muted one, contacts, a blocked user; messages of every kind.
 */
static void set_up(void)
{
	void *state;

	CHECK(rpc_set_up(&state) == 0);
	f = state;
	atexit(tear_down);
	rpc_admin(f, "{\"command\":\"listUsers\"}");
	rpc_ok(f, "alice", "group.create", "{\"gid\":\"team\",\"members\":[\"bob\",\"carol\"]}");
	rpc_ok(f, "bob", "group.create", "{\"gid\":\"hall\",\"kind\":\"room\"}");
	rpc_ok(f, "alice", "contact.request", "{\"uid\":\"bob\"}");
	rpc_ok(f, "bob", "contact.accept", "{\"uid\":\"alice\"}");
	rpc_ok(f, "carol", "contact.request", "{\"uid\":\"alice\"}");
	rpc_ok(f, "alice", "block.add", "{\"uid\":\"dave\"}");
	for (int i = 0; i < 5; i++) {
		rpc_send(f, "alice", "u/bob", "hello");
		rpc_send(f, "bob", "g/team", "hi all");
	}
	rpc_ok(f, "alice", "msg.recall", "{\"conv\":\"u/bob\",\"seq\":2}");
	rpc_ok(f, "alice", "msg.edit", "{\"conv\":\"u/bob\",\"seq\":3,\"body\":\"hullo\"}");
	rpc_ok(f, "carol", "msg.react", "{\"conv\":\"g/team\",\"seq\":3,\"emoji\":\"x\"}");
}

static void check_json(struct im_str s)
{
	struct im_json v;

	CHECK(im_json_parse(s, &v) == IM_OK);
}

static int run(const struct rpc_method *m, const struct rpc_call *c)
{
	struct rpc_read rd = {.call = *c, .backend = f->backend, .log = f->log, .names = f->names};
	struct rpc_write wr = {
		.call = *c, .writer = f->w, .budget = &f->budget, .presence = f->presence};

	if (rpc_reads(m)) {
		rd.call.dir = f->reader_dir;
		return m->read(&rd);
	}
	writer_set_now(f->w, f->now_ms);
	wr.call.dir = writer_directory(f->w);
	return m->write(&wr);
}

static void request(const char *uid, uint64_t id, struct im_str target, struct im_str payload)
{
	struct im_buf result, why;
	struct rpc_request req;
	struct rpc_call c = {.uid = im_str(uid),
		.device = IM_STR("phone"),
		.user = id,
		.now_ms = f->now_ms,
		.set = &f->set,
		.position = writer_position(f->w),
		.result = &result,
		.why = &why};
	int code;

	im_buf_init(&result, 0);
	im_buf_init(&why, 0);
	rpc_request_parse(methods_find, target, payload, &req);
	if (req.code == IM_OK) {
		c.params = req.params;
		code = run(req.method, &c);
		CHECK(code == IM_OK || code <= -32000);
		CHECK(code != IM_E_INTERNAL);
		CHECK(code == IM_OK || why.n > 0);
		CHECK(im_utf8_valid(im_buf_view(&why)));
		if (code == IM_OK)
			check_json(im_buf_view(&result));
	}
	rpc_request_clear(&req);
	im_buf_free(&result);
	im_buf_free(&why);
}

static void command(struct im_str payload)
{
	struct im_buf out;
	struct admin_payload a = {.uid = IM_STR("root"),
		.now_ms = f->now_ms,
		.set = &f->set,
		.hooks = &f->hooks,
		.w = f->w,
		.presence = f->presence,
		.payload = payload,
		.out = &out};

	im_buf_init(&out, 0);
	writer_set_now(f->w, f->now_ms);
	CHECK(admin_execute(&a) == IM_OK);
	check_json(im_buf_view(&out));
	im_buf_free(&out);
}

static void check_record(const struct im_down_rec *r)
{
	struct im_str in = r->recipient_bytes;
	struct im_recipient to;

	for (uint32_t i = 0; i < r->recipients; i++)
		CHECK(im_recipient_read(&in, &to) == IM_OK && im_uid_valid(to.uid));
	if (r->type == IM_DOWN_INBOX)
		check_json(r->payload);
	if (r->type == IM_DOWN_KICK_USER || r->type == IM_DOWN_FORGET_USER)
		CHECK(im_uid_valid(r->user));
}

static void check_effects(void)
{
	struct im_down_rec r;

	CHECK(!effects_failed(f->fx));
	for (int tier = 0; tier < EFFECTS_TIERS; tier++) {
		struct im_str in = effects_view(f->fx, tier);

		while (in.n) {
			CHECK(im_down_rec_read(&in, &r) == IM_OK);
			check_record(&r);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const users[] = {"alice", "bob", "carol", "dave"};
	struct im_str in = fuzz_str(data, size);

	if (!f)
		set_up();
	for (int i = 0; in.n && i < REQUESTS_MAX; i++) {
		struct im_str payload = fuzz_line(&in), target;
		const char *blank;
		char who;

		if (payload.n < 2)
			continue;
		who = *payload.p;
		payload = (struct im_str){payload.p + 1, payload.n - 1};
		if (who == 'r') {
			command(payload);
			continue;
		}
		blank = memchr(payload.p, ' ', payload.n);
		target =
			(struct im_str){payload.p, blank ? (size_t)(blank - payload.p) : payload.n};
		payload = (struct im_str){payload.p + target.n, payload.n - target.n};
		/* The broker gives topics that are UTF-8. The users' ids are 1 to 4. */
		if (im_utf8_valid(target))
			request(users[who & 3], 1 + (unsigned)(who & 3), target, payload);
	}
	check_effects();
	effects_reset(f->fx);
	writer_rollback(f->w);
	return 0;
}
