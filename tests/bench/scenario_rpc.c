/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every client makes its requests one after the other. With --method sync each request starts
 * from the same cursor, so that it always finds the same messages. The first request of all is
 * reported apart: after a restart it is the cold one.
 */
#include "tests/bench/scenario_rpc.h"

#include "tests/bench/caller.h"
#include "tests/bench/connector.h"
#include "tests/bench/hist.h"
#include "tests/bench/report.h"

#include <stdlib.h>
#include <string.h>

struct state {
	struct caller_run run; /* first: the callbacks get it from their caller */
	struct options *opt;
	struct loop loop;
	struct conn_net net;
	struct connector connector;
	struct verdict verdict;
	struct caller *callers;
	struct rpc_check *checks;
	uint32_t *made; /* requests of each client */
	uint32_t idle;  /* clients that are through */
	bool calling;
	uint64_t first_ns;
	uint64_t messages;
	uint64_t pages;
	uint64_t bytes;
	uint64_t total;
	uint64_t random;
	struct hist latency;
	struct proc_span span;
};

static struct state *state_of(const struct caller *caller)
{
	return (struct state *)caller->run;
}

static void call_next(struct state *st, struct caller *caller, uint64_t now_ns)
{
	char params[1024];
	const struct options *opt = st->opt;
	char name[USER_NAME_SIZE];
	if (strcmp(opt->method, "sync") == 0) {
		snprintf(caller->cursor, sizeof(caller->cursor), "%s", opt->cursor);
		caller_sync(caller, now_ns);
		return;
	}
	st->random = st->random * 6364136223846793005u + 1442695040888963407u;
	user_name(name, opt->first + (uint32_t)((st->random >> 33) % opt->choices));
	if (rpc_fill(params, sizeof(params), opt->params, name)) {
		verdict_fail(&st->verdict, "--params too long");
		st->idle++;
		return;
	}
	caller_call(caller, opt->method, params, now_ns);
}

static void on_ready(struct caller *caller)
{
	connector_on_ready(&state_of(caller)->connector);
}

static void on_lost(struct caller *caller, const char *why)
{
	struct state *st = state_of(caller);
	verdict_fail(&st->verdict, "%s: %s", caller->name, why);
	st->idle++;
}

static void on_done(struct caller *caller, uint64_t now_ns)
{
	struct state *st = state_of(caller);
	uint32_t i = (uint32_t)(caller - st->callers);
	hist_record(&st->latency, now_ns - caller->begin_ns);
	if (st->first_ns == 0)
		st->first_ns = now_ns - caller->begin_ns;
	st->total++;
	st->messages += caller->messages;
	st->pages += caller->pages;
	st->bytes += caller->bytes;
	if (caller->messages < st->opt->expect)
		verdict_fail(&st->verdict, "%s: %llu messages, not %llu", caller->name,
			(unsigned long long)caller->messages, (unsigned long long)st->opt->expect);
	if (++st->made[i] < st->opt->repeat && st->verdict.failures == 0)
		call_next(st, caller, now_ns);
	else
		st->idle++;
}

static int open_all(struct state *st, const struct users *users)
{
	struct options *opt = st->opt;
	st->run = (struct caller_run){.net = &st->net,
		.users = users,
		.verdict = &st->verdict,
		.suffix = "q",
		.limit = opt->limit,
		.ready = on_ready,
		.done = on_done,
		.lost = on_lost};
	if (loop_open(&st->loop) || conn_net_open(&st->net, &st->loop, opt->port, opt->version) ||
		connector_init(&st->connector, opt->clients, opt->parallel))
		return -1;
	st->callers = calloc(opt->clients, sizeof(*st->callers));
	st->checks = calloc(opt->clients, sizeof(*st->checks));
	st->made = calloc(opt->clients, sizeof(*st->made));
	if (!st->callers || !st->checks || !st->made)
		return -1;
	for (uint32_t i = 0; i < opt->clients; i++) {
		caller_init(&st->callers[i], &st->run, opt->base + i);
		st->callers[i].check = &st->checks[i];
		connector_add(&st->connector, &st->callers[i].conn);
	}
	return 0;
}

static void close_all(struct state *st)
{
	for (uint32_t i = 0; st->callers && i < st->opt->clients; i++) {
		if (st->callers[i].run) {
			conn_close(&st->callers[i].conn, true);
			conn_clear(&st->callers[i].conn);
		}
	}
	free(st->callers);
	free(st->checks);
	free(st->made);
	connector_clear(&st->connector);
	conn_net_close(&st->net);
	loop_close(&st->loop);
}

/* Serves until *value reaches wanted. */
static bool serve_until(struct state *st, const uint32_t *value, uint32_t wanted)
{
	uint64_t deadline = loop_now_ns() + (uint64_t)(st->opt->timeout_s * 1e9);
	while (*value < wanted && loop_now_ns() < deadline &&
		(st->calling || st->verdict.failures == 0)) {
		uint64_t again = connector_pump(&st->connector, loop_now_ns());
		conn_net_flush(&st->net);
		if (loop_turn(&st->loop, again < deadline ? again : deadline))
			break;
	}
	if (*value < wanted)
		verdict_fail(&st->verdict, "%u of %u clients %s", *value, wanted,
			st->calling ? "done" : "connected");
	return *value >= wanted;
}

static void sample(struct state *st, bool at_end)
{
	if (proc_span_sample(&st->span, at_end))
		verdict_fail(&st->verdict, "a watched process is gone");
}

static void run_all(struct state *st)
{
	struct options *opt = st->opt;
	if (!serve_until(st, &st->connector.ready, opt->clients))
		return;
	sample(st, false);
	uint64_t begin = loop_now_ns();
	st->calling = true;
	for (uint32_t i = 0; i < opt->clients; i++)
		call_next(st, &st->callers[i], loop_now_ns());
	serve_until(st, &st->idle, opt->clients);
	double seconds = (double)(loop_now_ns() - begin) / 1e9;
	sample(st, true);

	struct report r;
	report_begin(&r, stdout, "result");
	report_verdict(&r, &st->verdict);
	report_number(&r, "seconds", seconds);
	report_number(&r, "per_s", (double)st->total / seconds);
	report_count(&r, "requests", st->total);
	report_count(&r, "messages", st->messages);
	report_count(&r, "pages", st->pages);
	report_count(&r, "bytes", st->bytes);
	report_count(&r, "repeated_replies", st->run.repeated);
	report_number(&r, "first_us", (double)st->first_ns / 1e3);
	report_hist(&r, "latency_us", &st->latency);
	report_text(&r, "newest", st->callers[0].newest);
	report_span(&r, &st->span, seconds);
	report_end(&r);
}

int scenario_rpc(struct options *opt, const struct users *users)
{
	if (!opt->method || opt->clients == 0 || opt->choices == 0) {
		fputs("imbench: rpc needs --method and --clients\n", stderr);
		return 2;
	}
	struct state *st = calloc(1, sizeof(*st));
	int result = 2;
	if (!st)
		return 2;
	st->opt = opt;
	st->loop.epoll_fd = -1;
	st->span.watch = opt->watch;
	st->span.watches = opt->watches;
	st->span.self.name = "generator";
	st->random = opt->run_id;
	if (open_all(st, users)) {
		fputs("imbench: out of memory or file descriptors\n", stderr);
	} else {
		run_all(st);
		result = st->verdict.failures ? 1 : 0;
		for (unsigned i = 0; i < st->verdict.notes && st->total == 0; i++)
			fprintf(stderr, "imbench: %s\n", st->verdict.note[i]);
	}
	close_all(st);
	free(st);
	return result;
}
