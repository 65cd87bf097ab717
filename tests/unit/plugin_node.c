/* SPDX-License-Identifier: BSD-3-Clause */
/* The node that the plugin's tests run in. */
#include "tests/unit/plugin_node.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/phc.h"
#include "common/topic.h"
#include "plugin/capture.h"
#include "plugin/plugin.h"
#include "schema/migrations.h"
#include "tests/lib/folder.h"

#define OPTIONS_MAX 32

static const char seed[] =
	"INSERT INTO user(id, uid, role, password, created_ms) VALUES"
	" (1, 'alice', 0, :pw, 0), (2, 'bob', 0, :pw, 0), (3, 'carol', 0, :pw, 0),"
	" (4, 'root', 1, :pw, 0)";
static const char seed_groups[] =
	/* The team is joined by invitation, the hall by anybody. */
	"INSERT INTO grp(id, gid, kind, join_policy, member_limit, created_ms) VALUES"
	" (1, 'team', 0, 2, 100, 0), (2, 'hall', 1, 0, 100, 0);"
	"INSERT INTO member(grp, uid, user, role, joined_seq, joined_ms) VALUES"
	" (1, 'alice', 1, 2, 0, 0), (1, 'bob', 2, 0, 0, 0),"
	" (2, 'alice', 1, 2, 0, 0), (2, 'bob', 2, 0, 0, 0)";

void node_sql(struct node *n, const char *sql)
{
	char *err = NULL;

	if (sqlite3_exec(n->db, sql, NULL, NULL, &err) != SQLITE_OK)
		fail_msg("%s: %s", sql, err);
}

void node_folder(struct node *n)
{
	static const uint8_t salt[IM_PHC_SALT] = "0123456789abcdef";
	char path[128], phc[IM_PHC_MAX];
	struct im_buf why;
	sqlite3_stmt *st;

	*n = (struct node){.wall_ms = 1763650000000, .mono_us = 1000000000, .commit = true};
	snprintf(n->dir, sizeof(n->dir), "/tmp/im-plugin-XXXXXX");
	assert_non_null(mkdtemp(n->dir));
	snprintf(path, sizeof(path), "%s/directory.db", n->dir);
	assert_int_equal(sqlite3_open(path, &n->db), SQLITE_OK);
	node_sql(n, "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF");
	im_buf_init(&why, 0);
	assert_int_equal(migrate_apply(n->db, schema_migrations, "directory", &why), IM_OK);
	im_buf_free(&why);
	/* The cheapest hash there is: the tests are not about Argon2. */
	assert_int_equal(im_phc_hash(IM_STR("pw"), salt, 8, 1, phc), IM_OK);
	assert_int_equal(sqlite3_prepare_v2(n->db, seed, -1, &st, NULL), SQLITE_OK);
	sqlite3_bind_text(st, 1, phc, -1, SQLITE_STATIC);
	assert_int_equal(sqlite3_step(st), SQLITE_DONE);
	sqlite3_finalize(st);
	node_sql(n, seed_groups);
	node_sql(n, "INSERT INTO meta VALUES ('password_memory_kib', 8), ('password_passes', 1)");
}

void node_folder_remove(struct node *n)
{
	sqlite3_close(n->db);
	assert_int_equal(folder_remove(n->dir), 0);
}

/* ---- the plugin ---- */

int mosquitto_plugin_version(int n, const int *versions);
int mosquitto_plugin_init(
	mosquitto_plugin_id_t *id, void **userdata, struct mosquitto_opt *o, int n);
int mosquitto_plugin_cleanup(void *userdata, struct mosquitto_opt *o, int n);

static int64_t wall_ms(void *arg)
{
	return ((struct node *)arg)->wall_ms;
}

static int64_t mono_us(void *arg)
{
	struct node *n = arg;

	return n->mono_us += n->mono_step_us;
}

int node_load(struct node *n, bool newer, const char *const options[])
{
	static const struct fake_plugin plugin = {
		mosquitto_plugin_version, mosquitto_plugin_init, mosquitto_plugin_cleanup};
	struct mosquitto_opt o[OPTIONS_MAX] = {
		{(char *)"data_dir", n->dir},
		{(char *)"link_listener", (char *)"/run/link"},
		{(char *)"spool_size", (char *)"1M"},
		{(char *)"auth_threads", (char *)"0"},
	};
	size_t i, at = 4;
	int rc;

	for (i = 0; options && options[i]; i += 2) {
		size_t j;

		for (j = 0; j < at && strcmp(o[j].key, options[i]) != 0; j++)
			;
		if (j == at || strcmp(options[i], "allow_topic") == 0)
			j = at++;
		o[j] = (struct mosquitto_opt){(char *)options[i], (char *)options[i + 1]};
	}
	n->newer = newer;
	fake_open(newer);
	rc = fake_load(&plugin, o);
	if (rc == MOSQ_ERR_SUCCESS)
		((struct plugin *)fake_userdata())->clock =
			(struct clock){.wall_ms = wall_ms, .mono_us = mono_us, .arg = n};
	return rc;
}

void node_start(struct node *n, bool newer, const char *const options[])
{
	node_folder(n);
	assert_int_equal(node_load(n, newer, options), MOSQ_ERR_SUCCESS);
	node_bridge(n);
}

void node_unload(struct node *n)
{
	fake_unload();
	assert_int_equal(fake_offline_kicks(), 0);
	fake_close();
	n->bridge = NULL;
}

void node_crash(struct node *n)
{
	struct plugin *p = fake_userdata();

	/* What was in memory is gone; the file is as it is, without its mark of a clean end. */
	msync(p->spool.ring.map, p->spool.map_size, MS_SYNC);
	p->spool.ring.data = NULL;
	capture_forget_notes(p);
	fake_crash();
	fake_close();
	n->bridge = NULL;
}

static void record_clear(struct node_record *r)
{
	free(r->user);
	free(r->device);
	free(r->target);
	free(r->id);
	free(r->reply_topic);
	free((char *)r->corr.p);
	free((char *)r->payload.p);
}

static void records_clear(struct node_record **r, size_t *n)
{
	size_t i;

	for (i = 0; i < *n; i++)
		record_clear(&(*r)[i]);
	free(*r);
	*r = NULL;
	*n = 0;
}

void node_forget_records(struct node *n)
{
	records_clear(&n->records, &n->n_records);
}

void node_stop(struct node *n)
{
	node_unload(n);
	node_forget_records(n);
	records_clear(&n->snapshot, &n->n_snapshot);
	free(n->stats);
	node_folder_remove(n);
}

void node_each(void (*test)(struct node *n), const char *const options[])
{
	for (int newer = 0; newer < 2; newer++) {
		struct node n;

		node_start(&n, newer, options);
		test(&n);
		node_settle(&n);
		assert_int_equal(fake_offline_kicks(), 0);
		node_stop(&n);
	}
}

/* ---- the bridge ---- */

static char *text(struct im_str s)
{
	return strndup(s.n ? s.p : "", s.n);
}

static void keep(struct node_record **list, size_t *n, const struct im_up_rec *r, uint64_t recno)
{
	*list = realloc(*list, (*n + 1) * sizeof(**list));
	assert_non_null(*list);
	(*list)[(*n)++] = (struct node_record){
		.recno = recno,
		.type = r->type,
		.flags = r->flags,
		.ts_ms = r->ts_ms,
		.user = text(r->user),
		.device = text(r->device),
		.target = text(r->target),
		.id = text(r->id),
		.reply_topic = text(r->reply_topic),
		.corr = {unit_exact(r->corr), r->corr.n},
		.payload = {unit_exact(r->payload), r->payload.n},
	};
}

static void bind_device(struct node *n, const struct im_up_rec *r)
{
	sqlite3_stmt *st;

	/* A test may have taken the tables away. */
	if (sqlite3_prepare_v2(n->db,
		    "INSERT OR IGNORE INTO device (device, user, created_ms, seen_ms)"
		    " SELECT ?1, id, ?3, ?3 FROM user WHERE uid = ?2 AND deleted = 0",
		    -1, &st, NULL))
		return;
	sqlite3_bind_text(st, 1, r->device.p, (int)r->device.n, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, r->user.p, (int)r->user.n, SQLITE_STATIC);
	sqlite3_bind_int64(st, 3, r->ts_ms);
	assert_int_equal(sqlite3_step(st), SQLITE_DONE);
	sqlite3_finalize(st);
}

static void change_device(struct node *n, const char *sql, const struct im_up_rec *r)
{
	sqlite3_stmt *st;

	if (sqlite3_prepare_v2(n->db, sql, -1, &st, NULL))
		return;
	sqlite3_bind_text(st, 1, r->device.p, (int)r->device.n, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, r->ts_ms);
	assert_int_equal(sqlite3_step(st), SQLITE_DONE);
	sqlite3_finalize(st);
}

/* As the bridge does. */
static void write_device(struct node *n, const struct im_up_rec *r)
{
	if ((r->type == IM_UP_OPEN && r->flags & IM_UPF_NEW_DEVICE) || r->type == IM_UP_KEEP)
		bind_device(n, r);
	if (r->type == IM_UP_KEEP)
		change_device(
			n, "UPDATE device SET kept_ms = ?2 WHERE device = ?1 AND kept_ms = 0", r);
	if (r->type == IM_UP_CLOSE && r->flags & IM_UPF_GONE)
		change_device(n, "DELETE FROM device WHERE device = ?1 AND ?2", r);
}

static void take_batch(struct node *n, const struct im_up_frame *f)
{
	struct im_str rest = f->rest;
	struct im_up_rec r;
	uint32_t i;

	n->batches++;
	n->epoch = f->batch.epoch;
	n->last = f->batch.first + f->batch.count - 1;
	for (i = 0; i < f->batch.count; i++) {
		assert_int_equal(im_up_rec_read(&rest, &r), IM_OK);
		keep(&n->records, &n->n_records, &r, f->batch.first + i);
		if (n->commit)
			write_device(n, &r);
	}
	assert_int_equal(rest.n, 0);
	if (n->commit)
		node_committed(n, n->epoch, n->last);
}

static void take_sessions(struct node *n, const struct im_up_frame *f)
{
	struct im_str rest = f->rest;
	struct im_up_rec r;
	uint32_t i;

	if (f->part.first)
		records_clear(&n->snapshot, &n->n_snapshot);
	for (i = 0; i < f->batch.count; i++) {
		assert_int_equal(im_up_rec_read(&rest, &r), IM_OK);
		keep(&n->snapshot, &n->n_snapshot, &r, 0);
	}
	n->level = f->part.level;
	if (f->part.last)
		n->snapshots++;
}

static void bridge_receives(void *arg, const struct fake_message *m)
{
	struct node *n = arg;
	struct im_up_frame f;

	assert_string_equal(m->topic, IM_TOPIC_UP);
	assert_int_equal(im_up_frame_read(m->payload, &f), IM_OK);
	/* What it takes is said before its first record. */
	assert_true(f.kind == IM_FRAME_UP_STATS || n->stats != NULL);
	switch (f.kind) {
	case IM_FRAME_UP_BATCH:
		take_batch(n, &f);
		break;
	case IM_FRAME_UP_SESSIONS:
		take_sessions(n, &f);
		break;
	case IM_FRAME_UP_CREDIT:
		n->credits += f.credit;
		break;
	case IM_FRAME_UP_STATS:
		free(n->stats);
		n->stats = text(f.rest);
		break;
	default:
		fail();
	}
}

void node_secret(const struct node *n, char password[SECRET_PASSWORD + 1])
{
	struct im_buf why;

	im_buf_init(&why, 0);
	if (secret_read(n->dir, password, &why))
		fail_msg("%.*s", IM_ARGS(why));
	im_buf_free(&why);
}

void node_bridge(struct node *n)
{
	struct fake_spec s = {.id = NODE_LINK_ID, .user = "im-bridge", .address = "/run/link"};
	char password[SECRET_PASSWORD + 1];

	node_secret(n, password);
	s.password = password;
	n->bridge = fake_connect(&s);
	assert_non_null(n->bridge);
	assert_true(fake_subscribe(n->bridge, IM_TOPIC_UP));
	assert_true(fake_subscribe(n->bridge, IM_TOPIC_SINK));
	fake_on_message(n->bridge, bridge_receives, n);
	node_hello(n);
}

void node_frame(struct node *n, struct im_str frame)
{
	assert_int_equal(
		fake_publish(n->bridge, IM_TOPIC_DOWN, frame, 0, false, NULL), FAKE_ACCEPTED);
}

void node_down(
	struct node *n, const struct im_down_rec *r, const struct im_recipient *to, uint32_t n_to)
{
	struct im_buf b;

	im_buf_init(&b, 0);
	im_frame_down_begin(&b);
	im_down_rec_put(&b, r, to, n_to);
	node_frame(n, im_buf_view(&b));
	im_buf_free(&b);
}

void node_event(struct node *n, const char *payload)
{
	node_down(n,
		&(struct im_down_rec){.type = IM_DOWN_INBOX,
			.flags = IM_DOWNF_QOS1,
			.topic = IM_STR("event"),
			.payload = im_str(payload)},
		&(struct im_recipient){.uid = IM_STR("alice")}, 1);
	node_settle(n);
}

void node_hello(struct node *n)
{
	node_down(n, &(struct im_down_rec){.type = IM_DOWN_HELLO, .epoch = 1}, NULL, 0);
	node_settle(n);
}

void node_committed(struct node *n, uint64_t epoch, uint64_t recno)
{
	node_down(n,
		&(struct im_down_rec){.type = IM_DOWN_COMMITTED, .epoch = epoch, .recno = recno},
		NULL, 0);
}

uint64_t node_stat(struct node *n, const char *name)
{
	char key[64];
	const char *at;

	node_down(n, &(struct im_down_rec){.type = IM_DOWN_STATS}, NULL, 0);
	node_settle(n);
	assert_non_null(n->stats);
	snprintf(key, sizeof(key), "\"%s\":", name);
	at = strstr(n->stats, key);
	if (!at)
		fail_msg("no counter %s in %s", name, n->stats);
	return strtoull(at + strlen(key), NULL, 10);
}

void node_settle(struct node *n)
{
	int i;

	(void)n;
	for (i = 0; i < 4; i++)
		fake_turn();
}

void node_pass(struct node *n, int64_t ms)
{
	n->wall_ms += ms;
	n->mono_us += ms * 1000;
	node_settle(n);
}

void node_end(struct node *n)
{
	node_pass(n, n->newer ? 200 : 100);
}

struct mosquitto *node_client(struct node *n, const char *user, const char *id, int version)
{
	const struct fake_spec s = {.id = id, .user = user, .password = "pw", .version = version};

	(void)n;
	return fake_connect(&s);
}

const char *node_heard(struct mosquitto *c)
{
	static char text[2048];
	const struct fake_message *m;
	size_t n = 0;

	text[0] = '\0';
	while ((m = fake_received(c))) {
		n += (size_t)snprintf(
			text + n, sizeof(text) - n, "%s%.*s", n ? " " : "", IM_ARGS(m->payload));
		assert_true(n < sizeof(text));
	}
	return text;
}

const struct node_record *node_find(const struct node *n, uint8_t type, size_t i)
{
	size_t at;

	for (at = 0; at < n->n_records; at++) {
		if (n->records[at].type == type && i-- == 0)
			return &n->records[at];
	}
	return NULL;
}

size_t node_count(const struct node *n, uint8_t type)
{
	size_t i = 0;

	while (node_find(n, type, i))
		i++;
	return i;
}

const char *node_life(const struct node *n, const char *device)
{
	static char life[64];
	size_t at, len = 0;

	for (at = 0; at < n->n_records && len < sizeof(life) - 1; at++) {
		const struct node_record *r = &n->records[at];

		if (strcmp(r->device, device) != 0)
			continue;
		if (r->type == IM_UP_OPEN || r->type == IM_UP_SUB || r->type == IM_UP_CLOSE)
			life[len++] = "OSC"[r->type - IM_UP_OPEN];
	}
	life[len] = '\0';
	return life;
}
