/* SPDX-License-Identifier: BSD-3-Clause */
/* imbench: chooses the scenario. Everything else is in the files that it calls. */
#include "tests/bench/options.h"
#include "tests/bench/scenario_flow.h"
#include "tests/bench/scenario_hold.h"
#include "tests/bench/scenario_rpc.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

/* 10,000 clients and then some; a lower hard limit is taken as it is unless root may raise it. */
#define FILES_WANTED 65536

static void raise_file_limit(void)
{
	struct rlimit limit = {FILES_WANTED, FILES_WANTED};
	if (setrlimit(RLIMIT_NOFILE, &limit) == 0 || getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
	struct options opt;
	struct users users;
	int rc = options_parse(&opt, argc, argv);
	if (rc)
		return rc > 0 ? 0 : 2;
	raise_file_limit();
	if (users_load(&users, opt.passwords)) {
		perror(opt.passwords);
		return 2;
	}
	if (strcmp(opt.scenario, "flow") == 0) {
		rc = scenario_flow(&opt, &users);
	} else if (strcmp(opt.scenario, "hold") == 0) {
		rc = scenario_hold(&opt, &users);
	} else if (strcmp(opt.scenario, "rpc") == 0) {
		rc = scenario_rpc(&opt, &users);
	} else {
		fprintf(stderr, "imbench: no such scenario: %s\n", opt.scenario);
		rc = 2;
	}
	users_clear(&users);
	return rc;
}
