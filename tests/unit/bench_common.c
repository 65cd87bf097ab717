/* SPDX-License-Identifier: BSD-3-Clause */
/* Prints what the hot path of common/ costs a call: `make bench-common`. Not a test. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/envelope.h"
#include "common/frame.h"
#include "common/siphash.h"
#include "common/topic.h"
#include "common/utf8.h"
#include "common/wire.h"

#define ROUNDS 1000000

static struct im_buf buf, scratch, why;
static volatile uint64_t sink;

static const char envelope_text[] = "{\"id\":\"c-1234567\",\"type\":\"text\",\"body\":\"hi there, "
				    "how are you doing today? Shall "
				    "we meet at the usual place around noon?\"}";
static const char long_text[] =
	"Die Straße ist lang, und am Ende steht ein Haus. 你好，世界。这是一个测试。 The quick "
	"brown fox "
	"jumps over the lazy dog, again and again and again, until the line is long enough.";

static double cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void bench(const char *name, void (*once)(void))
{
	double start;
	int i;

	for (i = 0; i < ROUNDS / 10; i++)
		once();
	start = cpu_ns();
	for (i = 0; i < ROUNDS; i++)
		once();
	printf("%-28s %7.1f ns\n", name, (cpu_ns() - start) / ROUNDS);
}

static void parse(struct im_str payload)
{
	struct im_envelope e;

	if (im_envelope_parse(payload, &scratch, &e, &why))
		sink = 1;
	sink += e.body.n;
}

static void envelope_full(void)
{
	parse(IM_STR(envelope_text));
}

static void envelope_plain(void)
{
	parse(IM_STR("hello bob, this is a plain payload of the usual length"));
}

static void envelope_json(void)
{
	parse(IM_STR("{\"temperature\":21.5,\"humidity\":[40,41,42],\"ok\":true}"));
}

static void envelope_escaped(void)
{
	parse(IM_STR(
		"{\"id\":\"c-1\",\"body\":\"line one\\nline two \\u4f60\\u597d\",\"reply_to\":41,"
		"\"mentions\":[\"bob\",\"carol\"]}"));
}

static const struct im_wire_msg message = {.seq = 42,
	.cursor = 123456789,
	.from = {"alice", 5},
	.ts_ms = 1763650000123,
	.id = {"c-1234567", 9},
	.enc = IM_ENC_TEXT,
	.body = {long_text, sizeof(long_text) - 1}};

static void tail(void)
{
	im_buf_reset(&buf);
	im_wire_tail(&buf, &message);
	sink += buf.n;
}

static void ack(void)
{
	im_buf_reset(&buf);
	im_wire_ack(&buf, message.id, IM_STR("u/bob"), 42, message.ts_ms, (struct im_str){0});
	sink += buf.n;
}

static void up_record(void)
{
	char room[512];
	struct im_up_rec r = {.type = IM_UP_MSG_USER,
		.ts_ms = 1763650000123,
		.user = {"alice", 5},
		.device = {"alice-phone", 11},
		.target = {"bob", 3},
		.payload = {envelope_text, sizeof(envelope_text) - 1}};
	struct im_str in = {room, im_up_rec_size(&r)};

	im_up_rec_write(room, &r);
	if (im_up_rec_read(&in, &r))
		sink = 1;
	sink += r.payload.n;
}

static void down_record(void)
{
	static const struct im_recipient to[2] = {
		{{"alice", 5}, {"u/bob", 5}}, {{"bob", 3}, {"u/alice", 7}}};
	struct im_down_rec r = {.type = IM_DOWN_MESSAGE,
		.flags = IM_DOWNF_QOS1,
		.recno = 42,
		.user = {"alice", 5},
		.id = {"c-1", 3},
		.payload = {envelope_text, sizeof(envelope_text) - 1}};
	struct im_recipient one;
	struct im_str in;

	im_buf_reset(&buf);
	im_down_rec_put(&buf, &r, to, 2);
	in = im_buf_view(&buf);
	if (im_down_rec_read(&in, &r))
		sink = 1;
	while (r.recipient_bytes.n && im_recipient_read(&r.recipient_bytes, &one) == IM_OK)
		sink += one.uid.n;
}

static void topic(void)
{
	struct im_topic t;

	im_topic_parse(IM_STR("im"), IM_STR("im/inbox/alice/u/bob"), &t);
	sink += t.kind;
}

static void filter(void)
{
	struct im_filter f;

	im_filter_parse(IM_STR("im"), IM_STR("im/inbox/alice/#"), &f);
	sink += f.events;
}

static void utf8(void)
{
	sink += im_utf8_valid(IM_STR(long_text));
}

static void hash(void)
{
	static const struct im_sipkey key = {"0123456789abcde"};

	sink += im_siphash(&key, "alice/u/bob/c-1234567", 21);
}

int main(void)
{
	im_buf_init(&buf, 0);
	im_buf_init(&scratch, 0);
	im_buf_init(&why, 0);
	bench("envelope, 3 members", envelope_full);
	bench("envelope, plain text", envelope_plain);
	bench("envelope, JSON body", envelope_json);
	bench("envelope, escapes and meta", envelope_escaped);
	bench("tail, 220 bytes of text", tail);
	bench("ack", ack);
	bench("up record, write and read", up_record);
	bench("down record, put and read", down_record);
	bench("topic", topic);
	bench("filter", filter);
	bench("UTF-8, 220 bytes", utf8);
	bench("siphash, 21 bytes", hash);
	im_buf_free(&buf);
	im_buf_free(&scratch);
	im_buf_free(&why);
	return 0;
}
