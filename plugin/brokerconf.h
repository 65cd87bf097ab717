/* SPDX-License-Identifier: BSD-3-Clause */
/* What the plugin has to know of the broker's own configuration and is not told by its interface.
 */
#ifndef IM_PLUGIN_BROKERCONF_H
#define IM_PLUGIN_BROKERCONF_H

#include <stdbool.h>

#include "../common/str.h"

/* True if a mosquitto.conf text sets per_listener_settings to true (the last line of it holds). */
bool brokerconf_per_listener(struct im_str text);
/* Looks into the file that the running broker was started with, as far as it can be read. */
bool brokerconf_running_per_listener(void);

#endif
