/* SPDX-License-Identifier: BSD-3-Clause */
/* Bounded connecting; see connector.h. */
#include "tests/bench/connector.h"

#include <stdlib.h>
#include <string.h>

/* A broker that is starting refuses connections for some hundred milliseconds. */
#define RETRY_NS 20000000u

int connector_init(struct connector *c, uint32_t size, uint32_t parallel)
{
	memset(c, 0, sizeof(*c));
	c->waiting = calloc(size ? size : 1, sizeof(*c->waiting));
	c->size = size;
	c->parallel = parallel;
	return c->waiting ? 0 : -1;
}

void connector_clear(struct connector *c)
{
	free(c->waiting);
	c->waiting = NULL;
}

void connector_add(struct connector *c, struct conn *conn)
{
	c->waiting[(c->first + c->count++) % c->size] = conn;
}

uint64_t connector_pump(struct connector *c, uint64_t now_ns)
{
	if (now_ns < c->not_before_ns)
		return c->count ? c->not_before_ns : UINT64_MAX;
	while (c->count && c->pending < c->parallel) {
		struct conn *conn = c->waiting[c->first];
		c->first = (c->first + 1) % c->size;
		c->count--;
		if (conn_open(conn)) {
			connector_add(c, conn);
			c->failures++;
			c->not_before_ns = now_ns + RETRY_NS;
			return c->not_before_ns;
		}
		c->pending++;
	}
	return UINT64_MAX;
}

void connector_on_ready(struct connector *c)
{
	c->pending--;
	c->ready++;
}

void connector_on_failed(struct connector *c, struct conn *conn, uint64_t now_ns)
{
	c->pending--;
	c->failures++;
	c->not_before_ns = now_ns + RETRY_NS;
	connector_add(c, conn);
}

void connector_on_lost(struct connector *c, struct conn *conn)
{
	c->ready--;
	connector_add(c, conn);
}
