/* SPDX-License-Identifier: BSD-3-Clause */
/* The engine's straight way: a batch in, one transaction, deliveries, acks and the commit-return
 * out; refusals; ids; signals; groups. */
#include "tests/unit/engine_fixture.h"

#include "bridge/directory/directory_group.h"
#include "bridge/engine/peer.h"

static void a_direct_message_reaches_both_ends_and_is_acked(void **state)
{
	struct engine_fixture *f = *state;

	engine_message(f, "alice", "bob", "{\"id\":\"c-1\",\"body\":\"hi\"}");
	assert_told(f, "message alice/phone 1 text id=c-1 bob=u/alice alice=u/bob ,\"seq\":1,"
		       "\"from\":\"alice\",\"ts\":1000000,\"id\":\"c-1\",\"type\":\"text\",");
	assert_told(f, "inbox alice ack [{\"id\":\"c-1\",\"conv\":\"u/bob\",\"seq\":1,"
		       "\"ts\":1000000}]");
	assert_told(f, "committed 77:1");
	assert_int_equal(f->frames, 1);
}

static void a_message_without_id_is_delivered_and_not_acked(void **state)
{
	struct engine_fixture *f = *state;

	engine_message(f, "alice", "bob", "plain text");
	assert_told(f, "message alice/phone 1 text id= bob=u/alice alice=u/bob ");
	assert_not_told(f, "inbox");
	assert_told(f, "committed 77:1");
}

static void a_note_to_oneself_is_delivered_once(void **state)
{
	struct engine_fixture *f = *state;

	engine_message(f, "alice", "alice", "note");
	assert_told(f, "message alice/phone 1 text id= alice=u/alice ,");
}

static void seqs_are_dense_for_each_conversation(void **state)
{
	struct engine_fixture *f = *state;

	engine_add_message(f, "alice", "bob", "1");
	engine_add_message(f, "bob", "alice", "2");
	engine_add_message(f, "alice", "carol", "1");
	engine_add_message(f, "nobody", "alice", "refused");
	engine_add_message(f, "alice", "bob", "3");
	engine_send(f);
	assert_told(f, "message alice/phone 1 json id= bob=u/alice");
	assert_told(f, "message bob/phone 2 json id= alice=u/bob");
	assert_told(f, "message alice/phone 1 json id= carol=u/alice");
	assert_told(f, "message alice/phone 3 json id= bob=u/alice");
	assert_told(f, "committed 77:5");
}

static void acks_of_a_sender_come_in_one_publish(void **state)
{
	struct engine_fixture *f = *state;

	engine_add_message(f, "alice", "bob", "{\"id\":\"1\",\"body\":1}");
	engine_add_message(f, "bob", "alice", "{\"id\":\"2\",\"body\":2}");
	engine_add_message(f, "alice", "carol", "{\"id\":\"3\",\"body\":3}");
	engine_send(f);
	assert_int_equal(engine_count(f, "inbox alice ack "), 1);
	assert_int_equal(engine_count(f, "inbox bob ack "), 1);
	assert_true(engine_told_part(f, "{\"id\":\"3\",\"conv\":\"u/carol\",\"seq\":1,"));
}

static void many_acks_are_split_below_a_frame(void **state)
{
	struct engine_fixture *f = *state;
	char payload[64];

	for (int i = 0; i < 2000; i++) {
		snprintf(payload, sizeof(payload), "{\"id\":\"message-%d\",\"body\":1}", i);
		engine_add_message(f, "alice", "bob", payload);
	}
	engine_send(f);
	assert_true(engine_count(f, "inbox alice ack [") > 1);
	assert_true(f->largest_frame < 64 * 1024);
	assert_told(f, "committed 77:2000");
}

static void refusals_say_why_with_the_id_or_null(void **state)
{
	struct engine_fixture *f = *state;

	engine_message(f, "alice", "nobody", "{\"id\":\"c-1\",\"body\":1}");
	assert_told(f, "inbox alice ack [{\"id\":\"c-1\",\"conv\":\"u/nobody\",\"error\":{"
		       "\"code\":-32001,\"message\":\"unknown user: ");
	assert_told(f, "committed 77:1");
	engine_message(f, "alice", "nobody", "x");
	assert_told(f, "inbox alice ack [{\"id\":null,\"conv\":\"u/nobody\",\"error\":{");
	engine_message(f, "alice", "g/nogroup", "x");
	assert_told(f, "inbox alice ack [{\"id\":null,\"conv\":\"g/nogroup\",\"error\":{"
		       "\"code\":-32002,");
	engine_message(f, "alice", "bob", "{\"body\":1,\"bad\":2}");
	assert_true(engine_told_part(f, "\"code\":-32602"));
	assert_not_told(f, "message");
}

static void an_id_is_stored_once(void **state)
{
	struct engine_fixture *f = *state;

	engine_add_message(f, "alice", "bob", "{\"id\":\"c-1\",\"body\":\"hi\"}");
	engine_add_message(f, "alice", "bob", "{\"id\":\"c-1\",\"body\":\"hi\"}");
	engine_send(f);
	assert_int_equal(engine_count(f, "message"), 1);
	f->now.wall_ms += 5000;
	engine_message(f, "alice", "bob", "{\"body\":\"hi\",\"id\":\"c-1\"}");
	assert_not_told(f, "message");
	assert_told(f, "inbox alice ack [{\"id\":\"c-1\",\"conv\":\"u/bob\",\"seq\":1,"
		       "\"ts\":1000000}]");
	engine_message(f, "alice", "bob", "{\"id\":\"c-1\",\"body\":\"other\"}");
	assert_not_told(f, "message");
	assert_true(engine_told_part(f, "\"id\":\"c-1\",\"conv\":\"u/bob\",\"error\":{"
					"\"code\":-32010"));
	engine_message(f, "alice", "carol", "{\"id\":\"c-1\",\"body\":\"hi\"}");
	assert_told(f, "message alice/phone 1 text id=c-1 carol=");
	engine_message(f, "bob", "alice", "{\"id\":\"c-1\",\"body\":\"hi\"}");
	assert_told(f, "message bob/phone 2 text id=c-1 alice=");
}

static void the_user_property_may_give_the_id(void **state)
{
	struct engine_fixture *f = *state;
	struct im_up_rec r = {.type = IM_UP_MSG_USER,
		.user = IM_STR("alice"),
		.target = IM_STR("bob"),
		.id = IM_STR("p-1"),
		.payload = IM_STR("hi")};

	engine_add(f, r);
	engine_send(f);
	assert_told(f, "message alice/ 1 text id=p-1 ");
	r.payload = IM_STR("{\"id\":\"p-1\",\"body\":\"hi\"}");
	engine_add(f, r);
	engine_send(f);
	assert_told(f, "inbox alice ack [{\"id\":\"p-1\",\"conv\":\"u/bob\",\"seq\":1,");
	r.payload = IM_STR("{\"id\":\"other\",\"body\":\"hi\"}");
	engine_add(f, r);
	engine_send(f);
	assert_true(engine_told_part(f, "\"code\":-32602"));
}

static void ids_are_remembered_over_a_restart(void **state)
{
	struct engine_fixture *f = *state;

	engine_message(f, "alice", "bob", "{\"id\":\"c-1\",\"body\":\"hi\"}");
	engine_restart(f);
	engine_link(f);
	engine_message(f, "alice", "bob", "{\"id\":\"c-1\",\"body\":\"hi\"}");
	assert_not_told(f, "message");
	assert_told(f, "inbox alice ack [{\"id\":\"c-1\",\"conv\":\"u/bob\",\"seq\":1,");
	engine_message(f, "alice", "bob", "next");
	assert_told(f, "message alice/phone 2 ");
}

static void a_block_holds_from_the_next_record_on(void **state)
{
	struct engine_fixture *f = *state;

	engine_add_message(f, "alice", "bob", "1");
	engine_add_rpc(f, "bob", "block.add", "{\"uid\":\"alice\"}");
	engine_add_message(f, "alice", "bob", "{\"id\":\"x\",\"body\":2}");
	engine_add_rpc(f, "bob", "block.remove", "{\"uid\":\"alice\"}");
	engine_add_message(f, "alice", "bob", "3");
	engine_send(f);
	assert_int_equal(engine_count(f, "message"), 2);
	assert_true(engine_told_part(f, "\"id\":\"x\",\"conv\":\"u/bob\",\"error\":{"
					"\"code\":-32005"));
	assert_told(f, "message alice/phone 2 ");
	assert_int_equal(engine_count(f, "forget bob"), 2);
}

static void contacts_only_refuses_strangers(void **state)
{
	struct engine_fixture *f = *state;

	f->rig.set.direct_policy = IM_DIRECT_CONTACTS;
	engine_set(f->rig.engine, &f->rig.set);
	engine_message(f, "alice", "bob", "hi");
	assert_true(engine_told_part(f, "\"code\":-32006"));
	f->rig.set.direct_policy = IM_DIRECT_ANYONE;
	engine_set(f->rig.engine, &f->rig.set);
	engine_message(f, "alice", "bob", "hi");
	assert_told(f, "message alice/phone 1 ");
}

/* What the bridge refuses, because the plugin has asked its cache, it refuses as the plugin does.
 */
static void a_late_refusal_is_worded_as_an_early_one(void **state)
{
	struct engine_fixture *f = *state;

	engine_message(f, "alice", "nobody", "hi");
	assert_true(engine_told_part(f, "\"conv\":\"u/nobody\",\"error\":{\"code\":-32001"));
	assert_true(engine_told_part(f, "there is no user of this name; check it"));
	engine_message(f, "alice", "g/none", "hi");
	assert_true(engine_told_part(f, "there is no group of this name; check it"));
	engine_rpc(f, "bob", "block.add", "{\"uid\":\"alice\"}");
	engine_message(f, "alice", "bob", "hi");
	assert_true(engine_told_part(f, "the recipient takes no messages from you"));
	f->rig.set.direct_policy = IM_DIRECT_CONTACTS;
	engine_set(f->rig.engine, &f->rig.set);
	engine_message(f, "alice", "carol", "hi");
	assert_true(engine_told_part(f, "messages from contacts alone; send a contact.request"));
	engine_rpc(f, "alice", "group.create", "{\"gid\":\"team\",\"join\":\"open\"}");
	engine_message(f, "carol", "g/team", "hi");
	assert_true(engine_told_part(f, "members alone write to a group; call group.join"));
	engine_rpc(f, "carol", "group.join", "{\"gid\":\"team\"}");
	engine_rpc(f, "alice", "group.mute", "{\"gid\":\"team\",\"seconds\":1000}");
	engine_message(f, "carol", "g/team", "hi");
	assert_true(engine_told_part(f, "owner and admins alone may write until 2000000 "));
}

/* The record was captured while the account was there. */
static void who_is_gone_sends_and_asks_nothing(void **state)
{
	struct engine_fixture *f = *state;

	engine_message(f, "nobody", "bob", "hi");
	assert_told(
		f, "inbox nobody ack [{\"id\":null,\"conv\":\"u/bob\",\"error\":{\"code\":-32012");
	assert_true(engine_told_part(f, "your user is disabled or does not exist any more"));
	engine_rpc(f, "nobody", "user.get", "{\"uid\":\"bob\"}");
	assert_true(engine_told_part(f, "\"error\":{\"code\":-32012"));
	assert_true(engine_told_part(f, "your user is disabled or does not exist any more"));
}

static void a_group_message_goes_to_its_members(void **state)
{
	struct engine_fixture *f = *state;

	engine_rpc(f, "alice", "group.create", "{\"gid\":\"team\",\"members\":[\"bob\"]}");
	assert_told(f, "inbox alice rpc/phone {");
	assert_told(f, "message alice/ 1 system id= g/team: alice bob ");
	engine_add_message(f, "bob", "g/team", "{\"id\":\"m\",\"body\":\"all\"}");
	engine_add_message(f, "carol", "g/team", "stranger");
	engine_send(f);
	assert_told(f, "message bob/phone 2 text id=m g/team: alice bob ,\"seq\":2,");
	assert_told(f, "inbox bob ack [{\"id\":\"m\",\"conv\":\"g/team\",\"seq\":2,");
	/* The team is joined by invitation: to others it is not there. */
	assert_true(engine_told_part(f, "\"conv\":\"g/team\",\"error\":{\"code\":-32002"));
	assert_told(f, "credit");
}

static void membership_changes_hold_inside_the_batch(void **state)
{
	struct engine_fixture *f = *state;

	engine_rpc(f, "alice", "group.create", "{\"gid\":\"team\",\"members\":[\"bob\"]}");
	engine_add_message(f, "alice", "g/team", "1");
	engine_add_rpc(f, "alice", "group.kick", "{\"gid\":\"team\",\"members\":[\"bob\"]}");
	engine_add_message(f, "alice", "g/team", "2");
	engine_add_message(f, "bob", "g/team", "3");
	engine_send(f);
	assert_told(f, "message alice/phone 2 json id= g/team: alice bob ");
	assert_told(f, "message alice/phone 4 json id= g/team: alice ,");
	assert_true(
		engine_told_part(f, "inbox bob ack [{\"id\":null,\"conv\":\"g/team\",\"error\""));
	assert_told(f, "forget member team/bob");
}

static void a_room_gets_one_publish(void **state)
{
	struct engine_fixture *f = *state;

	engine_rpc(f, "alice", "group.create",
		"{\"gid\":\"hall\",\"kind\":\"room\",\"members\":[\"bob\",\"carol\"]}");
	engine_credit(f, 2);
	engine_message(f, "bob", "g/hall", "hello hall");
	assert_told(f, "topic room/hall {\"conv\":\"g/hall\",\"seq\":2,\"from\":\"bob\",");
	assert_not_told(f, "message");
}

static void signals_are_delivered_and_leave_no_trace(void **state)
{
	struct engine_fixture *f = *state;
	struct im_up_rec r = {.type = IM_UP_SIGNAL_USER,
		.user = IM_STR("alice"),
		.target = IM_STR("bob"),
		.payload = IM_STR("{\"typing\":true}")};

	engine_add(f, r);
	engine_send(f);
	assert_told(f, "inbox0 bob signal/alice {\"from\":\"alice\",\"conv\":\"u/alice\","
		       "\"ts\":1000000,\"body\":{\"typing\":true}}");
	r.payload = IM_STR("\xff\xfe");
	engine_add(f, r);
	engine_send(f);
	assert_true(engine_told_part(f, "\"enc\":\"base64\",\"body\":\"//4=\"}"));
	engine_rpc(
		f, "alice", "group.create", "{\"gid\":\"team\",\"members\":[\"bob\",\"carol\"]}");
	while (engine_count(f, "credit"))
		engine_credit(f, engine_count(f, "credit"));
	r = (struct im_up_rec){.type = IM_UP_SIGNAL_GROUP,
		.user = IM_STR("bob"),
		.target = IM_STR("team"),
		.payload = IM_STR("text")};
	engine_add(f, r);
	engine_send(f);
	assert_told(f, "inbox0 alice,carol signal/bob {\"from\":\"bob\",\"conv\":\"g/team\",");
	r.user = IM_STR("dave");
	engine_add(f, r);
	engine_send(f);
	assert_told(f, "inbox dave ack [{\"id\":null,\"conv\":\"g/team\",\"error\":");
	r.user = IM_STR("bob");
	r.ts_ms = f->now.wall_ms - 3600 * 1000;
	engine_add(f, r);
	engine_send(f);
	assert_not_told(f, "inbox");
	engine_message(f, "alice", "bob", "x");
	assert_told(f, "message alice/phone 1 ");
}

static void muted_members_are_refused(void **state)
{
	struct engine_fixture *f = *state;
	struct directory_group g;

	engine_rpc(f, "alice", "group.create", "{\"gid\":\"team\",\"members\":[\"bob\"]}");
	assert_int_equal(directory_group_get(f->rig.dir, IM_STR("team"), &g), IM_OK);
	g.muted_until_ms = f->now.wall_ms + 1000;
	g.slow_ms = 10000;
	assert_int_equal(directory_group_update(f->rig.dir, &g), IM_OK);
	engine_restart(f);
	engine_link(f);
	engine_message(f, "bob", "g/team", "x");
	assert_true(engine_told_part(f, "\"code\":-32004"));
	engine_message(f, "alice", "g/team", "owner");
	assert_told(f, "message alice/phone 2 ");
	f->now.wall_ms += 1000;
	engine_message(f, "bob", "g/team", "free again");
	assert_told(f, "message bob/phone 3 ");
	f->now.wall_ms += 9999;
	engine_message(f, "bob", "g/team", "too fast");
	assert_true(engine_told_part(f, "\"code\":-32008"));
	f->now.wall_ms += 1;
	engine_credit(f, 2);
	engine_message(f, "bob", "g/team", "slow enough");
	assert_told(f, "message bob/phone 4 ");
}

static void a_read_sees_what_was_written_before_it(void **state)
{
	struct engine_fixture *f = *state;

	engine_add_message(f, "alice", "bob", "first");
	engine_add_rpc(f, "bob", "conv.history", "{\"conv\":\"u/alice\"}");
	engine_send(f);
	assert_told(f, "inbox bob rpc/phone {\"jsonrpc\":\"2.0\",");
	assert_true(engine_told_part(f, "\"body\":\"first\""));
}

static void a_reply_goes_to_the_response_topic(void **state)
{
	struct engine_fixture *f = *state;
	struct im_up_rec r = {.type = IM_UP_RPC,
		.user = IM_STR("bob"),
		.device = IM_STR("phone"),
		.target = IM_STR("user.get"),
		.reply_topic = IM_STR("im/inbox/bob/rpc/x"),
		.corr = IM_STR("corr-1"),
		.payload = IM_STR("{}")};

	engine_add(f, r);
	engine_send(f);
	assert_told(f, "reply bob im/inbox/bob/rpc/x corr-1 {\"jsonrpc\":\"2.0\",");
	r.target = IM_STR("no.such");
	engine_add(f, r);
	engine_send(f);
	assert_told(f, "reply bob im/inbox/bob/rpc/x corr-1 {\"jsonrpc\":\"2.0\",");
	assert_true(engine_told_part(f, "-32601"));
}

static void too_many_reads_are_answered_busy(void **state)
{
	struct engine_fixture *f = engine_prepare(&store_memory);

	*state = f;
	f->queue_max = 0;
	engine_open(f);
	engine_link(f);
	engine_rpc(f, "bob", "user.get", "{}");
	assert_true(engine_told_part(f, "\"code\":-32009"));
	engine_add_session(f, IM_UP_SUB, "bob", "phone", 0);
	engine_send(f);
	assert_true(engine_told_part(f, "\"behind\":true"));
}

static void a_flood_of_answers_waits_in_the_bridge(void **state)
{
	struct engine_fixture *f = *state;
	static char body[40001];
	unsigned answers, more = 1;

	f->rig.set.rpc.reply_max = 60000;
	memset(body, 'x', sizeof(body) - 1);
	engine_message(f, "alice", "bob", body);
	for (int i = 0; i < 90; i++)
		engine_add_rpc(f, "bob", "conv.history", "{\"conv\":\"u/alice\"}");
	engine_send(f);
	answers = engine_count(f, "inbox bob rpc/phone");
	assert_int_equal(answers, 2);
	assert_false(engine_takes_reads(f->rig.engine));
	/* As the service's loop does after each return of a frame. */
	while (more) {
		engine_credit(f, 1);
		more = engine_count(f, "inbox bob rpc/phone");
		answers += more;
	}
	assert_int_equal(answers, 90);
	assert_true(engine_takes_reads(f->rig.engine));
}

static void records_that_cannot_be_read_are_passed_over(void **state)
{
	struct engine_fixture *f = *state;
	struct im_str all;
	size_t second;

	engine_add_message(f, "alice", "bob", "one");
	second = f->records.n;
	engine_add_message(f, "alice", "bob", "two");
	engine_add_message(f, "alice", "bob", "three");
	f->records.p[second + 4] = 99; /* an unknown type */
	all = im_buf_view(&f->records);
	engine_send_again(f, 1, 3, all);
	assert_int_equal(engine_count(f, "message"), 2);
	assert_told(f, "committed 77:3");
	assert_int_equal(engine_health(f->rig.engine)->records_malformed, 1);
}

/* What comes before it is stored; of what follows nobody knows where it begins. */
static void a_record_without_an_end_does_not_stop_the_bridge(void **state)
{
	struct engine_fixture *f = *state;
	struct im_str all;
	size_t second;

	engine_add_message(f, "alice", "bob", "one");
	second = f->records.n;
	engine_add_message(f, "alice", "bob", "two");
	engine_add_message(f, "alice", "bob", "three");
	f->records.p[second + 3] = 1; /* sixteen megabytes */
	all = im_buf_view(&f->records);
	engine_send_again(f, 1, 3, all);
	assert_int_equal(engine_count(f, "message"), 1);
	assert_told(f, "committed 77:3");
	assert_int_equal(engine_health(f->rig.engine)->records_malformed, 2);
	im_buf_reset(&f->records);
	f->first = f->next = 4;
	engine_message(f, "alice", "bob", "four");
	assert_told(f, "message alice/phone 2");
}

static void a_record_of_nobody_is_passed_over(void **state)
{
	struct engine_fixture *f = *state;

	engine_add(f, (struct im_up_rec){.type = IM_UP_MSG_USER,
			      .device = IM_STR("phone"),
			      .target = IM_STR("bob"),
			      .payload = IM_STR("x")});
	engine_send(f);
	assert_not_told(f, "message");
	assert_told(f, "committed 77:1");
	assert_int_equal(engine_health(f->rig.engine)->records_malformed, 1);
}

static void garbage_frames_change_nothing(void **state)
{
	struct engine_fixture *f = *state;
	static const char *const bad[] = {"", "I", "IM\1\1", "IM\2\1xxxxxxxxxxxxxxxxxxxx",
		"IM\1\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\377\377\377\377", "IM\1\3\1\2"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		engine_up(f->rig.engine, f->peer, im_str(bad[i]), &f->now);
	assert_int_equal(f->told.n, 0);
	engine_message(f, "alice", "bob", "still here");
	assert_told(f, "message alice/phone 1 ");
}

/* The plugin that says nothing of its level: nobody is connected, the spool begins at record 1. */
static const char old_snapshot[] = "IM\1\2\3"
				   "\115\0\0\0\0\0\0\0"
				   "\1\0\0\0\0\0\0\0"
				   "\0\0\0\0";

static void give_bytes(struct engine_fixture *f, const char *p, size_t n)
{
	engine_up(f->rig.engine, f->peer, (struct im_str){p, n}, &f->now);
}

static void a_plugin_of_the_version_before_is_served_as_it_was(void **state)
{
	struct engine_fixture *f = *state;

	assert_int_equal(peer_level(f->peer), IM_PLUGIN_LEVEL);
	engine_unlinked(f->rig.engine, f->peer);
	assert_int_equal(peer_level(f->peer), 0);
	engine_linked(f->rig.engine, f->peer, &f->now);
	assert_int_equal(peer_level(f->peer), 0);
	assert_false(peer_ready(f->peer));
	give_bytes(f, old_snapshot, sizeof(old_snapshot) - 1);
	assert_true(peer_ready(f->peer));
	assert_int_equal(peer_level(f->peer), 0);
	engine_message(f, "alice", "bob", "{\"id\":\"1\",\"body\":\"as ever\"}");
	assert_told(f, "message alice/phone 1 text id=1 bob=u/alice alice=u/bob");
	assert_told(f, "committed 77:1");
}

/* Each link has its own: the broker is restarted with a new plugin, or goes back to an old one. */
static void give_stats(struct engine_fixture *f, const char *json)
{
	struct im_buf frame;

	im_buf_init(&frame, 0);
	im_frame_stats(&frame, im_str(json));
	give_bytes(f, frame.p, frame.n);
	im_buf_free(&frame);
}

static bool start_says(struct engine_fixture *f, const char *part)
{
	bool said;

	engine_rpc(f, "alice", "session.start", "{}");
	assert_told(f, "inbox alice rpc/phone {\"jsonrpc\":\"2.0\",");
	said = engine_told_part(f, part);
	engine_credit(f, f->frames);
	return said;
}

static void one_that_says_nothing_is_silent(void **state)
{
	struct engine_fixture *f = *state;

	engine_wait(f, 1);
	assert_told(f, "stats");
	assert_int_equal(peer_silent_ms(f->peer, f->now.mono_ms), 0);
	engine_wait(f, 20000);
	assert_int_equal(peer_silent_ms(f->peer, f->now.mono_ms), 20000);
	/* Whatever it says. */
	engine_credit(f, 0);
	assert_int_equal(peer_silent_ms(f->peer, f->now.mono_ms), 0);
	engine_wait(f, 5000);
	engine_wait(f, 3000);
	assert_int_equal(peer_silent_ms(f->peer, f->now.mono_ms), 3000);
	give_stats(f, "{}");
	assert_int_equal(peer_silent_ms(f->peer, f->now.mono_ms), 0);
	/* A new link has been asked nothing yet. */
	engine_wait(f, 5000);
	engine_wait(f, 3000);
	engine_unlinked(f->rig.engine, f->peer);
	assert_int_equal(peer_silent_ms(f->peer, f->now.mono_ms), 0);
	engine_linked(f->rig.engine, f->peer, &f->now);
	engine_sessions(f, (const char *const[]){NULL});
	assert_int_equal(peer_silent_ms(f->peer, f->now.mono_ms), 0);
}

/* No configuration of the bridge's says it, and an earlier plugin does not either. */
static void what_a_plugin_takes_is_told_to_clients(void **state)
{
	struct engine_fixture *f = *state;

	assert_false(start_says(f, "max_payload"));
	give_stats(f, "{\"messages\":1}");
	assert_false(start_says(f, "max_payload"));
	give_stats(f, "{\"messages\":1,\"max_payload\":4096}");
	assert_true(start_says(f, "\"max_payload\":4096,"));
	/* It stays what it was when the settings are read again. */
	engine_set(f->rig.engine, &f->rig.set);
	assert_true(start_says(f, "\"max_payload\":4096,"));
}

static void the_level_is_the_plugins_of_this_link(void **state)
{
	struct engine_fixture *f = *state;

	engine_unlinked(f->rig.engine, f->peer);
	f->level = IM_PLUGIN_LEVEL_MAX; /* one that knows more than this bridge */
	engine_link(f);
	assert_true(peer_ready(f->peer));
	assert_int_equal(peer_level(f->peer), IM_PLUGIN_LEVEL_MAX);
	engine_unlinked(f->rig.engine, f->peer);
	f->level = 0;
	engine_link(f);
	assert_int_equal(peer_level(f->peer), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, engine_set_up, engine_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_direct_message_reaches_both_ends_and_is_acked),
		T(a_message_without_id_is_delivered_and_not_acked),
		T(a_note_to_oneself_is_delivered_once),
		T(seqs_are_dense_for_each_conversation),
		T(acks_of_a_sender_come_in_one_publish),
		T(many_acks_are_split_below_a_frame),
		T(refusals_say_why_with_the_id_or_null),
		T(an_id_is_stored_once),
		T(the_user_property_may_give_the_id),
		T(ids_are_remembered_over_a_restart),
		cmocka_unit_test_setup_teardown(
			ids_are_remembered_over_a_restart, engine_set_up_sqlite, engine_tear_down),
		T(a_block_holds_from_the_next_record_on),
		T(contacts_only_refuses_strangers),
		T(a_late_refusal_is_worded_as_an_early_one),
		T(who_is_gone_sends_and_asks_nothing),
		T(a_group_message_goes_to_its_members),
		T(membership_changes_hold_inside_the_batch),
		T(a_room_gets_one_publish),
		T(signals_are_delivered_and_leave_no_trace),
		T(muted_members_are_refused),
		T(a_read_sees_what_was_written_before_it),
		T(a_reply_goes_to_the_response_topic),
		cmocka_unit_test_teardown(too_many_reads_are_answered_busy, engine_tear_down),
		T(a_flood_of_answers_waits_in_the_bridge),
		T(records_that_cannot_be_read_are_passed_over),
		T(a_record_without_an_end_does_not_stop_the_bridge),
		T(a_record_of_nobody_is_passed_over),
		T(garbage_frames_change_nothing),
		T(a_plugin_of_the_version_before_is_served_as_it_was),
		T(one_that_says_nothing_is_silent),
		T(what_a_plugin_takes_is_told_to_clients),
		T(the_level_is_the_plugins_of_this_link),
	};

	return cmocka_run_group_tests_name("bridge engine", tests, NULL, NULL);
}
