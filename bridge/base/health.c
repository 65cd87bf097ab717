/* SPDX-License-Identifier: BSD-3-Clause */
/* The JSON of the counters, and sd_notify. Called by the service and, for JSON, by its answer to
 * administrators. */
#include "bridge/base/health.h"

#include <inttypes.h>
#include <systemd/sd-daemon.h>

#include "common/jsonw.h"

#define NOT(name)

static void committed(void *arg)
{
	struct health *h = arg;

#define X(name) h->committed.name = h->name;
	HEALTH_COUNTERS(NOT, X)
#undef X
}

static void rolled_back(void *arg, uint64_t first, bool logged)
{
	struct health *h = arg;

	(void)first;
	if (logged)
		committed(h);
#define X(name) h->name = h->committed.name;
	HEALTH_COUNTERS(NOT, X)
#undef X
}

#undef NOT

struct tx_part health_part(struct health *h)
{
	return (struct tx_part){.commit = committed, .rollback = rolled_back, .arg = h};
}

void health_json(const struct health *h, const struct health_gauges *g, struct im_buf *out)
{
	im_buf_printf(out, "{\"linked\":%s,\"stalled\":%s", g->linked ? "true" : "false",
		g->stalled ? "true" : "false");
#define X(name) im_buf_printf(out, ",\"" #name "\":%" PRIu64, h->name);
	HEALTH_COUNTERS(X, X)
#undef X
#define G(name) im_buf_printf(out, ",\"" #name "\":%" PRIu64, g->name)
	/* An epoch has 64 random bits, more than a JSON number holds everywhere. */
	im_buf_printf(out, ",\"epoch\":\"%" PRIu64 "\"", g->epoch);
	G(recno);
	G(position);
	G(search_lag);
	G(unnumbered);
	G(queued_bytes);
	G(frames_outstanding);
	G(reads_queued);
	G(users_online);
	G(devices_online);
	G(dedup_entries);
	G(cost_refused);
	G(users);
	G(erasures);
	G(erasure_left);
#undef G
	im_jsonw_member_int(out, "uptime_ms", g->uptime_ms);
	im_buf_c(out, '}');
}

void health_ready(void)
{
	sd_notify(0, "READY=1");
}

void health_status(const char *text)
{
	sd_notifyf(0, "STATUS=%s", text);
}

void health_stopping(void)
{
	sd_notify(0, "STOPPING=1");
}

int64_t health_watchdog_ms(void)
{
	uint64_t us;

	/* Half of what systemd allows, as its documentation advises. */
	return sd_watchdog_enabled(0, &us) > 0 ? (int64_t)(us / 2000) : 0;
}

void health_alive(void)
{
	sd_notify(0, "WATCHDOG=1");
}
