/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Connect everybody, warm up, measure, stop sending, drain, verify, report. Every phase has a
 * deadline.
 */
#include "tests/bench/scenario_flow.h"

#include "tests/bench/report.h"

#include <stdlib.h>
#include <string.h>

struct state {
	struct options *opt;
	struct loop loop;
	struct conn_net net;
	struct connector connector;
	struct verdict verdict;
	struct flow_run run;
	struct flow *flows;
	uint32_t connections;
	struct proc_span span;
	uint64_t reads;
	uint64_t writes;
	double connect_s;
	double drain_s;
};

static uint64_t ns_of(double seconds)
{
	return (uint64_t)(seconds * 1e9);
}

static int open_all(struct state *st, const struct users *users)
{
	struct options *opt = st->opt;
	for (uint32_t i = 0; i < opt->flows; i++)
		st->connections += flow_connections(&opt->flow[i]);
	if (loop_open(&st->loop) ||
		conn_net_open(&st->net, &st->loop, opt->port, opt->ports, opt->version) ||
		connector_init(&st->connector, st->connections, opt->parallel))
		return -1;
	st->run = (struct flow_run){.im = opt->im,
		.id = opt->run_id,
		.net = &st->net,
		.connector = &st->connector,
		.users = users,
		.verdict = &st->verdict};
	st->flows = calloc(opt->flows, sizeof(*st->flows));
	if (!st->flows)
		return -1;
	for (uint32_t i = 0; i < opt->flows; i++) {
		st->flows[i].opt = opt->flow[i];
		if (flow_open(&st->flows[i], &st->run, i))
			return -1;
	}
	return 0;
}

static void close_all(struct state *st)
{
	for (uint32_t i = 0; st->flows && i < st->opt->flows; i++)
		flow_close(&st->flows[i]);
	free(st->flows);
	connector_clear(&st->connector);
	conn_net_close(&st->net);
	loop_close(&st->loop);
}

static bool connect_all(struct state *st)
{
	uint64_t begin = loop_now_ns();
	uint64_t deadline = begin + ns_of(st->opt->timeout_s);
	while (st->connector.ready < st->connections && !st->run.fatal) {
		uint64_t now = loop_now_ns();
		if (now > deadline)
			break;
		uint64_t again = connector_pump(&st->connector, now);
		if (loop_turn(&st->loop, again < deadline ? again : deadline))
			break;
	}
	st->connect_s = (double)(loop_now_ns() - begin) / 1e9;
	if (st->connector.ready == st->connections)
		return true;
	verdict_fail(&st->verdict, "connected %u of %u", st->connector.ready, st->connections);
	return false;
}

/* Have all senders with a fixed number of messages sent them, and has everything come? Without
 * a fixed number the clock ends the run. */
static bool finished(const struct state *st)
{
	for (uint32_t i = 0; i < st->opt->flows; i++) {
		const struct flow *flow = &st->flows[i];
		uint64_t all = (uint64_t)flow->opt.count * flow->opt.senders;
		if (all == 0 || flow->total.sent < all || !flow_settled(flow))
			return false;
	}
	return true;
}

/* Serves connections and paced senders until the time has come. */
static void serve_until(struct state *st, uint64_t until_ns)
{
	uint64_t now = loop_now_ns();
	while (now < until_ns && !st->run.fatal && !finished(st)) {
		uint64_t next = until_ns;
		for (uint32_t i = 0; i < st->opt->flows; i++) {
			uint64_t due = flow_tick(&st->flows[i], now);
			if (due < next)
				next = due;
		}
		conn_net_flush(&st->net);
		if (loop_turn(&st->loop, next))
			st->run.fatal = true;
		now = loop_now_ns();
	}
}

static void sample(struct state *st, bool at_end)
{
	if (proc_span_sample(&st->span, at_end))
		verdict_fail(&st->verdict, "a watched process is gone");
	st->reads = st->net.reads - (at_end ? st->reads : 0);
	st->writes = st->net.writes - (at_end ? st->writes : 0);
}

static bool settled(const struct state *st)
{
	for (uint32_t i = 0; i < st->opt->flows; i++) {
		if (!flow_settled(&st->flows[i]))
			return false;
	}
	return true;
}

/* Waits until everything has come, then asks every connection whether there is more: the
 * answer to a ping is behind whatever the broker had queued for that client. */
static void drain(struct state *st)
{
	uint64_t begin = loop_now_ns();
	uint64_t deadline = begin + ns_of(st->opt->timeout_s);
	uint32_t pings = 0;
	while (!settled(st) && loop_now_ns() < deadline && !st->run.fatal) {
		if (loop_turn(&st->loop, loop_now_ns() + 1000000))
			st->run.fatal = true;
	}
	st->drain_s = (double)(loop_now_ns() - begin) / 1e9;
	/* What is missing says enough; pings would only wait behind it. */
	for (uint32_t i = 0; i < st->opt->flows && settled(st); i++)
		pings += flow_ping(&st->flows[i]);
	conn_net_flush(&st->net);
	while (st->run.pongs < pings && loop_now_ns() < deadline && !st->run.fatal) {
		if (loop_turn(&st->loop, loop_now_ns() + 1000000))
			st->run.fatal = true;
	}
	if (st->run.pongs < pings)
		verdict_fail(&st->verdict, "%u of %u pings answered", st->run.pongs, pings);
}

static void measure(struct state *st)
{
	struct flow_run *run = &st->run;
	st->loop.pause_ns = st->opt->pause_us * 1000;
	run->start_ns = loop_now_ns();
	run->from_ns = run->start_ns + ns_of(st->opt->warmup_s);
	run->to_ns = run->from_ns + ns_of(st->opt->duration_s);
	run->producing = true;
	for (uint32_t i = 0; i < st->opt->flows; i++)
		flow_start(&st->flows[i], run->start_ns);
	conn_net_flush(&st->net);
	serve_until(st, run->from_ns);
	sample(st, false);
	serve_until(st, run->to_ns);
	sample(st, true);
	run->producing = false;
	drain(st);
	for (uint32_t i = 0; i < st->opt->flows; i++)
		flow_verify(&st->flows[i]);
}

static void report_flow(struct report *r, const struct flow *flow, double seconds)
{
	const struct flow_counts *m = &flow->measured;
	report_open(r, NULL, '{');
	report_text(r, "name", flow->opt.name);
	report_count(r, "senders", flow->opt.senders);
	report_count(r, "receivers", flow->opt.receivers);
	report_count(r, "window", flow->opt.window);
	report_number(r, "sent_per_s", (double)m->sent / seconds);
	report_number(r, "pubacked_per_s", (double)m->pubacked / seconds);
	report_number(r, "acked_per_s", (double)m->acked / seconds);
	report_number(r, "delivered_per_s", (double)m->delivered / seconds);
	report_count(r, "sent", flow->total.sent);
	report_count(r, "acked", flow->total.acked);
	report_count(r, "delivered", flow->total.delivered);
	report_count(r, "expected", flow->expected);
	report_hist(r, "puback_us", &flow->puback);
	report_hist(r, "ack_us", &flow->ack);
	report_hist(r, "delivery_us", &flow->delivery);
	report_hist(r, "generator_lag_us", &flow->lag);
	report_shut(r, '}');
}

static void report_result(struct state *st)
{
	struct report r;
	struct options *opt = st->opt;
	double seconds = opt->duration_s;
	report_begin(&r, stdout, "result");
	report_verdict(&r, &st->verdict);
	report_number(&r, "seconds", seconds);
	report_number(&r, "connect_s", st->connect_s);
	report_number(&r, "drain_s", st->drain_s);
	report_open(&r, "flows", '[');
	for (uint32_t i = 0; i < opt->flows; i++)
		report_flow(&r, &st->flows[i], seconds);
	report_shut(&r, ']');
	report_span(&r, &st->span, seconds);
	report_number(&r, "reads_per_s", (double)st->reads / seconds);
	report_number(&r, "writes_per_s", (double)st->writes / seconds);
	report_end(&r);
}

int scenario_flow(struct options *opt, const struct users *users)
{
	struct state st;
	memset(&st, 0, sizeof(st));
	st.opt = opt;
	st.loop.epoll_fd = -1;
	st.span.watch = opt->watch;
	st.span.watches = opt->watches;
	st.span.self.name = "generator";
	int result = 2;
	if (opt->flows == 0 || opt->duration_s <= 0)
		fputs("imbench: flow needs --flow and a duration\n", stderr);
	else if (open_all(&st, users))
		fputs("imbench: out of memory or file descriptors\n", stderr);
	else {
		if (connect_all(&st))
			measure(&st);
		report_result(&st);
		result = st.verdict.failures ? 1 : 0;
	}
	close_all(&st);
	return result;
}
