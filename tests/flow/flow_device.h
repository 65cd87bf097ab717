/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device as an app would be: keeps what it has received by conversation and seq, pulls holes,
 * syncs when it is told that it is behind, sends again what was not acked.
 */
#ifndef IM_TESTS_FLOW_DEVICE_H
#define IM_TESTS_FLOW_DEVICE_H

#include <jansson.h>

#include "tests/flow/flow.h"
#include "tests/flow/flow_step.h"

struct flow_conv {
	char name[80];
	/* By seq - 1: JSON, keys sorted; NULL: not to be seen by this user. n of them, no holes. */
	char **messages;
	uint64_t n;
	uint64_t left_at; /* cursor of the event that said that the user is out of it */
	bool pulling;
	bool *delivered; /* by seq - 1, n_delivered of them: it was */
	uint64_t n_delivered;
	/* The newest seq that is known of, and was when the pull under way was asked for. */
	uint64_t known, asked_for;
	struct flow_conv *next;
};

struct flow_sent {
	char conv[80], id[32], body[64];
	unsigned published; /* times */
	bool accepted;      /* PUBACK */
	bool acked, refused;
	uint64_t seq;
	struct flow_sent *next;
};

struct flow_device {
	struct flow *f;
	struct flow_broker *at; /* where it connects: the first node's first broker */
	char user[32], name[32];
	bool v5, persistent;
	bool thing;          /* one of a device account, with a level of the inbox of its own */
	struct mosquitto *c; /* NULL: not connected */
	struct flow_conv *convs;
	struct flow_sent *sent, **sent_end;
	char cursor[24];
	/* Follows operations and events as an app does (flow_app.h). */
	bool app;
	json_t *state; /* the newest event about each thing, by its key */
	bool syncing, behind;
	unsigned syncs;
	struct flow_step step;
	struct flow_step own;  /* of what goes to a thing alone */
	const char *room_conv; /* a room's, to be looked at when it is greeted; NULL: none */
	bool acks;             /* what is safe, by im/ack */
	unsigned lost;         /* deliveries that its broker had no room for */
	unsigned twice;        /* messages that were delivered before, by whichever broker */
	unsigned hellos, signals, events, room;
	char *reply;   /* the last reply to a test's own request */
	char *control; /* the last response to a command */
	char *last_event;
	char *end; /* what this connection was told of its end, NULL: nothing */
	int64_t asked_ms;
};

struct flow_device *flow_device(struct flow *f, const char *user, const char *name);
/* Connects and subscribes to its inbox; false if the broker refuses it. */
bool flow_connect(struct flow_device *d);
void flow_disconnect(struct flow_device *d, bool lost);
/* It is somewhere else, and its broker has not seen it go. */
void flow_abandon(struct flow_device *d);

/* Sends at QoS 1 to "u/bob" or "g/team", with an id when given (then it is sent again until it is
 * acked or refused). False: not accepted. */
bool flow_send(struct flow_device *d, const char *conv, const char *id, const char *body);
/* Any publish below the prefix; the result as fake_publish has it. */
int flow_publish(struct flow_device *d, const char *topic, const char *payload);
/* An administrator's command, which must be carried out; its answer is in d->control. */
void flow_command(struct flow_device *d, const char *json);
/* A request whose answer nobody waits for. */
void flow_ask(struct flow_device *d, const char *method, const char *params);
/* A request, settled: the whole reply object, or NULL when none came. Borrowed. */
const char *flow_rpc(struct flow_device *d, const char *method, const char *params);
/* Sends again what is not answered. */
void flow_resend(struct flow_device *d);
/* True while something is unanswered or a hole is open. */
bool flow_waiting(const struct flow_device *d);

struct flow_conv *flow_conv(struct flow_device *d, const char *name);
/* The text of a message, NULL if the device does not have it. */
const char *flow_has(struct flow_device *d, const char *conv, uint64_t seq);
#define assert_has(d, conv, seq, part)                      \
	do {                                                \
		const char *text_ = flow_has(d, conv, seq); \
		assert_non_null(text_);                     \
		assert_non_null(strstr(text_, part));       \
	} while (0)
struct flow_sent *flow_sent(struct flow_device *d, const char *id);

/* -- for flow.c -- */
/* Their broker is gone. */
void flow_devices_lost(const struct flow_broker *b);
void flow_devices_work(struct flow *f);
void flow_devices_free(struct flow *f);

#endif
