/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns a small node without a link. When the environment names a file in IM_RPC_TRAFFIC, every
 * request and reply is written to it as a line of JSON, for the check of the JSON schemas. */
#include "tests/unit/rpc_fixture.h"

#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

#include "bridge/directory/mentions.h"
#include "bridge/message/meta.h"
#include "bridge/rpc/methods/methods.h"
#include "bridge/rpc/rpc_check.h"
#include "bridge/rpc/rpc_request.h"
#include "bridge/rpc/texts.h"
#include "common/ids.h"
#include "tests/lib/folder.h"

static const struct directory_user *user_row(struct rpc_fixture *f, const char *uid)
{
	static struct directory_user u;

	assert_int_equal(directory_user_get(f->reader_dir, im_str(uid), &u), IM_OK);
	return &u;
}

uint64_t rpc_uid(struct rpc_fixture *f, const char *uid)
{
	return user_row(f, uid)->id;
}

void rpc_add_user(struct rpc_fixture *f, const char *uid, const char *phc)
{
	uint64_t id;

	assert_int_equal(directory_user_create(writer_directory(f->w), im_str(uid), IM_ROLE_USER,
				 im_str(phc), f->now_ms, &id),
		IM_OK);
	rpc_commit(f);
}

static int set_up(void **state, const struct store_backend *backend)
{
	struct rpc_fixture *f = calloc(1, sizeof(*f));
	struct writer_parts parts;
	struct im_buf why;

	assert_non_null(f);
	im_buf_init(&why, 0);
	im_buf_init(&f->why, 0);
	im_buf_init(&f->told, 0);
	im_buf_init(&f->reply, 0);
	strcpy(f->folder, "/tmp/im-rpc-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	f->backend = backend;
	f->now_ms = 1000000;
	f->set = (struct rpc_settings){.group_members_max = 1000,
		.groups_per_user_max = 50,
		.recall_window_s = 120,
		.dedup_hours = 24,
		.presence = true,
		.password_memory_kib = 8,
		.password_passes = 1,
		.reply_max = 63 * 1024};
	assert_int_equal(backend->open(f->folder, &f->store, &why), IM_OK);
	assert_int_equal(backend->reader_open(f->store, &f->log), IM_OK);
	assert_int_equal(directory_open(f->folder, &f->dir, &why), IM_OK);
	assert_int_equal(directory_open_reader(f->folder, &f->reader_dir, &why), IM_OK);
	f->names = names_new(f->reader_dir, 1000);
	f->fx = effects_new();
	f->presence = presence_new(100);
	im_buf_init(&f->states, 0);
	f->outboxes = outboxes_new();
	f->rights = rights_new(f->dir, &(struct im_sipkey){{2}});
	f->cost = cost_new(&(struct im_sipkey){{3}});
	effects_on_forget(f->fx, rights_forget, f->rights);
	parts = (struct writer_parts){.backend = backend,
		.store = f->store,
		.dir = f->dir,
		.fx = f->fx,
		.outboxes = f->outboxes,
		.key = {{1}}};
	assert_int_equal(writer_new(&parts, &f->w), IM_OK);
	writer_set_now(f->w, f->now_ms);
	rpc_add_user(f, "alice", "");
	rpc_add_user(f, "bob", "");
	rpc_add_user(f, "carol", "");
	rpc_add_user(f, "dave", "");
	im_buf_free(&why);
	*state = f;
	return 0;
}

int rpc_set_up(void **state)
{
	return set_up(state, &store_memory);
}

int rpc_set_up_sqlite(void **state)
{
	return set_up(state, &store_sqlite);
}

void rpc_open_search(struct rpc_fixture *f)
{
	struct store_reader *reader;
	struct im_buf why;

	im_buf_init(&why, 0);
	assert_int_equal(f->backend->reader_open(f->store, &reader), IM_OK);
	assert_int_equal(search_index_open(f->folder, f->backend, reader, &f->index, &why), IM_OK);
	assert_int_equal(search_open(f->folder, &f->search, &why), IM_OK);
	im_buf_free(&why);
}

void rpc_index(struct rpc_fixture *f)
{
	uint32_t n;

	do
		assert_int_equal(search_index_pass(f->index, 20000, f->now_ms, &n), IM_OK);
	while (n);
}

int rpc_tear_down(void **state)
{
	struct rpc_fixture *f = *state;
	search_close(&f->search);
	search_index_stop(&f->index);
	im_buf_free(&f->reply);

	json_decref(f->result);
	writer_free(&f->w);
	rights_free(&f->rights);
	cost_free(&f->cost);
	outboxes_free(&f->outboxes);
	effects_free(&f->fx);
	presence_free(&f->presence);
	im_buf_free(&f->states);
	names_free(&f->names);
	directory_close(&f->reader_dir);
	directory_close(&f->dir);
	f->backend->reader_close(f->log);
	f->backend->close(f->store);
	im_buf_free(&f->why);
	im_buf_free(&f->told);
	assert_int_equal(folder_remove(f->folder), 0);
	free(f);
	return 0;
}

/* -- traffic -- */

static FILE *traffic(void)
{
	const char *path = getenv("IM_RPC_TRAFFIC");
	FILE *out = path ? fopen(path, "a") : NULL;

	assert_true(path == NULL || out != NULL);
	return out;
}

static void note_request(const char *method, struct im_str params, struct im_str reply)
{
	FILE *out = traffic();

	if (out == NULL)
		return;
	fprintf(out, "{\"method\":\"%s\",\"params\":%.*s,\"reply\":%.*s}\n", method,
		IM_ARGS(params), IM_ARGS(reply));
	fclose(out);
}

static void note_delivery(const struct im_down_rec *r)
{
	FILE *out;

	if (r->type != IM_DOWN_MESSAGE && r->type != IM_DOWN_INBOX)
		return;
	out = traffic();
	if (out == NULL)
		return;
	if (r->type == IM_DOWN_INBOX)
		fprintf(out, "{\"topic\":\"%.*s\",\"payload\":%.*s}\n", IM_ARGS(r->topic),
			IM_ARGS(r->payload));
	else
		fprintf(out, "{\"topic\":\"g/x\",\"payload\":{\"conv\":\"g/x\"%.*s}\n",
			IM_ARGS(r->payload));
	fclose(out);
}

/* -- what became visible -- */

static const char *down_name(int type)
{
	switch (type) {
	case IM_DOWN_MESSAGE:
		return "message";
	case IM_DOWN_INBOX:
		return "inbox";
	case IM_DOWN_TOPIC:
		return "topic";
	case IM_DOWN_KICK_USER:
		return "kick";
	case IM_DOWN_KICK_DEVICE:
		return "kick";
	case IM_DOWN_FORGET_USER:
		return "forget_user";
	case IM_DOWN_CREDENTIAL:
		return "credential";
	case IM_DOWN_FORGET_GROUP:
		return "forget_group";
	case IM_DOWN_FORGET_MEMBER:
		return "forget_member";
	default:
		return "other";
	}
}

static void tell_record(struct rpc_fixture *f, const struct im_down_rec *r)
{
	struct im_str rest = r->recipient_bytes;
	struct im_recipient to;

	im_buf_z(&f->told, down_name(r->type));
	for (uint32_t i = 0; i < r->recipients; i++) {
		assert_int_equal(im_recipient_read(&rest, &to), IM_OK);
		im_buf_printf(&f->told, "%c%.*s", i ? ',' : ' ', IM_ARGS(to.uid));
	}
	const struct im_str parts[] = {r->user, r->device, r->topic, r->payload};
	for (size_t i = r->type == IM_DOWN_MESSAGE || r->type == IM_DOWN_TOPIC ? 2 : 0; i < 4; i++)
		if (parts[i].n)
			im_buf_printf(&f->told, " %.*s", IM_ARGS(parts[i]));
	im_buf_c(&f->told, '\n');
}

void rpc_commit(struct rpc_fixture *f)
{
	struct store_mark mark;
	struct im_down_rec r;
	struct im_str rest;

	im_buf_reset(&f->told);
	assert_false(effects_failed(f->fx));
	assert_int_equal(writer_commit(f->w,
				 &(struct writer_through){.epoch = 1, .recno = ++f->recno}, &mark),
		WRITER_DONE);
	for (int tier = 0; tier < EFFECTS_TIERS; tier++) {
		rest = effects_view(f->fx, tier);
		while (rest.n > 0) {
			assert_int_equal(im_down_rec_read(&rest, &r), IM_OK);
			tell_record(f, &r);
			note_delivery(&r);
		}
	}
	effects_reset(f->fx);
}

bool rpc_told(const struct rpc_fixture *f, const char *part)
{
	return f->told.n > 0 && memmem(f->told.p, f->told.n, part, strlen(part)) != NULL;
}

/* -- calls -- */

/* The reply as a client gets it, parsed again: so its form is tested with every call. */
static void take_reply(struct rpc_fixture *f, const char *method, const char *params, int code,
	struct im_str why, struct im_str result)
{
	struct im_buf *reply = &f->reply;
	json_t *whole;

	im_buf_reset(reply);
	rpc_reply_build(reply, IM_STR("7"), code, why, result);
	assert_false(reply->failed);
	whole = json_loadb(reply->p, reply->n, 0, NULL);
	if (whole == NULL)
		fail_msg("reply is no JSON: %.*s", IM_ARGS(*reply));
	assert_int_equal(json_integer_value(json_object_get(whole, "id")), 7);
	json_decref(f->result);
	f->result = json_incref(json_object_get(whole, "result"));
	if (f->result == NULL)
		assert_int_equal(rpc_num(whole, "error.code"), code);
	im_buf_reset(&f->why);
	im_buf_str(&f->why, why);
	/* Nobody is told of what the engine rolls back and does again. */
	if (!im_err_is_ours(code))
		note_request(method, im_str(params), im_buf_view(reply));
	json_decref(whole);
}

static int run_read(struct rpc_fixture *f, const struct rpc_method *m, const struct rpc_call *call)
{
	struct rpc_read rd = {.call = *call,
		.backend = f->backend,
		.log = f->log,
		.names = f->names,
		.search = f->search};

	rd.call.dir = f->reader_dir;
	im_buf_reset(&f->states);
	if (m->kind == RPC_DEVICES)
		presence_states(f->presence, rd.call.uid, &f->states);
	rd.states = im_buf_view(&f->states);
	return m->read(&rd);
}

static int run(struct rpc_fixture *f, const struct rpc_method *m, const struct rpc_call *call)
{
	struct rpc_write wr = {.call = *call,
		.writer = f->w,
		.budget = &f->budget,
		.presence = f->presence,
		.dedup = f->dedup,
		.rights = f->rights,
		.cost = f->cost};
	int rc;

	if (rpc_reads(m))
		return run_read(f, m, call);
	writer_set_now(f->w, f->now_ms);
	wr.call.dir = writer_directory(f->w);
	rc = texts_check(f->set.moderation, m, call->params, call->why);
	if (rc == IM_OK)
		rc = m->write(&wr);
	rpc_commit(f);
	return rc;
}

static int call(struct rpc_fixture *f, const char *uid, const char *device, const char *method,
	const char *params)
{
	struct rpc_request req;
	struct im_buf result, why;
	struct rpc_call c = {.uid = im_str(uid),
		.device = im_str(device),
		.user = rpc_uid(f, uid),
		.now_ms = f->now_ms,
		.set = &f->set,
		.position = writer_position(f->w)};
	int code;

	im_buf_init(&result, 0);
	im_buf_init(&why, 0);
	rpc_request_parse(methods_find, im_str(method), im_str(params), &req);
	code = req.code;
	im_buf_str(&why, im_buf_view(&req.why));
	if (code == IM_OK) {
		c.params = req.params;
		c.result = &result;
		c.why = &why;
		code = run(f, req.method, &c);
	}
	take_reply(f, method, params, code, im_buf_view(&why), im_buf_view(&result));
	rpc_request_clear(&req);
	im_buf_free(&result);
	im_buf_free(&why);
	return code;
}

int rpc_read(struct rpc_fixture *f, const struct rpc_method *m, const char *params)
{
	struct im_buf result, why;
	struct rpc_call c = {.uid = IM_STR("root"),
		.admin = true,
		.now_ms = f->now_ms,
		.set = &f->set,
		.params = json_loads(params, 0, NULL),
		.position = writer_position(f->w),
		.result = &result,
		.why = &why};
	int code;

	im_buf_init(&result, 0);
	im_buf_init(&why, 0);
	assert_non_null(c.params);
	code = rpc_check(m->name, m->params, c.params, "", &why);
	if (code == IM_OK)
		code = run_read(f, m, &c);
	json_decref(f->result);
	f->result = code == IM_OK ? json_loadb(result.p, result.n, 0, NULL) : NULL;
	im_buf_reset(&f->why);
	im_buf_str(&f->why, im_buf_view(&why));
	json_decref(c.params);
	im_buf_free(&result);
	im_buf_free(&why);
	return code;
}

int rpc_do(struct rpc_fixture *f, const char *uid, const char *method, const char *params)
{
	return call(f, uid, "phone", method, params);
}

json_t *rpc_ok_on(struct rpc_fixture *f, const char *uid, const char *device, const char *method,
	const char *params)
{
	int code = call(f, uid, device, method, params);

	if (code != IM_OK)
		fail_msg("%s %s %s: %d %.*s", uid, method, params, code, IM_ARGS(f->why));
	assert_non_null(f->result);
	return f->result;
}

json_t *rpc_ok(struct rpc_fixture *f, const char *uid, const char *method, const char *params)
{
	return rpc_ok_on(f, uid, "phone", method, params);
}

void rpc_no(
	struct rpc_fixture *f, int code, const char *uid, const char *method, const char *params)
{
	int have = rpc_do(f, uid, method, params);

	if (have != code)
		fail_msg("%s %s %s: %d instead of %d: %.*s", uid, method, params, have, code,
			IM_ARGS(f->why));
	/* Every refusal says more than its code does. */
	assert_true(f->why.n > 0);
}

/* As intake does it. */
static void take_mentions(struct rpc_fixture *f, struct message *m, struct mentions *out)
{
	const struct rights_user from = {.id = m->sender};
	const struct rights_group group = {.id = m->a};
	const struct mentions_place p = {.kind = m->kind,
		.group = &group,
		.from = &from,
		.from_uid = m->from,
		.peer_uid = m->peer,
		.peer = m->b};
	struct im_str list = meta_get(m->meta, "mentions");

	if (list.n == 0)
		return;
	assert_int_equal(mentions_sift(f->rights, &p, list, out), IM_OK);
	m->mentions = &out->who;
}

uint64_t rpc_send_full(struct rpc_fixture *f, const char *from, const char *conv,
	struct im_str type, struct im_str meta, enum im_enc enc, struct im_str body)
{
	struct message m = {.sender = rpc_uid(f, from),
		.from = im_str(from),
		.ts_ms = f->now_ms,
		.enc = enc,
		.type = type,
		.meta = meta,
		.body = body};
	struct directory_group g;
	struct mentions who;
	uint64_t seq, gid;

	mentions_init(&who);
	assert_true(im_conv_parse(im_str(conv), &m.kind, &m.peer));
	if (m.kind == IM_CONV_GROUP) {
		assert_int_equal(directory_group_get(f->reader_dir, m.peer, &g), IM_OK);
		m.a = g.id;
	} else {
		m.a = m.sender;
		m.b = rpc_uid(f, conv + 2);
	}
	take_mentions(f, &m, &who);
	assert_int_equal(writer_append(f->w, &m, &seq, &gid), IM_OK);
	mentions_clear(&who);
	rpc_commit(f);
	return seq;
}

uint64_t rpc_mentions(struct rpc_fixture *f, const char *uid, uint64_t conv, uint64_t mark)
{
	uint64_t n;

	assert_int_equal(f->backend->mentions(f->log, conv, rpc_uid(f, uid), mark, &n), IM_OK);
	return n;
}

uint64_t rpc_send(struct rpc_fixture *f, const char *from, const char *conv, const char *text)
{
	return rpc_send_full(f, from, conv, IM_STR(""), IM_STR(""), IM_ENC_TEXT, im_str(text));
}

/* -- results -- */

const json_t *rpc_at(const json_t *v, const char *path)
{
	char part[64];
	const char *dot;

	while (v != NULL && *path) {
		dot = strchrnul(path, '.');
		snprintf(part, sizeof(part), "%.*s", (int)(dot - path), path);
		v = json_is_array(v) ? json_array_get(v, (size_t)atoi(part))
				     : json_object_get(v, part);
		path = *dot ? dot + 1 : dot;
	}
	return v;
}

int64_t rpc_num(const json_t *v, const char *path)
{
	const json_t *found = rpc_at(v, path);

	if (!json_is_integer(found) && !json_is_boolean(found))
		fail_msg("no number at %s", path);
	return json_is_boolean(found) ? json_is_true(found) : json_integer_value(found);
}

const char *rpc_text(const json_t *v, const char *path)
{
	const json_t *found = rpc_at(v, path);

	if (!json_is_string(found))
		fail_msg("no text at %s", path);
	return json_string_value(found);
}

void rpc_assert_json(const json_t *v, const char *want, const char *file, int line)
{
	json_t *other = json_loads(want, JSON_DECODE_ANY, NULL);
	char *have;

	assert_non_null(other);
	if (!json_equal(v, other)) {
		have = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
		print_error("have: %s\nwant: %s\n", have, want);
		free(have);
		_fail(file, line);
	}
	json_decref(other);
}

void rpc_sql(struct rpc_fixture *f, const char *sql)
{
	char path[96];
	sqlite3 *db = NULL;

	snprintf(path, sizeof(path), "%s/directory.db", f->folder);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* -- administration -- */

json_t *rpc_admin(struct rpc_fixture *f, const char *command)
{
	struct im_buf out, payload;
	struct admin_payload a = {.uid = IM_STR("root"),
		.device = IM_STR("root-desk"),
		.set = &f->set,
		.hooks = &f->hooks,
		.w = f->w,
		.presence = f->presence,
		.now_ms = f->now_ms,
		.out = &out};
	struct directory_user root;
	json_t *whole;
	uint64_t id;

	if (directory_user_get(f->reader_dir, a.uid, &root) == IM_E_NONE) {
		assert_int_equal(directory_user_create(writer_directory(f->w), a.uid, IM_ROLE_ADMIN,
					 IM_STR(""), f->now_ms, &id),
			IM_OK);
		rpc_commit(f);
	}
	im_buf_init(&out, 0);
	im_buf_init(&payload, 0);
	im_buf_printf(&payload, "{\"commands\":[%s]}", command);
	a.payload = im_buf_view(&payload);
	a.now_ms = f->now_ms;
	writer_set_now(f->w, f->now_ms);
	assert_int_equal(admin_execute(&a), IM_OK);
	rpc_commit(f);
	whole = json_loadb(out.p, out.n, 0, NULL);
	if (whole == NULL)
		fail_msg("no JSON: %.*s", IM_ARGS(out));
	note_request("$CONTROL", a.payload, im_buf_view(&out));
	json_decref(f->result);
	f->result = json_incref(json_object_get(whole, "responses"));
	assert_non_null(f->result);
	json_decref(whole);
	im_buf_free(&out);
	im_buf_free(&payload);
	return json_array_get(f->result, 0);
}
