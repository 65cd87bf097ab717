/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/flow/flow_pair.h"

#include <stdio.h>

static const char *const users[] = {"root", "alice", "bob", "carol", NULL};

int flow_pair_start(void **state)
{
	struct flow_pair *c = calloc(1, sizeof(*c));

	c->f = flow_start(*state, users);
	c->n = flow_node(c->f);
	c->one = flow_broker(c->f);
	flow_kill_bridge(c->n);
	c->two = flow_add_broker(c->n);
	c->two->newer = true;
	flow_start_bridge(c->n);
	flow_settle(c->f);
	c->root = flow_device(c->f, "root", "root-desk");
	c->alice = flow_device(c->f, "alice", "alice-phone");
	c->bob = flow_device(c->f, "bob", "bob-phone");
	c->carol = flow_device(c->f, "carol", "carol-phone");
	c->bob->at = c->two;
	*state = c;
	if (!flow_connect(c->alice) || !flow_connect(c->bob) || !flow_connect(c->carol))
		return -1;
	flow_settle(c->f);
	return 0;
}

const char *flow_pair_topic(const char *user)
{
	static char topic[64];

	snprintf(topic, sizeof(topic), "im/presence/%s", user);
	return topic;
}

struct im_str flow_pair_retained(const struct flow_broker *b, const char *user)
{
	const struct fake_message *m;

	flow_enter(b);
	m = fake_retained(flow_pair_topic(user));
	return m ? m->payload : (struct im_str){0};
}

bool flow_pair_shows(const struct flow_broker *b, const char *user, const char *state)
{
	struct im_str is = flow_pair_retained(b, user);
	char word[32];

	snprintf(word, sizeof(word), "\"state\":\"%s\"", state);
	return is.n && memmem(is.p, is.n, word, strlen(word));
}
