/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A shared log for the bridge to append to (bridge/write/shared_log.h): it answers as the test
 * says, or at random, and other nodes append to it. What they have appended comes first, whatever
 * the test says.
 */
#ifndef IM_TESTS_FLOW_APPEND_H
#define IM_TESTS_FLOW_APPEND_H

#include "bridge/write/shared_log.h"
#include "tests/flow/flow.h"

/* Of another node, or of this one when the copy has lost it. */
struct flow_entry {
	struct flow_entry *next;
	int (*fn)(const struct flow_entry *e, struct writer *w);
	char from[32], to[32], id[32], body[64];
	struct writer_through own;
	uint64_t at; /* its position, once it was executed; 0: it takes none */
	bool executed;
};

struct flow_append {
	struct shared_log log;
	struct flow_node *n;
	enum shared_answer says;  /* to offers */
	enum shared_answer knows; /* when it is asked for what it did not know */
	bool open, doubt;         /* an offer was answered LATER; UNKNOWN */
	unsigned offers, asks, follows;
	struct shared_offer last;
	struct flow_entry *first, **end;
	unsigned late, moved, unknown; /* at random: so many of a thousand offers */
	unsigned foreign;              /* messages of other nodes, likewise */
};

/* The bridge starts anew, with such a log. */
void flow_append_begin(struct flow_append *a, struct flow_node *n);
void flow_append_end(struct flow_append *a);
/* From now on whatever is offered is taken, and what was offered has been. */
void flow_append_calm(struct flow_append *a);
/* The answer to what is open. */
void flow_append_answer(struct flow_append *a, enum shared_answer answer);
/* Another node stores a message; blocks somebody. */
struct flow_entry *flow_append_message(
	struct flow_append *a, const char *from, const char *to, const char *id, const char *body);
struct flow_entry *flow_append_block(struct flow_append *a, const char *who, const char *whom);
/* And to a group; somebody is no member any more, without a word in the group. */
struct flow_entry *flow_append_to_group(
	struct flow_append *a, const char *from, const char *gid, const char *body);
struct flow_entry *flow_append_gone(struct flow_append *a, const char *who, const char *gid);

/* -- for flow.c -- */
void flow_append_step(struct flow_append *a);
/* The bridge is dead, and what it had offered is lost. */
void flow_append_lost(struct flow_append *a);

#endif
