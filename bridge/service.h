/* SPDX-License-Identifier: BSD-3-Clause */
/* The bridge as a process, from its configuration file to its exit status. */
#ifndef IM_BRIDGE_SERVICE_H
#define IM_BRIDGE_SERVICE_H

/* Runs until SIGTERM or SIGINT, or until it cannot start. Returns the exit status; what was wrong
 * has been logged. */
int service_run(const char *conf_path);

#endif
