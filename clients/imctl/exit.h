/* SPDX-License-Identifier: BSD-3-Clause */
/* imctl's exit codes, documented in docs/imctl.1; functions of imctl return them too. */
#ifndef IM_IMCTL_EXIT_H
#define IM_IMCTL_EXIT_H

enum imctl_exit {
	IMCTL_OK = 0,
	IMCTL_REFUSED = 1,     /* the server (or, offline, the database) said no */
	IMCTL_USAGE = 2,       /* wrong arguments or configuration: nothing was tried */
	IMCTL_UNREACHABLE = 3, /* no connection, or no answer in time: the outcome is unknown */
};

#endif
