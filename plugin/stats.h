/* SPDX-License-Identifier: BSD-3-Clause */
/* Counters of the plugin since the broker's start, and their JSON. */
#ifndef IM_PLUGIN_STATS_H
#define IM_PLUGIN_STATS_H

#include <stdint.h>

#include "common/buf.h"

/* X(name): what happened so often. */
#define STATS_COUNTERS(X)                                                           \
	X(messages)      /* captured for users and groups */                        \
	X(signals)       /* captured */                                             \
	X(requests)      /* RPC captured */                                         \
	X(controls)      /* admin commands captured */                              \
	X(wills)         /* messages captured from wills */                         \
	X(wills_lost)    /* no room for them */                                     \
	X(refused)       /* publishes denied */                                     \
	X(refusals_kept) /* denied without telling: too many for one user */        \
	X(rate_limited)                                                             \
	X(busy)         /* refused because the spool was full */                    \
	X(qos0_dropped) /* of these: nobody could be told by MQTT */                \
	X(closed)       /* connections closed instead of a PUBACK */                \
	X(subscribes_denied)                                                        \
	X(logins)                                                                   \
	X(logins_refused)                                                           \
	X(logins_later) /* their password was given to a thread */                  \
	X(logins_busy)  /* refused: too many waited */                              \
	X(logins_gone)  /* the client did not wait for the answer */                \
	X(renewals)     /* of tokens, on connections that stand */                  \
	X(opened)                                                                   \
	X(closed_sessions)                                                          \
	X(resyncs)                                                                  \
	X(kicked)                                                                   \
	X(down_frames)                                                              \
	X(down_malformed)                                                           \
	X(delivered)   /* publishes to inboxes */                                   \
	X(self_copies) /* not sent: the sender's only device learns from the ack */ \
	X(expired)     /* deliveries whose message ended on the way */              \
	X(replies)                                                                  \
	X(publish_failed)

struct stats {
#define X(name) uint64_t name;
	STATS_COUNTERS(X)
#undef X
};

/* What is rather than what happened. */
struct stats_gauges {
	uint64_t sessions_online, sessions_offline;
	uint64_t spool_bytes, spool_size, spool_first, spool_next; /* record numbers */
	uint64_t batches_out;
	uint64_t batches, batch_records, batch_bytes, batches_again;
	uint64_t directory_reads, directory_errors;
	uint64_t logins_waiting;
	uint64_t passwords_hashed, passwords_fresh, logins_cached, tokens_checked, logins_throttled;
	uint64_t throttled_user, throttled_address, throttled_all, throttled_tokens;
	uint64_t max_payload;     /* what it takes: the bridge tells clients */
	const char *topic_prefix; /* is to be the same at all brokers: the bridge looks */
};

/* One flat JSON object, of numbers but for topic_prefix. */
void stats_json(const struct stats *s, const struct stats_gauges *g, struct im_buf *out);

#endif
