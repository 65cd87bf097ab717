/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Idle clients. The runner restarts the broker; every client that loses its connection tries
 * again until it is in. In: subscribed, and with --sync also caught up.
 *
 * Standard input: "storm" announces a restart (a loss without one is a failure), "quit" ends.
 */
#include "tests/bench/scenario_hold.h"

#include "tests/bench/crowd.h"
#include "tests/bench/hist.h"
#include "tests/bench/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct state {
	struct crowd crowd; /* first: the callbacks get it from their caller */
	struct loop_source input;
	uint32_t in;   /* clients that are in */
	uint32_t lost; /* connections lost in this storm */
	bool storm;
	bool quit;
	uint64_t first_in_ns;
	uint64_t last_in_ns;
	struct hist each; /* from a client's last attempt to connect until it is in */
};

static struct state *state_of(const struct caller *caller)
{
	return (struct state *)caller->run;
}

static void is_in(struct state *st, struct caller *caller, uint64_t now_ns)
{
	caller->in = true;
	st->in++;
	st->last_in_ns = now_ns;
	if (st->first_in_ns == 0)
		st->first_in_ns = now_ns;
	hist_record(&st->each, now_ns - caller->conn.opened_ns);
}

static void on_ready(struct caller *caller)
{
	struct state *st = state_of(caller);
	uint64_t now_ns = loop_now_ns();
	connector_on_ready(&st->crowd.connector);
	if (st->crowd.opt->sync)
		caller_sync(caller, now_ns);
	else
		is_in(st, caller, now_ns);
}

static void on_done(struct caller *caller, uint64_t now_ns)
{
	is_in(state_of(caller), caller, now_ns);
}

static void on_lost(struct caller *caller, const char *why)
{
	struct state *st = state_of(caller);
	uint64_t now_ns = loop_now_ns();
	if (!caller->connected) {
		connector_on_failed(&st->crowd.connector, &caller->conn, now_ns);
		return;
	}
	if (!st->storm)
		verdict_fail(&st->crowd.verdict, "%s: %s", caller->name, why);
	st->lost++;
	if (caller->in)
		st->in--;
	caller->in = false;
	connector_on_lost(&st->crowd.connector, &caller->conn);
}

static void on_input(struct loop_source *source, uint32_t events)
{
	struct state *st = (struct state *)((char *)source - offsetof(struct state, input));
	char text[64];
	(void)events;
	ssize_t n = read(STDIN_FILENO, text, sizeof(text) - 1);
	if (n < 0 && errno == EINTR)
		return;
	text[n > 0 ? n : 0] = 0;
	if (n > 0 && strcmp(text, "storm\n") == 0) {
		st->storm = true;
		st->lost = 0;
		st->first_in_ns = 0;
		st->crowd.connector.failures = 0;
		hist_clear(&st->each);
	} else {
		st->quit = true;
	}
}

static int open_all(struct state *st, const struct options *opt, const struct users *users)
{
	st->crowd.run = (struct caller_run){
		.suffix = "h", .ready = on_ready, .done = on_done, .lost = on_lost};
	st->input.ready = on_input;
	return crowd_open(&st->crowd, opt, users) ||
	       loop_watch(&st->crowd.loop, STDIN_FILENO, &st->input, false);
}

/* The times are CLOCK_MONOTONIC, which the runner reads too. */
static void report_in(struct state *st, const char *event)
{
	struct report r;
	report_begin(&r, stdout, event);
	report_count(&r, "clients", st->in);
	report_count(&r, "first_in_ns", st->first_in_ns);
	report_count(&r, "last_in_ns", st->last_in_ns);
	report_count(&r, "failed_attempts", st->crowd.connector.failures);
	report_count(&r, "repeated_replies", st->crowd.run.repeated);
	report_hist(&r, "each_us", &st->each);
	report_end(&r);
}

static bool all_back(const struct state *st)
{
	return st->in == st->crowd.opt->clients &&
	       (!st->storm || st->lost >= st->crowd.opt->clients);
}

/* Serves until everybody is in, or the time is over, or "quit". */
static void serve_until_in(struct state *st)
{
	uint64_t deadline = crowd_deadline(&st->crowd);
	while (!all_back(st) && !st->quit && loop_now_ns() < deadline) {
		if (crowd_turn(&st->crowd, deadline))
			break;
	}
	if (!all_back(st))
		verdict_fail(
			&st->crowd.verdict, "%u of %u clients in", st->in, st->crowd.opt->clients);
}

static void hold(struct state *st)
{
	serve_until_in(st);
	report_in(st, "connected");
	while (!st->quit && st->crowd.verdict.failures == 0) {
		if (st->storm) {
			serve_until_in(st);
			st->storm = false;
			report_in(st, "back");
			continue;
		}
		if (loop_turn(&st->crowd.loop, loop_now_ns() + 1000000000u))
			break;
	}
	struct report r;
	report_begin(&r, stdout, "result");
	report_verdict(&r, &st->crowd.verdict);
	report_end(&r);
}

int scenario_hold(struct options *opt, const struct users *users)
{
	if (opt->clients == 0) {
		fputs("imbench: hold needs --clients\n", stderr);
		return 2;
	}
	struct state *st = calloc(1, sizeof(*st));
	int result = 2;
	if (!st)
		return 2;
	if (open_all(st, opt, users)) {
		fputs("imbench: out of memory or file descriptors, or no pipe as input\n", stderr);
	} else {
		hold(st);
		result = st->crowd.verdict.failures ? 1 : 0;
	}
	crowd_close(&st->crowd);
	free(st);
	return result;
}
