/* SPDX-License-Identifier: BSD-3-Clause */
/* im-bridge's command line. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "bridge/options.h"
#include "bridge/service.h"
#include "db/sqldb.h"

static int print_config(void)
{
	struct im_buf out;
	int status;

	im_buf_init(&out, 0);
	im_conf_sample(&options_table, "", &out);
	status = !out.failed && fwrite(out.p, 1, out.n, stdout) == out.n && fflush(stdout) == 0
			 ? EXIT_SUCCESS
			 : EXIT_FAILURE;
	im_buf_free(&out);
	return status;
}

static void usage(FILE *to)
{
	fputs("usage: im-bridge -c FILE\n"
	      "Stores and delivers the messages of a Mosquitto broker with mosquitto_im.so.\n\n"
	      "  -c, --config FILE   the configuration, in mosquitto.conf's syntax\n"
	      "      --print-config  a sample that explains every key\n"
	      "      --version\n"
	      "      --help\n\n"
	      "SIGHUP reads the configuration again, SIGTERM stops cleanly. See im-bridge(8).\n",
		to);
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{"config", required_argument, NULL, 'c'},
		{"print-config", no_argument, NULL, 'p'},
		{"version", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	const char *conf = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "c:h", long_options, NULL)) != -1) {
		switch (c) {
		case 'c':
			conf = optarg;
			break;
		case 'p':
			return print_config();
		case 'v':
			return puts("im-bridge " IM_VERSION) < 0;
		case 'h':
			usage(stdout);
			return EXIT_SUCCESS;
		default:
			usage(stderr);
			return EXIT_FAILURE;
		}
	}
	if (!conf || optind < argc) {
		usage(stderr);
		return EXIT_FAILURE;
	}
	sqldb_setup();
	return service_run(conf);
}
