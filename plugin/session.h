/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A connection that the plugin knows and the user whose it is: what everything in the plugin reads,
 * and what each part keeps there. Made, found and forgotten by clients.h.
 *
 * The broker's events are not what they seem, hence the states:
 *
 *   SESSION_NEW      accepted, not yet seen alive; the connection may still fail
 *   SESSION_OPEN     announced to the bridge
 *   SESSION_OFFLINE  the connection ended; the will may still come, at once or after its delay, and
 *                    a persistent session may live on
 */
#ifndef IM_PLUGIN_SESSION_H
#define IM_PLUGIN_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "common/hash.h"
#include "common/limits.h"
#include "common/may.h"
#include "common/ratelimit.h"
#include "common/str.h"
#include "plugin/filters.h"

/* Takeovers of a client id that are remembered: so many within a moment are two devices with one.
 */
#define SESSION_TAKEOVERS 5

enum session_state { SESSION_NEW, SESSION_OPEN, SESSION_OFFLINE };

/* What may still be sent, and told of refusals. */
struct session_rates {
	struct im_ratelimit messages, bytes, refusals;
};

/* A user with at least one known session, or one who had until a moment ago. */
struct session_user {
	char uid[IM_UID_MAX + 1];
	uint8_t uid_n;
	int64_t id; /* his number in the directory; 0: not written yet */
	bool v5;    /* has, or had, a session with MQTT 5 */
	enum im_role role;
	uint64_t bind; /* keyed hash of what client ids begin with; 0: whatever they like */
	struct session_rates rates;
	struct im_ratelimit ends; /* that were told; see ending.h */
	uint64_t levels;          /* of the filters of all sessions */
	/* Those that are connected, and those that are away, linked by user_next: of these there
	 * may be very many, so that nothing that happens often may walk through them. */
	struct session *list, *away;
	uint32_t n_list;
	struct session *kept; /* AWAY_KEPT, linked by kept_next, who left first first */
	uint32_t n_kept;
	uint32_t n_stays;                 /* sessions that have, or may leave, subscriptions */
	bool unlike;                      /* some of them may have client ids that fit no more */
	int64_t no_more_until_us;         /* new devices: see acl_subscribe.c */
	uint64_t n;                       /* deliveries: see step.h */
	struct session_user *prev, *next; /* of those with sessions, or of those without */
	int64_t idle_since_us;
	/* Whether the account is open, and what the directory's generation was then: see account.h.
	 */
	bool open;
	uint64_t judged;
};

struct session {
	const void *client;
	uint64_t number; /* of its connection; later ones have greater numbers */
	struct session_user *user;
	int64_t user_id; /* the user's number when it began: see account_own */
	char device[IM_DEVICE_MAX + 1];
	uint8_t device_n;
	enum session_state state;
	bool v5;
	bool ephemeral; /* nothing of it stays at the broker when the connection ends */
	bool will_done; /* offline, and its will has been seen */
	bool events;    /* subscribed to its inbox's events, or has resumed a session that may be */
	/* It has asked to be greeted, when, and at which number of its user's; see step.h. */
	uint64_t ask; /* 0: it has not, or was */
	int64_t asked_us;
	uint64_t asked_at, asked_own;
	uint64_t own;               /* deliveries to this device of a device account alone */
	struct session_rates rates; /* of one of a device account, which has one in all, too */
	bool greeted;               /* since the connection began */
	bool heard;                 /* and the broker gave it to the client */
	bool resumes;               /* what the broker has kept of the client id goes on */
	bool resumed;               /* greeted for that, see resumed.h */
	bool acks; /* subscribed to its inbox's acks: it can be told of a refusal */
	bool new_device, new_user;
	bool stays;          /* it is counted among its user's n_stays */
	bool kept;           /* the bridge knows that it may leave a session with subscriptions */
	bool heir;           /* NEW, of a device that is announced by the one it took over from */
	bool kicked;         /* is about to be disconnected; see ending.h */
	bool outdated;       /* for its password alone, and untold: see account_credential */
	uint8_t end;         /* enum im_end: why, of one that is ending */
	bool spoke;          /* has subscribed or published */
	bool released;       /* told to leave: the client id is the next one's who may have it */
	uint64_t taken_turn; /* when another connection was accepted with this client id */
	/* When its client id was taken over, the oldest first, 0: not so often; until when it is
	 * given to nobody new. See contest.h. */
	int64_t taken_over_us[SESSION_TAKEOVERS];
	int64_t contested_until_us;
	int64_t opened_ms;
	int64_t expires_s;             /* 0: never */
	uint64_t credential, password; /* see auth.h */
	struct filters filters;
	/* It has just come with a client id that was nobody's, or whose device was at another
	 * broker: what this one hands over of an earlier session with it is not for it. */
	bool handover;
	/* Of one that is away, see away.h. */
	uint64_t judged; /* the directory's generation then */
	bool owned;
	uint64_t left; /* grows; 0: met after a restart of the broker */
	int64_t left_us;
	uint64_t left_turn; /* see clients_will_waited */
	enum { AWAY_UNKNOWN, AWAY_KEPT, AWAY_BEYOND } away;
	/* Its device is at another broker, or was until this connection, of which the bridge does
	 * not know yet; see home.h. */
	bool elsewhere;
	uint64_t announced; /* the record that said so; 0: none did, UINT64_MAX: none that counts */
	struct session *kept_prev, *kept_next;
	struct session *user_prev, *user_next;
	struct session **queue; /* the one it waits in, or NULL */
	struct session *prev, *next;
	UT_hash_handle hh;             /* by client; see clients.c */
	UT_hash_handle hh_id;          /* by client id; see client_ids.c */
	struct session *older, *newer; /* with the same client id */
	bool indexed;                  /* it is the newest of them */
	bool refused;                  /* there was no memory for an entry of a table */
};

static inline struct im_str session_uid(const struct session *e)
{
	return (struct im_str){e->user->uid, e->user->uid_n};
}

static inline struct im_str session_device(const struct session *e)
{
	return (struct im_str){e->device, e->device_n};
}

/* Its user is a device account. */
static inline bool session_is_thing(const struct session *e)
{
	return e->user->role == IM_ROLE_DEVICE;
}

/* It has been told of its end, and has no rights any more. */
static inline bool session_ending(const struct session *e)
{
	return e->kicked && !e->outdated;
}

#endif
