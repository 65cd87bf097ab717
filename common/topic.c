/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The topic table. The plugin asks it about every publish, delivery and subscription, the bridge
 * builds its topics with it. Knows what a topic means, not who may use it.
 */
#include "common/topic.h"

#include "common/ids.h"
#include "common/limits.h"

/* Walks the levels of a topic or filter; "a//b" has an empty level in the middle. */
struct levels {
	struct im_str rest;
	bool more;
};

static struct levels levels_of(struct im_str s)
{
	return (struct levels){s, true};
}

static struct im_str next_level(struct levels *l)
{
	const char *slash = l->rest.n ? memchr(l->rest.p, '/', l->rest.n) : NULL;
	struct im_str level = l->rest;

	if (!slash) {
		l->more = false;
		l->rest = (struct im_str){NULL, 0};
		return level;
	}
	level.n = (size_t)(slash - level.p);
	l->rest = (struct im_str){slash + 1, l->rest.n - level.n - 1};
	return level;
}

static bool is(struct im_str s, char c)
{
	return s.n == 1 && s.p[0] == c;
}

/* True if s is `start` or lies below it; rest_out is what follows the slash, and *below_out says
 * whether there was one. */
static bool under(struct im_str s, struct im_str start, struct im_str *rest_out, bool *below_out)
{
	if (s.n < start.n || memcmp(s.p, start.p, start.n) != 0)
		return false;
	*below_out = s.n > start.n;
	*rest_out = (struct im_str){NULL, 0};
	if (!*below_out)
		return true;
	*rest_out = (struct im_str){s.p + start.n + 1, s.n - start.n - 1};
	return s.p[start.n] == '/';
}

/* The topics of the server itself, which start with '$'. */
static enum im_topic_kind parse_dollar(struct im_str s)
{
	struct im_str rest;
	bool below;

	if (under(s, IM_STR("$im"), &rest, &below))
		return IM_TOPIC_LINK;
	if (im_str_eq(s, IM_STR(IM_TOPIC_CONTROL)))
		return IM_TOPIC_CTRL;
	if (im_str_eq(s, IM_STR(IM_TOPIC_CONTROL_RESPONSE)))
		return IM_TOPIC_CTRL_RESPONSE;
	if (under(s, IM_STR("$CONTROL/im"), &rest, &below))
		return IM_TOPIC_BAD;
	return IM_TOPIC_OTHER;
}

static bool method_valid(struct im_str s)
{
	size_t i;

	if (s.n < 1 || s.n > IM_METHOD_MAX)
		return false;
	for (i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '.' && c != '_')
			return false;
	}
	return true;
}

/* One level that must be an id of the given sort, and nothing behind it. */
static enum im_topic_kind last_id(struct levels *l, bool (*valid)(struct im_str),
	enum im_topic_kind kind, struct im_topic *out)
{
	struct im_str id;

	if (!l->more)
		return IM_TOPIC_BAD;
	id = next_level(l);
	if (l->more || !valid(id))
		return IM_TOPIC_BAD;
	out->id = id;
	return kind;
}

/* A user, and perhaps one of his devices. */
static enum im_topic_kind user_id(struct levels *l, enum im_topic_kind kind, struct im_topic *out)
{
	struct im_str id, level = {NULL, 0};
	char device[IM_DEVICE_MAX];

	if (!l->more)
		return IM_TOPIC_BAD;
	id = next_level(l);
	if (!im_uid_valid(id))
		return IM_TOPIC_BAD;
	if (l->more) {
		level = next_level(l);
		/* What is for a device lies below its level of the inbox, beside these. */
		if (l->more || im_inbox_level_reserved(level) ||
			!im_device_of_topic(level, device).n)
			return IM_TOPIC_BAD;
	}
	out->id = id;
	out->rest = level;
	return kind;
}

static enum im_topic_kind parse_inbox(struct levels *l, struct im_topic *out)
{
	struct im_str id;

	if (!l->more)
		return IM_TOPIC_BAD;
	id = next_level(l);
	if (!im_uid_valid(id))
		return IM_TOPIC_BAD;
	out->id = id;
	out->rest = l->rest;
	return IM_TOPIC_INBOX;
}

static enum im_topic_kind parse_signal(struct levels *l, struct im_topic *out)
{
	struct im_str kind;

	if (!l->more)
		return IM_TOPIC_BAD;
	kind = next_level(l);
	if (is(kind, 'u'))
		return user_id(l, IM_TOPIC_SIGNAL_USER, out);
	if (is(kind, 'g'))
		return last_id(l, im_gid_valid, IM_TOPIC_SIGNAL_GROUP, out);
	return IM_TOPIC_BAD;
}

/* What follows the prefix and its slash. */
static enum im_topic_kind parse_below(struct im_str s, struct im_topic *out)
{
	struct levels l = levels_of(s);
	struct im_str first = next_level(&l);

	if (is(first, 'u'))
		return user_id(&l, IM_TOPIC_SEND_USER, out);
	if (is(first, 'g'))
		return last_id(&l, im_gid_valid, IM_TOPIC_SEND_GROUP, out);
	if (is(first, 's'))
		return parse_signal(&l, out);
	if (im_str_eq(first, IM_STR("inbox")))
		return parse_inbox(&l, out);
	if (im_str_eq(first, IM_STR("rpc")))
		return l.more ? last_id(&l, method_valid, IM_TOPIC_RPC, out) : IM_TOPIC_RPC;
	if (im_str_eq(first, IM_STR("ack")))
		return l.more ? IM_TOPIC_BAD : IM_TOPIC_ACK;
	if (im_str_eq(first, IM_STR("room")))
		return last_id(&l, im_gid_valid, IM_TOPIC_ROOM, out);
	if (im_str_eq(first, IM_STR("presence")))
		return last_id(&l, im_uid_valid, IM_TOPIC_PRESENCE, out);
	return IM_TOPIC_BAD;
}

void im_topic_parse(struct im_str prefix, struct im_str topic, struct im_topic *out)
{
	struct im_str rest;
	bool below;

	*out = (struct im_topic){.kind = IM_TOPIC_OTHER};
	if (topic.n == 0)
		out->kind = IM_TOPIC_BAD;
	else if (topic.p[0] == '$')
		out->kind = parse_dollar(topic);
	else if (under(topic, prefix, &rest, &below))
		out->kind =
			below && topic.n <= IM_TOPIC_MAX ? parse_below(rest, out) : IM_TOPIC_BAD;
}

bool im_filter_valid(struct im_str filter)
{
	struct levels l = levels_of(filter);

	if (filter.n == 0 || memchr(filter.p, '\0', filter.n))
		return false;
	while (l.more) {
		struct im_str level = next_level(&l);

		if (is(level, '#'))
			return !l.more;
		if (is(level, '+') || level.n == 0)
			continue;
		if (memchr(level.p, '+', level.n) || memchr(level.p, '#', level.n))
			return false;
	}
	return true;
}

/* Takes $share/{group}/ off; false if it is malformed. */
static bool strip_share(struct im_filter *out)
{
	struct levels l = levels_of(out->filter);
	struct im_str group;

	if (!im_str_eq(next_level(&l), IM_STR("$share")))
		return true;
	out->shared = true;
	if (!l.more)
		return false;
	group = next_level(&l);
	if (group.n == 0 || memchr(group.p, '+', group.n) || memchr(group.p, '#', group.n))
		return false;
	out->filter = l.rest;
	return out->filter.n > 0;
}

/* A filter that starts with '$': such a topic is matched by no wildcard in the first level. */
static void filter_dollar(struct im_filter *out)
{
	struct im_str f = out->filter;

	out->topic.kind = parse_dollar(f);
	if (out->topic.kind == IM_TOPIC_BAD && (im_str_eq(f, IM_STR(IM_TOPIC_CONTROL "/#")) ||
						       im_str_eq(f, IM_STR(IM_TOPIC_CONTROL "/+"))))
		out->topic.kind = IM_TOPIC_CTRL_RESPONSE;
}

static size_t count_levels(struct im_str s)
{
	size_t i, n = 1;

	for (i = 0; i < s.n; i++)
		n += s.p[i] == '/';
	return n;
}

/* The topic of a device's answers is as long as its client id makes it. */
static size_t inbox_bytes_max(struct im_str rest)
{
	return rest.n > 4 && memcmp(rest.p, "rpc/", 4) == 0 ? 4 + IM_DEVICE_TOPIC_MAX
							    : IM_INBOX_BYTES_MAX;
}

static bool has_wildcard(struct im_str s)
{
	return s.n && (memchr(s.p, '+', s.n) || memchr(s.p, '#', s.n));
}

/* The inbox's rows of the topic table, with a wildcard where an id stands; and topics without one,
 * to which answers may be asked for. A filter costs the broker memory for each of its levels. */
static bool inbox_filter_valid(struct im_str rest)
{
	static const char *const forms[] = {"#", "+", "+/+", "u/+", "u/#", "g/+", "g/#", "signal/+",
		"signal/#", "rpc/+", "rpc/#"};
	size_t i;

	if (rest.n == 0)
		return false;
	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (im_str_eqz(rest, forms[i]))
			return true;
	}
	return !has_wildcard(rest) && rest.n <= inbox_bytes_max(rest) &&
	       count_levels(rest) <= IM_INBOX_LEVELS_MAX;
}

/* Takes a device's level off. */
static void filter_device(struct im_str rest, struct im_filter *out)
{
	struct levels l = levels_of(rest);
	struct im_str first = next_level(&l);

	if (!l.more || has_wildcard(first) || im_inbox_level_reserved(first))
		return;
	out->device = first;
	out->below = l.rest;
	out->below_wild = has_wildcard(l.rest);
}

/* A filter whose literal levels equal the prefix's: what follows decides. */
static void filter_below(struct im_str rest, struct im_filter *out)
{
	out->reaches_im = true;
	out->topic.kind =
		out->filter.n <= IM_TOPIC_MAX ? parse_below(rest, &out->topic) : IM_TOPIC_BAD;
	switch (out->topic.kind) {
	case IM_TOPIC_INBOX:
		filter_device(out->topic.rest, out);
		if (inbox_filter_valid(out->below_wild ? out->below : out->topic.rest)) {
			out->events = im_filter_within(IM_STR("event"), out->topic.rest);
			break;
		}
		out->topic = (struct im_topic){.kind = IM_TOPIC_BAD};
		out->device = out->below = (struct im_str){NULL, 0};
		out->below_wild = false;
		break;
	case IM_TOPIC_ROOM:
	case IM_TOPIC_PRESENCE:
		break;
	default:
		/* Nobody may listen where messages are sent to. */
		out->topic = (struct im_topic){.kind = IM_TOPIC_BAD};
		break;
	}
}

void im_filter_parse(struct im_str prefix, struct im_str filter, struct im_filter *out)
{
	struct levels p, f;
	bool wild = false;

	*out = (struct im_filter){.topic.kind = IM_TOPIC_BAD, .filter = filter};
	if (!im_filter_valid(filter) || !strip_share(out))
		return;
	out->levels = count_levels(out->filter);
	if (out->filter.p[0] == '$') {
		filter_dollar(out);
		return;
	}
	out->topic.kind = IM_TOPIC_OTHER;
	p = levels_of(prefix);
	f = levels_of(out->filter);
	while (p.more) {
		struct im_str want = next_level(&p);
		struct im_str level;

		if (!f.more)
			return;
		level = next_level(&f);
		if (is(level, '#')) {
			out->reaches_im = true;
			return;
		}
		if (is(level, '+'))
			wild = true;
		else if (!im_str_eq(level, want))
			return;
	}
	if (wild)
		out->reaches_im = true;
	else if (f.more)
		filter_below(f.rest, out);
	else
		out->topic.kind = IM_TOPIC_BAD;
}

struct im_str im_filter_spelled(struct im_str filter)
{
	if (is(filter, '#'))
		return IM_STR("+/#");
	return im_str_eq(filter, IM_STR("/#")) ? IM_STR("/+/#") : filter;
}

bool im_topic_sys(struct im_str topic)
{
	struct im_str rest;
	bool below;

	return under(topic, IM_STR("$SYS"), &rest, &below);
}

bool im_filter_within(struct im_str filter, struct im_str allowed)
{
	struct levels f = levels_of(im_filter_spelled(filter));
	struct levels a = levels_of(allowed);
	bool first = true;

	if (filter.n == 0 || allowed.n == 0)
		return false;
	while (a.more) {
		struct im_str want = next_level(&a);
		struct im_str have;

		if (is(want, '#')) {
			/* "a/#" matches "a" too, so f may have ended. */
			return !first || filter.p[0] != '$';
		}
		if (!f.more)
			return false;
		have = next_level(&f);
		if (is(want, '+')) {
			if (is(have, '#') || (first && have.n && have.p[0] == '$'))
				return false;
		} else if (!im_str_eq(have, want)) {
			return false;
		}
		first = false;
	}
	return !f.more;
}

void im_topic_inbox(struct im_buf *b, struct im_str prefix, struct im_str uid, struct im_str suffix)
{
	im_buf_str(b, prefix);
	im_buf_str(b, IM_STR("/inbox/"));
	im_buf_str(b, uid);
	if (suffix.n) {
		im_buf_c(b, '/');
		im_buf_str(b, suffix);
	}
}

void im_topic_room(struct im_buf *b, struct im_str prefix, struct im_str gid)
{
	im_buf_str(b, prefix);
	im_buf_str(b, IM_STR("/room/"));
	im_buf_str(b, gid);
}

void im_topic_presence(struct im_buf *b, struct im_str prefix, struct im_str uid)
{
	im_buf_str(b, prefix);
	im_buf_str(b, IM_STR("/presence/"));
	im_buf_str(b, uid);
}
