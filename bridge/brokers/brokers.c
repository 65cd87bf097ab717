/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the links. Called by service.c. Knows nothing of what frames hold. */
#include "bridge/brokers/brokers.h"

#include <stdlib.h>

#include "bridge/directory/directory_broker.h"
#include "bridge/link/link.h"
#include "bridge/link/link_key.h"
#include "common/jsonw.h"
#include "common/limits.h"

/* One that says nothing for so long, asked twice, is as good as not linked. */
#define SILENT_MS 10000

struct broker {
	struct brokers *all;
	const char *path;
	unsigned number;
	struct peer *peer;
	struct link *link;
};

struct brokers {
	struct brokers_parts p;
	struct broker v[IM_PEERS_MAX];
	unsigned n;
};

static void on_send(void *arg, struct im_str frame)
{
	struct broker *b = arg;

	if (b->link)
		link_send(b->link, frame);
}

static void on_up(void *arg, struct im_str frame)
{
	struct broker *b = arg;
	struct engine_now t = b->all->p.now();

	engine_up(b->all->p.engine, b->peer, frame, &t);
}

static void on_ready(void *arg)
{
	struct broker *b = arg;
	struct engine_now t = b->all->p.now();

	engine_linked(b->all->p.engine, b->peer, &t);
}

static void on_lost(void *arg)
{
	struct broker *b = arg;

	engine_unlinked(b->all->p.engine, b->peer);
}

static int add(struct brokers *all, const char *path, unsigned number, struct im_buf *why)
{
	struct broker *b = &all->v[all->n];
	char client_id[LINK_CLIENT_ID_MAX];
	const struct link_parts lp = {.loop = all->p.loop,
		.path = path,
		.username = all->p.username,
		.data_dir = all->p.data_dir,
		.client_id = client_id,
		.log = all->p.log,
		.arg = b,
		.up = on_up,
		.ready = on_ready,
		.lost = on_lost};
	int rc;

	if (link_key_client_id(client_id)) {
		im_buf_z(why, "the kernel gives no random bytes");
		return IM_E_IO;
	}
	b->all = all;
	b->path = path;
	b->number = number;
	rc = engine_add_peer(all->p.engine, number, path, on_send, b, &b->peer);
	if (rc == IM_OK && link_new(&lp, &b->link))
		rc = IM_E_NOMEM;
	if (rc) {
		im_buf_z(why, "out of memory");
		return rc;
	}
	all->n++;
	return IM_OK;
}

int brokers_new(const struct brokers_parts *p, struct brokers **out, struct im_buf *why)
{
	struct brokers *all = calloc(1, sizeof(*all));
	unsigned numbers[IM_PEERS_MAX];
	int rc;

	*out = all;
	if (!all) {
		im_buf_z(why, "out of memory");
		return IM_E_NOMEM;
	}
	all->p = *p;
	rc = directory_broker_numbers(p->dir, p->paths->v, p->paths->n, numbers);
	if (rc)
		im_buf_printf(why, "the brokers' numbers cannot be written: %s",
			directory_errmsg(p->dir));
	for (size_t i = 0; i < p->paths->n && !rc; i++)
		rc = add(all, p->paths->v[i], numbers[i], why);
	return rc;
}

void brokers_free(struct brokers **b)
{
	if (!*b)
		return;
	for (unsigned i = 0; i < (*b)->n; i++)
		link_free(&(*b)->v[i].link);
	free(*b);
	*b = NULL;
}

bool brokers_ready(const struct brokers *b)
{
	for (unsigned i = 0; i < b->n; i++)
		if (peer_ready(b->v[i].peer))
			return true;
	return false;
}

bool brokers_connected(const struct brokers *b)
{
	for (unsigned i = 0; i < b->n; i++)
		if (link_connected(b->v[i].link))
			return true;
	return false;
}

static void put_plugin(const struct broker *b, struct im_buf *out)
{
	struct im_str json = peer_stats(b->peer);

	im_buf_z(out, "\"plugin\":");
	im_buf_str(out, json.n ? json : IM_STR("null"));
}

static void put_link(const struct broker *b, int64_t now_ms, struct im_buf *out)
{
	int64_t silent_ms = peer_silent_ms(b->peer, now_ms);
	bool linked = peer_ready(b->peer) && silent_ms < SILENT_MS;

	im_buf_printf(out, ",\"number\":%u,\"linked\":%s,\"silent_ms\":%lld,", b->number,
		linked ? "true" : "false", (long long)silent_ms);
}

void brokers_stats(const struct brokers *b, struct im_buf *out)
{
	int64_t now_ms = b->p.now().mono_ms;

	put_plugin(&b->v[0], out);
	im_buf_z(out, ",\"brokers\":[");
	for (unsigned i = 0; i < b->n; i++) {
		im_buf_z(out, i ? ",{" : "{");
		im_buf_z(out, "\"broker\":");
		im_jsonw_str(out, im_str(b->v[i].path));
		put_link(&b->v[i], now_ms, out);
		put_plugin(&b->v[i], out);
		im_buf_c(out, '}');
	}
	im_buf_c(out, ']');
}
