/* SPDX-License-Identifier: BSD-3-Clause */
/* The tables that a copy consists of, each before those that refer to it: X(name). A test
 * knows those that are each node's own, so a new table has to be in one of the lists. */
#ifndef IM_BRIDGE_CLUSTER_COPY_TABLES_H
#define IM_BRIDGE_CLUSTER_COPY_TABLES_H

#define COPY_MESSAGES(X) \
	X(conv)          \
	X(message)       \
	X(conv_log) X(expiry) X(copy) X(mention) X(spoke) X(gone)

#define COPY_DIRECTORY(X)  \
	X(user)            \
	X(grp)             \
	X(device)          \
	X(device_mark)     \
	X(device_bind)     \
	X(received)        \
	X(contact)         \
	X(block)           \
	X(member)          \
	X(left_group)      \
	X(ban)             \
	X(mute)            \
	X(conv_user)       \
	X(pin)             \
	X(group_link)      \
	X(group_link_user) \
	X(user_event)      \
	X(report)          \
	X(quota) X(user_quota) X(erasure) X(audit) X(announcement) X(announcement_user)

#define COPY_ENUM_MESSAGES(name) COPY_M_##name,
#define COPY_ENUM_DIRECTORY(name) COPY_D_##name,
enum copy_messages { COPY_MESSAGES(COPY_ENUM_MESSAGES) COPY_M_TABLES };
enum copy_directory { COPY_DIRECTORY(COPY_ENUM_DIRECTORY) COPY_D_TABLES };

#endif
