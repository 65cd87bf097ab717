/* SPDX-License-Identifier: BSD-3-Clause */
/* Called by admit.c for who has proved who he is. The takeovers are counted by clients.c. */
#include "plugin/contest.h"

#include "plugin/refusal.h"

#define WITHIN_US INT64_C(10000000)
#define REFUSED_US INT64_C(30000000)

static void tell(struct plugin *p, struct session *e)
{
	struct log_text user;
	struct log_device client;

	refusal_device(p, e, "contested", session_device(e), IM_STR(""));
	if (log_gate(&p->gates.contest, clock_mono_us(&p->clock) / 1000, "client ids contested"))
		log_line(LOG_LEVEL_NOTICE,
			"client id contested user=%s client=%s: two devices have it; give each one "
			"its own",
			log_text(&user, session_uid(e)), log_device(&client, session_device(e)));
}

const struct denial *contest_check(struct plugin *p, struct im_str device)
{
	static const struct denial contested = {DENIAL_BUSY,
		"the client id was taken over five times within ten seconds: who is there "
		"stays for half a minute"};
	struct session *e = clients_device(p->clients, device);
	int64_t now_us = clock_mono_us(&p->clock);

	if (!e || e->state == SESSION_OFFLINE || session_ending(e))
		return NULL;
	if (now_us < e->contested_until_us)
		return &contested;
	if (!e->taken_over_us[0] || now_us - e->taken_over_us[0] > WITHIN_US)
		return NULL;
	e->contested_until_us = now_us + REFUSED_US;
	tell(p, e);
	return &contested;
}
