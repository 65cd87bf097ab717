/* SPDX-License-Identifier: BSD-3-Clause */
/* im-bridge.conf: one table and the struct it fills. Read at start and at SIGHUP. */
#ifndef IM_BRIDGE_OPTIONS_H
#define IM_BRIDGE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/conf.h"
#include "common/err.h"
#include "common/str.h"

struct options {
	char *data_dir;
	struct im_conf_list broker;
	char *link_username;
	char *cluster_database; /* NULL: this node is in no cluster */
	char *cluster_password_file;
	int64_t cluster_node;
	char *cluster_name;
	int log_level; /* enum log_level */
	int log_dest;  /* enum log_dest */
	bool presence;
	bool presence_devices;
	int presence_policy; /* enum im_presence_policy */
	int direct_policy;   /* im_direct_policy_chosen says which it is */
	int user_search;     /* enum user_search */
	int64_t remembered_devices;
	int64_t device_days;
	int64_t group_members_max;
	int64_t groups_per_user_max;
	int64_t rate_cost;
	int64_t room_messages_per_second;
	int64_t groups_per_day;
	int64_t invitations_per_day;
	int64_t requests_per_day;
	int64_t recall_window;
	int64_t password_memory;
	int64_t password_passes;
	int64_t retention_days;
	int64_t audit_days;
	char *word_list;
	int word_action; /* enum moderation_action */
	int64_t dedup_entries;
	int64_t dedup_hours;
	bool search;
	int64_t reader_threads;
	int64_t reader_queue;
	int64_t backlog_bytes;
};

extern const struct im_conf_table options_table;

/* Parses a whole configuration; `name` is the file's, for the sentence in why ("name:line: ...").
 * *o is filled only on IM_OK; free it with options_clear. */
int options_parse(
	struct options *o, struct im_str text, const char *name, struct im_buf *why) IM_MUST_CHECK;
void options_clear(struct options *o);
/* Takes what may change while running from `fresh` into *o. `fixed` gets the names of other keys
 * that differ, separated by blanks: they take effect at the next start. */
void options_reload(struct options *o, const struct options *fresh, struct im_buf *fixed);

#endif
