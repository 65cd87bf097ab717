/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One non-blocking MQTT connection: TCP connect, CONNECT, one subscription, then packets.
 * Owns socket and buffers; everything in conn_spec is borrowed. PUBACKs of received messages
 * are sent here.
 *
 * Called by senders, receivers and the idle and rpc scenarios; knows nothing about what the
 * messages mean.
 */
#ifndef BENCH_CONN_H
#define BENCH_CONN_H

#include "tests/bench/loop.h"
#include "tests/bench/mqtt.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As many as one bridge has under it. */
#define CONN_BROKERS_MAX 8

struct conn;

/* What all connections of a run share. */
struct conn_net {
	struct loop *loop;
	struct sockaddr_in broker[CONN_BROKERS_MAX];
	unsigned brokers;
	int version;
	uint8_t *scratch; /* what is read is parsed here */
	struct conn *dirty;
	uint32_t opened; /* also picks the loopback source address */
	uint64_t reads;
	uint64_t writes;
};

/* The callbacks may publish, but must not free connections. */
struct conn_handler {
	/* connected and subscribed */
	void (*ready)(struct conn *conn);
	/* topic and payload are valid during the call; now_ns is when the bytes were read */
	void (*publish)(struct conn *conn, const struct mqtt_packet *packet, uint64_t now_ns);
	void (*puback)(struct conn *conn, const struct mqtt_packet *packet, uint64_t now_ns);
	void (*pong)(struct conn *conn);
	/* not called after conn_close; why is a static text */
	void (*closed)(struct conn *conn, const char *why);
};

struct conn_spec {
	struct conn_net *net;
	const struct conn_handler *handler;
	uint32_t place; /* which of the brokers, round and round */
	const char *client_id;
	const char *username;
	const char *password; /* or NULL */
	const char *filter;   /* or NULL: no subscription */
	int filter_qos;
};

enum conn_state { CONN_CLOSED, CONN_TCP, CONN_CONNACK, CONN_SUBACK, CONN_READY };

struct conn {
	struct loop_source source;
	struct conn_spec spec;
	enum conn_state state;
	int fd;
	uint64_t opened_ns;
	bool writing; /* epoll watches for room to write */
	bool is_dirty;
	struct conn *next_dirty;
	uint8_t *in; /* a packet that has not come whole */
	size_t in_n;
	size_t in_cap;
	uint8_t *out;
	size_t out_n;
	size_t out_sent;
	size_t out_cap;
};

/* Ports on 127.0.0.1, at most CONN_BROKERS_MAX. 0, or -1: no memory. */
int conn_net_open(
	struct conn_net *net, struct loop *loop, const int *ports, unsigned n, int version);
void conn_net_close(struct conn_net *net);

/* Writes what the callbacks and conn_publish queued outside of a loop turn. */
void conn_net_flush(struct conn_net *net);

/* Sets up a closed connection. */
void conn_init(struct conn *conn, const struct conn_spec *spec);

/* Starts connecting; the outcome comes as ready or closed. 0, or -1 with errno. */
int conn_open(struct conn *conn);

/* Closes without a callback; with goodbye a DISCONNECT is tried first. */
void conn_close(struct conn *conn, bool goodbye);

/* Closes and frees the buffers. */
void conn_clear(struct conn *conn);

/* Queues a packet; it is written at the end of the turn or by conn_net_flush. 0, or -1: the
 * connection is not ready or its buffer is full. */
int conn_publish(struct conn *conn, const struct mqtt_publish *publish);
int conn_ping(struct conn *conn);

#endif
