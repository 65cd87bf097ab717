/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The plugin's state: one struct, made by entry.c and handed to every hook. The parts are defined
 * by their own headers; those that are included here do not know it, and who includes this one acts
 * on several of them.
 */
#ifndef IM_PLUGIN_PLUGIN_H
#define IM_PLUGIN_PLUGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/acl.h"
#include "common/buf.h"
#include "common/ratelimit.h"
#include "common/siphash.h"
#include "common/str.h"
#include "common/topic.h"
#include "plugin/auth.h"
#include "plugin/bindings.h"
#include "plugin/clients.h"
#include "plugin/clock.h"
#include "plugin/compat.h"
#include "plugin/kicks.h"
#include "plugin/log.h"
#include "plugin/lookup.h"
#include "plugin/options.h"
#include "plugin/props.h"
#include "plugin/spool.h"
#include "plugin/stats.h"
#include "plugin/step.h"
#include "plugin/uplink.h"

/* What ACL_CHECK has allowed and MESSAGE, which follows at once, carries out. */
struct grant {
	const void *client; /* NULL: nothing is allowed */
	struct im_topic topic;
	const char *text; /* the topic, as the broker holds it: tells one publish from another */
	struct session *session; /* NULL: the bridge */
	int64_t now_ms, now_us;
	bool quota; /* refused already; MESSAGE says why, which ACL_CHECK cannot */
};

struct gates {
	struct log_gate login, busy, claim, bypass, full, database, link, frame, subscribe, publish,
		contest, handover;
};

/* See handover.h. */
struct handover {
	const struct mosquitto *old;    /* NULL: there is none */
	const struct mosquitto *client; /* whom to; NULL: nothing was there yet */
	char id[IM_DEVICE_MAX + 1];
	bool denied; /* some of it, at QoS 1 or 2 */
};

/* See home.h. */
struct home {
	uint64_t number; /* of this broker, from 1; 0: not known, or the only one */
	bool several;
};

struct plugin {
	mosquitto_plugin_id_t *id;
	struct options opt;
	struct im_acl *acl; /* ordinary topics: acl_file and allow_topic */
	struct im_str prefix;
	struct clock clock;
	struct im_sipkey key;
	bool newer;           /* Mosquitto 2.1 or later */
	int64_t expiration_s; /* of sessions, as the broker's configuration says; see brokerconf.h
			       */
	int64_t device_days;  /* the bridge's; see its options */
	struct props props;
	struct spool spool;
	struct uplink uplink;
	struct lookup *lookup;
	struct auth *auth;
	struct later *later; /* NULL: passwords are hashed at once */
	struct clients *clients;
	struct identities *identities;
	struct bindings *bindings;
	struct unchanged *unchanged;
	struct kicks kicks;
	struct stats stats;
	struct gates gates;
	struct grant grant;
	struct handover handover;
	struct step step;
	struct home home;
	const void *bridge;                /* the bridge's connection, see link.h */
	char bridge_id[IM_DEVICE_MAX + 1]; /* and its client id */
	/* In this turn: a client whose connection ended and that was no session; one that was
	 * denied its login. */
	const void *gone, *denied;
	bool reloading; /* between RELOAD and the next TICK */
	bool resync;    /* the bridge missed session events */
	bool kicking;   /* the broker disconnects a client for us */
	bool guarding;  /* see outward.h */
	bool ticked;    /* TICK works: it does not with per_listener_settings in old brokers */
	int64_t ticked_us, ticked_ms; /* when it came last, by both clocks */
	int64_t first_event_us;
	int64_t checked_us;    /* when lookup_changed was asked last */
	uint32_t unjudged;     /* users to be looked at, see account.h */
	int64_t judged_us;     /* when some were, last */
	uint64_t seen_errors;  /* of the directory, already logged */
	uint32_t credit;       /* down frames done and not yet reported */
	int64_t next_expiry_s; /* no token of a session ends before; 0: none has an end */
	struct im_buf wills;   /* see capture.h */
	size_t wills_last;     /* where the newest one begins */
	struct im_buf why, text, topic, encoded;
};

#endif
