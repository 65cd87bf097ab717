/* SPDX-License-Identifier: BSD-3-Clause */
/* Called by hooks.c for what administrators send, before the bridge gets it. */
#include "plugin/explain.h"

#include "common/ids.h"
#include "common/jsonw.h"
#include "plugin/admit.h"
#include "plugin/command.h"
#include "plugin/rights.h"

enum param { USER, ACCESS, TOPIC, DEVICE };
static const char *const params[] = {"username", "access", "topic", "device", NULL};

struct ask {
	const struct command *c;
	bool allowed;
	struct im_buf by;
};

static struct im_str get(const struct ask *q, enum param m)
{
	return command_param(q->c, m);
}

/* ---- the request ---- */

static bool plain(struct im_str topic)
{
	return !memchr(topic.p, '+', topic.n) && !memchr(topic.p, '#', topic.n);
}

/* NULL, or what is wrong. */
static const char *check(const struct ask *q)
{
	const struct im_str topic = get(q, TOPIC), access = get(q, ACCESS);
	const bool subscribe = im_str_eqz(access, "subscribe");

	if (!im_uid_valid(get(q, USER)))
		return "username must be a user's name";
	if (!subscribe && !im_str_eqz(access, "publish") && !im_str_eqz(access, "read"))
		return "access must be publish, subscribe or read";
	if (!im_filter_valid(topic))
		return "topic must be a topic, or with subscribe a filter";
	if (!subscribe && !plain(topic))
		return "topic must have no + and no #: with publish and read it is one "
		       "topic";
	return NULL;
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
	if (q->allowed || q->c->given[DEVICE] || role != IM_ROLE_DEVICE ||
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
	no = q->c->given[DEVICE] ? admit_check(p, &a, &claim) : NULL;
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

static void put_answer(const struct ask *q, struct im_buf *out)
{
	im_buf_printf(out, "{\"allowed\":%s", q->allowed ? "true" : "false");
	im_jsonw_member_str(out, "by", im_buf_view(&q->by));
	im_buf_c(out, '}');
}

static const char *answer(struct plugin *p, const struct command *c, struct im_buf *data)
{
	struct ask q = {.c = c};
	const char *wrong = check(&q);

	if (wrong)
		return wrong;
	im_buf_init(&q.by, 0);
	decide(p, &q);
	put_answer(&q, data);
	im_buf_free(&q.by);
	return NULL;
}

bool explain_answer(struct plugin *p, const struct session *e, struct im_str payload)
{
	static const struct command_spec spec = {
		.name = "explain",
		.params = params,
		.params_are =
			"the parameters are username, access, topic and device; leave out others",
		.answer = answer,
	};

	return command_answer(p, e, payload, &spec);
}
