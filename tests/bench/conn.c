/* SPDX-License-Identifier: BSD-3-Clause */
/* Non-blocking MQTT connection of the load generator; see conn.h. */
#include "tests/bench/conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* One read; also bounds the largest packet together with what is left of the last read. */
#define READ_SIZE ((size_t)256 * 1024)
#define PACKET_MAX ((size_t)1024 * 1024)
/* A window of messages fits many times; beyond it the broker has stopped reading. */
#define OUT_MAX ((size_t)16 * 1024 * 1024)
/* Connections a source address: a fifth of the ephemeral ports, so that closed ones in
 * TIME_WAIT leave room for several storms. */
#define PER_SOURCE 5000u
#define SUBSCRIBE_MID 1

static void conn_event(struct loop_source *source, uint32_t events);

int conn_net_open(
	struct conn_net *net, struct loop *loop, const int *ports, unsigned n, int version)
{
	memset(net, 0, sizeof(*net));
	net->loop = loop;
	net->version = version;
	net->brokers = n;
	for (unsigned i = 0; i < n; i++) {
		net->broker[i].sin_family = AF_INET;
		net->broker[i].sin_port = htons((uint16_t)ports[i]);
		net->broker[i].sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	}
	net->scratch = malloc(READ_SIZE + PACKET_MAX);
	return net->scratch ? 0 : -1;
}

void conn_net_close(struct conn_net *net)
{
	free(net->scratch);
	net->scratch = NULL;
}

void conn_init(struct conn *conn, const struct conn_spec *spec)
{
	memset(conn, 0, sizeof(*conn));
	conn->source.ready = conn_event;
	conn->spec = *spec;
	conn->fd = -1;
}

void conn_clear(struct conn *conn)
{
	conn_close(conn, false);
	free(conn->in);
	free(conn->out);
	conn->in = conn->out = NULL;
	conn->in_cap = conn->out_cap = 0;
}

static void fail(struct conn *conn, const char *why)
{
	conn_close(conn, false);
	if (conn->spec.handler->closed)
		conn->spec.handler->closed(conn, why);
}

static int open_socket(struct conn *conn)
{
	struct conn_net *net = conn->spec.net;
	const struct sockaddr_in *broker = &net->broker[conn->spec.place % net->brokers];
	int on = 1;
	struct sockaddr_in source = {.sin_family = AF_INET};
	source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (net->opened++ / PER_SOURCE) % 200);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) ||
		setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) ||
		bind(fd, (struct sockaddr *)&source, sizeof(source)) ||
		(connect(fd, (const struct sockaddr *)broker, sizeof(*broker)) &&
			errno != EINPROGRESS) ||
		loop_watch(net->loop, fd, &conn->source, true)) {
		int error = errno;
		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

int conn_open(struct conn *conn)
{
	conn->fd = open_socket(conn);
	if (conn->fd < 0)
		return -1;
	conn->in_n = conn->out_n = conn->out_sent = 0;
	conn->opened_ns = loop_now_ns();
	conn->writing = true;
	conn->state = CONN_TCP;
	return 0;
}

static void mark_dirty(struct conn *conn)
{
	if (conn->is_dirty)
		return;
	conn->is_dirty = true;
	conn->next_dirty = conn->spec.net->dirty;
	conn->spec.net->dirty = conn;
}

/* Room for a packet of at most size bytes behind what is queued, or NULL. */
static uint8_t *out_room(struct conn *conn, size_t size)
{
	if (conn->out_n + size > conn->out_cap && conn->out_sent) {
		memmove(conn->out, conn->out + conn->out_sent, conn->out_n - conn->out_sent);
		conn->out_n -= conn->out_sent;
		conn->out_sent = 0;
	}
	if (conn->out_n + size > conn->out_cap) {
		size_t cap = conn->out_cap ? conn->out_cap : 256;
		while (cap < conn->out_n + size)
			cap *= 2;
		uint8_t *grown = cap <= OUT_MAX ? realloc(conn->out, cap) : NULL;
		if (!grown)
			return NULL;
		conn->out = grown;
		conn->out_cap = cap;
	}
	return conn->out + conn->out_n;
}

static int queued(struct conn *conn, size_t size)
{
	if (size == 0)
		return -1;
	conn->out_n += size;
	mark_dirty(conn);
	return 0;
}

int conn_publish(struct conn *conn, const struct mqtt_publish *publish)
{
	size_t most = 16 + publish->topic.n + publish->payload.n + publish->response_topic.n +
		      publish->correlation.n + 8;
	uint8_t *room = conn->state == CONN_READY ? out_room(conn, most) : NULL;
	return room ? queued(conn, mqtt_encode_publish(room, most, publish)) : -1;
}

int conn_ping(struct conn *conn)
{
	uint8_t *room = conn->state == CONN_READY ? out_room(conn, 2) : NULL;
	return room ? queued(conn, mqtt_encode_bare(room, 2, MQTT_PINGREQ)) : -1;
}

static void queue_puback(struct conn *conn, uint16_t mid)
{
	uint8_t *room = out_room(conn, 4);
	if (!room || queued(conn, mqtt_encode_puback(room, 4, mid)))
		fail(conn, "no room for a PUBACK");
}

static void write_out(struct conn *conn)
{
	while (conn->out_sent < conn->out_n) {
		ssize_t n = send(conn->fd, conn->out + conn->out_sent, conn->out_n - conn->out_sent,
			MSG_NOSIGNAL);
		conn->spec.net->writes++;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			fail(conn, "write failed");
			return;
		}
		conn->out_sent += (size_t)n;
	}
	if (conn->out_sent == conn->out_n)
		conn->out_sent = conn->out_n = 0;
	bool writing = conn->out_n > 0;
	if (writing != conn->writing) {
		conn->writing = writing;
		if (loop_change(conn->spec.net->loop, conn->fd, &conn->source, writing))
			fail(conn, "epoll_ctl failed");
	}
}

void conn_net_flush(struct conn_net *net)
{
	while (net->dirty) {
		struct conn *conn = net->dirty;
		net->dirty = conn->next_dirty;
		conn->is_dirty = false;
		if (conn->fd >= 0)
			write_out(conn);
	}
}

void conn_close(struct conn *conn, bool goodbye)
{
	if (conn->fd < 0)
		return;
	if (goodbye && conn->state == CONN_READY && conn->out_n == conn->out_sent) {
		uint8_t packet[2];
		size_t n = mqtt_encode_bare(packet, sizeof(packet), MQTT_DISCONNECT);
		ssize_t sent = send(conn->fd, packet, n, MSG_NOSIGNAL);
		(void)sent;
	}
	close(conn->fd);
	conn->fd = -1;
	conn->state = CONN_CLOSED;
	conn->in_n = conn->out_n = conn->out_sent = 0;
}

static void send_connect(struct conn *conn)
{
	const struct conn_spec *spec = &conn->spec;
	struct mqtt_connect connect = {
		.version = spec->net->version,
		.client_id = spec->client_id,
		.username = spec->username,
		.password = spec->password,
		.clean = true,
	};
	size_t most = 64 + strlen(spec->client_id) + strlen(spec->username) +
		      (spec->password ? strlen(spec->password) : 0);
	uint8_t *room = out_room(conn, most);
	conn->state = CONN_CONNACK;
	if (!room || queued(conn, mqtt_encode_connect(room, most, &connect)))
		fail(conn, "CONNECT does not fit");
}

static void take_connack(struct conn *conn, const struct mqtt_packet *packet)
{
	const struct conn_spec *spec = &conn->spec;
	if (conn->state != CONN_CONNACK || packet->reason != 0) {
		fail(conn, "connection refused by the broker");
		return;
	}
	if (!spec->filter) {
		conn->state = CONN_READY;
		spec->handler->ready(conn);
		return;
	}
	conn->state = CONN_SUBACK;
	size_t most = 16 + strlen(spec->filter);
	uint8_t *room = out_room(conn, most);
	if (!room || queued(conn, mqtt_encode_subscribe(room, most, spec->net->version,
					  SUBSCRIBE_MID, spec->filter, spec->filter_qos)))
		fail(conn, "SUBSCRIBE does not fit");
}

static void take_packet(struct conn *conn, const struct mqtt_packet *packet, uint64_t now_ns)
{
	const struct conn_handler *handler = conn->spec.handler;
	switch (packet->type) {
	case MQTT_CONNACK:
		take_connack(conn, packet);
		break;
	case MQTT_SUBACK:
		if (conn->state != CONN_SUBACK || packet->reason >= 0x80) {
			fail(conn, "subscription refused");
			break;
		}
		conn->state = CONN_READY;
		handler->ready(conn);
		break;
	case MQTT_PUBLISH:
		if (handler->publish)
			handler->publish(conn, packet, now_ns);
		if (packet->qos && conn->state != CONN_CLOSED)
			queue_puback(conn, packet->mid);
		break;
	case MQTT_PUBACK:
		if (handler->puback)
			handler->puback(conn, packet, now_ns);
		break;
	case MQTT_PINGRESP:
		if (handler->pong)
			handler->pong(conn);
		break;
	default:
		fail(conn, "disconnected by the broker");
		break;
	}
}

/* Keeps the start of a packet for the next read. */
static void keep_rest(struct conn *conn, const uint8_t *p, size_t n)
{
	if (n > conn->in_cap) {
		uint8_t *grown = realloc(conn->in, n + 512);
		if (!grown) {
			fail(conn, "no memory");
			return;
		}
		conn->in = grown;
		conn->in_cap = n + 512;
	}
	if (n)
		memcpy(conn->in, p, n);
	conn->in_n = n;
}

static void take_bytes(struct conn *conn, const uint8_t *p, size_t n, uint64_t now_ns)
{
	struct mqtt_packet packet;
	size_t size;
	int whole;
	while ((whole = mqtt_scan(p, n, &size)) == 1) {
		if (mqtt_decode(p, size, conn->spec.net->version, &packet)) {
			fail(conn, "malformed packet");
			return;
		}
		p += size;
		n -= size;
		take_packet(conn, &packet, now_ns);
		if (conn->state == CONN_CLOSED)
			return;
	}
	if (whole < 0 || size > PACKET_MAX)
		fail(conn, "malformed or too large packet");
	else
		keep_rest(conn, p, n);
}

static void read_in(struct conn *conn)
{
	struct conn_net *net = conn->spec.net;
	size_t kept = conn->in_n;
	if (kept)
		memcpy(net->scratch, conn->in, kept);
	ssize_t n = recv(conn->fd, net->scratch + kept, READ_SIZE, 0);
	uint64_t now_ns = loop_now_ns();
	net->reads++;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		fail(conn, n == 0 ? "closed by the broker" : "read failed");
		return;
	}
	take_bytes(conn, net->scratch, kept + (size_t)n, now_ns);
}

static void conn_event(struct loop_source *source, uint32_t events)
{
	struct conn *conn = (struct conn *)source;
	if (conn->fd < 0)
		return;
	if (conn->state == CONN_TCP) {
		int error = 0;
		socklen_t size = sizeof(error);
		if (getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &size) || error)
			fail(conn, "TCP connection failed");
		else if (events & EPOLLOUT)
			send_connect(conn);
	} else {
		if (events & EPOLLOUT)
			mark_dirty(conn);
		if (events & (EPOLLIN | EPOLLERR | EPOLLHUP))
			read_in(conn);
	}
	conn_net_flush(conn->spec.net);
}
