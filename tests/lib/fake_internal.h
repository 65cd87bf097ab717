/* SPDX-License-Identifier: BSD-3-Clause */
/* What fake_broker.c and fake_calls.c share. */
#ifndef IM_TESTS_FAKE_INTERNAL_H
#define IM_TESTS_FAKE_INTERNAL_H

#include "tests/lib/fake_broker.h"

#define FAKE_FILTERS 16
#define FAKE_EVENTS 32
#define FAKE_PLACES 20 /* max_inflight_messages */

struct fake_inbox {
	struct fake_message message;
	struct fake_inbox *prev, *next;
};

struct fake_retained_message {
	struct fake_message message;
	struct fake_retained_message *prev, *next;
};

struct fake_hook {
	MOSQ_FUNC_generic_callback fn;
	void *userdata;
};

struct fake_queued; /* a publish of the plugin's that waits for the loop */
struct fake_line;   /* of the log */

struct mosquitto {
	char *id, *username, *password, *address;
	int version, keepalive_s;
	bool persistent, websocket, identity, certificate;
	bool connected;
	bool socket;       /* there is one, be it before CONNACK */
	bool waiting;      /* for the plugin's answer to BASIC_AUTH */
	uint64_t answered; /* which of the waiting ones it was, from 1; 0: none yet */
	bool replaced;     /* another connection has this id now, or it is freed */
	char *will_topic, *will;
	bool will_delayed;
	uint64_t freed_at;
	char *filters[FAKE_FILTERS];
	size_t n_filters, most_filters;
	/* Of what was not handed over: the places count until the connection ends. Of what the
	 * client has begun to send at QoS 2, and never ends: its topic by now. */
	int lost, lost_begun;
	char *begun;
	struct fake_inbox *inbox;
	struct fake_message last;
	fake_receiver receiver;
	void *receiver_arg;
	struct mosquitto *prev, *next;
};

struct fake_state {
	bool newer;
	struct fake_plugin plugin;
	void *userdata;
	struct fake_hook hooks[FAKE_EVENTS];
	struct mosquitto *clients;
	struct fake_queued *queue;
	struct fake_retained_message *retained;
	struct fake_line *log;
	uint64_t turns, answers;
	int auth_result;
	long next_tick;
	int fail_publish;
	int offline_kicks;
};

extern struct fake_state *fake; /* the broker that acts */

/* Memory of exactly the size, so that the sanitizers see one byte too far. */
char *fake_copy(struct im_str s);
void fake_route(const struct fake_message *m);
void fake_route_to(const char *client, const struct fake_message *m);
struct mosquitto *fake_by_id(const char *id);
struct mosquitto *fake_waiting_by_id(const char *id);
void fake_answer(struct mosquitto *c, int result);
void fake_kick(struct mosquitto *c, bool with_will);
void fake_run_queue(void);
void fake_drop_queue(void);
void fake_forget_log(void);

#endif
