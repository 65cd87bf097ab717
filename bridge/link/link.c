/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owns the libmosquitto client, whose socket and times are the loop's. QoS is 0 both ways:
 * libmosquitto acknowledges before it calls us, so only the commit-return says that something
 * arrived.
 */
#include "bridge/link/link.h"

#include <errno.h>
#include <mosquitto.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/link/link_key.h"
#include "common/topic.h"

#define KEEPALIVE_S 30
#define RETRY_FIRST_MS 50
#define RETRY_MAX_MS 2000
/* How often libmosquitto looks whether a ping is due. */
#define MISC_MS 1000
/* Packets taken in one turn, so that other work is not kept waiting. */
#define READS_MAX 32

/* Why there is no connection, as far as it was said since there was one. */
enum said { SAID_NOTHING, SAID_WAITS, SAID_REFUSED };

struct link {
	struct link_parts p;
	struct mosquitto *m;
	struct loop_io *io;       /* the socket, NULL: none is open */
	struct loop_timer *timer; /* connected: the next look for pings; else the next attempt */
	bool begun;               /* mosquitto_connect was called once */
	bool ready;
	enum said said;
	int64_t retry_ms;
};

/* Said once, and again for the other reason: a broker may be away first and refuse us then. */
static bool is_news(struct link *l, enum said what)
{
	bool news = l->said != what;

	l->said = what;
	return news;
}

static void say_waits(struct link *l, const char *why)
{
	if (is_news(l, SAID_WAITS))
		log_line(l->p.log, LOG_LEVEL_WARNING, "link_waits",
			"broker=%s why=\"%s\" will=\"try again until it works\"", l->p.path, why);
}

static void on_connect(struct mosquitto *m, void *arg, int rc)
{
	struct link *l = arg;
	char *filters[] = {IM_TOPIC_UP, IM_TOPIC_SINK};

	if (rc) {
		if (is_news(l, SAID_REFUSED))
			log_line(l->p.log, LOG_LEVEL_ERROR, "link_refused",
				"broker=%s username=%s why=\"%s\" what=\"the plugin there has "
				"another data_dir or link.secret than %s, another link_username, "
				"or another bridge, or is not loaded; that broker's log says "
				"which\"",
				l->p.path, l->p.username, mosquitto_connack_string(rc),
				l->p.data_dir);
		return;
	}
	mosquitto_subscribe_multiple(m, NULL, 2, filters, 0, 0, NULL);
}

static void on_subscribe(struct mosquitto *m, void *arg, int mid, int n, const int *granted)
{
	struct link *l = arg;

	(void)m;
	(void)mid;
	for (int i = 0; i < n; i++) {
		if (granted[i] > 2) {
			if (is_news(l, SAID_REFUSED))
				log_line(l->p.log, LOG_LEVEL_ERROR, "link_refused",
					"broker=%s what=\"the broker lets us not subscribe to %s: "
					"is the plugin loaded there, with this link_username?\"",
					l->p.path, IM_TOPIC_UP);
			mosquitto_disconnect(m);
			return;
		}
	}
	log_line(l->p.log, LOG_LEVEL_INFO, "linked", "broker=%s", l->p.path);
	l->said = SAID_NOTHING;
	l->ready = true;
	l->retry_ms = RETRY_FIRST_MS;
	l->p.ready(l->p.arg);
}

static void on_message(struct mosquitto *m, void *arg, const struct mosquitto_message *msg)
{
	struct link *l = arg;

	(void)m;
	/* The sink's publishes are denied to us; this is only the up topic's. */
	if (l->ready && strcmp(msg->topic, IM_TOPIC_UP) == 0)
		l->p.up(l->p.arg, (struct im_str){msg->payload, (size_t)msg->payloadlen});
}

static void on_disconnect(struct mosquitto *m, void *arg, int rc)
{
	struct link *l = arg;

	(void)m;
	/* libmosquitto has closed the socket. */
	loop_unwatch(&l->io);
	loop_timer_set(l->timer, l->retry_ms);
	if (!l->ready) {
		/* It took the connection and said nothing. */
		if (rc && l->said == SAID_NOTHING)
			say_waits(l, mosquitto_strerror(rc));
		return;
	}
	l->ready = false;
	log_line(l->p.log, LOG_LEVEL_WARNING, "link_lost", "broker=%s why=\"%s\"", l->p.path,
		mosquitto_strerror(rc));
	l->p.lost(l->p.arg);
}

bool link_connected(const struct link *l)
{
	return l->io != NULL;
}

/* False: there is none, and why has been said. */
static bool take_password(struct link *l)
{
	char password[SECRET_PASSWORD + 1];
	struct im_buf why;
	bool taken;

	im_buf_init(&why, 0);
	taken = !link_key_password(l->p.data_dir, password, &why) &&
		!mosquitto_username_pw_set(l->m, l->p.username, password);
	explicit_bzero(password, sizeof(password));
	if (!taken && is_news(l, SAID_WAITS))
		log_line(l->p.log, LOG_LEVEL_ERROR, "link_waits",
			"broker=%s why=\"%.*s\" will=\"try again until it works\"", l->p.path,
			IM_ARGS(why.n ? im_buf_view(&why) : IM_STR("out of memory")));
	im_buf_free(&why);
	return taken;
}

static void flush(struct link *l)
{
	if (l->io && mosquitto_want_write(l->m))
		mosquitto_loop_write(l->m, 1);
}

/* What the socket has not taken goes when it does. */
static void ask_to_write(struct link *l)
{
	if (l->io && mosquitto_want_write(l->m))
		loop_add(l->io, LOOP_WRITE);
	else if (l->io)
		loop_del(l->io, LOOP_WRITE);
}

/* libmosquitto takes one packet a call; the socket may hold more. */
static void read_packets(struct link *l)
{
	struct pollfd p = {.fd = mosquitto_socket(l->m), .events = POLLIN};

	for (int i = 0; i < READS_MAX && l->io; i++) {
		if (mosquitto_loop_read(l->m, 1))
			return;
		flush(l);
		if (!l->io || poll(&p, 1, 0) <= 0)
			return;
	}
}

static void on_socket(void *arg, unsigned ready)
{
	struct link *l = arg;

	if (ready == LOOP_READ)
		read_packets(l);
	flush(l);
	ask_to_write(l);
}

static bool connect_now(struct link *l)
{
	int rc;

	if (!take_password(l))
		return false;
	rc = l->begun ? mosquitto_reconnect(l->m)
		      : mosquitto_connect(l->m, l->p.path, 0, KEEPALIVE_S);
	l->begun = true;
	if (rc) {
		say_waits(l, rc == MOSQ_ERR_ERRNO ? strerror(errno) : mosquitto_strerror(rc));
		return false;
	}
	if (loop_watch(l->p.loop, mosquitto_socket(l->m), on_socket, l, &l->io)) {
		/* The next attempt closes the socket. */
		say_waits(l, strerror(errno));
		return false;
	}
	loop_add(l->io, LOOP_READ);
	ask_to_write(l);
	return true;
}

static void on_time(void *arg)
{
	struct link *l = arg;

	if (!l->io) {
		loop_timer_set(l->timer, connect_now(l) ? MISC_MS : l->retry_ms);
		l->retry_ms = l->retry_ms * 2 < RETRY_MAX_MS ? l->retry_ms * 2 : RETRY_MAX_MS;
		return;
	}
	loop_timer_set(l->timer, MISC_MS);
	mosquitto_loop_misc(l->m); /* may find it gone, and sets another time then */
	ask_to_write(l);
}

int link_new(const struct link_parts *p, struct link **out)
{
	struct link *l = calloc(1, sizeof(*l));

	*out = NULL;
	if (!l)
		return IM_E_NOMEM;
	mosquitto_lib_init();
	l->p = *p;
	l->p.path = strdup(p->path);
	l->p.username = strdup(p->username);
	l->p.data_dir = strdup(p->data_dir);
	l->p.client_id = NULL; /* libmosquitto has it */
	l->retry_ms = RETRY_FIRST_MS;
	l->m = mosquitto_new(p->client_id, true, l);
	l->timer = loop_timer_new(p->loop, on_time, l);
	if (!l->p.path || !l->p.username || !l->p.data_dir || !l->m || !l->timer) {
		link_free(&l);
		return IM_E_NOMEM;
	}
	mosquitto_connect_callback_set(l->m, on_connect);
	mosquitto_subscribe_callback_set(l->m, on_subscribe);
	mosquitto_message_callback_set(l->m, on_message);
	mosquitto_disconnect_callback_set(l->m, on_disconnect);
	loop_timer_set(l->timer, 0);
	*out = l;
	return IM_OK;
}

void link_free(struct link **l)
{
	if (!*l)
		return;
	if ((*l)->m) {
		(*l)->ready = false;
		/* What was sent goes first, as far as the socket takes it. */
		if ((*l)->io)
			mosquitto_disconnect((*l)->m);
		mosquitto_destroy((*l)->m);
	}
	loop_unwatch(&(*l)->io);
	loop_timer_free(&(*l)->timer);
	free((char *)(*l)->p.path);
	free((char *)(*l)->p.username);
	free((char *)(*l)->p.data_dir);
	free(*l);
	*l = NULL;
	mosquitto_lib_cleanup();
}

void link_send(struct link *l, struct im_str frame)
{
	if (!l->ready)
		return;
	mosquitto_publish(l->m, NULL, IM_TOPIC_DOWN, (int)frame.n, frame.p, 0, false);
	ask_to_write(l);
}
