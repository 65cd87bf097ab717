/* SPDX-License-Identifier: BSD-3-Clause */
/* Envelope builder and reader of the load generator; see message.h. */
#include "tests/bench/message.h"

#include <string.h>

#define TAG_SIZE 24
#define TIME_SIZE 16

static const char PAD[] = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"
			  "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz";
#define PAD_SIZE (sizeof(PAD) - 1)

static char *put_hex(char *p, uint64_t value, unsigned digits)
{
	static const char HEX[] = "0123456789abcdef";
	for (unsigned i = digits; i-- > 0; value >>= 4)
		p[i] = HEX[value & 0xf];
	return p + digits;
}

static int get_hex(const char *p, unsigned digits, uint64_t *out)
{
	uint64_t value = 0;
	for (unsigned i = 0; i < digits; i++) {
		unsigned digit = (unsigned char)p[i];
		if (digit >= '0' && digit <= '9')
			digit -= '0';
		else if (digit >= 'a' && digit <= 'f')
			digit -= 'a' - 10;
		else
			return -1;
		value = value << 4 | digit;
	}
	*out = value;
	return 0;
}

void message_build(char *buf, size_t size, const struct message_tag *tag, uint64_t start_ns)
{
	size_t pad = size - MESSAGE_MIN_SIZE;
	char *p = buf;
	memcpy(p, "{\"id\":\"", 7);
	p = put_hex(p + 7, tag->run, 8);
	p = put_hex(p, tag->flow, 2);
	p = put_hex(p, tag->sender, 6);
	p = put_hex(p, tag->number, 8);
	memcpy(p, "\",\"body\":\"", 10);
	p = put_hex(p + 10, start_ns, TIME_SIZE);
	while (pad > 0) {
		size_t n = pad < PAD_SIZE ? pad : PAD_SIZE;
		memcpy(p, PAD, n);
		p += n;
		pad -= n;
	}
	memcpy(p, "\"}", 2);
}

static int parse_tag(struct slice value, struct message_tag *out)
{
	struct slice id;
	uint64_t run, flow, sender, number;
	if (jsonit_plain(value, &id) || id.n != TAG_SIZE)
		return -1;
	if (get_hex(id.p, 8, &run) || get_hex(id.p + 8, 2, &flow) ||
		get_hex(id.p + 10, 6, &sender) || get_hex(id.p + 16, 8, &number))
		return -1;
	*out = (struct message_tag){
		(uint32_t)run, (uint32_t)flow, (uint32_t)sender, (uint32_t)number};
	return 0;
}

static int parse_body(struct slice value, struct message *out)
{
	struct slice body;
	if (jsonit_plain(value, &body) || body.n < TIME_SIZE ||
		get_hex(body.p, TIME_SIZE, &out->start_ns))
		return -1;
	for (size_t at = TIME_SIZE; at < body.n; at += PAD_SIZE) {
		size_t n = body.n - at < PAD_SIZE ? body.n - at : PAD_SIZE;
		if (memcmp(body.p + at, PAD, n) != 0)
			return -1;
	}
	out->payload_size = MESSAGE_MIN_SIZE + body.n - TIME_SIZE;
	return 0;
}

int message_parse(struct slice payload, struct message *out)
{
	struct jsonit it;
	struct slice key, value, text;
	int step, have_tag = 0, have_body = 0;
	memset(out, 0, sizeof(*out));
	if (jsonit_open(&it, payload) || it.close != '}')
		return -1;
	while ((step = jsonit_next(&it, &key, &value)) == 1) {
		if (slice_is(key, "id")) {
			if (parse_tag(value, &out->tag))
				return -1;
			have_tag++;
		} else if (slice_is(key, "body")) {
			if (parse_body(value, out))
				return -1;
			have_body++;
		} else if (slice_is(key, "seq")) {
			if (jsonit_u64(value, &out->seq))
				return -1;
		} else if (slice_is(key, "safe") || (slice_is(key, "cursor") && !out->safe)) {
			if (jsonit_plain(value, &text) || jsonit_u64(text, &out->safe))
				return -1;
		} else if (slice_is(key, "from")) {
			if (jsonit_plain(value, &out->from))
				return -1;
		}
	}
	return step == 0 && have_tag == 1 && have_body == 1 ? 0 : -1;
}

int message_next_ack(struct jsonit *it, struct message_ack *out)
{
	struct slice none, object, key, value;
	struct jsonit members;
	int have_tag = 0;
	int step = jsonit_next(it, &none, &object);
	if (step != 1)
		return step;
	memset(out, 0, sizeof(*out));
	if (jsonit_open(&members, object) || members.close != '}')
		return -1;
	while ((step = jsonit_next(&members, &key, &value)) == 1) {
		if (slice_is(key, "id")) {
			if (parse_tag(value, &out->tag))
				return -1;
			have_tag++;
		} else if (slice_is(key, "seq")) {
			if (jsonit_u64(value, &out->seq))
				return -1;
		} else if (slice_is(key, "error")) {
			out->error = value;
		}
	}
	if (step != 0 || have_tag != 1)
		return -1;
	return (out->seq != 0) != (out->error.n != 0) ? 1 : -1;
}
