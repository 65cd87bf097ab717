/* SPDX-License-Identifier: BSD-3-Clause */
/* Traffic flows of the load generator; see flow.h. */
#include "tests/bench/flow.h"

#include "tests/bench/message.h"
#include "tests/bench/receiver.h"
#include "tests/bench/sender.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The 16-bit message ids bound a window; the rest bounds memory. */
#define WINDOW_MAX 30000u
#define SENDERS_MAX 100000u
#define PAYLOAD_MAX 65536u

static int choose(const char *value, const char *const *names, int *out)
{
	for (int i = 0; names[i]; i++) {
		if (strcmp(value, names[i]) == 0) {
			*out = i;
			return 0;
		}
	}
	return -1;
}

static int parse_number(const char *value, uint32_t *out)
{
	char *end;
	unsigned long number = strtoul(value, &end, 10);
	if (*value < '0' || *value > '9' || *end || number > UINT32_MAX)
		return -1;
	*out = (uint32_t)number;
	return 0;
}

static int parse_pair(struct flow_options *opt, const char *key, const char *value)
{
	static const char *const KINDS[] = {"pair", "fanin", "group", "room", "random", NULL};
	static const char *const WINDOWS[] = {"puback", "ack", "delivery", NULL};
	const struct {
		const char *key;
		uint32_t *value;
	} numbers[] = {
		{"senders", &opt->senders},
		{"receivers", &opt->receivers},
		{"window", &opt->window},
		{"payload", &opt->payload},
		{"count", &opt->count},
		{"base", &opt->base},
		{"group", &opt->group},
		{"population", &opt->population},
		{"online", &opt->online},
		{"ack_ms", &opt->ack_ms},
		{"apart", &opt->apart},
	};
	int choice = 0;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (strcmp(key, numbers[i].key) == 0)
			return parse_number(value, numbers[i].value);
	}
	if (strcmp(key, "name") == 0) {
		snprintf(opt->name, sizeof(opt->name), "%s", value);
	} else if (strcmp(key, "rate") == 0) {
		char *end;
		opt->rate = strtod(value, &end);
		return *end || opt->rate < 0 ? -1 : 0;
	} else if (strcmp(key, "kind") == 0) {
		if (choose(value, KINDS, &choice))
			return -1;
		opt->kind = (enum flow_kind)choice;
	} else if (strcmp(key, "window_by") == 0) {
		if (choose(value, WINDOWS, &choice))
			return -1;
		opt->window_by = (enum window_by)choice;
	} else {
		return -1;
	}
	return 0;
}

static const char *check(const struct flow_options *opt)
{
	if (opt->senders == 0 || opt->senders > SENDERS_MAX || opt->receivers > SENDERS_MAX)
		return "senders or receivers out of range";
	if (opt->window == 0 || opt->window > WINDOW_MAX)
		return "window out of range";
	if (opt->payload < MESSAGE_MIN_SIZE || opt->payload > PAYLOAD_MAX)
		return "payload out of range";
	if (opt->kind == FLOW_FANIN && opt->receivers > 1)
		return "fanin has one receiver, or none";
	if (opt->kind == FLOW_RANDOM && (opt->population == 0 || opt->receivers == 0))
		return "random needs population and receivers";
	if (opt->window_by == WINDOW_DELIVERY && (opt->kind == FLOW_RANDOM || opt->receivers == 0))
		return "window_by=delivery needs somebody who receives every message";
	return NULL;
}

int flow_parse(struct flow_options *opt, const char *text, const char **why_out)
{
	char copy[512];
	char *rest = copy;
	*why_out = "flow specification too long";
	memset(opt, 0, sizeof(*opt));
	opt->window = 1;
	opt->payload = 128;
	opt->online = 50;
	if (snprintf(copy, sizeof(copy), "%s", text) >= (int)sizeof(copy))
		return -1;
	*why_out = "flow specification: unknown key or bad value";
	for (char *item; (item = strtok_r(rest, ",", &rest));) {
		char *value = strchr(item, '=');
		if (!value)
			return -1;
		*value++ = 0;
		if (parse_pair(opt, item, value))
			return -1;
	}
	if (opt->kind == FLOW_PAIR)
		opt->receivers = opt->senders;
	*why_out = check(opt);
	return *why_out ? -1 : 0;
}

uint32_t flow_connections(const struct flow_options *opt)
{
	return opt->senders + opt->receivers;
}

int flow_open(struct flow *flow, struct flow_run *run, uint32_t index)
{
	const struct flow_options *opt = &flow->opt;
	flow->run = run;
	flow->index = index;
	flow->random = 0x9e3779b97f4a7c15u + run->id;
	flow->senders = calloc(opt->senders, sizeof(*flow->senders));
	flow->receivers = calloc(opt->receivers ? opt->receivers : 1, sizeof(*flow->receivers));
	if (!flow->senders || !flow->receivers)
		return -1;
	for (uint32_t i = 0; i < opt->receivers; i++) {
		if (receiver_open(&flow->receivers[i], flow, i))
			return -1;
	}
	for (uint32_t i = 0; i < opt->senders; i++) {
		if (sender_open(&flow->senders[i], flow, i))
			return -1;
	}
	return 0;
}

void flow_close(struct flow *flow)
{
	for (uint32_t i = 0; flow->senders && i < flow->opt.senders; i++)
		sender_close(&flow->senders[i]);
	for (uint32_t i = 0; flow->receivers && i < flow->opt.receivers; i++)
		receiver_close(&flow->receivers[i]);
	free(flow->senders);
	free(flow->receivers);
	flow->senders = NULL;
	flow->receivers = NULL;
}

void flow_start(struct flow *flow, uint64_t now_ns)
{
	if (flow->opt.rate > 0)
		return;
	for (uint32_t i = 0; i < flow->opt.senders; i++)
		sender_pump(&flow->senders[i], now_ns);
}

uint64_t flow_tick(struct flow *flow, uint64_t now_ns)
{
	const struct flow_run *run = flow->run;
	if (flow->opt.rate <= 0 || !run->producing)
		return UINT64_MAX;
	for (;;) {
		uint64_t due =
			run->start_ns + (uint64_t)((double)flow->next_due * 1e9 / flow->opt.rate);
		if (due > now_ns)
			return due;
		sender_pump(&flow->senders[flow->next_due % flow->opt.senders], now_ns);
		flow->next_due++;
	}
}

bool flow_settled(const struct flow *flow)
{
	if (flow->total.delivered < flow->expected)
		return false;
	for (uint32_t i = 0; i < flow->opt.senders; i++) {
		if (flow->senders[i].unfinished)
			return false;
	}
	return true;
}

uint32_t flow_ping(struct flow *flow)
{
	uint32_t pings = 0;
	for (uint32_t i = 0; i < flow->opt.receivers; i++)
		pings += conn_ping(&flow->receivers[i].conn) == 0;
	for (uint32_t i = 0; i < flow->opt.senders; i++)
		pings += conn_ping(&flow->senders[i].conn) == 0;
	return pings;
}

void flow_verify(struct flow *flow)
{
	struct verdict *verdict = flow->run->verdict;
	const struct flow_counts *total = &flow->total;
	bool shared_log = flow->opt.kind == FLOW_GROUP || flow->opt.kind == FLOW_ROOM;
	if (total->pubacked != total->sent)
		verdict_fail(verdict, "%s: %llu sent, %llu PUBACKed", flow->opt.name,
			(unsigned long long)total->sent, (unsigned long long)total->pubacked);
	if (flow->run->im && total->acked != total->sent)
		verdict_fail(verdict, "%s: %llu sent, %llu acked", flow->opt.name,
			(unsigned long long)total->sent, (unsigned long long)total->acked);
	for (uint32_t i = 0; i < flow->opt.receivers; i++) {
		const struct receiver *r = &flow->receivers[i];
		if (r->delivered != r->expected)
			verdict_fail(verdict, "%s: %s got %llu of %llu messages", flow->opt.name,
				r->name, (unsigned long long)r->delivered,
				(unsigned long long)r->expected);
		if (shared_log && r->digest != flow->receivers[0].digest)
			verdict_fail(verdict, "%s: %s and %s saw different orders", flow->opt.name,
				flow->receivers[0].name, r->name);
	}
	if (total->sent == 0)
		verdict_fail(verdict, "%s: nothing was sent", flow->opt.name);
}
