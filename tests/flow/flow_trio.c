/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/flow/flow_trio.h"

#include <stdio.h>

#include "bridge/directory/directory_user.h"

static const char *const users[] = {"root", "alice", "bob", "carol", "fleet", NULL};

struct flow_device *flow_trio_device(
	struct flow_trio *c, unsigned at, const char *user, const char *name)
{
	struct flow_device *d = flow_device(c->f, user, name);

	d->at = c->at[at];
	return d;
}

void flow_trio_open(struct flow_trio *c, const struct store_backend *backend)
{
	c->f = flow_start(backend, users);
	c->n = flow_node(c->f);
	flow_kill_bridge(c->n);
	c->at[0] = flow_broker(c->f);
	for (unsigned i = 1; i < FLOW_TRIO; i++)
		c->at[i] = flow_add_broker(c->n);
	c->at[1]->newer = true;
	flow_start_bridge(c->n);
	flow_settle(c->f);
	c->root = flow_trio_device(c, 0, "root", "root-desk");
	c->alice = flow_trio_device(c, 0, "alice", "alice-phone");
	c->carol = flow_trio_device(c, 1, "carol", "carol-phone");
	c->tablet = flow_trio_device(c, 0, "bob", "bob-tablet");
	c->phone = flow_trio_device(c, 0, "bob", "bob-phone");
	c->phone->persistent = true;
	assert_true(flow_connect(c->root) && flow_connect(c->alice) && flow_connect(c->carol) &&
		    flow_connect(c->tablet) && flow_connect(c->phone));
	flow_settle(c->f);
}

int flow_trio_start(void **state)
{
	struct flow_trio *c = calloc(1, sizeof(*c));

	flow_trio_open(c, *state);
	*state = c;
	return 0;
}

void flow_trio_say(struct flow_trio *c)
{
	char body[32];

	snprintf(body, sizeof(body), "m-%u-", ++c->sent);
	assert_true(flow_send(c->alice, "u/bob", NULL, body));
	flow_settle(c->f);
}

bool flow_trio_is_there(const struct flow_device *d)
{
	flow_enter(d->at);
	return d->c && fake_connected(d->c);
}

bool flow_trio_was_ended(const struct flow_device *d)
{
	return d->end != NULL;
}

void flow_trio_connect(struct flow_device *d)
{
	assert_true(flow_connect(d));
}

void flow_trio_pass(struct flow_trio *c)
{
	for (int i = 0; i < 5; i++) {
		flow_pass(c->f, 450);
		if (!flow_trio_is_there(c->phone) && !flow_trio_was_ended(c->phone))
			flow_trio_connect(c->phone);
	}
	flow_settle(c->f);
}

void flow_trio_leave(struct flow_device *d, enum flow_leaving how)
{
	/* The newest connection is never the one that goes. */
	assert_false(flow_trio_was_ended(d));
	if (how == FLOW_UNSEEN)
		flow_abandon(d);
	else
		flow_disconnect(d, how == FLOW_LOST);
}

void flow_trio_come(struct flow_trio *c, struct flow_device *d, unsigned to)
{
	d->at = c->at[to];
	flow_trio_connect(d);
	flow_settle(c->f);
}

unsigned flow_trio_lives(const struct flow_trio *c, const char *name)
{
	unsigned n = 0;

	for (unsigned i = 0; i < FLOW_TRIO; i++) {
		flow_enter(c->at[i]);
		n += c->at[i]->is_up && fake_has(name);
	}
	return n;
}

/* Every message, once. */
static bool has_all(struct flow_trio *c, struct flow_device *d)
{
	const struct flow_conv *v = flow_conv(d, "u/alice");
	char body[32];

	if (v->n != c->sent || flow_waiting(d))
		return false;
	for (unsigned i = 0; i < c->sent; i++) {
		snprintf(body, sizeof(body), "m-%u-", i + 1);
		if (!v->messages[i] || !strstr(v->messages[i], body))
			return false;
	}
	return true;
}

bool flow_trio_is_well(struct flow_trio *c)
{
	return flow_trio_lives(c, "bob-phone") == 1 && flow_trio_is_there(c->phone) &&
	       flow_trio_lives(c, "bob-tablet") == 1 && has_all(c, c->phone) &&
	       has_all(c, c->tablet) && !c->phone->twice && !c->tablet->twice && !c->alice->twice;
}

void flow_trio_assert_well(struct flow_trio *c, const char *when)
{
	if (flow_trio_is_well(c))
		return;
	print_error("%s: %u live, %s, has %llu of %u%s, twice %u; tablet: %u live, has %llu, "
		    "twice %u\n",
		when, flow_trio_lives(c, "bob-phone"),
		flow_trio_is_there(c->phone) ? "there" : "gone",
		(unsigned long long)flow_conv(c->phone, "u/alice")->n, c->sent,
		flow_waiting(c->phone) ? ", waits" : "", c->phone->twice,
		flow_trio_lives(c, "bob-tablet"),
		(unsigned long long)flow_conv(c->tablet, "u/alice")->n, c->tablet->twice);
	fail();
}

unsigned flow_trio_home(struct flow_trio *c, const char *device)
{
	struct directory_device dev;

	assert_int_equal(directory_device_get(c->n->rig.dir, im_str(device), &dev), IM_OK);
	return dev.broker;
}

void flow_trio_restart_bridge(struct flow_trio *c)
{
	flow_kill_bridge(c->n);
	flow_start_bridge(c->n);
}

void flow_trio_restart_broker(struct flow_trio *c, unsigned i)
{
	const struct fake_spec s = {
		.id = "bob-phone", .user = "bob", .password = "pw", .persistent = true};
	bool had = c->phone->persistent;

	flow_kill_broker(c->at[i]);
	flow_start_broker(c->at[i]);
	flow_enter(c->at[i]);
	if (had)
		(void)fake_restored(&s, "im/inbox/bob/#");
	flow_settle(c->f);
	for (size_t k = 0; k < c->f->n_devices; k++) {
		struct flow_device *d = c->f->devices[k];

		if (d->at == c->at[i] && d != c->phone)
			assert_true(flow_connect(d));
	}
	flow_trio_pass(c);
}
