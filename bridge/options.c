/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the table of im-bridge.conf. Pure: config.c reads the file. config/im-bridge.conf is this
 * table's sample, and a test holds the two together. */
#include "bridge/options.h"

#include <string.h>

#include "bridge/rpc/user_search.h"
#include "common/limits.h"
#include "common/may.h"
#include "common/phc.h"

#define KEY(n, t) .name = #n, .type = t, .offset = offsetof(struct options, n)

static const struct im_conf_key keys[] = {
	{KEY(data_dir, IM_CONF_STRING), .required = true,
		.help = "Folder of the databases, the same as plugin_opt_data_dir in "
			"mosquitto.conf. On a local disk: fsync decides how fast messages are "
			"acknowledged."},
	{KEY(broker, IM_CONF_LIST), .def = "/run/mosquitto/im.sock", .max = IM_PEERS_MAX,
		.help = "The broker's Unix socket: the path in its line `listener 0 PATH`, which "
			"is plugin_opt_link_listener too. Given again, each time with another "
			"path, for each further broker of this machine that has the same "
			"data_dir."},
	{KEY(link_username, IM_CONF_STRING), .def = "im-bridge",
		.help = "Username on that socket, the same as plugin_opt_link_username; its "
			"password is data_dir/link.secret."},
	{KEY(cluster_database, IM_CONF_STRING),
		.help = "The PostgreSQL database that the nodes of a cluster share, as libpq's "
			"connection string or URI, without a password. Without it this node is "
			"in no cluster, and needs no server."},
	{KEY(cluster_password_file, IM_CONF_STRING),
		.help = "A file that holds nothing but the password for cluster_database."},
	{KEY(cluster_node, IM_CONF_INT), .def = "0", .min = 0, .max = 32767,
		.help = "This node's number in the cluster, its own for good; from 1 on."},
	{KEY(cluster_name, IM_CONF_STRING),
		.help = "This node's name in the cluster, which stays with its number."},
	{KEY(log_level, IM_CONF_CHOICE), .def = "info", .choices = "error|warning|info|debug",
		.reloadable = true, .help = "The least important lines to log."},
	{KEY(log_dest, IM_CONF_CHOICE), .def = "auto", .choices = "auto|stderr|journal",
		.help = "How lines are written to standard error: plain, or with the priorities "
			"that "
			"systemd's journal takes. auto looks where standard error goes."},
	{KEY(presence, IM_CONF_BOOL), .def = "true", .reloadable = true,
		.help = "Publish who is online, retained, on {prefix}/presence/{user}, and keep "
			"when "
			"a user was seen last."},
	{KEY(presence_devices, IM_CONF_BOOL), .def = "false", .reloadable = true,
		.help = "Name a user's connected devices, and the state of each, to whoever may "
			"see the user's presence. Without it others see the user's state alone."},
	{KEY(presence_policy, IM_CONF_CHOICE), .def = "everyone", .choices = IM_PRESENCE_CHOICES,
		.reloadable = true,
		.help = "Who may see a user's presence, the same as plugin_opt_presence_policy."},
	{KEY(direct_policy, IM_CONF_CHOICE), .def = "anyone", .choices = IM_DIRECT_CHOICES,
		.reloadable = true,
		.help = "Who may write to a user who has not chosen otherwise, the same as "
			"plugin_opt_direct_policy."},
	{KEY(user_search, IM_CONF_CHOICE), .def = "uid", .choices = USER_SEARCH_CHOICES,
		.reloadable = true,
		.help = "Whom user.search finds: nobody; who has exactly this user id, as user.get "
			"tells of everybody; or as well whose nick begins so, among the caller's "
			"contacts and the members of his groups, rooms not counted. Anybody may "
			"take any nick, so what is found by it may be an imitation."},
	{KEY(remembered_devices, IM_CONF_INT), .def = "100", .min = 1, .max = 10000,
		.reloadable = true,
		.help = "Client ids remembered for each user, not fewer than "
			"plugin_opt_max_devices; "
			"beyond, the one unseen longest and not connected is forgotten."},
	{KEY(device_days, IM_CONF_INT), .def = "14", .min = 1, .max = 36500, .reloadable = true,
		.help = "Days for which a forgotten or removed client id that may have left a "
			"session at the broker is nobody else's: persistent_client_expiration of "
			"mosquitto.conf, in days."},
	{KEY(group_members_max, IM_CONF_INT), .def = "10000", .min = 2, .max = IM_GROUP_MEMBERS_MAX,
		.reloadable = true, .help = "Members of one group or room."},
	{KEY(groups_per_user_max, IM_CONF_INT), .def = "1000", .min = 1, .max = 100000,
		.reloadable = true, .help = "Groups that one user may belong to."},
	{KEY(rate_cost, IM_CONF_INT), .def = "20000", .min = 0, .max = 1000000000,
		.reloadable = true,
		.help = "What the requests and group messages of one user may cost a second, "
			"beside "
			"what plugin_opt_rate_messages and plugin_opt_rate_bytes count; 0: no "
			"limit. "
			"A unit is a row looked up or a member who is sent something. Four "
			"seconds' worth may be spent at once."},
	{KEY(room_messages_per_second, IM_CONF_INT), .def = "20", .min = 0, .max = 1000000,
		.reloadable = true,
		.help = "Messages a second that the viewers of one room get; 0: no limit. Beyond, "
			"what plain members do is stored and acknowledged, and not delivered; half "
			"of it is kept for what they do beside messages, such as edits and "
			"recalls. What owner and admins do always is delivered."},
	{KEY(groups_per_day, IM_CONF_INT), .def = "20", .min = 0, .max = 1000000,
		.reloadable = true,
		.help = "Groups that one user may create within a day; 0: no limit. For one user: "
			"imctl user quota."},
	{KEY(invitations_per_day, IM_CONF_INT), .def = "200", .min = 0, .max = 1000000,
		.reloadable = true,
		.help = "People whom one user may put into groups within a day, and groups handed "
			"over; 0: no limit."},
	{KEY(requests_per_day, IM_CONF_INT), .def = "200", .min = 0, .max = 1000000,
		.reloadable = true,
		.help = "Requests that one user may send within a day, to become a contact or to "
			"join a group; 0: no limit."},
	{KEY(recall_window, IM_CONF_INT), .def = "120", .min = 0, .max = 31536000,
		.reloadable = true,
		.help = "Seconds within which a sender may recall or edit a message. A group's "
			"admins may recall at any time."},
	{KEY(password_memory, IM_CONF_INT), .def = "19456", .min = 8192,
		.max = IM_PHC_MEMORY_KIB_MAX, .reloadable = true,
		.help = "Argon2id's memory for new passwords, in KiB. More costs an attacker more, "
			"and the broker at each first login."},
	{KEY(password_passes, IM_CONF_INT), .def = "2", .min = 1, .max = IM_PHC_PASSES_MAX,
		.reloadable = true, .help = "Argon2id's passes for new passwords."},
	{KEY(retention_days, IM_CONF_INT), .def = "0", .min = 0, .max = 36500, .reloadable = true,
		.help = "Days after which messages are deleted; 0: never. A group may have its "
			"own. "
			"The newest message of a conversation stays."},
	{KEY(audit_days, IM_CONF_INT), .def = "400", .min = 0, .max = 36500, .reloadable = true,
		.help = "Days for which administrators' commands stay in the audit log; 0: until "
			"there are 100,000 newer ones."},
	{KEY(word_list, IM_CONF_STRING),
		.help = "File with words that messages may not hold, one a line; whole words, in "
			"either case, *part* for a part of one. Read again at SIGHUP. Not set: "
			"no list."},
	{KEY(word_action, IM_CONF_CHOICE), .def = "reject", .choices = "reject|mask",
		.reloadable = true,
		.help = "What becomes of a message that holds a listed word: it is refused, or "
			"the word is replaced by asterisks."},
	{KEY(dedup_entries, IM_CONF_INT), .def = "1000000", .min = 1000, .max = 100000000,
		.help = "Message ids that are remembered, so that a message sent again is stored "
			"once. 56 MB for a million."},
	{KEY(dedup_hours, IM_CONF_INT), .def = "24", .min = 1, .max = 8760,
		.help = "Hours for which they are remembered."},
	{KEY(search, IM_CONF_BOOL), .def = "true",
		.help = "Keep an index for the search method. Without it, search finds nothing and "
			"search.db may be deleted."},
	{KEY(reader_threads, IM_CONF_INT), .def = "2", .min = 1, .max = 64,
		.help = "Threads that answer reading requests (history, sync, lists, search). One "
			"user has half of them at most."},
	{KEY(reader_queue, IM_CONF_INT), .def = "1024", .min = 1, .max = 100000,
		.help = "Requests that may wait for a thread, and answers for the broker; beyond, "
			"and for one user beyond 32, the "
			"answer is `busy`. An answer takes up to 64 KB. Where thousands of "
			"devices "
			"come back at once, as many as these let all of them sync at once."},
	{KEY(backlog_bytes, IM_CONF_INT), .def = "64M", .min = 1024 * 1024,
		.max = INT64_C(16) * 1024 * 1024 * 1024, .reloadable = true,
		.help = "Bytes of group deliveries that may wait for the broker. Beyond, the "
			"oldest "
			"of the largest groups are left out, and devices pull them."},
};

const struct im_conf_table options_table = {keys, sizeof(keys) / sizeof(keys[0])};

int options_parse(struct options *o, struct im_str text, const char *name, struct im_buf *why)
{
	int rc;

	*o = (struct options){0};
	rc = im_conf_defaults(&options_table, o);
	if (rc)
		im_buf_z(why, "out of memory");
	else
		rc = im_conf_read(&options_table, o, text, name, why);
	if (rc)
		options_clear(o);
	return rc;
}

void options_clear(struct options *o)
{
	im_conf_free(&options_table, o);
}

static bool same_list(const struct im_conf_list *a, const struct im_conf_list *b)
{
	bool same = a->n == b->n;

	for (size_t i = 0; same && i < a->n; i++)
		same = strcmp(a->v[i], b->v[i]) == 0;
	return same;
}

static bool same(const struct im_conf_key *k, const struct options *a, const struct options *b)
{
	const char *x = (const char *)a + k->offset, *y = (const char *)b + k->offset;

	switch (k->type) {
	case IM_CONF_STRING:
		return im_str_eq(im_str(*(char *const *)x), im_str(*(char *const *)y));
	case IM_CONF_LIST:
		return same_list((const struct im_conf_list *)x, (const struct im_conf_list *)y);
	case IM_CONF_INT:
		return *(const int64_t *)x == *(const int64_t *)y;
	case IM_CONF_BOOL:
		return *(const bool *)x == *(const bool *)y;
	default:
		return *(const int *)x == *(const int *)y;
	}
}

static void copy(const struct im_conf_key *k, struct options *to, const struct options *from)
{
	size_t n = k->type == IM_CONF_INT    ? sizeof(int64_t)
		   : k->type == IM_CONF_BOOL ? sizeof(bool)
					     : sizeof(int);

	memcpy((char *)to + k->offset, (const char *)from + k->offset, n);
}

void options_reload(struct options *o, const struct options *fresh, struct im_buf *fixed)
{
	for (size_t i = 0; i < options_table.n; i++) {
		const struct im_conf_key *k = &keys[i];

		if (same(k, o, fresh))
			continue;
		/* Strings are none of the reloadable ones: others hold pointers to them. */
		if (k->reloadable && k->type != IM_CONF_STRING && k->type != IM_CONF_LIST)
			copy(k, o, fresh);
		else
			im_buf_printf(fixed, "%s%s", fixed->n ? " " : "", k->name);
	}
}
