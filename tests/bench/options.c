/* SPDX-License-Identifier: BSD-3-Clause */
/* Command line of imbench; see options.h. */
#include "tests/bench/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char HELP[] =
	"imbench SCENARIO --port PORT... [options]: MQTT load generator, loopback only\n"
	"\n"
	"scenarios\n"
	"  flow   messages from senders to receivers, counted, timed and verified\n"
	"  hold   idle connections; \"storm\" on standard input: wait until all are lost and back\n"
	"  rpc    requests to mosquitto-im, one after the other for each client\n"
	"\n"
	"all\n"
	"  --port PORT         once for each broker (up to 8); the clients are spread over them\n"
	"  --side plain|im     plain Mosquitto, or mosquitto-im whose acks are awaited\n"
	"  --version 4|5       MQTT 3.1.1 or 5\n"
	"  --run N             number of the run: part of every message id\n"
	"  --parallel N        handshakes under way (64)\n"
	"  --pause-us N        let packets gather between two turns (0)\n"
	"  --timeout S         for connecting, and for draining (30)\n"
	"  --passwords FILE    a line for each user\n"
	"  --watch NAME:PID    report this process's CPU and memory (up to 40)\n"
	"flow\n"
	"  --flow SPEC         kind=pair|fanin|group|room|random and, as they apply, name= "
	"senders=\n"
	"                      receivers= window= window_by=puback|ack|delivery rate= payload=\n"
	"                      count= base= group= population= online= apart= (up to 8\n"
	"                      flows)\n"
	"  --warmup S --duration S\n"
	"hold, rpc\n"
	"  --clients N --base N   how many, and the number of the first user\n"
	"  --sync                 hold: each client catches up by rpc before it counts as in\n"
	"  --limit N              messages a page of sync\n"
	"  --cursor C             rpc --method sync: where every request starts\n"
	"  --method M --params JSON --first N --choices N   rpc: %u in params is one of these "
	"users\n"
	"  --repeat N --expect N  rpc: requests a client, messages an answer must hold\n"
	"  --rate N               rpc: requests a second of all clients; 0: as fast as they come\n";

enum {
	OPT_PORT = 256,
	OPT_VERSION,
	OPT_SIDE,
	OPT_RUN,
	OPT_PARALLEL,
	OPT_PAUSE,
	OPT_WARMUP,
	OPT_DURATION,
	OPT_TIMEOUT,
	OPT_PASSWORDS,
	OPT_FLOW,
	OPT_WATCH,
	OPT_CLIENTS,
	OPT_BASE,
	OPT_SYNC,
	OPT_METHOD,
	OPT_CURSOR,
	OPT_LIMIT,
	OPT_PARAMS,
	OPT_FIRST,
	OPT_CHOICES,
	OPT_REPEAT,
	OPT_RATE,
	OPT_EXPECT,
	OPT_HELP,
};

static const struct option LONG[] = {
	{"port", required_argument, NULL, OPT_PORT},
	{"version", required_argument, NULL, OPT_VERSION},
	{"side", required_argument, NULL, OPT_SIDE},
	{"run", required_argument, NULL, OPT_RUN},
	{"parallel", required_argument, NULL, OPT_PARALLEL},
	{"pause-us", required_argument, NULL, OPT_PAUSE},
	{"warmup", required_argument, NULL, OPT_WARMUP},
	{"duration", required_argument, NULL, OPT_DURATION},
	{"timeout", required_argument, NULL, OPT_TIMEOUT},
	{"passwords", required_argument, NULL, OPT_PASSWORDS},
	{"flow", required_argument, NULL, OPT_FLOW},
	{"watch", required_argument, NULL, OPT_WATCH},
	{"clients", required_argument, NULL, OPT_CLIENTS},
	{"base", required_argument, NULL, OPT_BASE},
	{"sync", no_argument, NULL, OPT_SYNC},
	{"method", required_argument, NULL, OPT_METHOD},
	{"cursor", required_argument, NULL, OPT_CURSOR},
	{"limit", required_argument, NULL, OPT_LIMIT},
	{"params", required_argument, NULL, OPT_PARAMS},
	{"first", required_argument, NULL, OPT_FIRST},
	{"choices", required_argument, NULL, OPT_CHOICES},
	{"repeat", required_argument, NULL, OPT_REPEAT},
	{"rate", required_argument, NULL, OPT_RATE},
	{"expect", required_argument, NULL, OPT_EXPECT},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

static int refuse(const char *what, const char *value)
{
	fprintf(stderr, "imbench: %s: %s\n", what, value);
	return -1;
}

/* Whole numbers up to max; refused otherwise. */
static int number(const char *value, uint64_t max, uint64_t *out)
{
	char *end;
	unsigned long long n = strtoull(value, &end, 10);
	if (*value < '0' || *value > '9' || *end || n > max)
		return refuse("bad number", value);
	*out = n;
	return 0;
}

/* Seconds; an hour is more than any phase may take. */
static int seconds(const char *value, double *out)
{
	char *end;
	*out = strtod(value, &end);
	return *end || *out < 0 || *out > 3600 ? refuse("bad duration", value) : 0;
}

static int add_flow(struct options *opt, const char *value)
{
	const char *why;
	if (opt->flows == FLOW_MAX)
		return refuse("too many flows", value);
	if (flow_parse(&opt->flow[opt->flows], value, &why))
		return refuse(why, value);
	opt->flows++;
	return 0;
}

static int add_watch(struct options *opt, char *value)
{
	uint64_t pid;
	char *colon = strchr(value, ':');
	if (!colon || opt->watches == PROC_WATCH_MAX)
		return refuse("bad --watch", value);
	*colon = 0;
	if (number(colon + 1, 1 << 30, &pid))
		return -1;
	opt->watch[opt->watches++] = (struct proc_watch){.name = value, .pid = (int)pid};
	return 0;
}

static int take_number(struct options *opt, int key, const char *value)
{
	uint64_t n;
	if (number(value, UINT32_MAX, &n))
		return -1;
	switch (key) {
	case OPT_PORT:
		if (n < 1 || n > 65535 || opt->ports == CONN_BROKERS_MAX)
			return refuse("bad port, or too many", value);
		opt->port[opt->ports++] = (int)n;
		break;
	case OPT_VERSION:
		opt->version = (int)n;
		return n == 4 || n == 5 ? 0 : refuse("bad version", value);
	case OPT_RUN:
		opt->run_id = (uint32_t)n;
		break;
	case OPT_PARALLEL:
		opt->parallel = (uint32_t)n;
		return n ? 0 : refuse("bad --parallel", value);
	case OPT_PAUSE:
		opt->pause_us = n;
		break;
	case OPT_CLIENTS:
		opt->clients = (uint32_t)n;
		break;
	case OPT_BASE:
		opt->base = (uint32_t)n;
		break;
	case OPT_LIMIT:
		opt->limit = (uint32_t)n;
		break;
	case OPT_FIRST:
		opt->first = (uint32_t)n;
		break;
	case OPT_CHOICES:
		opt->choices = (uint32_t)n;
		break;
	case OPT_REPEAT:
		opt->repeat = (uint32_t)n;
		break;
	case OPT_RATE:
		opt->rate = (uint32_t)n;
		break;
	default:
		opt->expect = n;
		break;
	}
	return 0;
}

static int take(struct options *opt, int key, char *value)
{
	switch (key) {
	case OPT_SIDE:
		opt->im = strcmp(value, "im") == 0;
		return opt->im || strcmp(value, "plain") == 0 ? 0 : refuse("bad side", value);
	case OPT_WARMUP:
		return seconds(value, &opt->warmup_s);
	case OPT_DURATION:
		return seconds(value, &opt->duration_s);
	case OPT_TIMEOUT:
		return seconds(value, &opt->timeout_s);
	case OPT_PASSWORDS:
		opt->passwords = value;
		return 0;
	case OPT_FLOW:
		return add_flow(opt, value);
	case OPT_WATCH:
		return add_watch(opt, value);
	case OPT_SYNC:
		opt->sync = true;
		return 0;
	case OPT_METHOD:
		opt->method = value;
		return 0;
	case OPT_CURSOR:
		opt->cursor = value;
		return 0;
	case OPT_PARAMS:
		opt->params = value;
		return 0;
	case OPT_HELP:
		fputs(HELP, stdout);
		return 1;
	case '?':
		return -1;
	default:
		return take_number(opt, key, value);
	}
}

int options_parse(struct options *opt, int argc, char **argv)
{
	*opt = (struct options){.version = MQTT_V311,
		.parallel = 64,
		.warmup_s = 1,
		.duration_s = 5,
		.timeout_s = 30,
		.params = "{}",
		.cursor = "",
		.choices = 1,
		.repeat = 1};
	for (int key; (key = getopt_long(argc, argv, "", LONG, NULL)) != -1;) {
		int rc = take(opt, key, optarg);
		if (rc)
			return rc;
	}
	if (optind + 1 != argc)
		return refuse("give one scenario", "flow, hold or rpc (--help explains)");
	opt->scenario = argv[optind];
	if (opt->ports == 0)
		return refuse("give", "--port");
	return 0;
}
