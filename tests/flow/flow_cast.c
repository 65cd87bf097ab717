/* SPDX-License-Identifier: BSD-3-Clause */
/* The node and the devices of tests with a shared log; see flow_cast.h. */
#include "tests/flow/flow_cast.h"

#include "tests/flow/flow_log.h"

static const char *const users[] = {"root", "alice", "bob", "carol", NULL};

int flow_cast_start(void **state)
{
	struct flow_cast *c = calloc(1, sizeof(*c));

	c->f = flow_start(*state, users);
	flow_append_begin(&c->a, flow_node(c->f));
	c->alice = flow_device(c->f, "alice", "alice-phone");
	c->bob = flow_device(c->f, "bob", "bob-phone");
	c->carol = flow_device(c->f, "carol", "carol-phone");
	*state = c;
	if (!flow_connect(c->alice) || !flow_connect(c->bob))
		return -1;
	flow_pass(c->f, 10);
	c->a.offers = 0;
	return 0;
}

int flow_cast_stop(void **state)
{
	struct flow_cast *c = *state;

	flow_stop(c->f);
	flow_append_end(&c->a);
	free(c);
	return 0;
}

unsigned flow_cast_stored(const struct flow_cast *c)
{
	struct flow_stored *log = flow_log_read(c->f);
	unsigned n = 0;

	for (const struct flow_stored *s = log; s; s = s->next)
		n++;
	flow_log_check_dense(log);
	flow_log_free(log);
	return n;
}
