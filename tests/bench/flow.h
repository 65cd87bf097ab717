/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A flow: senders and receivers of one shape of traffic, what they counted and measured.
 * Owns both; the scenario drives it, sender.c and receiver.c fill in the figures.
 */
#ifndef BENCH_FLOW_H
#define BENCH_FLOW_H

#include "tests/bench/conn.h"
#include "tests/bench/connector.h"
#include "tests/bench/hist.h"
#include "tests/bench/users.h"
#include "tests/bench/verify.h"

#include <stdbool.h>
#include <stdint.h>

#define FLOW_NAME_SIZE 32
/* The tag has eight bits for the flow. */
#define FLOW_MAX 8

enum flow_kind {
	FLOW_PAIR,   /* sender i to receiver i */
	FLOW_FANIN,  /* all senders to one receiver */
	FLOW_GROUP,  /* senders to a group whose online members are the receivers */
	FLOW_ROOM,   /* the same, received on the room's topic */
	FLOW_RANDOM, /* each message to somebody of a large population, few of them online */
};

/* What allows a sender its next message. */
enum window_by { WINDOW_PUBACK, WINDOW_ACK, WINDOW_DELIVERY };

struct flow_options {
	char name[FLOW_NAME_SIZE];
	enum flow_kind kind;
	enum window_by window_by;
	uint32_t senders;
	uint32_t receivers;  /* online; pair: as many as senders */
	uint32_t window;     /* messages a sender has under way */
	double rate;         /* messages/s of the whole flow; 0: as fast as the windows allow */
	uint32_t payload;    /* bytes, the envelope included */
	uint32_t count;      /* messages a sender, 0: until the time is over */
	uint32_t base;       /* number of the flow's first user */
	uint32_t group;      /* number of the group */
	uint32_t population; /* random: users 0 .. population-1 */
	uint32_t online;     /* random: percent of the messages that go to receivers */
	uint32_t apart;      /* pair: 1: its two ends are at two brokers, each next to the other */
	uint32_t ack_ms;     /* receivers acknowledge what is safe so often; 0: never */
};

struct flow_counts {
	uint64_t sent;
	uint64_t pubacked;
	uint64_t acked;
	uint64_t delivered;
};

/* What all flows of a run share. */
struct flow_run {
	bool im; /* mosquitto-im: acks are expected; else plain Mosquitto */
	uint32_t id;
	struct conn_net *net;
	struct connector *connector;
	const struct users *users;
	struct verdict *verdict;
	bool fatal;     /* a connection failed: nothing more can be measured */
	bool producing; /* senders may send */
	uint64_t start_ns;
	uint64_t from_ns; /* what is measured starts and ends here */
	uint64_t to_ns;
	uint32_t pongs; /* connections that answered the closing ping */
};

struct flow {
	struct flow_options opt;
	struct flow_run *run;
	uint32_t index;
	struct sender *senders;
	struct receiver *receivers;
	uint64_t random;   /* state of the generator of targets */
	uint64_t next_due; /* number of the next paced message */
	uint64_t expected; /* deliveries that what was sent must cause */
	struct flow_counts total;
	struct flow_counts measured; /* events between from_ns and to_ns */
	/* of messages that were sent between from_ns and to_ns */
	struct hist puback;
	struct hist ack;
	struct hist delivery;
	struct hist lag; /* how late the generator itself was with a paced message */
};

/* Reads "kind=pair,senders=100,window=10,...". 0, or -1 with a text in why_out. */
int flow_parse(struct flow_options *opt, const char *text, const char **why_out);

/* Sets up senders and receivers and queues their connections. 0, or -1: no memory. */
int flow_open(struct flow *flow, struct flow_run *run, uint32_t index);
void flow_close(struct flow *flow);

/* How many connections flow_open queues. */
uint32_t flow_connections(const struct flow_options *opt);

/* Lets every sender begin. */
void flow_start(struct flow *flow, uint64_t now_ns);

/* Sends paced messages that are due. Returns when the next one is. */
uint64_t flow_tick(struct flow *flow, uint64_t now_ns);

/* Is everything that was sent acknowledged and delivered? */
bool flow_settled(const struct flow *flow);

/* Sends a ping on every connection, to see that nothing more is on its way. Returns how many. */
uint32_t flow_ping(struct flow *flow);

/* The checks that only the end allows. */
void flow_verify(struct flow *flow);

static inline bool flow_measures(const struct flow_run *run, uint64_t at_ns)
{
	return at_ns >= run->from_ns && at_ns < run->to_ns;
}

#endif
