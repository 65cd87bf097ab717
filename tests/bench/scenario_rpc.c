/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every client makes its requests one after the other: at once, or with --rate in turns, when they
 * are due. With --method sync each request starts
 * from the same cursor, so that it always finds the same messages. The first request of all is
 * reported apart: after a restart it is the cold one.
 */
#include "tests/bench/scenario_rpc.h"

#include "tests/bench/crowd.h"
#include "tests/bench/hist.h"
#include "tests/bench/report.h"

#include <stdlib.h>
#include <string.h>

struct state {
	struct crowd crowd; /* first: the callbacks get it from their caller */
	struct rpc_check *checks;
	uint32_t *made; /* requests of each client */
	uint32_t idle;  /* clients that are through */
	uint32_t turn;  /* with --rate: the client that is next */
	bool *busy;
	uint64_t due_ns;
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
	const struct options *opt = st->crowd.opt;
	char name[USER_NAME_SIZE];
	if (strcmp(opt->method, "sync") == 0) {
		snprintf(caller->cursor, sizeof(caller->cursor), "%s", opt->cursor);
		caller_sync(caller, now_ns);
		return;
	}
	st->random = st->random * 6364136223846793005u + 1442695040888963407u;
	user_name(name, opt->first + (uint32_t)((st->random >> 33) % opt->choices));
	if (rpc_fill(params, sizeof(params), opt->params, name)) {
		verdict_fail(&st->crowd.verdict, "--params too long");
		st->idle++;
		return;
	}
	caller_call(caller, opt->method, params, now_ns);
}

static void on_ready(struct caller *caller)
{
	connector_on_ready(&state_of(caller)->crowd.connector);
}

static void on_lost(struct caller *caller, const char *why)
{
	struct state *st = state_of(caller);
	verdict_fail(&st->crowd.verdict, "%s: %s", caller->name, why);
	st->idle++;
}

static void on_done(struct caller *caller, uint64_t now_ns)
{
	struct state *st = state_of(caller);
	uint32_t i = (uint32_t)(caller - st->crowd.callers);
	hist_record(&st->latency, now_ns - caller->begin_ns);
	if (st->first_ns == 0)
		st->first_ns = now_ns - caller->begin_ns;
	st->total++;
	st->messages += caller->messages;
	st->pages += caller->pages;
	st->bytes += caller->bytes;
	if (caller->messages < st->crowd.opt->expect)
		verdict_fail(&st->crowd.verdict, "%s: %llu messages, not %llu", caller->name,
			(unsigned long long)caller->messages,
			(unsigned long long)st->crowd.opt->expect);
	st->busy[i] = false;
	if (++st->made[i] >= st->crowd.opt->repeat || st->crowd.verdict.failures > 0)
		st->idle++;
	else if (st->crowd.opt->rate == 0)
		call_next(st, caller, now_ns);
}

/* Makes what is due; returns when the next one is. A client that is not through with its last one
 * is waited for. */
static uint64_t call_due(struct state *st)
{
	const struct options *opt = st->crowd.opt;
	uint64_t every_ns = 1000000000u / opt->rate;

	while (st->due_ns <= loop_now_ns() && !st->busy[st->turn] &&
		st->made[st->turn] < opt->repeat) {
		st->busy[st->turn] = true;
		call_next(st, &st->crowd.callers[st->turn], loop_now_ns());
		st->turn = (st->turn + 1) % opt->clients;
		st->due_ns += every_ns;
	}
	return st->busy[st->turn] || st->made[st->turn] >= opt->repeat ? UINT64_MAX : st->due_ns;
}

static int open_all(struct state *st, const struct options *opt, const struct users *users)
{
	st->crowd.run = (struct caller_run){
		.suffix = "q", .ready = on_ready, .done = on_done, .lost = on_lost};
	st->checks = calloc(opt->clients, sizeof(*st->checks));
	st->made = calloc(opt->clients, sizeof(*st->made));
	st->busy = calloc(opt->clients, sizeof(*st->busy));
	if (crowd_open(&st->crowd, opt, users) || !st->checks || !st->made || !st->busy)
		return -1;
	for (uint32_t i = 0; i < opt->clients; i++)
		st->crowd.callers[i].check = &st->checks[i];
	return 0;
}

static void close_all(struct state *st)
{
	crowd_close(&st->crowd);
	free(st->checks);
	free(st->made);
	free(st->busy);
}

/* Serves until *value reaches wanted. */
static bool serve_until(struct state *st, const uint32_t *value, uint32_t wanted)
{
	uint64_t deadline = crowd_deadline(&st->crowd);
	while (*value < wanted && loop_now_ns() < deadline &&
		(st->calling || st->crowd.verdict.failures == 0)) {
		uint64_t due = st->calling && st->crowd.opt->rate ? call_due(st) : UINT64_MAX;
		if (crowd_turn(&st->crowd, due < deadline ? due : deadline))
			break;
	}
	if (*value < wanted)
		verdict_fail(&st->crowd.verdict, "%u of %u clients %s", *value, wanted,
			st->calling ? "done" : "connected");
	return *value >= wanted;
}

static void sample(struct state *st, bool at_end)
{
	if (proc_span_sample(&st->span, at_end))
		verdict_fail(&st->crowd.verdict, "a watched process is gone");
}

static void run_all(struct state *st)
{
	const struct options *opt = st->crowd.opt;
	if (!serve_until(st, &st->crowd.connector.ready, opt->clients))
		return;
	sample(st, false);
	uint64_t begin = loop_now_ns();
	st->calling = true;
	st->due_ns = begin;
	for (uint32_t i = 0; i < opt->clients && opt->rate == 0; i++)
		call_next(st, &st->crowd.callers[i], loop_now_ns());
	serve_until(st, &st->idle, opt->clients);
	double seconds = (double)(loop_now_ns() - begin) / 1e9;
	sample(st, true);

	struct report r;
	report_begin(&r, stdout, "result");
	report_verdict(&r, &st->crowd.verdict);
	report_number(&r, "seconds", seconds);
	report_number(&r, "per_s", (double)st->total / seconds);
	report_count(&r, "requests", st->total);
	report_count(&r, "messages", st->messages);
	report_count(&r, "pages", st->pages);
	report_count(&r, "bytes", st->bytes);
	report_count(&r, "repeated_replies", st->crowd.run.repeated);
	report_number(&r, "first_us", (double)st->first_ns / 1e3);
	report_hist(&r, "latency_us", &st->latency);
	report_text(&r, "newest", st->crowd.callers[0].newest);
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
	st->span.watch = opt->watch;
	st->span.watches = opt->watches;
	st->span.self.name = "generator";
	st->random = opt->run_id;
	if (open_all(st, opt, users)) {
		fputs("imbench: out of memory or file descriptors\n", stderr);
	} else {
		run_all(st);
		result = st->crowd.verdict.failures ? 1 : 0;
		for (unsigned i = 0; i < st->crowd.verdict.notes && st->total == 0; i++)
			fprintf(stderr, "imbench: %s\n", st->crowd.verdict.note[i]);
	}
	close_all(st);
	free(st);
	return result;
}
