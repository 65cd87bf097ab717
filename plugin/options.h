/* SPDX-License-Identifier: BSD-3-Clause */
/* The plugin's options (plugin_opt_* in mosquitto.conf): one table and the struct it fills. */
#ifndef IM_PLUGIN_OPTIONS_H
#define IM_PLUGIN_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/conf.h"
#include "common/err.h"
#include "common/str.h"

enum device_policy { DEVICES_REFUSE, DEVICES_OLDEST };
enum jwt_algorithm { JWT_HS256, JWT_RS256, JWT_ES256 };

struct options {
	char *data_dir;
	char *spool_file; /* filled by options_read when not given */
	int64_t spool_size;
	int64_t window;
	char *link_listener;
	char *link_username;
	char *topic_prefix;
	int64_t max_payload;
	int64_t rate_messages;
	int64_t rate_bytes;
	struct im_conf_list allow_topic;
	char *acl_file;
	int presence_policy; /* enum im_presence_policy */
	int direct_policy;   /* im_direct_policy_chosen says which it is */
	int64_t max_devices;
	int device_policy;
	int64_t max_keepalive;
	int64_t account_devices;
	int64_t kept_sessions;
	int64_t new_devices_per_day;
	int64_t im_subscriptions;
	int64_t other_subscriptions;
	char *jwt_secret_file;
	char *jwt_key_file;
	char *jwt_key_dir;
	int jwt_algorithm;
	bool jwt_auto_create;
	char *jwt_issuer;
	char *jwt_audience;
	int64_t auth_cache;
	int64_t auth_cache_ttl;
	int64_t auth_wrong_share;
	int64_t auth_threads;
	struct im_conf_list proxy_address;
	struct im_conf_list bridge_im;
};

struct options_pair {
	const char *key, *value;
};

extern const struct im_conf_table options_table;

/* Fills *o from the broker's pairs. On failure why gets a sentence that names the option and says
 * what to do; *o is then cleared. */
int options_read(struct options *o, const struct options_pair *pairs, size_t n,
	struct im_buf *why) IM_MUST_CHECK;
void options_clear(struct options *o);
/* True if password login by JWT is configured. */
bool options_jwt(const struct options *o);

#endif
