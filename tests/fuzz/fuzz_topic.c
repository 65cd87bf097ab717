/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lines: a prefix, a filter, a filter it may be within, a topic. What is said of filters and topics
 * agrees with MQTT's matching rule, so that no subscription reaches what is not seen to be reached.
 * The last line as a client id: one level of a topic, from which it can be read back.
 */
#include "tests/fuzz/fuzz.h"

#include "common/ids.h"
#include "common/limits.h"
#include "common/topic.h"

/* MQTT 4.7, for a valid filter and a topic without wildcards. */
static bool matches(struct im_str f, struct im_str t)
{
	size_t i = 0, k = 0;

	if ((f.p[0] == '+' || f.p[0] == '#') && t.p[0] == '$')
		return false;
	for (;;) {
		if (i < f.n && f.p[i] == '#')
			return true;
		if (i < f.n && f.p[i] == '+') {
			while (k < t.n && t.p[k] != '/')
				k++;
			i++;
		} else {
			while (i < f.n && k < t.n && f.p[i] == t.p[k] && f.p[i] != '/') {
				i++;
				k++;
			}
		}
		/* Each must be at the end of its level now. */
		if ((i < f.n && f.p[i] != '/') || (k < t.n && t.p[k] != '/'))
			return false;
		if (k == t.n)
			return i == f.n || (f.n - i == 2 && f.p[i + 1] == '#');
		if (i == f.n)
			return false;
		i++;
		k++;
	}
}

static void check_topic(const struct im_topic *t, struct im_str whole)
{
	switch (t->kind) {
	case IM_TOPIC_SEND_USER:
	case IM_TOPIC_SIGNAL_USER:
	case IM_TOPIC_INBOX:
	case IM_TOPIC_PRESENCE:
		CHECK(im_uid_valid(t->id));
		break;
	case IM_TOPIC_SEND_GROUP:
	case IM_TOPIC_SIGNAL_GROUP:
	case IM_TOPIC_ROOM:
		CHECK(im_gid_valid(t->id));
		break;
	case IM_TOPIC_RPC:
		CHECK(t->id.n <= IM_METHOD_MAX);
		break;
	default:
		CHECK(t->id.n == 0);
		break;
	}
	CHECK(t->id.n + t->rest.n <= whole.n);
	CHECK(t->rest.n == 0 || t->kind == IM_TOPIC_INBOX);
}

/* The topic is one that the filter matches. */
static void check_reach(const struct im_filter *f, const struct im_topic *t)
{
	switch (t->kind) {
	case IM_TOPIC_OTHER:
		return;
	case IM_TOPIC_CTRL:
	case IM_TOPIC_CTRL_RESPONSE:
	case IM_TOPIC_LINK:
		CHECK(f->topic.kind != IM_TOPIC_INBOX);
		return;
	default:
		break;
	}
	/* Under the prefix, or unusable. */
	if (f->topic.kind == IM_TOPIC_OTHER)
		CHECK(f->reaches_im || t->kind == IM_TOPIC_BAD);
	if (f->topic.kind == IM_TOPIC_INBOX) {
		CHECK(t->kind == IM_TOPIC_INBOX && im_str_eq(t->id, f->topic.id));
		CHECK(!im_str_eqz(t->rest, "event") || f->events);
	}
	if (f->topic.kind == IM_TOPIC_ROOM || f->topic.kind == IM_TOPIC_PRESENCE)
		CHECK(t->kind == f->topic.kind && im_str_eq(t->id, f->topic.id));
}

static unsigned hex(char c)
{
	CHECK((c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'));
	return (unsigned)(c <= '9' ? c - '0' : c - 'A' + 10);
}

static void check_device(struct im_str device)
{
	char *out = malloc(IM_DEVICE_TOPIC_MAX);
	struct im_str level;
	size_t i, k = 0;

	CHECK(out && device.n <= IM_DEVICE_MAX);
	level = im_device_topic(device, out);
	CHECK(level.n >= device.n && level.n <= IM_DEVICE_TOPIC_MAX);
	for (i = 0; i < level.n; k++) {
		char c = level.p[i++];

		CHECK(c > ' ' && c < 0x7f && !strchr("/+#$", c) && k < device.n);
		if (c == '%') {
			CHECK(level.n - i >= 2);
			c = (char)(hex(level.p[i]) << 4 | hex(level.p[i + 1]));
			i += 2;
		}
		CHECK(c == device.p[k]);
	}
	CHECK(k == device.n);
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct im_str in = fuzz_str(data, size);
	struct im_str prefix = fuzz_line(&in);
	struct im_str filter = fuzz_line(&in);
	struct im_str allowed = fuzz_line(&in);
	struct im_str topic = in;
	struct im_filter f;
	struct im_topic t;

	/* As the configuration checks it. */
	if (prefix.n == 0 || prefix.n > IM_PREFIX_MAX || prefix.p[0] == '/' || prefix.p[0] == '$' ||
		prefix.p[prefix.n - 1] == '/' || memchr(prefix.p, '+', prefix.n) ||
		memchr(prefix.p, '#', prefix.n))
		return 0;
	im_filter_parse(prefix, filter, &f);
	im_topic_parse(prefix, topic, &t);
	if (im_device_valid(topic))
		check_device(topic);
	check_topic(&t, topic);
	check_topic(&f.topic, filter);
	(void)im_filter_within(filter, allowed);
	if (!im_filter_valid(filter)) {
		CHECK(f.topic.kind == IM_TOPIC_BAD);
		return 0;
	}
	CHECK(im_filter_within(filter, filter));
	if (topic.n == 0 || memchr(topic.p, '+', topic.n) || memchr(topic.p, '#', topic.n))
		return 0;
	if (f.filter.n && matches(f.filter, topic))
		check_reach(&f, &t);
	if (im_filter_valid(allowed) && im_filter_within(filter, allowed) && matches(filter, topic))
		CHECK(matches(allowed, topic));
	return 0;
}
