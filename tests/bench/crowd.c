/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the callers and what they share. */
#include "tests/bench/crowd.h"

#include <stdlib.h>

int crowd_open(struct crowd *c, const struct options *opt, const struct users *users)
{
	c->opt = opt;
	c->run.net = &c->net;
	c->run.users = users;
	c->run.verdict = &c->verdict;
	c->run.limit = opt->limit;
	c->loop.epoll_fd = -1;
	if (loop_open(&c->loop) ||
		conn_net_open(&c->net, &c->loop, opt->port, opt->ports, opt->version) ||
		connector_init(&c->connector, opt->clients, opt->parallel))
		return -1;
	c->callers = calloc(opt->clients, sizeof(*c->callers));
	if (!c->callers)
		return -1;
	for (uint32_t i = 0; i < opt->clients; i++) {
		caller_init(&c->callers[i], &c->run, opt->base + i);
		connector_add(&c->connector, &c->callers[i].conn);
	}
	return 0;
}

void crowd_close(struct crowd *c)
{
	for (uint32_t i = 0; c->callers && i < c->opt->clients; i++) {
		conn_close(&c->callers[i].conn, true);
		conn_clear(&c->callers[i].conn);
	}
	free(c->callers);
	connector_clear(&c->connector);
	conn_net_close(&c->net);
	loop_close(&c->loop);
}

uint64_t crowd_deadline(const struct crowd *c)
{
	return loop_now_ns() + (uint64_t)(c->opt->timeout_s * 1e9);
}

int crowd_turn(struct crowd *c, uint64_t until_ns)
{
	uint64_t again = connector_pump(&c->connector, loop_now_ns());
	int failed;

	conn_net_flush(&c->net);
	failed = loop_turn(&c->loop, again < until_ns ? again : until_ns);
	conn_net_flush(&c->net);
	return failed;
}
