/* SPDX-License-Identifier: BSD-3-Clause */
/* The load generator's pure parts: MQTT codec, JSON walker, messages, checks, histogram. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/hist.h"
#include "tests/bench/jsonit.h"
#include "tests/bench/message.h"
#include "tests/bench/mqtt.h"
#include "tests/bench/rpc.h"
#include "tests/bench/verify.h"

static struct slice text(const char *s)
{
	return (struct slice){s, strlen(s)};
}

static void connect_is_encoded_to_the_byte(void **state)
{
	(void)state;
	const uint8_t v5[] = {0x10, 0x1b, 0, 4, 'M', 'Q', 'T', 'T', 5, 0xc2, 0, 60, 5, 0x11, 0, 0,
		1, 0, 0, 2, 'i', 'd', 0, 1, 'u', 0, 2, 'p', 'w'};
	const uint8_t v311[] = {0x10, 14, 0, 4, 'M', 'Q', 'T', 'T', 4, 0, 0, 0, 0, 2, 'i', 'd'};
	uint8_t buf[64];
	struct mqtt_connect connect = {MQTT_V5, "id", "u", "pw", true, 256, 60};
	assert_int_equal(mqtt_encode_connect(buf, sizeof(buf), &connect), sizeof(v5));
	assert_memory_equal(buf, v5, sizeof(v5));
	assert_int_equal(mqtt_encode_connect(buf, sizeof(v5) - 1, &connect), 0);
	connect = (struct mqtt_connect){MQTT_V311, "id", NULL, NULL, false, 256, 0};
	assert_int_equal(mqtt_encode_connect(buf, sizeof(buf), &connect), sizeof(v311));
	assert_memory_equal(buf, v311, sizeof(v311));
}

static void subscribe_and_acks_are_encoded_to_the_byte(void **state)
{
	(void)state;
	const uint8_t v311[] = {0x82, 8, 0, 7, 0, 3, 'a', '/', '#', 1};
	const uint8_t v5[] = {0x82, 9, 0, 7, 0, 0, 3, 'a', '/', '#', 1};
	const uint8_t puback[] = {0x40, 2, 0x12, 0x34};
	const uint8_t ping[] = {0xc0, 0};
	uint8_t buf[32];
	assert_int_equal(mqtt_encode_subscribe(buf, sizeof(buf), MQTT_V311, 7, "a/#", 1), 10);
	assert_memory_equal(buf, v311, sizeof(v311));
	assert_int_equal(mqtt_encode_subscribe(buf, sizeof(buf), MQTT_V5, 7, "a/#", 1), 11);
	assert_memory_equal(buf, v5, sizeof(v5));
	assert_int_equal(mqtt_encode_puback(buf, sizeof(buf), 0x1234), 4);
	assert_memory_equal(buf, puback, sizeof(puback));
	assert_int_equal(mqtt_encode_bare(buf, sizeof(buf), MQTT_PINGREQ), 2);
	assert_memory_equal(buf, ping, sizeof(ping));
}

static void publish_round_trip(int version, int qos, size_t payload_size)
{
	size_t cap = payload_size + 128, size = 0;
	uint8_t *buf = malloc(cap);
	char *payload = malloc(payload_size + 1);
	struct mqtt_packet packet;
	memset(payload, 'x', payload_size);
	struct mqtt_publish publish = {.version = version,
		.qos = qos,
		.mid = 513,
		.topic = text("im/u/bob"),
		.payload = {payload, payload_size}};
	if (version == MQTT_V5) {
		publish.response_topic = text("im/inbox/bob/rpc/x");
		publish.correlation = text("c1");
	}
	size_t n = mqtt_encode_publish(buf, cap, &publish);
	assert_int_not_equal(n, 0);
	for (size_t part = 0; part < n; part += part < 8 ? 1 : 997)
		assert_int_equal(mqtt_scan(buf, part, &size), 0);
	assert_int_equal(mqtt_scan(buf, n, &size), 1);
	assert_int_equal(size, n);
	assert_int_equal(mqtt_decode(buf, n, version, &packet), 0);
	assert_int_equal(packet.type, MQTT_PUBLISH);
	assert_int_equal(packet.qos, qos);
	assert_int_equal(packet.mid, qos ? 513 : 0);
	assert_true(slice_is(packet.topic, "im/u/bob"));
	assert_int_equal(packet.payload.n, payload_size);
	assert_memory_equal(packet.payload.p, payload, payload_size);
	if (version == MQTT_V5)
		assert_true(slice_is(packet.correlation, "c1"));
	assert_int_equal(mqtt_encode_publish(buf, n - 1, &publish), 0);
	free(payload);
	free(buf);
}

static void publish_survives_the_round_trip_at_every_length_size(void **state)
{
	(void)state;
	static const size_t sizes[] = {0, 1, 100, 127, 128, 16383, 16384, 70000, 2100000};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		publish_round_trip(MQTT_V311, 0, sizes[i]);
		publish_round_trip(MQTT_V311, 1, sizes[i]);
		publish_round_trip(MQTT_V5, 1, sizes[i]);
	}
}

static void server_packets_are_decoded(void **state)
{
	(void)state;
	const uint8_t connack[] = {0x20, 2, 1, 0};
	const uint8_t connack5[] = {0x20, 6, 0, 0x87, 3, 0x21, 0, 20};
	const uint8_t puback5[] = {0x40, 3, 0, 9, 0x10};
	const uint8_t suback[] = {0x90, 3, 0, 1, 0x80};
	const uint8_t suback5[] = {0x90, 4, 0, 1, 0, 0x87};
	struct mqtt_packet p;
	assert_int_equal(mqtt_decode(connack, sizeof(connack), MQTT_V311, &p), 0);
	assert_true(p.session_present && p.reason == 0);
	assert_int_equal(mqtt_decode(connack5, sizeof(connack5), MQTT_V5, &p), 0);
	assert_true(!p.session_present && p.reason == 0x87);
	assert_int_equal(mqtt_decode(puback5, sizeof(puback5), MQTT_V5, &p), 0);
	assert_true(p.mid == 9 && p.reason == 0x10);
	assert_int_equal(mqtt_decode(suback, sizeof(suback), MQTT_V311, &p), 0);
	assert_int_equal(p.reason, 0x80);
	assert_int_equal(mqtt_decode(suback5, sizeof(suback5), MQTT_V5, &p), 0);
	assert_int_equal(p.reason, 0x87);
}

static void malformed_packets_are_refused(void **state)
{
	(void)state;
	const uint8_t long_length[] = {0x30, 0x80, 0x80, 0x80, 0x80, 1};
	const uint8_t topic_too_long[] = {0x30, 4, 0, 9, 'a', 'b'};
	const uint8_t no_mid[] = {0x32, 3, 0, 1, 'a'};
	const uint8_t qos2[] = {0x34, 5, 0, 1, 'a', 0, 1};
	const uint8_t unknown_property[] = {0x30, 5, 0, 1, 'a', 1, 0x77};
	const uint8_t property_past_end[] = {0x30, 6, 0, 1, 'a', 2, 0x26, 0};
	const uint8_t from_a_client[] = {0xc0, 0};
	struct mqtt_packet p;
	size_t size;
	assert_int_equal(mqtt_scan(long_length, sizeof(long_length), &size), -1);
	assert_int_equal(mqtt_decode(topic_too_long, sizeof(topic_too_long), MQTT_V311, &p), -1);
	assert_int_equal(mqtt_decode(no_mid, sizeof(no_mid), MQTT_V311, &p), -1);
	assert_int_equal(mqtt_decode(qos2, sizeof(qos2), MQTT_V311, &p), -1);
	assert_int_equal(mqtt_decode(unknown_property, sizeof(unknown_property), MQTT_V5, &p), -1);
	assert_int_equal(
		mqtt_decode(property_past_end, sizeof(property_past_end), MQTT_V5, &p), -1);
	assert_int_equal(mqtt_decode(from_a_client, sizeof(from_a_client), MQTT_V311, &p), -1);
}

static void json_is_walked_in_any_layout(void **state)
{
	(void)state;
	struct jsonit it;
	struct slice key, value;
	uint64_t n = 0;
	assert_int_equal(
		jsonit_open(
			&it, text(" { \"a\\\"b\" : \"x\\\\\" , \"o\":{\"s\":\"}\",\"l\":[1,[2]]} , "
				  "\"n\":18 }")),
		0);
	assert_int_equal(jsonit_next(&it, &key, &value), 1);
	assert_true(slice_is(key, "a\\\"b") && slice_is(value, "\"x\\\\\""));
	assert_int_equal(jsonit_next(&it, &key, &value), 1);
	assert_true(slice_is(key, "o") && slice_is(value, "{\"s\":\"}\",\"l\":[1,[2]]}"));
	assert_int_equal(jsonit_next(&it, &key, &value), 1);
	assert_int_equal(jsonit_u64(value, &n), 0);
	assert_int_equal(n, 18);
	assert_int_equal(jsonit_next(&it, &key, &value), 0);
	assert_int_equal(jsonit_next(&it, &key, &value), 0);
}

static void broken_json_is_refused(void **state)
{
	(void)state;
	static const char *const broken[] = {"{\"a\":1", "{\"a\"", "{\"a\":", "{\"a", "{a:1}",
		"{\"a\":1 \"b\":2}", "{\"a\":1,}", "[1,", "[", "[[1]", "[\"x]", "[\"x\\\"]",
		"[,1]"};
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		struct jsonit it;
		struct slice key, value;
		int step;
		assert_int_equal(jsonit_open(&it, text(broken[i])), 0);
		while ((step = jsonit_next(&it, &key, &value)) == 1)
			;
		if (step != -1)
			fail_msg("accepted: %s", broken[i]);
	}
}

static const struct message_tag TAG = {0xdeadbeef, 7, 0x12345, 0xfffffffe};

static void message_is_read_back_from_plain_and_im_payloads(void **state)
{
	(void)state;
	static const size_t sizes[] = {MESSAGE_MIN_SIZE, 60, 128, 300, 4096};
	char sent[4096], delivered[5000];
	struct message m;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		message_build(sent, sizes[i], &TAG, 0x123456789abcdefu);
		assert_int_equal(message_parse((struct slice){sent, sizes[i]}, &m), 0);
		assert_memory_equal(&m.tag, &TAG, sizeof(TAG));
		assert_int_equal(m.start_ns, 0x123456789abcdefu);
		assert_int_equal(m.payload_size, sizes[i]);
		assert_int_equal(m.seq, 0);
		int n = snprintf(delivered, sizeof(delivered),
			"{\"conv\":\"u/u1\",\"seq\":42,\"from\":\"u1\",\"ts\":1,%.*s",
			(int)sizes[i] - 1, sent + 1);
		assert_int_equal(message_parse((struct slice){delivered, (size_t)n}, &m), 0);
		assert_int_equal(m.seq, 42);
		assert_true(slice_is(m.from, "u1"));
		assert_int_equal(m.payload_size, sizes[i]);
	}
}

static void damaged_message_is_refused(void **state)
{
	(void)state;
	char sent[200];
	struct message m;
	message_build(sent, sizeof(sent), &TAG, 1);
	for (size_t i = 0; i < sizeof(sent); i++) {
		char kept = sent[i];
		sent[i] = 'G';
		if (message_parse((struct slice){sent, sizeof(sent)}, &m) == 0)
			fail_msg("byte %zu changed, accepted", i);
		sent[i] = kept;
		assert_int_equal(message_parse((struct slice){sent, i}, &m), -1);
	}
}

static void acks_are_read_one_by_one(void **state)
{
	(void)state;
	struct jsonit it;
	struct message_ack ack;
	assert_int_equal(
		jsonit_open(&it, text("[{\"id\":\"0000000102000003000000ff\",\"conv\":\"u/"
				      "x\",\"seq\":9,\"ts\":1},"
				      "{\"id\":\"000000010200000300000100\",\"conv\":\"u/x\","
				      "\"error\":{\"code\":-32003,\"message\":\"no\"}}]")),
		0);
	assert_int_equal(message_next_ack(&it, &ack), 1);
	assert_true(ack.tag.run == 1 && ack.tag.flow == 2 && ack.tag.sender == 3);
	assert_true(ack.tag.number == 255 && ack.seq == 9 && ack.error.n == 0);
	assert_int_equal(message_next_ack(&it, &ack), 1);
	assert_true(ack.tag.number == 256 && ack.seq == 0);
	assert_true(slice_is(ack.error, "{\"code\":-32003,\"message\":\"no\"}"));
	assert_int_equal(message_next_ack(&it, &ack), 0);
	assert_int_equal(jsonit_open(&it, text("[{\"conv\":\"u/x\",\"seq\":9}]")), 0);
	assert_int_equal(message_next_ack(&it, &ack), -1);
}

static void streams_tell_repeat_from_hole(void **state)
{
	(void)state;
	struct verify_stream dense = {0}, rising = {0};
	assert_int_equal(verify_dense(&dense, 0), VERIFY_OK);
	assert_int_equal(verify_dense(&dense, 1), VERIFY_OK);
	assert_int_equal(verify_dense(&dense, 1), VERIFY_REPEAT);
	assert_int_equal(verify_dense(&dense, 3), VERIFY_HOLE);
	assert_int_equal(verify_dense(&dense, 2), VERIFY_REPEAT);
	assert_int_equal(verify_dense(&dense, 4), VERIFY_OK);
	assert_int_equal(verify_rising(&rising, 5), VERIFY_OK);
	assert_int_equal(verify_rising(&rising, 5), VERIFY_REPEAT);
	assert_int_equal(verify_rising(&rising, 9), VERIFY_OK);
	assert_int_equal(verify_rising(&rising, 8), VERIFY_REPEAT);
}

static void digest_depends_on_the_order(void **state)
{
	(void)state;
	uint64_t a = verify_digest(verify_digest(0, 1, 5), 2, 5);
	uint64_t b = verify_digest(verify_digest(0, 2, 5), 1, 5);
	assert_true(a != b);
	assert_true(a != verify_digest(0, 1, 5));
	assert_true(a == verify_digest(verify_digest(0, 1, 5), 2, 5));
}

static void verdict_counts_all_and_keeps_the_first(void **state)
{
	(void)state;
	struct verdict v = {0};
	for (int i = 0; i < 20; i++)
		verdict_fail(&v, "failure %d", i);
	assert_int_equal(v.failures, 20);
	assert_int_equal(v.notes, VERDICT_NOTES);
	assert_string_equal(v.note[VERDICT_NOTES - 1], "failure 7");
}

static void quantiles_are_within_their_precision(void **state)
{
	(void)state;
	struct hist *h = calloc(2, sizeof(*h));
	assert_int_equal(hist_quantile_ns(h, 0.5), 0);
	for (uint64_t i = 1; i <= 100000; i++)
		hist_record(h, i * 1000);
	static const double shares[] = {0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0};
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		double exact = shares[i] * 1e8;
		double found = (double)hist_quantile_ns(h, shares[i]);
		assert_true(found >= exact && found <= exact * 1.004);
	}
	assert_int_equal(hist_quantile_ns(h, 1.0), 100000000);
	assert_true(hist_mean_ns(h) == 50000500.0);
	hist_record(h + 1, 7);
	hist_record(h + 1, UINT64_MAX / 4);
	hist_merge(h, h + 1);
	assert_int_equal(h->count, 100002);
	assert_int_equal(h->min_ns, 7);
	assert_int_equal(hist_quantile_ns(h, 1.0), UINT64_MAX / 4);
	assert_int_equal(hist_quantile_ns(h, 0), 7);
	free(h);
}

static void rpc_pages_are_checked_for_holes(void **state)
{
	(void)state;
	struct rpc_check *check = calloc(1, sizeof(*check));
	const char *why = NULL;
	struct slice result, list;
	uint64_t id = 0;
	assert_int_equal(rpc_reply(text("{\"jsonrpc\":\"2.0\",\"id\":77,\"result\":{\"messages\":["
					"{\"conv\":\"u/a\",\"seq\":4},{\"conv\":\"g/b\",\"seq\":1},"
					"{\"conv\":\"u/a\",\"seq\":5}],\"more\":true}}"),
				 &id, &result),
		0);
	assert_int_equal(id, 77);
	assert_int_equal(rpc_member(result, "messages", &list), 0);
	assert_int_equal(rpc_messages(list, check, &why), 3);
	assert_int_equal(rpc_messages(text("[{\"conv\":\"g/b\",\"seq\":2}]"), check, &why), 1);
	assert_int_equal(rpc_messages(text("[{\"conv\":\"u/a\",\"seq\":7}]"), check, &why), -1);
	assert_int_equal(rpc_messages(text("[{\"seq\":7}]"), NULL, &why), -1);
	assert_int_equal(rpc_member(result, "cursor", &list), -1);
	assert_int_equal(
		rpc_reply(text("{\"id\":5,\"error\":{\"code\":-32602}}"), &id, &result), 1);
	assert_int_equal(rpc_reply(text("{\"jsonrpc\":\"2.0\",\"id\":5}"), &id, &result), -1);
	assert_int_equal(rpc_reply(text("{\"result\":{}}"), &id, &result), -1);
	free(check);
}

static void rpc_parameters_are_filled_in(void **state)
{
	(void)state;
	char buf[24];
	assert_int_equal(rpc_fill(buf, sizeof(buf), "{\"conv\":\"u/%u\"}", "bob"), 0);
	assert_string_equal(buf, "{\"conv\":\"u/bob\"}");
	assert_int_equal(rpc_fill(buf, 10, "{\"conv\":\"u/%u\"}", "bob"), -1);
	assert_int_equal(rpc_fill(buf, 4, "%u", "anna"), -1);
	assert_int_equal(rpc_fill(buf, 5, "%u", "anna"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connect_is_encoded_to_the_byte),
		cmocka_unit_test(subscribe_and_acks_are_encoded_to_the_byte),
		cmocka_unit_test(publish_survives_the_round_trip_at_every_length_size),
		cmocka_unit_test(server_packets_are_decoded),
		cmocka_unit_test(malformed_packets_are_refused),
		cmocka_unit_test(json_is_walked_in_any_layout),
		cmocka_unit_test(broken_json_is_refused),
		cmocka_unit_test(message_is_read_back_from_plain_and_im_payloads),
		cmocka_unit_test(damaged_message_is_refused),
		cmocka_unit_test(acks_are_read_one_by_one),
		cmocka_unit_test(streams_tell_repeat_from_hole),
		cmocka_unit_test(digest_depends_on_the_order),
		cmocka_unit_test(verdict_counts_all_and_keeps_the_first),
		cmocka_unit_test(quantiles_are_within_their_precision),
		cmocka_unit_test(rpc_pages_are_checked_for_holes),
		cmocka_unit_test(rpc_parameters_are_filled_in),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
