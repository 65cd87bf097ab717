/* SPDX-License-Identifier: BSD-3-Clause */
/* Called by hooks.c for what administrators send, before the bridge gets it. */
#include "plugin/explain.h"

#include "common/ids.h"
#include "common/jsonscan.h"
#include "common/jsonw.h"
#include "plugin/admit.h"
#include "plugin/publish.h"
#include "plugin/rights.h"

#define COMMAND "explain"

/* The members of the command. */
enum member { NAME, CORRELATION, USER, ACCESS, TOPIC, DEVICE, MEMBERS };
static const char *const members[MEMBERS] = {
	"command", "correlationData", "username", "access", "topic", "device"};

struct ask {
	struct im_buf v[MEMBERS];
	bool given[MEMBERS];
	bool allowed;
	struct im_buf by;
};

static void ask_init(struct ask *q)
{
	*q = (struct ask){0};
	for (int i = 0; i < MEMBERS; i++)
		im_buf_init(&q->v[i], 0);
	im_buf_init(&q->by, 0);
}

static void ask_clear(struct ask *q)
{
	for (int i = 0; i < MEMBERS; i++)
		im_buf_free(&q->v[i]);
	im_buf_free(&q->by);
}

static struct im_str get(const struct ask *q, enum member m)
{
	return im_buf_view(&q->v[m]);
}

/* ---- the request ---- */

/* The only element of `commands`. */
static bool find_command(struct im_str payload, struct im_json *out)
{
	struct im_json root, v;
	struct im_json_iter it;
	struct im_str key;
	bool found = false;

	if (!memmem(payload.p, payload.n, COMMAND, sizeof(COMMAND) - 1) ||
		im_json_parse(payload, &root) || root.type != IM_JSON_OBJECT)
		return false;
	im_json_iter(&root, &it);
	while (im_json_next(&it, &key, &v)) {
		if (!im_str_eqz(key, "commands") || v.type != IM_JSON_ARRAY)
			return false;
		im_json_iter(&v, &it);
		found = im_json_next(&it, NULL, out) && out->type == IM_JSON_OBJECT;
		return found && !im_json_next(&it, NULL, &v);
	}
	return false;
}

static int fail(struct ask *q, const char *why)
{
	im_buf_reset(&q->by);
	im_buf_z(&q->by, why);
	return IM_E_INVALID_PARAMS;
}

static int take_member(struct ask *q, struct im_str key, const struct im_json *v)
{
	enum member m = NAME;

	while (m < MEMBERS && !im_str_eqz(key, members[m]))
		m++;
	if (m == MEMBERS)
		return fail(q, "the parameters are username, access, topic and device; leave out "
			       "others");
	if (q->given[m])
		return fail(q, "a member is given twice; give it once");
	q->given[m] = true;
	return im_json_text(v, &q->v[m]) ? fail(q, "each parameter is a string") : IM_OK;
}

static bool plain(struct im_str topic)
{
	return !memchr(topic.p, '+', topic.n) && !memchr(topic.p, '#', topic.n);
}

static int check(struct ask *q)
{
	const struct im_str topic = get(q, TOPIC), access = get(q, ACCESS);
	const bool subscribe = im_str_eqz(access, "subscribe");

	if (!im_uid_valid(get(q, USER)))
		return fail(q, "username must be a user's name");
	if (!subscribe && !im_str_eqz(access, "publish") && !im_str_eqz(access, "read"))
		return fail(q, "access must be publish, subscribe or read");
	if (!im_filter_valid(topic))
		return fail(q, "topic must be a topic, or with subscribe a filter");
	if (!subscribe && !plain(topic))
		return fail(q, "topic must have no + and no #: with publish and read it is one "
			       "topic");
	return IM_OK;
}

static int read_command(struct ask *q, const struct im_json *command)
{
	struct im_json_iter it;
	struct im_str key;
	struct im_json v;
	int code = IM_OK;

	im_json_iter(command, &it);
	while (!code && im_json_next(&it, &key, &v))
		code = take_member(q, key, &v);
	return code ? code : check(q);
}

/* ---- the answer ---- */

static void im_says(struct ask *q, struct im_str why)
{
	im_buf_z(&q->by, "IM: ");
	im_buf_str(&q->by, why);
}

static void says(struct plugin *p, struct ask *q, const struct right *r, const char *otherwise)
{
	if (r->t.kind == IM_TOPIC_OTHER && r->text.n && !*otherwise)
		rights_put_reason(p, r, &q->by);
	else if (q->allowed)
		im_buf_z(&q->by, r->rule);
	else
		im_says(q, im_str(otherwise));
}

static void subscribe(struct plugin *p, struct ask *q, struct right *r)
{
	struct im_filter f;
	const char *why;

	im_filter_parse(p->prefix, get(q, TOPIC), &f);
	r->text = f.filter;
	r->t = f.topic;
	why = rights_subscribe(p, r, &f);
	q->allowed = !why;
	says(p, q, r, why ? why : "");
}

static void publish(struct plugin *p, struct ask *q, struct right *r)
{
	if (r->t.kind == IM_TOPIC_OTHER) {
		q->allowed = rights_ordinary(p, r, IM_ACL_WRITE);
		rights_put_reason(p, r, &q->by);
		return;
	}
	im_buf_reset(&p->why);
	q->allowed = rights_write(p, r) == IM_OK;
	if (q->allowed)
		im_buf_z(&q->by, r->rule);
	else
		im_says(q, im_buf_view(&p->why));
}

/* Of a device account's inbox each device hears its own level; NULL where that is not the point. */
static const char *depends(struct plugin *p, const struct ask *q, enum im_role role)
{
	struct im_filter f;

	im_filter_parse(p->prefix, get(q, TOPIC), &f);
	if (q->allowed || q->given[DEVICE] || role != IM_ROLE_DEVICE ||
		f.topic.kind != IM_TOPIC_INBOX || !f.device.n ||
		!im_str_eq(f.topic.id, get(q, USER)))
		return NULL;
	return "it depends on the client id, whose level of the inbox this may be: ask with "
	       "--device";
}

/* Why the user may have nothing at all with this client id, or NULL. */
static const char *outside(struct plugin *p, const struct ask *q, enum im_role *role_out)
{
	/* One that max_keepalive lets in, whatever it is. */
	const struct arrival a = {.uid = get(q, USER),
		.device = get(q, DEVICE),
		.clean = true,
		.keepalive_s = IM_KEEPALIVE_LEAST_S};
	const struct denial *no;
	struct lookup_user u;
	struct claim claim;
	int code;

	im_buf_reset(&p->why);
	code = rights_user(p, a.uid, &u);
	if (code == IM_E_BUSY)
		return admit_unreadable.why;
	if (code)
		return u.disabled ? "the user is disabled" : "there is no user of this name";
	*role_out = u.role;
	no = q->given[DEVICE] ? admit_check(p, &a, &claim) : NULL;
	return no ? no->why : NULL;
}

static void decide(struct plugin *p, struct ask *q)
{
	enum im_role role = IM_ROLE_USER;
	const char *no = outside(p, q, &role);
	struct right r = {.uid = get(q, USER),
		.device = get(q, DEVICE),
		.text = get(q, TOPIC),
		.now_ms = clock_wall_ms(&p->clock)};

	if (no) {
		im_says(q, im_str(no));
		return;
	}
	im_topic_parse(p->prefix, r.text, &r.t);
	if (im_str_eqz(get(q, ACCESS), "subscribe")) {
		subscribe(p, q, &r);
	} else if (im_str_eqz(get(q, ACCESS), "publish")) {
		publish(p, q, &r);
	} else {
		q->allowed = rights_read(p, &r);
		says(p, q, &r,
			q->allowed || r.t.kind == IM_TOPIC_OTHER ? "" : rights_closed(r.t.kind));
	}
	no = depends(p, q, role);
	if (no) {
		im_buf_reset(&q->by);
		im_says(q, im_str(no));
	}
}

static void send(struct plugin *p, const struct session *e, struct ask *q, int code)
{
	const struct publish to = {
		.client = e->device, .topic = IM_TOPIC_CONTROL_RESPONSE, .qos = 1};
	struct im_buf *out = &p->text;

	im_buf_reset(out);
	im_buf_z(out, "{\"responses\":[{\"command\":\"" COMMAND "\"");
	if (q->given[CORRELATION])
		im_jsonw_member_str(out, "correlationData", get(q, CORRELATION));
	if (code) {
		im_jsonw_member_str(out, "error", im_buf_view(&q->by));
		im_jsonw_member_int(out, "code", code);
	} else {
		im_buf_printf(out, ",\"data\":{\"allowed\":%s", q->allowed ? "true" : "false");
		im_jsonw_member_str(out, "by", im_buf_view(&q->by));
		im_buf_c(out, '}');
	}
	im_buf_z(out, "}]}");
	if (out->failed || publish_copy(&to, im_buf_view(out)))
		p->stats.publish_failed++;
	else
		p->stats.replies++;
}

bool explain_answer(struct plugin *p, const struct session *e, struct im_str payload)
{
	struct im_json command;
	struct ask q;
	int code;
	bool is;

	if (!find_command(payload, &command))
		return false;
	ask_init(&q);
	code = read_command(&q, &command);
	is = im_str_eqz(get(&q, NAME), COMMAND);
	if (is && !code)
		decide(p, &q);
	if (is)
		send(p, e, &q, code);
	ask_clear(&q);
	return is;
}
