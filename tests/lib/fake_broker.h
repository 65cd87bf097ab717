/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A broker in the test's own process: defines the mosquitto_* functions that the plugin calls and
 * fires the plugin's events in the order in which the real brokers do, 2.0 and 2.1 alike. There may
 * be several, of which one acts at a time. What the plugin publishes goes out at fake_turn, as in
 * the broker's loop.
 *
 * A test program links the plugin's objects, or loads mosquitto_im.so; either way it is linked with
 * -rdynamic, because the plugin looks some functions up by name.
 */
#ifndef IM_TESTS_FAKE_BROKER_H
#define IM_TESTS_FAKE_BROKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/str.h"
#include "plugin/compat.h"

struct fake_state; /* a broker */

/* The plugin's three entry points. */
struct fake_plugin {
	int (*version)(int, const int *);
	int (*init)(mosquitto_plugin_id_t *, void **, struct mosquitto_opt *, int);
	int (*cleanup)(void *, struct mosquitto_opt *, int);
};

struct fake_spec {
	const char *id, *user, *password;
	const char *address; /* NULL: 127.0.0.1 */
	int version;         /* 3, 4 or 5; 0: 4 */
	int keepalive_s;     /* 0: 60; -1: 0 */
	bool persistent;     /* the session stays when the connection ends */
	bool websocket;
	bool identity; /* authenticated by a certificate: no BASIC_AUTH */
	bool psk;      /* likewise, by a pre-shared key */
	const char *will_topic, *will;
	bool will_delayed;    /* comes with fake_delayed_will */
	struct mosquitto *at; /* one that is freed: the broker uses its memory again */
};

struct fake_message {
	char *topic;
	struct im_str payload;
	int qos;
	bool retain;
	char *props; /* "name=value;" for each: user properties by their names, and type, corr,
			reply and expiry */
};

/* What became of a publish. */
enum fake_result {
	FAKE_ACCEPTED = 0,
	FAKE_DENIED = 0x87, /* MQTT 5; MQTT 3.1.1 gets a plain PUBACK */
	FAKE_QUOTA = 0x97,
	FAKE_CLOSED = -1, /* the connection is gone, and there was no PUBACK */
};

/* A broker beside the one that is there, to be opened; closed again when it is freed. */
struct fake_state *fake_new(void);
void fake_free(struct fake_state *broker);
/* Everything below is about this one from here on; the one before. */
struct fake_state *fake_switch(struct fake_state *broker);

/* `newer`: behaves like 2.1. */
void fake_open(bool newer);
/* Ends every client without events, and gives all memory back. */
void fake_close(void);
/* Loads the plugin; its init's result. options end with a NULL key. */
int fake_load(const struct fake_plugin *p, const struct mosquitto_opt *options);
/* Sends the connected clients' wills as a terminating broker does, and unloads. */
void fake_unload(void);
/* Unloads without that: the test has made the plugin forget what a crash would lose. */
void fake_crash(void);
/* What the plugin's init has left as its userdata. */
void *fake_userdata(void);

/* NULL: refused; the plugin's answer is in fake_auth_result(). If it is the one for "later", the
 * client waits and is not connected yet. */
struct mosquitto *fake_connect(const struct fake_spec *s);
int fake_auth_result(void);
/* A session that the broker has kept over its restart, with its subscription. */
struct mosquitto *fake_restored(const struct fake_spec *s, const char *filter);
/* The client sends DISCONNECT (no will), or its connection is lost (will). */
void fake_disconnect(struct mosquitto *c, bool lost);
void fake_delayed_will(struct mosquitto *c);
/* The broker has freed the client; it looks as if its session had expired long ago. */
void fake_expire(struct mosquitto *c);
bool fake_waiting(const struct mosquitto *c);
/* In the order in which waiting ones got their answers, whatever it was: 1 for the first; 0: none
 * yet. */
uint64_t fake_answered(const struct mosquitto *c);
/* What the last TICK asked for, in milliseconds; 0: nothing. */
long fake_next_tick(void);
/* True if the session was accepted. */
bool fake_subscribe(struct mosquitto *c, const char *filter);
void fake_unsubscribe(struct mosquitto *c, const char *filter);
int fake_publish(struct mosquitto *c, const char *topic, struct im_str payload, int qos,
	bool retain, const mosquitto_property *props);
/* A publish of the broker's own bridge connection: no ACL_CHECK. */
int fake_bridged(const char *topic, struct im_str payload);
/* SIGHUP: RELOAD, then BASIC_AUTH for every session. */
void fake_reload(void);
/* One turn of the broker's loop: what was published goes out, then TICK. */
void fake_turn(void);
/* The question about the author of a retained message; true: still allowed. */
bool fake_retained_allowed(const char *user, const char *topic);

bool fake_connected(const struct mosquitto *c);
/* A client of this id is connected. */
bool fake_has(const char *id);
/* Takes the next message that the client has received; NULL: none. Valid until the next call. */
const struct fake_message *fake_received(struct mosquitto *c);
/* Called for each message to the client while it is connected, instead of keeping it, and at once
 * for what was kept. NULL: what comes is kept, as if the client did not answer any more. */
typedef void (*fake_receiver)(void *arg, const struct fake_message *m);
void fake_on_message(struct mosquitto *c, fake_receiver fn, void *arg);
/* True if a line with this text was logged; forgets all lines. */
bool fake_logged(const char *text);
/* mosquitto_broker_publish fails from the n-th next call on; -1: never. */
void fake_fail_publish(int n);
/* Times that an offline session was kicked, which the real 2.0 does not survive. */
int fake_offline_kicks(void);
/* It is retained, as the broker has read it from its file. */
void fake_retain(const char *topic, struct im_str payload);
/* The message retained on a topic, or NULL. */
const struct fake_message *fake_retained(const char *topic);

#endif
