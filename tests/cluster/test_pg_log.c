/* SPDX-License-Identifier: BSD-3-Clause */
/* The log in PostgreSQL while nothing fails: what is appended, refused, read back, and by whom. */
#include <stdio.h>

#include "tests/cluster/log_node.h"

#define TEST(test) cmocka_unit_test_setup_teardown(test, log_set_up, log_tear_down)

static int64_t number(const struct log_world *w, const char *sql)
{
	return postgres_number(w->pg, w->database, sql);
}

static void test_a_log_begins_empty_in_an_era_of_its_own(void **state)
{
	struct log_world *w = *state;
	struct log_node *n = log_node_new(w, 1, NULL);
	unsigned char none[CLUSTER_DIGEST] = {0};

	log_connect(n, 0);
	assert_int_equal(n->end.pos, 0);
	assert_memory_equal(n->end.digest, none, CLUSTER_DIGEST);
	assert_int_equal(n->end.era, number(w, "SELECT greatest(1, im.timeline())"));
	assert_int_equal(pg_log_ops.incarnation(n->log), 1);
	assert_int_equal(n->n_marks, 0);
	log_read(n, 10);
	assert_false(n->forked || n->trimmed);
	assert_int_equal(n->n_seen, 0);
	log_node_free(&n);
}

/* -- what is appended is read -- */

#define BINARY "\0\x01\xff\xfe'\\\"\n{}\0"
static const struct im_str values[] = {
	{"", 0}, {"text", 4}, {"na\xc3\xafve \xf0\x9f\x8c\xb3", 11}, {BINARY, sizeof(BINARY) - 1}};
#define VALUES (sizeof(values) / sizeof(*values))

static struct cluster_message message(uint64_t gid, uint64_t seq)
{
	return (struct cluster_message){.gid = gid,
		.conv = 7,
		.seq = seq,
		.sender = 5,
		.ts_ms = 1700000000000 + (int64_t)seq,
		.enc = 1,
		.body = IM_STR("hello"),
		.has_body = true};
}

static void assert_same_message(const struct cluster_message *a, const struct cluster_message *b)
{
	assert_int_equal(a->gid, b->gid);
	assert_int_equal(a->gone, b->gone);
	assert_int_equal(a->conv, b->conv);
	assert_int_equal(a->seq, b->seq);
	assert_int_equal(a->sender, b->sender);
	assert_int_equal(a->ts_ms, b->ts_ms);
	assert_int_equal(a->enc, b->enc);
	assert_int_equal(a->has_ordinals, b->has_ordinals);
	assert_int_equal(a->less_ord, b->less_ord);
	assert_int_equal(a->less_shown, b->less_shown);
	assert_int_equal(a->has_type, b->has_type);
	assert_int_equal(a->has_client_id, b->has_client_id);
	assert_int_equal(a->has_meta, b->has_meta);
	assert_int_equal(a->has_body, b->has_body);
	assert_str_eq(a->type, b->type);
	assert_str_eq(a->client_id, b->client_id);
	assert_str_eq(a->meta, b->meta);
	assert_str_eq(a->body, b->body);
}

static void assert_same_entry(const struct cluster_entry *a, const struct cluster_entry *b)
{
	assert_int_equal(a->prev, b->prev);
	assert_int_equal(a->pos, b->pos);
	assert_int_equal(a->era, b->era);
	assert_int_equal(a->node, b->node);
	assert_int_equal(a->incarnation, b->incarnation);
	assert_int_equal(a->epoch, b->epoch);
	assert_int_equal(a->recno, b->recno);
	assert_memory_equal(a->digest, b->digest, CLUSTER_DIGEST);
	assert_str_eq(a->body, b->body);
	assert_int_equal(a->n_messages, b->n_messages);
	for (uint32_t i = 0; i < a->n_messages; i++)
		assert_same_message(&a->messages[i], &b->messages[i]);
	assert_int_equal(a->n_amended, b->n_amended);
	for (uint32_t i = 0; i < a->n_amended; i++)
		assert_int_equal(a->amended[i], b->amended[i]);
}

static void test_another_node_reads_each_value_of_each_column_as_it_was(void **state)
{
	struct log_world *w = *state;
	struct log_node *a = log_node_new(w, 1, NULL), *b = log_node_new(w, 2, NULL);
	struct cluster_message m[VALUES + 2];
	struct cluster_entry e;

	log_connect_new(a);
	log_connect_new(b);
	e = log_entry_of(a, VALUES + 2);
	for (uint32_t i = 0; i < VALUES + 2; i++) {
		m[i] = message(e.pos - VALUES - 1 + i, i + 1);
		m[i].has_type = m[i].has_client_id = m[i].has_meta = m[i].has_body = i < VALUES;
		m[i].type = m[i].client_id = m[i].meta = m[i].body =
			i < VALUES ? values[i] : (struct im_str){0};
	}
	m[0].has_ordinals = true;
	m[0].less_ord = 3;
	m[0].less_shown = -2;
	m[1].sender = UINT64_MAX;
	m[1].ts_ms = INT64_MIN;
	m[1].enc = 2;
	e.epoch = UINT64_MAX - 5;
	e.recno = 1ull << 63;
	e.body = values[3];
	e.messages = m;
	e.n_messages = VALUES + 2;
	assert_int_equal(log_append(a, &e), CLUSTER_TAKEN);
	log_read(b, 10);
	assert_int_equal(b->n_seen, 1);
	assert_same_entry(b->seen[0], &e);
	assert_int_equal(b->end.pos, e.pos);
	assert_memory_equal(b->end.digest, e.digest, CLUSTER_DIGEST);
	log_node_free(&a);
	log_node_free(&b);
}

static void test_what_no_socket_takes_at_once_arrives_whole(void **state)
{
	struct log_world *w = *state;
	struct log_node *a = log_node_new(w, 1, NULL), *b = log_node_new(w, 2, NULL);
	size_t n = 8 * 1024 * 1024;
	char *much = malloc(n);
	struct prng r = {1};
	struct cluster_message m;
	struct cluster_entry e;

	assert_non_null(much);
	log_connect_new(a);
	log_connect_new(b);
	e = log_entry(a);
	m = message(e.pos, 1);
	m.body = e.body = prng_bytes(&r, much, n);
	e.messages = &m;
	e.n_messages = 1;
	assert_int_equal(log_append(a, &e), CLUSTER_TAKEN);
	log_read(b, 10);
	assert_int_equal(b->n_seen, 1);
	assert_same_entry(b->seen[0], &e);
	free(much);
	log_node_free(&a);
	log_node_free(&b);
}

static void test_who_reads_later_sees_messages_as_they_are_by_now(void **state)
{
	struct log_world *w = *state;
	struct log_node *a = log_node_new(w, 1, NULL), *b = log_node_new(w, 2, NULL);
	struct log_node *before = log_node_new(w, 3, NULL);
	struct cluster_message m[4], changed[2];
	struct cluster_entry first, second;
	uint64_t amended[2];

	log_connect_new(a);
	log_connect_new(b);
	log_connect_new(before);
	first = log_entry_of(a, 3);
	for (uint32_t i = 0; i < 3; i++)
		m[i] = message(first.pos - 2 + i, i + 1);
	first.messages = m;
	first.n_messages = 3;
	assert_int_equal(log_append(a, &first), CLUSTER_TAKEN);
	log_read(before, 10);
	/* Edits the first, removes the second, and says something in the second's place. */
	second = log_entry_of(a, 1);
	changed[0] = m[0];
	changed[0].body = IM_STR("better");
	changed[1] = (struct cluster_message){.gid = m[1].gid, .gone = true};
	m[3] = message(second.pos, 2);
	memcpy(amended, (uint64_t[]){m[0].gid, m[1].gid}, sizeof(amended));
	second.messages = (struct cluster_message[]){changed[0], changed[1], m[3]};
	second.n_messages = 3;
	second.amended = amended;
	second.n_amended = 2;
	assert_int_equal(log_append(a, &second), CLUSTER_TAKEN);

	log_read(b, 10);
	assert_int_equal(b->n_seen, 2);
	first.messages = (struct cluster_message[]){changed[0], m[2]};
	first.n_messages = 2;
	assert_same_entry(b->seen[0], &first);
	second.messages = (struct cluster_message[]){m[3], changed[0], changed[1]};
	assert_same_entry(b->seen[1], &second);
	log_read(before, 10); /* has the first entry already */
	assert_int_equal(before->n_seen, 2);
	assert_same_entry(before->seen[1], &second);
	assert_int_equal(number(w, "SELECT count(*) FROM im.message WHERE body = 'hello'"), 2);
	log_node_free(&a);
	log_node_free(&b);
	log_node_free(&before);
}

static void test_rows_are_put_and_dropped(void **state)
{
	struct log_world *w = *state;
	struct log_node *n = log_node_new(w, 1, NULL);
	struct cluster_row put[] = {{0, IM_STR("conv"), IM_STR("k"), IM_STR("one")},
		{1, IM_STR("conv"), IM_STR("k"), IM_STR("two")},
		{1, IM_STR("user"), {BINARY, sizeof(BINARY) - 1}, {BINARY, sizeof(BINARY) - 1}},
		{1, IM_STR("user"), {"", 0}, IM_STR("of the empty key")}};
	struct cluster_row change[] = {{0, IM_STR("conv"), IM_STR("k"), IM_STR("newer")},
		{1, IM_STR("conv"), IM_STR("k"), {NULL, 0}},
		{1, IM_STR("user"), IM_STR("never there"), {NULL, 0}}};
	struct cluster_entry e;

	log_connect_new(n);
	e = log_entry(n);
	e.rows = put;
	e.n_rows = 4;
	assert_int_equal(log_append(n, &e), CLUSTER_TAKEN);
	assert_int_equal(number(w, "SELECT count(*) FROM im.row"), 4);
	assert_int_equal(number(w, "SELECT count(*) FROM im.row WHERE key = val AND key ="
				   " '\\x0001fffe275c220a7b7d00'"),
		1);
	e = log_entry(n);
	e.rows = change;
	e.n_rows = 3;
	assert_int_equal(log_append(n, &e), CLUSTER_TAKEN);
	assert_string_equal(postgres_text(w->pg, w->database,
				    "SELECT string_agg(db || ' ' || tab || ' ' ||"
				    " convert_from(val, 'UTF8'), ', ' ORDER BY db, key)"
				    " FROM im.row WHERE db = 0 OR key = ''"),
		"0 conv newer, 1 user of the empty key");
	assert_int_equal(number(w, "SELECT count(*) FROM im.row"), 3);
	log_node_free(&n);
}

static void test_marks_are_kept_by_spool_and_never_go_back(void **state)
{
	static const uint64_t said[][2] = {{11, 1}, {12, 1}, {11, 5}, {0, 0}, {11, 4}};
	struct log_world *w = *state;
	struct log_node *n = log_node_new(w, 1, NULL), *other = log_node_new(w, 2, NULL);
	uint64_t pos[5];

	log_connect_new(n);
	for (size_t i = 0; i < 5; i++) {
		struct cluster_entry e = log_entry(n);

		e.epoch = said[i][0];
		e.recno = said[i][1];
		assert_int_equal(log_append(n, &e), CLUSTER_TAKEN);
		pos[i] = e.pos;
	}
	log_connect(n, 1);
	assert_int_equal(n->n_marks, 2);
	assert_int_equal(n->marks[0].epoch, 12);
	assert_int_equal(n->marks[0].recno, 1);
	assert_int_equal(n->marks[0].pos, pos[1]);
	assert_int_equal(n->marks[1].epoch, 11);
	assert_int_equal(n->marks[1].recno, 5);
	assert_int_equal(n->marks[1].pos, pos[2]);
	log_connect(other, 0);
	assert_int_equal(other->n_marks, 0);
	log_node_free(&n);
	log_node_free(&other);
}

static void test_reading_ends_at_the_limit_and_goes_on_from_there(void **state)
{
	struct log_world *w = *state;
	struct log_node *a = log_node_new(w, 1, NULL), *b = log_node_new(w, 2, NULL);

	log_connect_new(a);
	log_connect_new(b);
	for (int i = 0; i < 150; i++)
		log_say(a);
	log_read(b, 0);
	assert_int_equal(b->n_seen, 0);
	log_read(b, 2);
	assert_int_equal(b->n_seen, 2);
	assert_int_equal(b->end.pos, a->at.pos);
	log_read(b, 0);
	assert_int_equal(b->n_seen, 2);
	log_read(b, 147); /* more than come in one result */
	assert_int_equal(b->n_seen, 149);
	log_read(b, 1000);
	log_read(b, 1000);
	assert_int_equal(b->n_seen, 150);
	for (size_t i = 1; i < b->n_seen; i++)
		assert_int_equal(b->seen[i]->prev, b->seen[i - 1]->pos);
	assert_memory_equal(&b->at, &a->at, sizeof(a->at));
	log_node_free(&a);
	log_node_free(&b);
}

/* -- what is refused -- */

static void test_who_is_behind_writes_nothing(void **state)
{
	struct log_world *w = *state;
	struct log_node *a = log_node_new(w, 1, NULL), *b = log_node_new(w, 2, NULL);
	struct cluster_row row = {1, IM_STR("user"), IM_STR("k"), IM_STR("v")};
	struct cluster_entry e;
	struct cluster_message m;

	log_connect_new(a);
	log_connect_new(b);
	log_say(a);
	e = log_entry_of(b, 2); /* not to the place that is taken */
	m = message(e.pos, 1);
	e.epoch = 3;
	e.messages = &m;
	e.n_messages = 1;
	e.rows = &row;
	e.n_rows = 1;
	assert_int_equal(log_append(b, &e), CLUSTER_BEHIND);
	assert_int_equal(number(w, "SELECT count(*) FROM im.entry"), 1);
	assert_int_equal(
		number(w, "SELECT (SELECT count(*) FROM im.message) +"
			  " (SELECT count(*) FROM im.row) + (SELECT count(*) FROM im.mark)"),
		0);
	log_read(b, 10);
	log_say(b);
	log_say(b);
	/* Behind something that is trimmed by now. */
	postgres_execute(w->pg, w->database,
		"DELETE FROM im.entry WHERE pos < (SELECT max(pos) FROM im.entry)");
	e = log_entry_of(a, 9);
	assert_int_equal(log_append(a, &e), CLUSTER_BEHIND);
	log_node_free(&a);
	log_node_free(&b);
}

static void test_who_has_another_history_is_told_so(void **state)
{
	struct log_world *w = *state;
	struct log_node *a = log_node_new(w, 1, NULL), *b = log_node_new(w, 2, NULL);
	struct cluster_entry e;
	struct cluster_place is;

	log_connect_new(a);
	log_connect_new(b);
	log_say(a);
	log_say(a);
	log_read(b, 1);
	is = b->at;

	/* Another entry where b is, with one behind it; at the end; beyond the end; between. */
	for (int way = 0; way < 5; way++) {
		b->at = way == 1 ? a->at : is;
		b->at.digest[3] ^= way < 3 || way == 4;
		b->at.pos += way == 2 ? 7 : 0;
		if (way == 3) {
			b->at.pos = 0; /* and no digest is right there but none */
		} else if (way == 4) {
			b->at.pos = is.pos - 1;
			b->at.digest[3] ^= 1;
		}
		e = log_entry_of(b, 9);
		assert_int_equal(log_append(b, &e), way == 4 ? CLUSTER_BEHIND : CLUSTER_FORKED);
		log_read(b, 10);
		assert_int_equal(b->forked, way != 4);
		assert_int_equal(b->trimmed, way == 4);
		assert_int_equal(b->n_seen, 1);
	}
	assert_int_equal(number(w, "SELECT count(*) FROM im.entry"), 2);
	log_node_free(&a);
	log_node_free(&b);
}

static void test_an_entry_of_another_era_is_refused(void **state)
{
	struct log_world *w = *state;
	struct log_node *n = log_node_new(w, 1, NULL);
	struct cluster_entry e;
	struct cluster_place before;

	log_connect_new(n);
	log_say(n);
	before = n->end;
	/* As if the server had been promoted without its connections' notice. */
	postgres_execute(w->pg, w->database, "UPDATE im.tail SET timeline = timeline + 9");
	e = log_entry(n);
	assert_int_equal(log_append(n, &e), CLUSTER_FORKED);
	assert_int_equal(log_append(n, &e), CLUSTER_FORKED);
	log_read(n, 10);
	assert_false(n->forked);
	assert_int_equal(n->end.era, before.era + 1);
	e = log_entry(n);
	assert_true(e.pos > (before.era + 1) << 40);
	assert_int_equal(log_append(n, &e), CLUSTER_TAKEN);
	/* Another server, built from a dump: its timeline may be the same. */
	postgres_execute(w->pg, w->database, "UPDATE im.tail SET system = system - 1");
	log_connect(n, 1);
	assert_int_equal(n->end.era, before.era + 2);
	assert_int_equal(n->end.pos, n->at.pos);
	log_node_free(&n);
}

static void test_entries_that_are_trimmed_are_missed_by_who_needs_them(void **state)
{
	struct log_world *w = *state;
	struct log_node *a = log_node_new(w, 1, NULL), *b = log_node_new(w, 2, NULL);
	struct log_node *c = log_node_new(w, 3, NULL);

	log_connect_new(a);
	log_connect_new(b);
	log_connect_new(c);
	log_say(a);
	log_read(b, 10);
	log_say(a);
	log_say(a);
	log_read(a, 10);
	assert_false(a->trimmed);
	postgres_execute(w->pg, w->database,
		"DELETE FROM im.entry WHERE pos < (SELECT max(pos) FROM im.entry)");
	log_read(b, 10);
	assert_true(b->trimmed && !b->forked);
	log_read(c, 10); /* has nothing yet */
	assert_true(c->trimmed && !c->forked);
	assert_int_equal(b->n_seen + c->n_seen, 1);
	log_read(a, 10);
	assert_false(a->trimmed || a->forked);
	log_node_free(&a);
	log_node_free(&b);
	log_node_free(&c);
}

static void test_a_position_that_is_none_is_an_error(void **state)
{
	struct log_world *w = *state;
	struct log_node *n = log_node_new(w, 1, NULL);
	struct cluster_entry e;

	log_connect_new(n);
	log_say(n);
	e = log_entry(n);
	e.pos += 1ull << 40; /* the next era's */
	pg_log_ops.append(n->log, &n->at, &e);
	log_await(n, &n->lost, 1);
	assert_true(n->fatal);
	assert_non_null(strstr(n->why, "is none of era"));
	assert_int_equal(n->appended, 1);
	log_node_free(&n);
}

/* -- one event ends it -- */

static void test_any_event_may_disconnect(void **state)
{
	struct log_world *w = *state;
	struct log_node *n = log_node_new(w, 1, NULL), *other = log_node_new(w, 2, NULL);
	struct cluster_entry e;

	log_connect_new(n);
	e = log_entry(n);
	e.epoch = 4;
	e.recno = 1;
	assert_int_equal(log_append(n, &e), CLUSTER_TAKEN);
	e = log_entry(n);
	e.epoch = 5;
	e.recno = 1;
	n->ends_in_an_event = true;
	assert_int_equal(log_append(n, &e), CLUSTER_TAKEN);
	n->ends_in_an_event = true;
	pg_log_ops.connect(n->log, 1);
	while (n->ends_in_an_event) /* at the first mark: nothing more comes */
		log_turn(w);
	assert_int_equal(n->connected, 1);
	assert_int_equal(n->n_marks, 1);
	log_connect(n, 2);
	assert_int_equal(n->n_marks, 2);
	log_say(n);
	log_connect_new(other);
	other->ends_in_an_event = true;
	pg_log_ops.read(other->log, &other->at, 10);
	while (other->ends_in_an_event) /* at the first entry: the second does not come */
		log_turn(w);
	assert_int_equal(other->n_seen, 1);
	assert_int_equal(other->read, 0);
	log_connect(other, 1);
	other->ends_in_an_event = true;
	log_read(other, 0);
	other->ends_in_an_event = true;
	log_connect(other, 2);
	log_connect(other, 3);
	assert_int_equal(n->lost + other->lost, 0);
	log_node_free(&n);
	log_node_free(&other);
}

static void test_an_entry_that_cannot_be_taken_ends_the_connection(void **state)
{
	struct log_world *w = *state;
	struct log_node *a = log_node_new(w, 1, NULL), *b = log_node_new(w, 2, NULL);

	log_connect_new(a);
	log_connect_new(b);
	log_say(a);
	log_say(a);
	b->entry_returns = IM_E_FORMAT;
	pg_log_ops.read(b->log, &b->at, 10);
	log_await(b, &b->lost, 1);
	assert_false(b->fatal);
	assert_int_equal(b->n_seen + b->read, 0);
	log_connect(b, 1);
	log_read(b, 10);
	assert_int_equal(b->n_seen, 2);
	log_node_free(&a);
	log_node_free(&b);
}

static void test_an_append_rings_at_the_other_nodes(void **state)
{
	struct log_world *w = *state;
	struct log_node *a = log_node_new(w, 1, NULL), *b = log_node_new(w, 2, NULL);

	log_connect_new(a);
	log_connect_new(b);
	log_say(a);
	log_await(b, &b->rung, 1);
	log_read(a, 0);
	assert_int_equal(a->rung, 0);
	log_node_free(&a);
	log_node_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_log_begins_empty_in_an_era_of_its_own),
		TEST(test_another_node_reads_each_value_of_each_column_as_it_was),
		TEST(test_what_no_socket_takes_at_once_arrives_whole),
		TEST(test_who_reads_later_sees_messages_as_they_are_by_now),
		TEST(test_rows_are_put_and_dropped),
		TEST(test_marks_are_kept_by_spool_and_never_go_back),
		TEST(test_reading_ends_at_the_limit_and_goes_on_from_there),
		TEST(test_who_is_behind_writes_nothing),
		TEST(test_who_has_another_history_is_told_so),
		TEST(test_an_entry_of_another_era_is_refused),
		TEST(test_entries_that_are_trimmed_are_missed_by_who_needs_them),
		TEST(test_a_position_that_is_none_is_an_error),
		TEST(test_any_event_may_disconnect),
		TEST(test_an_entry_that_cannot_be_taken_ends_the_connection),
		TEST(test_an_append_rings_at_the_other_nodes),
	};

	return cmocka_run_group_tests(tests, log_group_set_up, log_group_tear_down);
}
