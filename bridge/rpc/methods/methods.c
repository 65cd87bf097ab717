/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the list of methods: a new file of methods gets a row here. */
#include "bridge/rpc/methods/methods.h"

const struct rpc_method *const methods_all[] = {
	rpc_sync_methods,
	rpc_session_methods,
	rpc_conv_methods,
	rpc_history_methods,
	rpc_mark_methods,
	rpc_user_methods,
	rpc_user_search_methods,
	rpc_group_methods,
	rpc_group_list_methods,
	rpc_member_methods,
	rpc_rank_methods,
	rpc_ban_methods,
	rpc_link_methods,
	rpc_block_methods,
	rpc_presence_methods,
	rpc_receipt_methods,
	rpc_search_methods,
	rpc_device_methods,
	rpc_contact_methods,
	rpc_recall_methods,
	rpc_edit_methods,
	rpc_react_methods,
	rpc_pin_methods,
	rpc_report_methods,
	rpc_forward_methods,
	NULL,
};

const struct rpc_method *methods_find(struct im_str name)
{
	for (const struct rpc_method *const *t = methods_all; *t; t++)
		for (const struct rpc_method *m = *t; m->name != NULL; m++)
			if (im_str_eqz(name, m->name))
				return m;
	return NULL;
}
